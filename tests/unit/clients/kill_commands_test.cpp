// cancelctl kill and release against a bus that is played: what they ask, follow and say, and how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <sstream>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/help.hpp"
#include "clients/cancelctl/tally.hpp"
#include "tests/unit/clients/fake_bus.hpp"

namespace cancelbus::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class KillTest : public testing::Test {
 protected:
  KillTest() {
    arguments_.command = Command::Kill;
    arguments_.insecure_loopback = true;
    arguments_.timeout = seconds(20);
    arguments_.sender = "ctl-1";
    arguments_.owner = "desk-a";
    arguments_.reason = "a test";
    bus_.on_request = [this](const auto& request, auto& reply) { return answer(request, reply); };
  }

  // An engaged switch is proven empty at the second status.
  bool answer(const v1::SessionRequest& request, v1::SessionReply& reply) {
    const std::lock_guard lock(mutex_);
    if (request.has_mass_cancel()) {
      EXPECT_TRUE(request.mass_cancel().dry_run());
      reply.mutable_mass_cancel_preview()->set_cl_ord_id(request.mass_cancel().cl_ord_id());
      reply.mutable_mass_cancel_preview()->set_total_affected(12);
    } else if (request.has_kill_switch()) {
      asked_.push_back(request.kill_switch());
      *reply.mutable_kill_switch() = reply_;
      reply.mutable_kill_switch()->set_request_id(request.kill_switch().request_id());
    } else if (request.has_status_request() && !asked_.empty()) {
      ++statuses_;
      reply.mutable_status();
      if (shown_) *reply.mutable_status()->add_kill_switches() = engaged(statuses_ > 1 && empties_);
      if (interrupt_) interrupted_ = true;
    } else {
      return false;
    }
    return true;
  }

  static v1::BusStatus::KillSwitch engaged(bool proven) {
    v1::BusStatus::KillSwitch engaged;
    engaged.set_sender_comp_id("ctl-1");
    engaged.set_cl_ord_id("kill-1");
    engaged.set_still_open(proven ? 0 : 5);
    engaged.set_proven_empty(proven);
    if (proven) engaged.mutable_complete_as_of()->set_seconds(1'700'000'000);
    if (!proven) engaged.set_text("a sweep is awaited");
    return engaged;
  }

  int run() {
    reply_.set_cl_ord_id("kill-1");
    bus_.start();
    arguments_.session_endpoint = bus_.session_endpoint();
    arguments_.event_endpoint = bus_.event_endpoint();
    Console console{out_, err_, {}, false, false, interrupted_};
    if (!typed_.empty()) console.ask = [this] { return typed_; };
    const int ended = ctl::run(arguments_, console);
    bus_.stop();
    return ended;
  }
  int engage() {
    arguments_.yes = true;
    reply_.set_status(v1::KILL_SWITCH_STATUS_ENGAGED);
    return run();
  }

  std::mutex mutex_;
  std::vector<v1::KillSwitchRequest> asked_;
  v1::KillSwitchReply reply_;
  int statuses_ = 0;
  bool shown_ = true;
  bool empties_ = true;
  bool interrupt_ = false;
  std::string typed_;
  Arguments arguments_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::atomic<bool> interrupted_{false};
  client::FakeBus bus_;
};

constexpr const char* StaysEngaged =
    "the kill switch over orders of desk-a STAYS ENGAGED: the bus cancels each order that appears in it. To release "
    "it: "
    "cancelctl release --owner desk-a --reason TEXT\n";

TEST_F(KillTest, ItIsFollowedUntilItIsProvenEmptyAndStaysEngaged) {
  EXPECT_EQ(engage(), ExitProven);
  EXPECT_EQ(out_.str(),
            "kill switch ENGAGED\n5 still open, not proven empty: a sweep is awaited\n"
            "0 still open, proven empty as of 2023-11-14T22:13:20Z\n");
  EXPECT_THAT(err_.str(), HasSubstr(StaysEngaged));
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].action(), v1::KILL_SWITCH_ACTION_ENGAGE);
  EXPECT_EQ(asked_[0].scope(), v1::MASS_CANCEL_SCOPE_SENDER);
  EXPECT_EQ(asked_[0].owner() + "/" + asked_[0].reason(), "desk-a/a test");
}

TEST_F(KillTest, AStrategyEngagesOneOverItsOwnOrders) {
  arguments_.sender = "desk-a";
  shown_ = false;
  engage();
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].scope(), v1::MASS_CANCEL_SCOPE_OWN);
  EXPECT_EQ(asked_[0].owner(), "");
  EXPECT_EQ(arguments_.owner, "desk-a");
}

