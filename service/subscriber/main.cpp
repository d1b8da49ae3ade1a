// final-subscriber: tells cancel-bus what the exchange's private stream says.
#include <cstdlib>

#include "service/backend/process.hpp"
#include "service/subscriber/check.hpp"
#include "service/subscriber/subscriber.hpp"

namespace {

using namespace cancelbus;

constexpr io::Program ThisProgram{
    "final-subscriber",
    "logs in to BtcTurk's WebSocket feed and tells cancel-bus what it says about the account's orders.\nOne per bus. "
    "SIGTERM closes the connection, then exits.",
    "  final-subscriber --api_key_file=/run/secrets/key --api_secret_file=/run/secrets/secret --check\n"
    "  final-subscriber --api_key_file=/run/secrets/key --api_secret_file=/run/secrets/secret \\\n"
    "      --backend_endpoint=tcp://bus.example:5552 --monitor_address=127.0.0.1:9552"};

std::vector<io::DescriptorNeed> needs(const subscriber::Options&) {
  return {{32, "the subscriber's own files and sockets"}, io::MonitorNeed};
}

int serve(subscriber::Options options) {
  // A return would destroy the io_context, and that waits for a name lookup under way, for many seconds perhaps.
  return backend::serve<subscriber::Subscriber>(std::move(options), &subscriber::Subscriber::stop,
                                                [](io::StopSignals&) { std::quick_exit(0); });
}

}  // namespace

int main(int argc, char** argv) {
  return backend::run<subscriber::Options>(
      ThisProgram, argc, argv, [] { return subscriber::validated(subscriber::config_from_flags()); },
      subscriber::run_check, needs, serve);
}
