// cancelctl: cancels orders through cancelbus, watches it, asks how it is, settles what the exchange does not tell.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/help.hpp"
#include "clients/cancelctl/tally.hpp"

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

void interrupt(int) { interrupted = true; }

int complain(const cancelbus::ctl::UsageError& error) {
  const std::string name = error.command ? std::string(cancelbus::ctl::name_of(*error.command)) + " " : "";
  std::cerr << "cancelctl: " << error.sentence << "\nTry: cancelctl " << name << "--help\n";
  return cancelbus::ctl::ExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cancelbus::ctl;
  const auto parsed = parse(
      {argv + 1, argv + argc}, [](const char* name) { return std::getenv(name); }, std::cin);
  if (const auto* error = std::get_if<UsageError>(&parsed)) return complain(*error);
  if (const auto* wanted = std::get_if<HelpWanted>(&parsed)) {
    std::cout << help(wanted->command);
    return 0;
  }
  if (std::holds_alternative<VersionWanted>(parsed)) {
    std::cout << "cancelctl " CANCELBUS_VERSION "\n";
    return 0;
  }
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  // On a terminal the lines themselves show the progress.
  const bool progress = isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) == 0;
  Console console{std::cout, std::cerr, progress, interrupted};
  return run(std::get<Arguments>(parsed), console);
}