TEST_F(KillTest, ItShowsWhatItWouldCancelAndAsks) {
  typed_ = "n";
  EXPECT_EQ(run(), ExitFailed);
  EXPECT_THAT(out_.str(), HasSubstr("12 orders, at least 0 s at the account's limits"));
  EXPECT_EQ(
      err_.str(),
      "Engage a kill switch over orders of desk-a? It cancels these 12 orders, and each one that appears until it "
      "is released. [y/N] cancelctl: nothing was canceled\n");
  EXPECT_TRUE(asked_.empty());
  typed_ = "y";
  reply_.set_status(v1::KILL_SWITCH_STATUS_ENGAGED);
  EXPECT_EQ(run(), ExitProven);
}

TEST_F(KillTest, WithoutATerminalItWantsYes) {
  EXPECT_EQ(run(), ExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("give --yes"));
  EXPECT_TRUE(asked_.empty());
}

TEST_F(KillTest, ARefusalFails) {
  arguments_.yes = true;
  reply_.set_status(v1::KILL_SWITCH_STATUS_REFUSED);
  reply_.set_text("not an operator");
  EXPECT_EQ(run(), ExitFailed);
  EXPECT_EQ(err_.str(), "cancelctl: kill switch REFUSED: not an operator\n");
}

TEST_F(KillTest, InterruptedItIsNotProvenAndStaysEngaged) {
  empties_ = false;
  interrupt_ = true;
  EXPECT_EQ(engage(), ExitUnknown);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("not proven empty: "), HasSubstr(StaysEngaged)));
}

TEST_F(KillTest, NotProvenInTime) {
  empties_ = false;
  arguments_.timeout = milliseconds(1'500);
  EXPECT_EQ(engage(), ExitUnknown);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("not proven empty: 5 still open"), HasSubstr(StaysEngaged)));
}

TEST_F(KillTest, ASwitchThatIsNoLongerShownIsNotSaidToBeEngaged) {
  shown_ = false;
  EXPECT_EQ(engage(), ExitUnknown);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("no longer shows the kill switch"), Not(HasSubstr("STAYS ENGAGED"))));
}

TEST_F(KillTest, JsonIsALineForTheReplyAndForEachStatus) {
  arguments_.json = true;
  EXPECT_EQ(engage(), ExitProven);
  EXPECT_THAT(out_.str(), MatchesRegex("\\{\"type\":\"kill_switch_reply\",[^\n]*\n"
                                       "\\{\"type\":\"kill_switch\",[^\n]*\"still_open\":5[^\n]*\n"
                                       "\\{\"type\":\"kill_switch\",[^\n]*\"proven_empty\":true[^\n]*\n"));
  EXPECT_THAT(err_.str(), HasSubstr(StaysEngaged));
}

TEST_F(KillTest, ReleaseIsAskedOnce) {
  arguments_.command = Command::Release;
  arguments_.force = true;
  reply_.set_status(v1::KILL_SWITCH_STATUS_RELEASED);
  EXPECT_EQ(run(), ExitProven);
  EXPECT_EQ(out_.str(), "kill switch RELEASED\n");
  EXPECT_EQ(asked_.at(0).action(), v1::KILL_SWITCH_ACTION_RELEASE);
  EXPECT_TRUE(asked_.at(0).force());
}

TEST_F(KillTest, ARefusedReleaseFails) {
  arguments_.command = Command::Release;
  arguments_.json = true;
  reply_.set_status(v1::KILL_SWITCH_STATUS_REFUSED);
  reply_.set_text("3 orders are open");
  EXPECT_EQ(run(), ExitFailed);
  EXPECT_THAT(out_.str(), HasSubstr("KILL_SWITCH_STATUS_REFUSED"));
  EXPECT_EQ(err_.str(), "cancelctl: kill switch REFUSED: 3 orders are open\n");
}

TEST_F(KillTest, WithoutAnAnswerItIsNotKnown) {
  bus_.on_request = {};
  arguments_.command = Command::Release;
  arguments_.timeout = milliseconds(1'500);
  EXPECT_EQ(run(), ExitUnknown);
  EXPECT_THAT(err_.str(), HasSubstr("may be released: ask with cancelctl status"));
}

TEST_F(KillTest, HelpSaysThatItStaysEngaged) {
  EXPECT_THAT(help(Command::Kill),
              AllOf(HasSubstr("STAYS ENGAGED"), HasSubstr("exit code"), HasSubstr("--reason TEXT")));
  EXPECT_THAT(help(Command::Release), AllOf(HasSubstr("--force"), HasSubstr("exit code")));
}

}  // namespace
}  // namespace cancelbus::ctl
