// cancelctl: cancels orders through cancelbus, watches it, asks how it is, settles what the exchange does not tell.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/help.hpp"
#include "clients/cancelctl/tally.hpp"

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

void interrupt(int) { interrupted = true; }

// We hold a secret key: no picture of our memory on any disk, nor in a debugger of our own user. A limit of 0 does not
// stop a core_pattern that pipes into a program.
bool forbid_core_dumps() {
  const rlimit none{0, 0};
  return ::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0;
}

int complain(const cancelbus::ctl::UsageError& error) {
  const std::string name = error.command ? std::string(cancelbus::ctl::name_of(*error.command)) + " " : "";
  std::cerr << "cancelctl: " << error.sentence << "\nTry: cancelctl " << name << "--help\n";
  return cancelbus::ctl::ExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cancelbus::ctl;
  if (!forbid_core_dumps()) {
    std::cerr << "cancelctl: cannot forbid core dumps: " << std::strerror(errno) << "\n";
    return ExitFailed;
  }
  const Environment env = [](const char* name) { return std::getenv(name); };
  const auto parsed = parse({argv + 1, argv + argc}, env, std::cin);
  if (const auto* error = std::get_if<UsageError>(&parsed)) return complain(*error);
  if (const auto* wanted = std::get_if<HelpWanted>(&parsed)) {
    std::cout << help(wanted->command);
    return 0;
  }
  if (std::holds_alternative<VersionWanted>(parsed)) {
    std::cout << "cancelctl " CANCELBUS_VERSION "\n";
    return 0;
  }
  for (const int number : {SIGINT, SIGTERM, SIGQUIT}) std::signal(number, interrupt);
  // A file that may grow no more is an error of the write, as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  // As nohup has set it.
  if (std::signal(SIGHUP, interrupt) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  // On a terminal the lines themselves show the progress.
  const bool progress = isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0;
  const auto& arguments = std::get<Arguments>(parsed);
  const bool on_terminal = isatty(STDOUT_FILENO) != 0;
  const char* term = env("TERM");
  const bool drawable = on_terminal && term != nullptr && term != std::string_view("dumb");
  const Paint paint(wants_color(arguments, on_terminal, env));
  Console console{std::cout, std::cerr, paint, drawable, progress, interrupted};
  return run(arguments, console);
}
