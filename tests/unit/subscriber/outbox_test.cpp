#include "service/subscriber/outbox.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cancelbus::subscriber {
namespace {

using namespace std::chrono_literals;
using Sent = std::vector<std::string>;

class OutboxTest : public testing::Test {
 protected:
  bool fact(const std::string& name = "fact") {
    return outbox_.add_fact([&](uint64_t seq) { return name + " " + std::to_string(seq); });
  }
  void state(const std::string& name = "state") {
    outbox_.add_state([&](uint64_t seq) { return name + " " + std::to_string(seq); });
  }
  /// What goes out now, if the socket takes everything.
  Sent send() {
    Sent messages;
    while (const std::string* message = outbox_.next(now_)) {
      messages.push_back(*message);
      outbox_.sent(now_);
    }
    return messages;
  }

  core::Tick now_ = core::Tick(100h);
  Outbox outbox_{{.facts = 4, .window = 3, .patience = 500ms, .retry_after = 100ms}};
};

TEST_F(OutboxTest, FactsAndStatesShareOneSequenceFromOne) {
  state();
  fact();
  fact();
  EXPECT_EQ(send(), (Sent{"state 1", "fact 2", "fact 3"}));
  EXPECT_EQ(send(), Sent{});
  outbox_.confirm(3, now_);
  EXPECT_TRUE(outbox_.empty());
  fact();
  EXPECT_EQ(send(), Sent{"fact 4"});
}

TEST_F(OutboxTest, WithNothingToSayItWantsNoTimer) {
  EXPECT_EQ(outbox_.next_deadline(), core::Never);
  fact();
  EXPECT_LE(outbox_.next_deadline(), now_);
  send();
  EXPECT_EQ(outbox_.next_deadline(), now_ + 500ms);
  outbox_.confirm(1, now_);
  EXPECT_EQ(outbox_.next_deadline(), core::Never);
}

TEST_F(OutboxTest, RepeatsInOrderFromTheOldestWhatIsNotConfirmed) {
  for (int i = 0; i < 3; ++i) fact();
  send();
  outbox_.confirm(1, now_);
  now_ += 500ms - 1ns;
  EXPECT_EQ(send(), Sent{});
  now_ += 1ns;
  EXPECT_EQ(send(), (Sent{"fact 2", "fact 3"}));
  EXPECT_EQ(outbox_.next_deadline(), now_ + 500ms);
  now_ += 500ms;
  EXPECT_EQ(send(), (Sent{"fact 2", "fact 3"}));
}

TEST_F(OutboxTest, NewsDoesNotPutOffTheRepetition) {
  fact();
  send();
  now_ += 400ms;
  fact();
  EXPECT_EQ(send(), Sent{"fact 2"});
  now_ += 100ms;
  EXPECT_EQ(send(), (Sent{"fact 1", "fact 2"}));
}

TEST_F(OutboxTest, AConfirmationPutsItOff) {
  fact();
  fact();
  send();
  now_ += 400ms;
  outbox_.confirm(1, now_);
  now_ += 400ms;
  EXPECT_EQ(send(), Sent{});
  now_ += 100ms;
  EXPECT_EQ(send(), Sent{"fact 2"});
}

TEST_F(OutboxTest, NoMoreThanTheWindowIsUnderWay) {
  for (int i = 0; i < 4; ++i) fact();
  EXPECT_EQ(send(), (Sent{"fact 1", "fact 2", "fact 3"}));
  EXPECT_EQ(outbox_.next_deadline(), now_ + 500ms);
  outbox_.confirm(2, now_);
  EXPECT_EQ(send(), Sent{"fact 4"});
}

TEST_F(OutboxTest, ASocketThatTakesNothingIsTriedAgainSoon) {
  fact();
  ASSERT_NE(outbox_.next(now_), nullptr);
  outbox_.blocked(now_);
  EXPECT_EQ(outbox_.next(now_), nullptr);
  EXPECT_EQ(outbox_.next_deadline(), now_ + 100ms);
  now_ += 100ms;
  EXPECT_EQ(send(), Sent{"fact 1"});
}

TEST_F(OutboxTest, WhenTheSocketStopsTakingTheRestGoesLater) {
  fact();
  fact();
  outbox_.next(now_);
  outbox_.sent(now_);
  outbox_.next(now_);
  outbox_.blocked(now_);
  now_ += 100ms;
  EXPECT_EQ(send(), Sent{"fact 2"});
}

TEST_F(OutboxTest, AStateThatWasNeverSentIsReplacedByItsSuccessor) {
  fact();
  state("connected");
  state("logged in");
  EXPECT_EQ(send(), (Sent{"fact 1", "logged in 2"}));
  state("lost");
  EXPECT_EQ(send(), Sent{"lost 3"});
}

TEST_F(OutboxTest, AStateThatWasSentOnceIsNotReplacedEvenIfItMustBeRepeated) {
  state("connected");
  send();
  now_ += 500ms;
  ASSERT_NE(outbox_.next(now_), nullptr);
  outbox_.blocked(now_);
  state("logged in");
  now_ += 100ms;
  EXPECT_EQ(send(), (Sent{"connected 1", "logged in 2"}));
}

TEST_F(OutboxTest, AStateNeverReplacesAFact) {
  fact();
  state();
  fact();
  state();
  EXPECT_EQ(send(), (Sent{"fact 1", "state 2", "fact 3"}));
  outbox_.confirm(3, now_);
  EXPECT_EQ(send(), Sent{"state 4"});
}

TEST_F(OutboxTest, FullItRefusesFactsAndStillKeepsTheLatestState) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(fact());
  EXPECT_FALSE(fact());
  state("lost");
  state("logged in");
  EXPECT_FALSE(fact());
  EXPECT_EQ(outbox_.size(), 5U);
  EXPECT_FALSE(outbox_.relieved());
  send();
  outbox_.confirm(3, now_);
  EXPECT_TRUE(outbox_.relieved());
  EXPECT_EQ(send(), (Sent{"fact 4", "logged in 5"}));
  EXPECT_TRUE(fact());
  EXPECT_EQ(send(), Sent{"fact 6"});
}

TEST_F(OutboxTest, AConfirmationOfTheUnsentOrTheLongConfirmedIsIgnored) {
  fact();
  fact();
  outbox_.confirm(1, now_);
  EXPECT_EQ(outbox_.size(), 2U);
  send();
  outbox_.confirm(0, now_);
  outbox_.confirm(3, now_);
  EXPECT_EQ(outbox_.size(), 2U);
  outbox_.confirm(2, now_);
  outbox_.confirm(2, now_);
  EXPECT_TRUE(outbox_.empty());
  fact();
  EXPECT_EQ(send(), Sent{"fact 3"});
}

TEST_F(OutboxTest, AConfirmationThatComesLateCountsForWhatIsToBeRepeated) {
  fact();
  fact();
  send();
  now_ += 500ms;
  ASSERT_NE(outbox_.next(now_), nullptr);  // about to repeat fact 1
  outbox_.confirm(2, now_);
  EXPECT_EQ(send(), Sent{});
  EXPECT_TRUE(outbox_.empty());
}

}  // namespace
}  // namespace cancelbus::subscriber
