// cancel-bus: flags, store, shell, signals. Exit codes: 0 drained, 1 failed while running, 2 refused to start.
#include <absl/strings/str_cat.h>

#include <boost/asio/io_context.hpp>
#include <optional>

#include "service/bus/options.hpp"
#include "service/bus/shell.hpp"
#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/io/options.hpp"
#include "service/io/output.hpp"
#include "service/io/process.hpp"
#include "service/io/signals.hpp"
#include "service/io/store.hpp"

namespace {

using namespace cancelbus;

absl::StatusOr<core::Snapshot> load(io::Store& store, boost::asio::io_context& context) {
  std::optional<absl::StatusOr<core::Snapshot>> loaded;
  store.load([&loaded](absl::StatusOr<core::Snapshot> snapshot) { loaded = std::move(snapshot); });
  // A store that answers later answers from the loop.
  while (!loaded) context.run_one();
  context.restart();
  if (!loaded->ok()) return *loaded;
  const core::Snapshot& snapshot = **loaded;
  io::log_info("store_loaded", {{"commands", snapshot.commands.size()},
                                {"permits", snapshot.permits.size()},
                                {"term", snapshot.term},
                                {"limiter", snapshot.permits.empty() ? "starts empty" : "goes on"}});
  if (snapshot.commits_lost) {
    io::log_warn("commits_may_be_lost",
                 {{"why", "another boot and a store that was not synced, or a copy made by cancelctl backup"},
                  {"then", "a new epoch; no request until those that are forgotten count no more"}});
  }
  return *std::move(loaded);
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto leave = io::start_process(bus::ThisProgram, argc, argv)) return *leave;
  auto options = bus::options_from_flags();
  if (!options.ok()) return io::usage_error(bus::ThisProgram, std::string(options.status().message()));
  const auto refuse = [](const char* flag, const absl::Status& status) {
    io::complain(absl::StrCat("cancel-bus: ", flag, status.message(), "\n"));
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
  auto store = io::open_store(options->store);
  if (!store.ok()) return refuse("--store: ", store.status());
  boost::asio::io_context context(1);
  const absl::StatusOr<core::Snapshot> snapshot = load(**store, context);
  if (!snapshot.ok()) return refuse("--store: ", snapshot.status());

  // Before any other process can see the bus: the one that starts it may end it at once.
  io::StopSignals signals(context);
  if (!options->policy) {
    io::log_warn("insecure_loopback", {{"what", "no encryption and no keys: all on this machine may cancel"}});
  }
  bus::Shell shell(context, *std::move(options), *std::move(store), *snapshot);
  if (const auto status = shell.open(); !status.ok()) return refuse("", status);
  io::print(shell.endpoints() + "ready\n");
  io::ReloadSignal reload(context, [&shell] { shell.reload(); });
  int exit_code = 0;
  signals.on_stop([&] {
    io::log_info("draining");
    shell.drain([&](bool complete) {
      exit_code = complete ? 0 : 1;
      context.stop();
    });
  });
  context.run();
  io::log_info("stopped");
  return exit_code;
}
