// cancelctl: cancels orders through cancelbus, watches it, asks how it is, settles what the exchange does not tell.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/help.hpp"
#include "clients/cancelctl/output.hpp"
#include "clients/cancelctl/tally.hpp"

namespace {

using namespace cancelbus::ctl;

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

void interrupt(int) { interrupted = true; }
void end_at_once(int number) { std::_Exit(128 + number); }

// Before any file or socket is opened: one that got number 0, 1 or 2 would be read from or written to.
bool open_standard_descriptors() {
  int opened = -1;
  do {
    opened = ::open("/dev/null", O_RDWR);  // the lowest number that is free
  } while (opened >= 0 && opened <= STDERR_FILENO);
  return opened >= 0 && ::close(opened) == 0;
}

// Process 1 of a container is spared every signal that it does not handle. Until there is something to be told of an
// interruption, as while order ids are read, there is nothing to end in order.
void prepare_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  // A file that may grow no more is an error of the write, as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int number : {SIGINT, SIGTERM, SIGQUIT}) std::signal(number, end_at_once);
}

// We hold a secret key: no picture of our memory on any disk, nor in a debugger of our own user. A limit of 0 does not
// stop a core_pattern that pipes into a program.
bool forbid_core_dumps() {
  const rlimit none{0, 0};
  return ::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0;
}

// A line that a person types; empty when interrupted.
std::string ask() {
  std::string line;
  while (!interrupted) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, 100) <= 0) continue;
    char c = 0;
    if (::read(STDIN_FILENO, &c, 1) != 1 || c == '\n') break;
    line += c;
  }
  return line;
}

const char* environment(const char* name) { return std::getenv(name); }

int complain(const UsageError& error) {
  const std::string name = error.command ? std::string(name_of(*error.command)) + " " : "";
  std::cerr << "cancelctl: " << error.sentence << "\nTry: cancelctl " << name << "--help\n";
  return ExitUsage;
}

int run_with(const Arguments& arguments, std::ostream& out, const Output& output) {
  for (const int number : {SIGINT, SIGTERM, SIGQUIT}) std::signal(number, interrupt);
  // As nohup has set it.
  if (std::signal(SIGHUP, interrupt) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  // On a terminal the lines themselves show the progress.
  const bool on_terminal = isatty(STDOUT_FILENO) != 0;
  const bool progress = isatty(STDERR_FILENO) != 0 && !on_terminal;
  const char* term = std::getenv("TERM");
  const bool drawable = on_terminal && term != nullptr && term != std::string_view("dumb");
  const Paint paint(wants_color(arguments, on_terminal, environment));
  Console console{out, std::cerr, paint, drawable, progress, interrupted, [&output] { return output.unread(); }};
  if (isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0) console.ask = ask;
  return run(arguments, console);
}

int answer(const std::vector<std::string>& words, std::ostream& out, const Output& output) {
  const auto parsed = parse(words, environment, std::cin);
  if (const auto* error = std::get_if<UsageError>(&parsed)) return complain(*error);
  if (const auto* arguments = std::get_if<Arguments>(&parsed)) return run_with(*arguments, out, output);
  if (const auto* wanted = std::get_if<HelpWanted>(&parsed)) {
    out << help(wanted->command);
  } else {
    out << "cancelctl " CANCELBUS_VERSION "\n";
  }
  return ExitProven;
}

}  // namespace

int main(int argc, char** argv) {
  if (!open_standard_descriptors()) return ExitFailed;
  prepare_signals();
  if (!forbid_core_dumps()) {
    std::cerr << "cancelctl: cannot forbid core dumps: " << std::strerror(errno) << "\n";
    return ExitFailed;
  }
  Output output(interrupted);
  std::ostream out(&output);
  std::string_view why;
  const int exit_code = output.finish(answer({argv + 1, argv + argc}, out, output), why);
  if (!why.empty()) std::cerr << "cancelctl: cannot write to standard output: " << why << "\n";
  return exit_code;
}
