// A file of scenarios: titles, command lines, and under each the lines that it must bring forth. Knows nothing of what
// they mean.
#pragma once

#include <string>
#include <vector>

namespace cancelbus::scenario {

/// A command, or a comment or blank line that is only kept.
struct Line {
  size_t number = 0;
  std::string text;
  bool command = false;
  std::vector<std::string> expected;
};

struct Scenario {
  size_t number = 0;
  std::string title;
  std::vector<Line> lines;
};

struct Transcript {
  std::vector<std::string> head;
  std::vector<Scenario> scenarios;
};

/// Throws std::runtime_error naming file and line.
Transcript read_transcript(const std::string& path);
void write_transcript(const std::string& path, const Transcript& transcript);

}  // namespace cancelbus::scenario
