// cancel-bus: flags, signals, and a bus's life. Exit codes: 0 drained, 1 failed while running, 2 refused to start,
// 3 a bus that shares its store can neither lead nor follow any more.
#include <absl/strings/str_cat.h>

#include <boost/asio/io_context.hpp>

#include "service/bus/life.hpp"
#include "service/bus/options.hpp"
#include "service/bus/shell.hpp"
#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/io/options.hpp"
#include "service/io/output.hpp"
#include "service/io/process.hpp"
#include "service/io/signals.hpp"
#include "service/io/store.hpp"

int main(int argc, char** argv) {
  using namespace cancelbus;
  if (const auto leave = io::start_process(bus::ThisProgram, argc, argv)) return *leave;
  auto options = bus::options_from_flags();
  if (!options.ok()) return io::usage_error(bus::ThisProgram, std::string(options.status().message()));
  const auto refuse = [](const char* flag, const absl::Status& status) {
    io::complain(absl::StrCat("cancel-bus: ", flag, std::string(status.message()), "\n"));
    return 2;
  };
  const auto descriptors = io::require_descriptors(bus::Shell::DescriptorNeeds);
  if (!descriptors.ok()) return refuse("", descriptors.status());
  io::log_info("descriptors", {{"limit", *descriptors}});
  if (options->gateway.observe) io::log_warn("observing", {{"stops", "cancels"}});
  if (options->store_downgrade_to > 0) {
    io::end_on_signals();
    const auto status = io::downgrade_store(options->store, options->store_downgrade_to);
    if (!status.ok()) return refuse("--store_downgrade_to: ", status);
    io::log_info("store_downgraded", {{"version", options->store_downgrade_to}});
    return 0;
  }
  const int exit_code = bus::live(*std::move(options));
  if (exit_code < 2) io::log_info("stopped");
  return exit_code;
}
