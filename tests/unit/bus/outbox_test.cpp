// The outbox with a store that answers later, as one on another machine does.
#include "service/bus/outbox.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "service/io/clock.hpp"

namespace cancelbus::bus {
namespace {

/// Answers a commit when the test does.
class LateStore : public io::Store {
 public:
  void load(Done<core::Snapshot> done) override { done(core::Snapshot()); }
  void commit(const io::Batch& batch, std::function<void(absl::Status)> done) override {
    batches.push_back(batch.size());
    waiting.push_back(std::move(done));
  }
  void read_events(const std::string&, uint64_t, uint32_t, Done<std::vector<std::string>> done) override {
    done(std::vector<std::string>());
  }
  void first_kept(const std::string&, Done<uint64_t> done) override { done(uint64_t{0}); }
  void read_history(const core::HistoryQuery&, Done<core::HistoryPage> done) override { done(core::HistoryPage()); }
  absl::Status check() override { return trouble; }
  io::StoreBytes bytes() override { return {}; }
  const core::Term& term() const override { return leads; }
  void begin_again(const core::Term&, Done<core::Snapshot> done) override { done(core::Snapshot()); }

  void answer(const absl::Status& status) {
    auto done = std::move(waiting.front());
    waiting.pop_front();
    done(status);
  }

  std::deque<std::function<void(absl::Status)>> waiting;
  std::vector<size_t> batches;
  absl::Status trouble;
  core::Term leads;
};

class OutboxTest : public ::testing::Test {
 protected:
  /// One event and one task.
  static core::Actions turn(uint64_t seq) {
    core::Actions actions;
    core::CancelAck ack;
    ack.cl_ord_id = "c";
    actions.records.push_back(core::Publication{"client.a.", seq, io::now().wall, ack});
    core::SendConfirm confirm;
    confirm.peer = "w";
    actions.sends.push_back(confirm);
    return actions;
  }

  LateStore store_;
  int sent_ = 0;
  int resumed_ = 0;
  std::vector<uint64_t> published_;
  Outbox outbox_{store_,
                 1,
                 1,
                 {[this](const core::Send&) { ++sent_; },
                  [this](const io::EventRow& event) { published_.push_back(event.seq); }, [this] { ++resumed_; }}};
};

TEST_F(OutboxTest, NothingLeavesBeforeItsCommitIsAnswered) {
  outbox_.take(turn(1));
  EXPECT_TRUE(outbox_.awaits_commit());
  EXPECT_EQ(sent_, 0);
  EXPECT_TRUE(published_.empty());
  store_.answer(absl::OkStatus());
  EXPECT_EQ(sent_, 1);
  EXPECT_EQ(published_, std::vector<uint64_t>{1});
  EXPECT_EQ(resumed_, 1);
  EXPECT_FALSE(outbox_.awaits_commit());
}

TEST_F(OutboxTest, OneCommitAfterAnother) {
  outbox_.take(turn(1));
  outbox_.take(turn(2));
  EXPECT_EQ(store_.waiting.size(), 1U);
  store_.answer(absl::OkStatus());
  EXPECT_EQ(published_, std::vector<uint64_t>{1});
  ASSERT_EQ(store_.waiting.size(), 1U);
  store_.answer(absl::OkStatus());
  EXPECT_EQ(published_, (std::vector<uint64_t>{1, 2}));
  EXPECT_TRUE(outbox_.empty());
}

// The gateway may hold the task for lost by then.
TEST_F(OutboxTest, OfACommitThatIsAnsweredTooLateOnlyEventsLeave) {
  outbox_.take(turn(1));
  store_.trouble = absl::UnavailableError("no answer");
  EXPECT_FALSE(outbox_.awaits_commit());
  outbox_.retry();
  EXPECT_EQ(outbox_.trouble(), "no answer");
  EXPECT_EQ(store_.batches.size(), 1U) << "it is under way, and is not sent twice";
  store_.trouble = absl::OkStatus();
  store_.answer(absl::OkStatus());
  EXPECT_EQ(sent_, 0);
  EXPECT_EQ(published_, std::vector<uint64_t>{1});
  EXPECT_EQ(outbox_.trouble(), "");
}

TEST_F(OutboxTest, WhatTheStoreRefusesIsTriedAgainWithTheNextTurn) {
  outbox_.take(turn(1));
  store_.answer(absl::UnavailableError("full"));
  EXPECT_EQ(outbox_.trouble(), "full");
  EXPECT_TRUE(store_.waiting.empty());
  EXPECT_EQ(resumed_, 0) << "the next turn tries again, and is not due at once";
  outbox_.retry();
  ASSERT_EQ(store_.waiting.size(), 1U);
  store_.answer(absl::OkStatus());
  EXPECT_EQ(published_, std::vector<uint64_t>{1});
  EXPECT_EQ(sent_, 0);
}

}  // namespace
}  // namespace cancelbus::bus
