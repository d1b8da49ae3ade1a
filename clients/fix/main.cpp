// cancel-fix: FIX 4.4 sessions as clients of cancel-bus. Exit codes: 0 ended in order, 1 failed, 2 refused to start.
#include <absl/strings/str_cat.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string>
#include <utility>

#include "clients/fix/check.hpp"
#include "clients/fix/gateway.hpp"
#include "clients/fix/options.hpp"
#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/io/options.hpp"
#include "service/io/output.hpp"
#include "service/io/process.hpp"
#include "service/io/signals.hpp"

namespace {

using namespace cancelbus;

constexpr io::Program ThisProgram{
    "cancel-fix",
    "takes cancels by FIX 4.4 and gives them to cancel-bus; reports what the bus says as FIX messages.\nSIGTERM logs "
    "the "
    "sessions out, then exits.",
    "  cancel-fix --settings=fix.cfg --curve_key_file=fix.key --curve_server_key_file=bus.pub --check\n"
    "  cancel-fix --settings=fix.cfg --curve_key_file=fix.key --curve_server_key_file=bus.pub \\\n"
    "      --session_endpoint=tcp://bus.example:5550 --event_endpoint=tcp://bus.example:5551 "
    "--monitor_address=127.0.0.1:9553"};

int serve(fix::Options options) {
  if (options.bus.insecure_loopback) {
    io::log_warn("insecure_loopback", {{"what", "no encryption and no keys towards the bus"}});
  }
  if (!options.tls) io::log_warn("plain_fix", {{"what", "counterparties are not encrypted: this machine only"}});
  boost::asio::io_context context(1);
  io::StopSignals signals(context);
  // A return would wait for what the clients of the bus still hold; everything that counts is on disk.
  fix::Gateway gateway(context, std::move(options), [] {
    io::log_info("stopped");
    std::quick_exit(0);
  });
  signals.on_stop([&gateway] {
    io::log_info("stopping");
    gateway.stop();
  });
  if (const auto status = gateway.start(); !status.ok()) {
    io::complain(absl::StrCat("cancel-fix: ", status.message(), "\n"));
    std::quick_exit(2);
  }
  context.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto leave = io::start_process(ThisProgram, argc, argv)) return *leave;
  auto options = fix::validated(fix::config_from_flags());
  if (!options.ok()) return io::usage_error(ThisProgram, std::string(options.status().message()));
  if (options->check) {
    io::end_on_signals();
    return io::exit_code_of_answer(ThisProgram.name, fix::run_check(*options));
  }
  const size_t sessions = options->settings.sessions.size();
  // Two sockets and their reports for each client of the bus, and a connection twice.
  const auto enough = io::require_descriptors(std::vector<io::DescriptorNeed>{
      {32, "the gateway's own files and sockets"}, {sessions * 24 + 64, "its sessions"}, io::MonitorNeed});
  if (!enough.ok()) return io::usage_error(ThisProgram, std::string(enough.status().message()));
  return serve(*std::move(options));
}
