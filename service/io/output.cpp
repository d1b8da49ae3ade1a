#include "service/io/output.hpp"

#include <absl/strings/str_cat.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "service/io/line_writer.hpp"
#include "service/io/log.hpp"

namespace cancelbus::io {
namespace {

// Never destroyed: their threads may outlive every destructor.
LineWriter& out() {
  static LineWriter& writer = *new LineWriter(STDOUT_FILENO, [](uint64_t) { return std::string(); });
  return writer;
}

LineWriter& err() {
  static LineWriter& writer = *new LineWriter(STDERR_FILENO, dropped_line);
  return writer;
}

int answer_error = 0;  // errno of the first write that failed

void finish_output() {
  out().finish();
  err().finish();
}

}  // namespace

void start_output() {
  out().start();
  err().start();
  std::atexit(finish_output);
  std::at_quick_exit(finish_output);
}

void print(std::string_view lines) { out().write(lines); }

void complain(std::string_view lines) { err().write(lines); }

uint64_t lines_dropped() { return out().dropped() + err().dropped(); }

void answer(std::string_view text) {
  while (answer_error == 0 && !text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
    if (written >= 0 || errno == EINTR) continue;
    pollfd room{STDOUT_FILENO, POLLOUT, 0};
    if (errno != EAGAIN || ::poll(&room, 1, -1) < 0) answer_error = errno;
  }
}

int exit_code_of_answer(std::string_view program, int exit_code) {
  if (answer_error == 0 || answer_error == EPIPE) return exit_code;
  complain(
      absl::StrCat(std::string(program), ": cannot write to standard output: ", std::strerror(answer_error), "\n"));
  return exit_code == 0 ? 1 : exit_code;
}

}  // namespace cancelbus::io
