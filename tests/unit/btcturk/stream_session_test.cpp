// The stream's session, one transition at a time. Its rate of connects is in stream_connects_test.cpp.
#include "service/btcturk/stream_session.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cancelbus::btcturk {
namespace {

using core::Duration;
using core::OrderFact;
using core::Tick;
using namespace std::chrono_literals;
using namespace stream_event;
using testing::Test;

// One line per action, as a person would tell them.
std::string told(const StreamAction& action) {
  if (std::holds_alternative<stream_action::Connect>(action)) return "connect";
  if (std::holds_alternative<stream_action::SendLogin>(action)) return "send login";
  if (std::holds_alternative<stream_action::Close>(action)) return "close";
  if (const auto* deliver = std::get_if<stream_action::Deliver>(&action)) {
    return "deliver " + std::to_string(deliver->fact.order_id);
  }
  const StreamState& state = std::get<stream_action::Publish>(action).state;
  const std::string where = state.logged_in ? "logged in" : state.connected ? "connected" : "down";
  return where + " (" + std::to_string(state.logins) + "): " + state.text;
}

using Told = std::vector<std::string>;

class Session : public Test {
 protected:
  Told step(const StreamEvent& event) {
    Told result;
    for (const StreamAction& action : session_.step(now_, event)) result.push_back(told(action));
    return result;
  }
  Told receive(StreamFrame frame) { return step(Received{std::move(frame)}); }
  Told pass(Duration time) {
    now_ += time;
    return step(TimePassed{});
  }
  // Lets the pause before the next connect pass, and says how long it was.
  Duration reconnect() {
    const Duration pause = session_.next_deadline() - now_;
    EXPECT_EQ(pass(pause - 1ns), Told{});
    EXPECT_EQ(pass(1ns), Told{"connect"});
    return pause;
  }
  void log_in() {
    step(Connected{});
    receive(LoginResult{true, ""});
    ASSERT_TRUE(session_.state().logged_in);
  }

