// The judge on made-up worlds: what it must refuse, what it must let pass, and which faults it knows by name.
#include <gtest/gtest.h>

#include <string>

#include "tests/simulation/keys.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/referee.hpp"

namespace cancelbus::simulation {
namespace {

constexpr core::OrderId AnOrder = 26'947'521'557;

/// An exchange, a clock, and what is judged.
struct MadeUp {
  World world{1, nullptr};
  exchange_sim::Exchange exchange{exchange_sim::Settings{}};
  core::GatewayOptions options;
  uint64_t requests = 0;

  exchange_sim::Instant now() const {
    return std::chrono::floor<exchange_sim::Micros>(Beginning + world.now().time_since_epoch());
  }
  void wait(Duration length) {
    world.agenda.after(length, [] {});
    world.agenda.run_next(Never - Duration(1));
    exchange.advance(now());
  }
  void deletes(int count, const char* from) {
    for (int i = 0; i < count; ++i) {
      exchange_sim::HttpRequest request;
      request.method = "DELETE";
      request.target = "/api/v1/order?id=" + std::to_string(AnOrder);
      request.ip = from;
      exchange.request(now(), ++requests, std::move(request));
    }
  }
};

core::Answer answer(core::Verdict verdict) {
  core::Answer answer;
  answer.verdict = verdict;
  answer.arrival = core::Arrival::Answered;
  return answer;
}

TEST(Judge, CountsOurOwnRequestsWhateverAnotherProgramSends) {
  MadeUp made;
  Budget budget(made.world, made.exchange, true);
  made.deletes(50, ForeignAddress);
  made.deletes(10, OurAddress);
  budget.exchange_moved();
  EXPECT_EQ(made.world.failure, "");
  made.deletes(1, OurAddress);
  budget.exchange_moved();
  EXPECT_NE(made.world.failure.find("11 DELETEs of ours within 1 s"), std::string::npos) << made.world.failure;
}

struct ABackoff : ::testing::Test {
  MadeUp made;
  Budget budget{made.world, made.exchange, false};

  ABackoff() {
    budget.bus_started(1);
    core::Answer wait = answer(core::Verdict::Throttled);
    wait.retry_after = 10s;
    budget.throttled(7, core::LimiterKind::Cancel, wait);
    budget.confirmed(7);
  }
};

TEST_F(ABackoff, IsKeptThoughAClockWasSet) {
  budget.bus_clock_set();
  budget.bus_started(1);
  budget.sending(core::LimiterKind::Cancel);
  EXPECT_NE(made.world.failure.find("promise 3"), std::string::npos);
}

TEST_F(ABackoff, IsKeptOverARebootWhereNoClockWasSet) {
  budget.bus_started(2);
  budget.sending(core::LimiterKind::Cancel);
  EXPECT_NE(made.world.failure.find("promise 3"), std::string::npos);
}

TEST_F(ABackoff, ByTheWallClockOverARebootIsAKnownFault) {
  budget.bus_clock_set();
  budget.bus_started(2);
  budget.sending(core::LimiterKind::Cancel);
  EXPECT_EQ(made.world.failure, "");
  EXPECT_TRUE(made.world.known.contains(KnownFault::BackoffByWallClock));
}

TEST_F(ABackoff, EndsAfterItsTime) {
  made.wait(10s);
  budget.sending(core::LimiterKind::Cancel);
  EXPECT_EQ(made.world.failure, "");
}

struct OneOrder : ::testing::Test {
  MadeUp made;
  Thrift thrift{made.world, made.options};

