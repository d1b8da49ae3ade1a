#include "service/io/line_writer.hpp"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace cancelbus::io {
namespace {

using testing::HasSubstr;

class LineWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    reader = ends[0];
    descriptor = ends[1];
  }
  void TearDown() override {
    close_reader();
    std::signal(SIGPIPE, SIG_DFL);
    // The writer's end stays open: a thread that waits for room may still be about to use it.
  }
  void close_reader() {
    if (reader >= 0) ::close(reader);
    reader = -1;
  }
  static std::string report(uint64_t dropped) { return absl::StrCat("dropped ", dropped, "\n"); }

  /// What comes until `end` has come. A test that waits for half a minute has failed.
  std::string read_until(std::string_view end) const {
    std::string text;
    std::array<char, 4096> chunk;
    pollfd more{reader, POLLIN, 0};
    while (!text.ends_with(end)) {
      if (::poll(&more, 1, 30'000) <= 0) return text + "(nothing more came)";
      const ssize_t count = ::read(reader, chunk.data(), chunk.size());
      if (count <= 0) return text + "(it ended)";
      text.append(chunk.data(), static_cast<size_t>(count));
    }
    return text;
  }

  int reader = -1;
  int descriptor = -1;
};

uint64_t lines_of(std::string_view text) { return static_cast<uint64_t>(std::ranges::count(text, '\n')); }

TEST_F(LineWriterTest, WritesAtOnceBeforeItsStart) {
  LineWriter writer(descriptor, report);
  writer.write("one\n");
  EXPECT_EQ(read_until("\n"), "one\n");
}

TEST_F(LineWriterTest, WritesAllInOrderAndFinishes) {
  LineWriter writer(descriptor, report);
  writer.start();
  std::string expected;
  std::string received;
  std::thread reading([&] { received = read_until("end\n"); });
  for (int i = 0; i < 20'000; ++i) {
    const std::string line = absl::StrCat("line ", i, "\n");
    expected += line;
    writer.write(line);
  }
  writer.write("end\n");
  EXPECT_TRUE(writer.finish());
  reading.join();
  EXPECT_EQ(received, expected + "end\n");
  EXPECT_EQ(writer.dropped(), 0U);
}

TEST_F(LineWriterTest, AFullPipeTakesNoTimeAndWhatIsDroppedIsReportedOnceThereIsRoom) {
  constexpr uint64_t Lines = 10'000;
  LineWriter writer(descriptor, report, 64 * 1024);
  writer.start();
  const std::string line(99, 'x');
  for (uint64_t i = 0; i < Lines; ++i) writer.write(line + "\n");
  const uint64_t dropped = writer.dropped();
  EXPECT_GT(dropped, Lines / 2) << "a pipe of 64 KiB, and twice 64 KiB of memory";
  EXPECT_FALSE(writer.finish()) << "nothing is read";
  // Whatever the writer took before the pipe was full, it may have been reported apart.
  std::vector<std::string> lines;
  uint64_t reported = 0;
  std::string text;
  const auto kept = [&] { return static_cast<uint64_t>(std::ranges::count(lines, line)); };
  // Lines that found room again come after the report of those that did not.
  while ((reported < dropped || kept() < Lines - dropped) && !text.ends_with(")")) {
    text = read_until("\n");
    for (const absl::string_view part : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      lines.emplace_back(part);
      uint64_t count = 0;
      if (absl::StartsWith(part, "dropped ") && absl::SimpleAtoi(part.substr(8), &count)) reported += count;
    }
  }
  EXPECT_EQ(reported, dropped);
  EXPECT_EQ(kept(), Lines - dropped);
  EXPECT_TRUE(writer.finish());
  writer.write("next\n");
  EXPECT_EQ(read_until("next\n"), "next\n");
  EXPECT_EQ(writer.dropped(), dropped);
}

TEST_F(LineWriterTest, AReaderThatHasGoneCostsLinesWhichTheNextOneIsTold) {
  LineWriter writer(descriptor, report);
  writer.start();
  close_reader();
  writer.write("lost\nlost too\n");
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(writer.dropped(), 2U);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ASSERT_GE(::dup2(ends[1], descriptor), 0);
  reader = ends[0];
  writer.write("found\n");
  EXPECT_EQ(read_until("found\n"), report(2) + "found\n");
}

TEST_F(LineWriterTest, WaitsForRoomAlsoWhereTheDescriptorDoesNotBlock) {
  ASSERT_EQ(::fcntl(descriptor, F_SETFL, O_NONBLOCK), 0);
  LineWriter writer(descriptor, report);
  writer.start();
  std::string expected;
  for (int i = 0; i < 3'000; ++i) absl::StrAppend(&expected, "line ", i, " ", std::string(90, 'x'), "\n");
  writer.write(expected + "end\n");
  EXPECT_EQ(read_until("end\n"), expected + "end\n");
  EXPECT_EQ(writer.dropped(), 0U);
}

TEST_F(LineWriterTest, LinesOfTwoWritersOnOnePipeDoNotMix) {
  constexpr int Lines = 2'000;
  LineWriter one(descriptor, report);
  LineWriter other(descriptor, report);
  one.start();
  other.start();
  std::string received;
  std::thread reading([&] {
    while (lines_of(received) < 2 * Lines && !received.ends_with(")")) received += read_until("\n");
  });
  for (int i = 0; i < Lines; ++i) {
    one.write(std::string(299, 'a') + "\n");
    other.write(std::string(199, 'b') + "\n");
  }
  reading.join();
  EXPECT_THAT(received, testing::Not(HasSubstr("ab")));
  EXPECT_THAT(received, testing::Not(HasSubstr("ba")));
}

TEST_F(LineWriterTest, ItsThreadTakesNoSignals) {
  std::atomic<bool> blocked = false;
  const auto look = [&blocked](uint64_t) {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = ::sigismember(&mask, SIGTERM) == 1 && ::sigismember(&mask, SIGHUP) == 1;
    return std::string();
  };
  LineWriter writer(descriptor, look, 8);
  writer.start();
  writer.write("longer than eight bytes\n");
  EXPECT_TRUE(writer.finish());
  EXPECT_TRUE(blocked);
}

}  // namespace
}  // namespace cancelbus::io