  Tick now_ = Tick(100h);
  StreamSession session_{StreamOptions{}, 42};
};

TEST_F(Session, ConnectsLogsInAndDelivers) {
  EXPECT_EQ(session_.next_deadline(), core::Never);
  EXPECT_EQ(step(Start{}), Told{"connect"});
  EXPECT_EQ(session_.next_deadline(), core::Never);
  EXPECT_EQ(step(Connected{}), (Told{"send login", "connected (0): connected"}));
  EXPECT_EQ(receive(BannerFrame{"6.0.0", "2.3.0"}), Told{});
  EXPECT_EQ(receive(LoginResult{true, ""}), Told{"logged in (1): logged in"});
  EXPECT_EQ(receive(OrderFact{core::FactType::Deleted452, 7, "", "", "", ""}), Told{"deliver 7"});
  EXPECT_EQ(session_.counters().facts, 1U);
}

TEST_F(Session, DeliversWhateverThePhaseAsLongAsAConnectionStands) {
  const OrderFact fact{core::FactType::Deleted452, 7, "", "", "", ""};
  EXPECT_EQ(receive(fact), Told{});
  step(Start{});
  EXPECT_EQ(receive(fact), Told{});
  step(Connected{});
  EXPECT_EQ(receive(fact), Told{"deliver 7"});
  receive(LoginResult{true, ""});
  step(Relogin{});
  EXPECT_EQ(receive(fact), Told{"deliver 7"});
  step(Closed{"closed"});
  EXPECT_EQ(receive(fact), Told{});
}

TEST_F(Session, CountsWhatItIgnores) {
  step(Start{});
  log_in();
  for (const StreamFrame& frame :
       {StreamFrame(IgnoredFrame{201}), StreamFrame(UnknownFrame{5}), StreamFrame(UnknownFrame{5}),
        StreamFrame(IdZeroFrame{452}), StreamFrame(MalformedFrame{"x"})}) {
    EXPECT_EQ(receive(frame), Told{});
  }
  EXPECT_EQ(session_.counters().ignored_frames, 1U);
  EXPECT_EQ(session_.counters().unknown_frames, 2U);
  EXPECT_EQ(session_.counters().id_zero_frames, 1U);
  EXPECT_EQ(session_.counters().malformed_frames, 1U);
  EXPECT_EQ(session_.counters().facts, 0U);
  EXPECT_EQ(session_.counters().connects, 1U);
}

TEST_F(Session, GivesUpALoginWithoutAnswer) {
  step(Start{});
  step(Connected{});
  now_ += 9s;
  step(Alive{});  // pings answer no login
  EXPECT_EQ(pass(1s - 1ns), Told{});
  EXPECT_EQ(pass(1ns), (Told{"close", "down (0): no answer to the login"}));
  EXPECT_EQ(session_.next_deadline(), core::Never);
  EXPECT_EQ(step(Closed{"closed by us"}), Told{});
  reconnect();
}

TEST_F(Session, LogsInAnewWithAnotherKey) {
  step(Start{});
  log_in();
  EXPECT_EQ(step(KeyReplaced{}), (Told{"close", "down (1): closed to log in with another key"}));
  EXPECT_EQ(step(KeyReplaced{}), Told{});
  step(Closed{"closed by us"});
  EXPECT_LE(reconnect(), 500ms);
  step(Connected{});
  EXPECT_EQ(step(KeyReplaced{}), (Told{"close", "down (1): closed to log in with another key"}))
      << "the login under way was signed with the former key";
}

TEST_F(Session, WaitsNoMoreForARefusedKeyOnceThereIsAnother) {
  step(Start{});
  for (int refusal = 0; refusal < 4; ++refusal) {
    step(Connected{});
    receive(LoginResult{false, "bad key"});
    step(Closed{"closed by us"});
    if (refusal < 3) reconnect();
  }
  EXPECT_GE(session_.next_deadline() - now_, 20s);
  step(KeyReplaced{});
  EXPECT_EQ(reconnect(), 0s);
  step(Connected{});
  receive(LoginResult{false, "bad key"});
  step(KeyReplaced{});  // before the refused connection has ended
  step(Closed{"closed by us"});
  EXPECT_LE(reconnect(), 30s);
  step(Connected{});
  receive(LoginResult{false, "bad key"});
  step(Closed{"closed by us"});
  EXPECT_LE(reconnect(), 5s) << "its pauses begin anew";
}

TEST_F(Session, AnotherKeyDoesNotBreakAHold) {
  step(Start{});
  step(Closed{"429", 429, 30s});
  const Tick due = session_.next_deadline();
  step(KeyReplaced{});
  EXPECT_EQ(session_.next_deadline(), due);
}

TEST_F(Session, NoticesSilenceAndTakesAnyFrameAsLife) {
  step(Start{});
  log_in();
  EXPECT_EQ(session_.next_deadline(), now_ + 15s);
  now_ += 14s;
  step(Alive{});
  EXPECT_EQ(session_.next_deadline(), now_ + 15s);
  now_ += 14s;
  receive(MalformedFrame{"x"});
  EXPECT_EQ(pass(15s - 1ns), Told{});
  EXPECT_EQ(pass(1ns), (Told{"close", "down (1): silent for too long"}));
  step(Closed{""});
  reconnect();
}

TEST_F(Session, SaysWhyAConnectionEndedAndComesBackSoon) {
  step(Start{});
  EXPECT_EQ(step(Closed{"no route\nto host"}), Told{"down (0): cannot connect: no route to host"});
  reconnect();
  log_in();
  now_ += 1h;
  step(Alive{});
  EXPECT_EQ(step(Closed{"reset by peer"}), Told{"down (1): connection lost: reset by peer"});
  const Duration pause = reconnect();
  EXPECT_GE(pause, 250ms);
  EXPECT_LE(pause, 500ms);
  log_in();
  EXPECT_EQ(session_.state().logins, 2U);
}

TEST_F(Session, WaitsTwiceAsLongAfterEachFailure) {
  step(Start{});
  for (const Duration full : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 30000ms, 30000ms}) {
    step(Closed{"refused"});
    const Duration pause = reconnect();
    EXPECT_GE(pause, full / 2);
    EXPECT_LE(pause, full);
  }
}

TEST_F(Session, TakesALoginThatDoesNotLastAsAFailure) {
  step(Start{});
  for (const Duration full : {500ms, 1000ms, 2000ms, 4000ms}) {
    log_in();
    now_ += 5s;
    step(Closed{"reset"});
    EXPECT_GE(reconnect(), full / 2);
  }
  log_in();
  now_ += 10s;
  step(Closed{"reset"});
  EXPECT_LE(reconnect(), 500ms);
}

TEST_F(Session, BacksOffLongWhenTheKeyIsRefused) {
  step(Start{});
  for (const Duration full : {5s, 10s, 20s, 40s, 60s, 60s}) {
    step(Connected{});
    const Told told = receive(LoginResult{false, "Unauthorized - Invalid Public key"});
    EXPECT_EQ(told, (Told{"close", "down (0): login refused: Unauthorized - Invalid Public key"}));
    EXPECT_EQ(step(Closed{"closed"}), Told{});
    const Duration pause = reconnect();
    EXPECT_GE(pause, full / 2);
    EXPECT_LE(pause, full);
  }
  log_in();
  EXPECT_EQ(receive(LoginResult{false, "revoked"}), (Told{"close", "down (1): login refused: revoked"}));
  step(Closed{""});
  EXPECT_GE(reconnect(), 30s);
  log_in();
  now_ += 10s;  // only a login that lasts starts the count anew
  receive(LoginResult{false, "revoked"});
  step(Closed{""});
  EXPECT_LE(reconnect(), 5s);
}

