#include "tests/scenario/transcript.hpp"

#include <fstream>
#include <stdexcept>

namespace cancelbus::scenario {

namespace {

const std::string TitleMark = "scenario: ";
const std::string Indent = "    ";

bool is_comment(const std::string& line) { return line.empty() || line.starts_with("//"); }

}  // namespace

Transcript read_transcript(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  Transcript transcript;
  size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const auto wrong = [&](const char* what) {
      return std::runtime_error(path + ":" + std::to_string(number) + ": " + what);
    };
    if (line.starts_with(TitleMark)) {
      transcript.scenarios.push_back({number, line.substr(TitleMark.size()), {}});
    } else if (transcript.scenarios.empty()) {
      if (!is_comment(line)) throw wrong("a command before the first `scenario: TITLE`");
      transcript.head.push_back(line);
    } else if (line.starts_with(Indent)) {
      std::vector<Line>& lines = transcript.scenarios.back().lines;
      if (lines.empty() || !lines.back().command) throw wrong("an expected line that is under no command");
      lines.back().expected.push_back(line.substr(Indent.size()));
    } else {
      transcript.scenarios.back().lines.push_back({number, line, !is_comment(line), {}});
    }
  }
  return transcript;
}

void write_transcript(const std::string& path, const Transcript& transcript) {
  std::ofstream file(path);
  for (const std::string& line : transcript.head) file << line << '\n';
  for (const Scenario& scenario : transcript.scenarios) {
    file << TitleMark << scenario.title << '\n';
    for (const Line& line : scenario.lines) {
      file << line.text << '\n';
      for (const std::string& expected : line.expected) file << Indent << expected << '\n';
    }
  }
}

}  // namespace cancelbus::scenario
