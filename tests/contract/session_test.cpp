// The C++ client's session against the transcripts of session/, each a test of its own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

#include "tests/contract/session_stage.hpp"

namespace cancelbus::client {
namespace {

struct TranscriptLine {
  std::string where;
  std::string text;
};
struct SessionTranscript {
  std::string file;
  std::string title;
  std::vector<TranscriptLine> lines;
};

/// `connected at N`, in full; any other line as it is.
std::vector<std::string> in_full(const std::string& line) {
  static const std::string Beginning = "connected at ";
  if (!line.starts_with(Beginning)) return {line};
  return {R"(sends {"hello":{"sender_comp_id":"desk-a","topics":["venue."]}})",
          R"(hears {"welcome":{"epoch":"7","position":[{"topic":"client.desk-a.","next_seq":")" +
              line.substr(Beginning.size()) + R"("}]}})",
          R"(sees connected {"epoch":"7"})"};
}

std::vector<SessionTranscript> read_transcripts(const std::filesystem::path& path) {
  std::vector<SessionTranscript> all;
  std::ifstream file(path);
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text.starts_with("#")) continue;
    if (text.starts_with("== ")) {
      all.push_back({path.stem().string(), text.substr(3), {}});
      continue;
    }
    for (auto& line : in_full(text)) {
      all.back().lines.push_back({path.filename().string() + ":" + std::to_string(number), line});
    }
  }
  return all;
}

std::vector<SessionTranscript> all_transcripts() {
  std::vector<SessionTranscript> all;
  for (const auto& entry : std::filesystem::directory_iterator(CONTRACT_FOLDER "/session")) {
    if (entry.path().extension() == ".txt") std::ranges::move(read_transcripts(entry.path()), std::back_inserter(all));
  }
  return all;
}

class SessionTranscriptTest : public testing::TestWithParam<SessionTranscript> {};

void expect_followed(const SessionTranscript& transcript, SessionStage&& stage) {
  for (const auto& [where, text] : transcript.lines) ASSERT_EQ(stage.play(text), "") << where << ": " << text;
  EXPECT_EQ(stage.left(), "");
}

TEST_P(SessionTranscriptTest, IsFollowed) { expect_followed(GetParam(), SessionStage()); }

TEST_P(SessionTranscriptTest, IsFollowedWhenTheBusIsNewer) { expect_followed(GetParam(), SessionStage(true)); }

std::string transcript_name(const testing::TestParamInfo<SessionTranscript>& info) {
  std::string name = info.param.file + '_' + info.param.title;
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(session, SessionTranscriptTest, testing::ValuesIn(all_transcripts()), transcript_name);

}  // namespace
}  // namespace cancelbus::client