TEST_F(Session, TakesAHandshakeThatForbidsAsARefusedKey) {
  step(Start{});
  EXPECT_EQ(step(Closed{"HTTP 403", 403}), Told{"down (0): cannot connect: HTTP 403"});
  EXPECT_GE(reconnect(), 2500ms);
}

struct Refusal {
  Closed closed;
  Duration least;
  Duration most;
};

TEST_F(Session, HoldsAsARefusedHandshakeAsks) {
  const std::vector<Refusal> refusals = {{{"", 429, 53s}, 54s, 54s},
                                         {{"", 429, {}}, 61s, 61s},
                                         {{"", 429, 24h}, 120s, 120s},
                                         {{"", 503, 30s}, 31s, 31s},
                                         {{"", 429, 0s}, 1s, 30s},
                                         {{"", 503, {}}, 250ms, 30s},
                                         {{"", 429, Duration::max()}, 120s, 120s}};
  step(Start{});
  for (const Refusal& refusal : refusals) {
    step(refusal.closed);
    const Duration pause = reconnect();
    EXPECT_GE(pause, refusal.least);
    EXPECT_LE(pause, refusal.most);
  }
}

TEST_F(Session, LogsInAgainWhenAsked) {
  step(Start{});
  log_in();
  now_ += 12s;
  EXPECT_EQ(step(Relogin{}), (Told{"close", "down (1): closed to log in again"}));
  EXPECT_EQ(step(Relogin{}), Told{});
  EXPECT_EQ(step(Closed{"closed by us"}), Told{});
  EXPECT_LE(reconnect(), 500ms);
  log_in();
  EXPECT_EQ(session_.state().logins, 2U);
}

TEST_F(Session, IgnoresARequestToLogInAgainWhereALoginIsToComeAnyway) {
  EXPECT_EQ(step(Relogin{}), Told{});
  step(Start{});
  EXPECT_EQ(step(Relogin{}), Told{});
  step(Connected{});
  EXPECT_EQ(step(Relogin{}), Told{});
  step(Closed{""});
  EXPECT_EQ(step(Relogin{}), Told{});
}

TEST_F(Session, StopsFromEveryPhase) {
  const std::vector<std::vector<StreamEvent>> ways = {
      {},
      {Start{}},
      {Start{}, Connected{}},
      {Start{}, Connected{}, Received{LoginResult{true, ""}}},
      {Start{}, Connected{}, Received{LoginResult{true, ""}}, Relogin{}},
      {Start{}, Closed{"refused"}},
  };
  for (const auto& way : ways) {
    session_ = StreamSession(StreamOptions{}, 1);
    for (const StreamEvent& event : way) step(event);
    step(Stop{});
    step(Closed{"closed by us"});
    EXPECT_TRUE(session_.stopped()) << way.size();
    EXPECT_FALSE(session_.state().connected);
    EXPECT_EQ(session_.next_deadline(), core::Never);
    EXPECT_EQ(step(Start{}), Told{});
    EXPECT_EQ(pass(1h), Told{});
  }
}

TEST_F(Session, IsNotStoppedBeforeItsConnectionHasEnded) {
  step(Start{});
  log_in();
  EXPECT_EQ(step(Stop{}), (Told{"close", "down (1): stopped"}));
  EXPECT_EQ(step(Stop{}), Told{});
  EXPECT_FALSE(session_.stopped());
  EXPECT_EQ(step(Closed{""}), Told{});
  EXPECT_TRUE(session_.stopped());
}

TEST_F(Session, IgnoresEventsThatDoNotFit) {
  for (const StreamEvent& event : std::vector<StreamEvent>{Connected{}, Closed{"x"}, Alive{}, TimePassed{}}) {
    EXPECT_EQ(step(event), Told{});
  }
  step(Start{});
  EXPECT_EQ(step(Start{}), Told{});
  EXPECT_EQ(receive(LoginResult{true, ""}), Told{});
  log_in();
  EXPECT_EQ(step(Connected{}), Told{});
  EXPECT_EQ(receive(LoginResult{true, ""}), Told{});
  EXPECT_EQ(session_.state().logins, 1U);
}

TEST_F(Session, PublishesNothingTwice) {
  step(Start{});
  EXPECT_EQ(step(Closed{"refused"}), Told{"down (0): cannot connect: refused"});
  reconnect();
  EXPECT_EQ(step(Closed{"refused"}), Told{});
  reconnect();
  EXPECT_EQ(step(Closed{"timed out"}), Told{"down (0): cannot connect: timed out"});
}

TEST_F(Session, RepeatsItselfWithTheSameSeedAlone) {
  const auto pauses = [this](uint64_t seed) {
    session_ = StreamSession(StreamOptions{}, seed);
    std::vector<Duration> result;
    step(Start{});
    for (int i = 0; i < 5; ++i) {
      step(Closed{""});
      result.push_back(reconnect());
    }
    return result;
  };
  EXPECT_EQ(pauses(1), pauses(1));
  EXPECT_NE(pauses(1), pauses(2));
}

}  // namespace
}  // namespace cancelbus::btcturk
