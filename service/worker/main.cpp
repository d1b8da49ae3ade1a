// cancel-worker: makes the requests that cancel-bus decides on.
#include "service/backend/process.hpp"
#include "service/worker/check.hpp"
#include "service/worker/worker.hpp"

namespace {

using namespace cancelbus;

constexpr io::Program ThisProgram{
    "cancel-worker",
    "takes tasks from cancel-bus and makes one HTTPS request to BtcTurk for each.\nAny number may run, each with its "
    "own "
    "connections. SIGTERM finishes what it holds, then exits.",
    "  cancel-worker --api_key_file=/run/secrets/key --api_secret_file=/run/secrets/secret --check\n"
    "  cancel-worker --api_key_file=/run/secrets/key --api_secret_file=/run/secrets/secret \\\n"
    "      --backend_endpoint=tcp://bus.example:5552 --monitor_address=127.0.0.1:9551"};

std::vector<io::DescriptorNeed> needs(const worker::Options& options) {
  return {{32, "the worker's own files and sockets"}, {options.connections, "--connections"}, io::MonitorNeed};
}

int serve(worker::Options options) {
  return backend::serve<worker::Worker>(std::move(options), &worker::Worker::drain,
                                        [](io::StopSignals& signals) { signals.cancel(); });
}

}  // namespace

int main(int argc, char** argv) {
  return backend::run<worker::Options>(
      ThisProgram, argc, argv, [] { return worker::validated(worker::config_from_flags()); }, worker::run_check, needs,
      serve);
}
