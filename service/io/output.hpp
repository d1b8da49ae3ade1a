// Standard output and standard error of a service, through which nothing blocks it and nothing ends it.
//
// Used by log.cpp and by every main.cpp. Both streams have a queue and a thread of their own (line_writer.hpp) from
// start_output() on; until then, as in tests, lines are written at once. Any thread may call these functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace cancelbus::io {

/// Starts the writers, and has exit() and quick_exit() wait for them: at most 1 s without progress, and 5 s in all for
/// each stream. Call once, from process.hpp.
void start_output();

/// Whole lines to standard output, or to standard error.
void print(std::string_view lines);
void complain(std::string_view lines);

/// Lines of both that had no room or could not be written, since the start.
uint64_t lines_dropped();

/// For what a process prints as its only purpose, as with --help: writes to standard output at once, and waits for a
/// slow reader. From the main thread.
void answer(std::string_view text);

/// The exit code of a process that has answered: `exit_code`, but 1 instead of 0 if an answer could not be written,
/// which is reported. A reader that has left in the middle has read what it wanted.
int exit_code_of_answer(std::string_view program, int exit_code);

}  // namespace cancelbus::io
