// What worker and subscriber do before and around their work: main(), but for the work itself.
#pragma once

#include <absl/status/statusor.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/io/options.hpp"
#include "service/io/output.hpp"
#include "service/io/process.hpp"
#include "service/io/signals.hpp"

namespace cancelbus::backend {

/// Runs a Shell until it is done. The first SIGTERM or SIGINT calls `stop`; `done` is called when the Shell has ended.
template <typename Shell, typename ShellOptions>
int serve(ShellOptions options, void (Shell::*stop)(), void (*done)(io::StopSignals& signals)) {
  if (!options.curve) io::log_warn("insecure_loopback", {{"what", "no encryption and no keys towards the bus"}});
  zmq::context_t zmq(1);
  boost::asio::io_context context(1);
  io::StopSignals signals(context);
  Shell shell(context, zmq, std::move(options), [&signals, done] { done(signals); });
  signals.on_stop([&shell, stop] { (shell.*stop)(); });
  if (const auto status = shell.start(); !status.ok()) {
    io::log_error("cannot_start", {{"why", std::string(status.message())}});
    return 1;
  }
  context.run();
  return 0;
}

/// Returns the exit code: of --help and the like, of `check` if that is asked for, else of `work`.
template <typename ShellOptions>
int run(const io::Program& program, int argc, char** argv, absl::StatusOr<ShellOptions> (*read_options)(),
        int (*check)(boost::asio::io_context& context, ShellOptions& options),
        std::vector<io::DescriptorNeed> (*needs)(const ShellOptions& options), int (*work)(ShellOptions options)) {
  if (const auto leave = io::start_process(program, argc, argv)) return *leave;
  absl::StatusOr<ShellOptions> options = read_options();
  if (!options.ok()) return io::usage_error(program, std::string(options.status().message()));
  if (options->check) {
    io::end_on_signals();
    boost::asio::io_context context(1);
    return io::exit_code_of_answer(program.name, check(context, *options));
  }
  if (const auto enough = io::require_descriptors(needs(*options)); !enough.ok()) {
    return io::usage_error(program, std::string(enough.status().message()));
  }
  return work(*std::move(options));
}

}  // namespace cancelbus::backend
