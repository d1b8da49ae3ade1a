#include "service/backend/recorder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cancelbus::backend {
namespace {

using namespace std::chrono_literals;
using base::Recorded;

class RecorderTest : public testing::Test {
 protected:
  void come(const std::string& text, int times = 1) {
    for (int i = 0; i < times; ++i) {
      if (!recorder.counts(now.tick)) continue;
      ++built;
      recorder.tell({.kind = "frame", .text = text}, now);
    }
  }
  void ask(core::Duration lease = 3s) { recorder.on_record(lease, now); }
  void pass(core::Duration time) {
    now.tick += time;
    now.wall += time;
  }
  /// As `1 a`, `2 b`, and `2` of one that holds nothing, since it was asked last.
  std::vector<std::string> told() {
    std::vector<std::string> result;
    for (const Recorded& one : std::exchange(sent, {})) {
      result.push_back(std::to_string(one.number) + (one.kind.empty() ? "" : " " + one.text));
    }
    return result;
  }
  using Told = std::vector<std::string>;

  core::Instant now{core::Tick(1h), core::WallTime(1'700'000'000s)};
  btcturk::Signer signer = *btcturk::Signer::make("PUBLIC", "c2VjcmV0");
  bool taken = true;
  int built = 0;
  std::vector<Recorded> sent;
  Recorder recorder{"worker", signer, now.tick, [this](const Recorded& one) {
                      if (taken) sent.push_back(one);
                      return taken;
                    }};
};

TEST_F(RecorderTest, WithoutARecordingNothingIsBuiltAndAllIsCounted) {
  pass(Recorder::KeptFor);
  come("a", 100);
  EXPECT_EQ(built, 0);
  ask();
  EXPECT_EQ(told(), Told{"100"});
  come("b");
  EXPECT_EQ(told(), Told{"101 b"});
}

TEST_F(RecorderTest, ALeaseEndsUnlessItIsRenewed) {
  ask();
  pass(2s);
  ask();
  pass(3s - 1ns);
  come("a");
  pass(1ns);
  come("b");
  ask();
  EXPECT_EQ(told(), (Told{"0", "0", "1 a", "2"})) << "b is counted alone";
}

TEST_F(RecorderTest, WhatCameFirstIsKeptForAMoment) {
  come("a");
  pass(Recorder::KeptFor - 1ns);
  come("b");
  EXPECT_EQ(told(), Told{});
  ask();
  EXPECT_EQ(told(), (Told{"1 a", "2 b", "2"}));
  pass(3s);
  come("c");
  ask();
  EXPECT_EQ(told(), Told{"3"}) << "later it is not";
}

TEST_F(RecorderTest, WhatIsKeptGoesWithoutARecord) {
  come("a");
  pass(Recorder::KeptFor);
  ask();
  EXPECT_EQ(told(), Told{"1"});
}

TEST_F(RecorderTest, LittleIsKept) {
  come("a", 2 * static_cast<int>(Recorder::MostKept));
  ask();
  EXPECT_EQ(told().size(), Recorder::MostKept + 1);
  EXPECT_EQ(built, static_cast<int>(Recorder::MostKept));
}

TEST_F(RecorderTest, OneRecordAllowsSoManyBytes) {
  ask();
  come(std::string(40'000, 'x'), 100);
  const auto first = told();
  EXPECT_GT(first.size(), 3u);
  EXPECT_LE((first.size() - 1) * 40'000, Recorder::BytesPerRecord);
  come(".");
  EXPECT_EQ(told(), Told{"101 ."}) << "a small one finds room still";
  pass(1s);
  ask();
  EXPECT_EQ(told(), Told{"101"}) << "so that what was dropped shows";
  come("a");
  EXPECT_EQ(told(), Told{"102 a"});
}

TEST_F(RecorderTest, WhatTheSocketDoesNotTakeIsDropped) {
  ask();
  taken = false;
  come("a", 5);
  taken = true;
  come("b");
  EXPECT_EQ(told(), (Told{"0", "6 b"}));
}

TEST_F(RecorderTest, ItIsRedactedAndBounded) {
  ask();
  sent.clear();
  recorder.counts(now.tick);
  recorder.tell({.kind = "response",
                 .request = "DELETE /api/v1/order?id=5",
                 .task_id = 7,
                 .status = 200,
                 .head = "Set-Cookie: a=b\n" + std::string(10'000, 'h'),
                 .text = R"({"userId":5,"message":"no PUBLIC"})" + std::string(100'000, 't')},
                now);
  ASSERT_EQ(sent.size(), 1u);
  const Recorded& one = sent.front();
  EXPECT_TRUE(one.text.starts_with(R"({"userId":0,"message":"no ***"}tt)"));
  EXPECT_TRUE(one.head.starts_with("Set-Cookie: ***\nhh"));
  EXPECT_LE(one.text.size(), Recorder::MaxTextBytes + 16);
  EXPECT_LE(one.head.size(), Recorder::MaxHeadBytes + 16);
  EXPECT_TRUE(one.truncated);
  EXPECT_TRUE(one.source.starts_with("worker ") && one.source_id != 0);
  EXPECT_EQ(one.received, now.wall);
  EXPECT_EQ(one.task_id, 7u);
}

}  // namespace
}  // namespace cancelbus::backend
