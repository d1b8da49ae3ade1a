// cancel-worker: makes the requests that cancel-bus decides on.
#include <array>
#include <boost/asio/io_context.hpp>
#include <utility>
#include <zmq.hpp>

#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/io/options.hpp"
#include "service/io/output.hpp"
#include "service/io/process.hpp"
#include "service/io/signals.hpp"
#include "service/worker/check.hpp"
#include "service/worker/options.hpp"
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

absl::Status enough_descriptors(const worker::Options& options) {
  const std::array<io::DescriptorNeed, 3> needs{
      {{32, "the worker's own files and sockets"}, {options.connections, "--connections"}, io::MonitorNeed}};
  return io::require_descriptors(needs).status();
}

int run(worker::Options options) {
  if (!options.curve) io::log_warn("insecure_loopback", {{"what", "no encryption and no keys towards the bus"}});
  zmq::context_t zmq(1);
  boost::asio::io_context context(1);
  io::StopSignals signals(context);
  worker::Worker worker(context, zmq, std::move(options), [&signals] { signals.cancel(); });
  signals.on_stop([&worker] { worker.drain(); });
  if (const auto status = worker.start(); !status.ok()) {
    io::log_error("cannot_start", {{"why", std::string(status.message())}});
    return 1;
  }
  context.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = io::prepare_process(); !status.ok()) {
    return io::usage_error(ThisProgram, std::string(status.message()));
  }
  if (const auto leave = io::parse_flags(ThisProgram, argc, argv)) return *leave;
  if (const auto status = io::set_up_log(ThisProgram.name); !status.ok()) {
    return io::usage_error(ThisProgram, std::string(status.message()));
  }
  auto options = worker::validated(worker::config_from_flags());
  if (!options.ok()) return io::usage_error(ThisProgram, std::string(options.status().message()));
  if (options->check) {
    io::end_on_signals();
    boost::asio::io_context context(1);
    return io::exit_code_of_answer(ThisProgram.name, worker::run_check(context, *options));
  }
  if (const auto status = enough_descriptors(*options); !status.ok()) {
    return io::usage_error(ThisProgram, std::string(status.message()));
  }
  return run(*std::move(options));
}
