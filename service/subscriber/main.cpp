// final-subscriber: tells cancel-bus what the exchange's private stream says.
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <utility>
#include <zmq.hpp>

#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/io/options.hpp"
#include "service/io/output.hpp"
#include "service/io/process.hpp"
#include "service/io/signals.hpp"
#include "service/subscriber/check.hpp"
#include "service/subscriber/options.hpp"
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

constexpr std::array<io::DescriptorNeed, 2> DescriptorNeeds{
    {{32, "the subscriber's own files and sockets"}, io::MonitorNeed}};

int run(subscriber::Options options) {
  if (!options.curve) io::log_warn("insecure_loopback", {{"what", "no encryption and no keys towards the bus"}});
  zmq::context_t zmq(1);
  boost::asio::io_context context(1);
  io::StopSignals signals(context);
  subscriber::Subscriber subscriber(context, zmq, std::move(options), [&context] { context.stop(); });
  signals.on_stop([&subscriber] { subscriber.stop(); });
  if (const auto status = subscriber.start(); !status.ok()) {
    io::log_error("cannot_start", {{"why", std::string(status.message())}});
    return 1;
  }
  context.run();
  // A return would destroy the io_context, and that waits for a name lookup under way, for many seconds perhaps.
  std::quick_exit(0);
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
  auto options = subscriber::validated(subscriber::config_from_flags());
  if (!options.ok()) return io::usage_error(ThisProgram, std::string(options.status().message()));
  if (options->check) {
    io::end_on_signals();
    boost::asio::io_context context(1);
    return io::exit_code_of_answer(ThisProgram.name, subscriber::run_check(context, *options));
  }
  if (const auto enough = io::require_descriptors(DescriptorNeeds); !enough.ok()) {
    return io::usage_error(ThisProgram, std::string(enough.status().message()));
  }
  return run(*std::move(options));
}
