// The judge on made-up worlds: what it must refuse, what it must let pass, and which faults it knows by name.
#include <gtest/gtest.h>

#include <string>

#include "service/btcturk/rest.hpp"
#include "tests/simulation/keys.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/referee.hpp"

namespace cancelbus::simulation {
namespace {

constexpr core::OrderId AnOrder = 26'947'521'557;

/// An exchange, a clock, and what is judged.
struct MadeUp {
  World world{1, nullptr};
  exchange_sim::Exchange exchange{settings()};
  core::GatewayOptions options;
  uint64_t requests = 0;

  static exchange_sim::Settings settings() {
    exchange_sim::Settings settings;
    settings.keys = key_pairs();
    return settings;
  }
  exchange_sim::Instant now() const {
    return std::chrono::floor<exchange_sim::Micros>(Beginning + world.now().time_since_epoch());
  }
  void wait(Duration length) {
    world.agenda.after(length, [] {});
    world.agenda.run_next(Never - Duration(1));
    exchange.advance(now());
  }
  void control(const std::string& what, const std::string& body) {
    exchange_sim::HttpRequest request;
    request.method = "POST";
    request.target = "/sim/" + what;
    request.body = body;
    exchange.request(now(), ++requests, std::move(request));
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

TEST_F(OneOrder, CanceledAgainRightAfterBlockedIsAKnownFaultOnce) {
  thrift.delete_ended(AnOrder, answer(core::Verdict::Blocked));
  thrift.delete_sent(AnOrder);
  EXPECT_EQ(failure(), "");
  EXPECT_TRUE(made.world.known.contains(KnownFault::DeleteAfterBlocked));
  thrift.delete_ended(AnOrder, answer(core::Verdict::Refused));
  thrift.delete_sent(AnOrder);
  EXPECT_NE(failure().find("without a cause"), std::string::npos) << "that one was not blocked";
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

/// A command for an order of 1, which a worker is to cancel and to read twice.
struct AFinal : ::testing::Test {
  MadeUp made;
  Store store{24h, true};
  Ledger ledger{made.world, store};
  Referee referee{made.world, made.exchange, store, ledger, {}};
  CommandSeen command;
  core::TaskId tasks = 0;
  btcturk::Signer signer = make_signer();

  AFinal() {
    made.control("orders", R"({"count":1,"quantity":"1"})");
    store.wall = [] { return Beginning; };
    store.opened(1);
    referee.bus_started();
    core::CommandRecord record;
    record.key = {"desk", "c"};
    record.order.cl_ord_id = "c";
    record.order.order_id = AnOrder;
    ledger.committed(record);
    referee.command_came(record.order);
    command = *ledger.find(record.key);
    command.ack.emplace().final_follows = true;
  }
  int64_t send(core::LimiterKind kind) {
    const int64_t stamp = exchange_sim::unix_ms(made.now());
    core::PermitRecord permit{++tasks, kind, AnOrder, stamp, true, Never, {}};
    store.commit({permit}, [](const absl::Status&) {});
    referee.committed(permit);
    core::SendTask task{"p", tasks, 1, stamp, kind, command.order};
    referee.sending(task);
    return stamp;
  }
  void reach(const btcturk::HttpRequest& made_request, int64_t stamp) {
    exchange_sim::HttpRequest request;
    request.method = made_request.method;
    request.target = made_request.target;
    request.public_key = PublicKey;
    request.stamp = std::to_string(stamp);
    request.signature = signer.sign_rest(stamp);
    request.ip = OurAddress;
    made.exchange.request(made.now(), ++made.requests, std::move(request));
    referee.exchange_moved();
  }
  void cancel() {
    const int64_t stamp = send(core::LimiterKind::Cancel);
    reach(btcturk::cancel_request(signer, AnOrder, stamp), stamp);
    referee.heard(core::TaskEnded{"p", tasks, answer(core::Verdict::Refused)});
  }
  void read_open() {
    const int64_t stamp = send(core::LimiterKind::Query);
    reach(btcturk::query_request(signer, AnOrder, stamp), stamp);
    core::Answer read = answer(core::Verdict::Read);
    read.reading.status = core::ReadStatus::Open;
    referee.heard(core::TaskEnded{"p", tasks, read});
  }
  void wait(Duration length) {
    made.wait(length);
    referee.exchange_moved();
  }
  core::CancelFinal open_final() const {
    core::CancelFinal final;
    final.cl_ord_id = "c";
    final.order_id = AnOrder;
    final.ord_status = core::OrdStatus::New;
    final.evidence = core::Evidence::OrderQuery;
    final.quantities = {"1", "1", "1", "0", true};
    return final;
  }
  std::string told(const core::CancelFinal& final) {
    referee.told(command, final);
    return made.world.failure;
  }
};

TEST_F(AFinal, MayStillSayOpenWhenAnotherHandCanceledAfterTheLastReading) {
  read_open();
  wait(2s);
  read_open();
  made.control("cancel", "{\"id\":" + std::to_string(AnOrder) + "}");
  wait(1s);
  EXPECT_EQ(told(open_final()), "");
}

TEST_F(AFinal, MustNotSayOpenWhenTheOrderHadLeftTheBookBeforeItWasRead) {
  read_open();
  wait(1s);
  made.control("cancel", "{\"id\":" + std::to_string(AnOrder) + "}");
  wait(1s);
  read_open();
  EXPECT_NE(told(open_final()).find("had left the book before it was read"), std::string::npos) << made.world.failure;
}

TEST_F(AFinal, MustNotSayOpenWhenACancelOfOursHasActed) {
  cancel();
  wait(1s);
  read_open();
  wait(2s);
  read_open();
  EXPECT_NE(told(open_final()).find("task 0.1 has acted on it"), std::string::npos) << made.world.failure;
}

TEST_F(AFinal, HasTheQuantitiesOfTheBookWhereItCallsThemExact) {
  read_open();
  wait(2s);
  made.control("fill", "{\"id\":" + std::to_string(AnOrder) + R"(,"amount":"0.25"})");
  wait(1s);
  read_open();
  core::CancelFinal final = open_final();
  final.ord_status = core::OrdStatus::PartiallyFilled;
  final.quantities = {"1", "1", "0.75", "0.25", true};
  EXPECT_EQ(told(final), "");
  final.ord_status = core::OrdStatus::New;
  final.quantities = {"1", "1", "1", "0", true};
  EXPECT_NE(told(final).find("when it was read the book said something else"), std::string::npos);
}

TEST_F(AFinal, HasBoundsWhereItDoesNot) {
  cancel();
  made.control("fill", "{\"id\":" + std::to_string(AnOrder) + R"(,"amount":"0.25"})");
  wait(1s);
  referee.frame_leaves(R"([452,{"type":452,"id":26947521557}])");
  referee.heard(core::StreamFact{"p", 1, 1, {core::FactType::Deleted452, AnOrder, "BTCTRY", "1", "1", "1"}});
  referee.committed(core::FactPosition{1, 1});
  core::CancelFinal final = open_final();
  final.ord_status = core::OrdStatus::Canceled;
  final.evidence = core::Evidence::Channel452;
  final.quantities = {"1", "1", "1", "0", false};
  EXPECT_EQ(told(final), "") << "0.75 is at most 1";
  final.quantities = {"1", "1", "0.5", "0.5", false};
  EXPECT_NE(told(final).find("more is left than at most 0.5"), std::string::npos) << made.world.failure;
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