  OneOrder() {
    thrift.bus_started();
    thrift.command_came(AnOrder);
    thrift.delete_sent(AnOrder);
  }
  const std::string& failure() const { return made.world.failure; }
};

TEST_F(OneOrder, IsNotCanceledTwiceWithoutACause) {
  thrift.delete_ended(AnOrder, answer(core::Verdict::Accepted));
  thrift.delete_sent(AnOrder);
  EXPECT_NE(failure().find("another DELETE of o1 without a cause"), std::string::npos) << failure();
}

TEST_F(OneOrder, IsCanceledAgainASecondAfterAnAttemptWithoutAnAnswer) {
  thrift.delete_ended(AnOrder, answer(core::Verdict::Doubtful));
  made.wait(1s);
  thrift.delete_sent(AnOrder);
  EXPECT_EQ(failure(), "");
  thrift.delete_ended(AnOrder, answer(core::Verdict::Doubtful));
  made.wait(1s);
  thrift.delete_sent(AnOrder);
  EXPECT_NE(failure().find("without a cause"), std::string::npos) << "the second time it is 2 s";
}

TEST_F(OneOrder, IsCanceledAgainForANewCommandOrAfterARestart) {
  thrift.delete_ended(AnOrder, answer(core::Verdict::Accepted));
  thrift.command_came(AnOrder);
  thrift.delete_sent(AnOrder);
  thrift.delete_ended(AnOrder, answer(core::Verdict::Accepted));
  thrift.bus_started();
  thrift.delete_sent(AnOrder);
  EXPECT_EQ(failure(), "");
}

TEST_F(OneOrder, CanceledAgainRightAfterBlockedIsAKnownFault) {
  thrift.delete_ended(AnOrder, answer(core::Verdict::Blocked));
  thrift.delete_sent(AnOrder);
  EXPECT_EQ(failure(), "");
  EXPECT_TRUE(made.world.known.contains(KnownFault::RepeatedDelete));
}

TEST_F(OneOrder, IsNotAskedAboutTwiceWithinAQuarterOfASecond) {
  thrift.query_sent(AnOrder, 1, 1, made.world.now());
  thrift.query_ended(AnOrder, 1, answer(core::Verdict::Read), false);
  made.wait(200ms);
  thrift.query_sent(AnOrder, 2, 1, made.world.now());
  EXPECT_NE(failure().find("two queries of o1 200 ms apart"), std::string::npos) << failure();
}

TEST_F(OneOrder, IsAskedAboutLessAndLessOften) {
  for (core::TaskId task = 1; task <= 20; ++task) {
    thrift.query_sent(AnOrder, task, 1, made.world.now());
    thrift.query_ended(AnOrder, task, answer(core::Verdict::Read), false);
    made.wait(1s);
  }
  EXPECT_NE(failure().find("none brought anything new"), std::string::npos) << failure();
}

struct AReferee : ::testing::Test {
  MadeUp made;
  Store store{24h, true};
  Ledger ledger{made.world, store};
  Referee referee{made.world, made.exchange, store, ledger, {}};

  void write_stale() { referee.writing("w1", exchange_sim::unix_ms(made.now()) - 5'000, made.now()); }
};

TEST_F(AReferee, ExcusesAStaleStampUntilTheWorkerHasReadTheClockAgain) {
  made.wait(1s);
  referee.exchange_clock_set();
  write_stale();
  EXPECT_EQ(made.world.failure, "");
  made.wait(1s);
  referee.clock_read("w1", made.world.now());
  write_stale();
  EXPECT_NE(made.world.failure.find("w1 sends a stale task"), std::string::npos);
}

TEST_F(AReferee, RefusesAFrameThatTheExchangeNeverSent) {
  const core::OrderFact fact{core::FactType::Deleted452, AnOrder, "BTCTRY", "10", "1", "1"};
  referee.frame_leaves(R"([452,{"type":452,"id":26947521557,"numLeft":"1"}])");
  referee.heard(core::StreamFact{"p", 1, 1, fact});
  referee.heard(core::StreamFact{"p", 1, 1, fact});
  EXPECT_EQ(made.world.failure, "") << "it is the same one again";
  referee.heard(core::StreamFact{"p", 1, 2, fact});
  EXPECT_NE(made.world.failure.find("a frame of o1 is heard that the exchange never sent"), std::string::npos);
}

class Ends : public Process {
 public:
  explicit Ends(World& world) : Process(world, "w1", Clock()) {}

 private:
  void on_start() override {}
  void on_kill() override {}
};

TEST(Judge, RefusesAProcessThatEndsByItself) {
  MadeUp made;
  Ends process(made.world);
  process.start();
  process.asked_to_end();
  process.end();
  EXPECT_EQ(made.world.failure, "");
  process.start();
  process.end();
  EXPECT_NE(made.world.failure.find("w1 ends by itself, and nothing has asked it to"), std::string::npos);
}

}  // namespace
}  // namespace cancelbus::simulation
