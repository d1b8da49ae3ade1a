// The judge on made-up worlds: what it must refuse and what it must let pass.
#include <gtest/gtest.h>

#include <string>

#include "service/btcturk/rest.hpp"
#include "service/wire/event_codec.hpp"
#include "tests/simulation/clocks.hpp"
#include "tests/simulation/keys.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/referee.hpp"
#include "tests/simulation/repeats.hpp"

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
  EXPECT_NE(made.world.failure.find("11 requests of ours for DELETE /api/v1/order within 1 s"), std::string::npos)
      << made.world.failure;
}

TEST(Judge, RefusesRequestsThatNoLimiterCountsButForTheTime) {
  MadeUp made;
  Budget budget(made.world, made.exchange, false);
  exchange_sim::HttpRequest request;
  request.method = "GET";
  request.target = "/api/v2/server/time";
  request.ip = OurAddress;
  made.exchange.request(made.now(), ++made.requests, request);
  budget.exchange_moved();
  EXPECT_EQ(made.world.failure, "") << "how often is judged where it is sent";
  request.method = "POST";
  request.target = "/api/v1/order";
  made.exchange.request(made.now(), ++made.requests, request);
  budget.exchange_moved();
  EXPECT_NE(made.world.failure.find("which no limiter counts"), std::string::npos) << made.world.failure;
}

TEST(Coverage, NamesWhatHappensInFewerThanOnePercentOfTheWorlds) {
  CoverageTally tally;
  Coverage often, once;
  for (size_t kind = 0; kind < Faults; ++kind) often.add(static_cast<Fault>(kind));
  for (size_t kind = 0; kind < Blows; ++kind) often.add(static_cast<Blow>(kind));
  for (const exchange_sim::FaultInfo& info : exchange_sim::fault_infos()) {
    if (info.fault != exchange_sim::Fault::Stall) often.add(info.fault);
  }
  once.add(exchange_sim::Fault::Stall);
  tally.add(once);
  for (int i = 1; i < 100; ++i) tally.add(often);
  EXPECT_EQ(tally.too_rare(), "") << "one of a hundred";
  tally.add(often);
  EXPECT_EQ(tally.too_rare(), "exchange: stall: 1 of 101 seeds\n");
}

TEST(Coverage, TellsResponsesApart) {
  Coverage coverage;
  exchange_sim::HttpAnswer response{503, "", 5, false};
  coverage.add(true, response, answer(core::Verdict::Doubtful));
  EXPECT_TRUE(coverage.has(static_cast<size_t>(Fault::Answer503RetryAfter)));
  EXPECT_FALSE(coverage.has(static_cast<size_t>(Fault::Answer503)));
  response.status = 200;
  core::Answer read = answer(core::Verdict::Read);
  read.reading = {core::ReadStatus::Closed, "1", "0.5", "10", "BTCTRY"};
  coverage.add(false, response, read);
  EXPECT_TRUE(coverage.has(static_cast<size_t>(Fault::QueryContradicts)));
}

struct ABackoff : ::testing::Test {
  MadeUp made;
  Budget budget{made.world, made.exchange, false};

  ABackoff() {
    core::Answer wait = answer(core::Verdict::Throttled);
    wait.retry_after = 10s;
    budget.asked_to_wait(7, core::LimiterKind::Cancel, wait);
    budget.confirmed(7);
  }
};

TEST_F(ABackoff, IsKept) {
  budget.sending(core::LimiterKind::Cancel);
  EXPECT_NE(made.world.failure.find("promise 3"), std::string::npos);
}

TEST_F(ABackoff, EndsAfterItsTime) {
  made.wait(10s);
  budget.sending(core::LimiterKind::Cancel);
  EXPECT_EQ(made.world.failure, "");
}

struct TurnsOfRepeats : ::testing::Test {
  static constexpr core::OrderId AnotherOrder = AnOrder + 1;
  MadeUp made;
  Repeats repeats{made.world, {{10, 1s}}};

  void firsts(int count, const std::set<core::OrderId>& waiting = {}) {
    for (int i = 0; i < count; ++i) repeats.first(core::Priority::Normal, waiting);
  }
  void permits(core::TaskId count) {
    for (core::TaskId task = 1; task <= count; ++task) repeats.permitted(task, made.world.now() + 1s);
  }
  void repeat(core::Priority lane = core::Priority::Normal) { repeats.repeat(AnOrder, lane); }
  const std::string& failure() const { return made.world.failure; }
};

TEST_F(TurnsOfRepeats, LeaveAFifthOfTheWindowFree) {
  permits(7);
  repeat();
  EXPECT_EQ(failure(), "");
  permits(8);
  repeat();
  EXPECT_NE(failure().find("a repeat of o1 takes more than its share, after 0 first attempts"), std::string::npos);
}

TEST_F(TurnsOfRepeats, ComeAfterFourFirstAttemptsOfTheSameLane) {
  permits(10);
  firsts(4);
  repeat();
  EXPECT_EQ(failure(), "");
  firsts(4);
  repeat(core::Priority::Urgent);
  EXPECT_NE(failure().find("after 0 first attempts"), std::string::npos) << failure();
}

TEST_F(TurnsOfRepeats, AreOwedAfterFourFirstAttempts) {
  firsts(4, {AnOrder});
  repeats.repeat(AnotherOrder, core::Priority::Normal);
  firsts(4, {AnOrder});
  repeats.touched(AnOrder);
  firsts(4, {AnOrder});
  EXPECT_EQ(failure(), "");
  firsts(1, {AnOrder});
  EXPECT_NE(failure().find("5 first attempts go while a repeat of o1 waits"), std::string::npos) << failure();
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

TEST_F(OneOrder, IsCanceledAgainAfterAnAttemptWithoutAnAnswer) {
  thrift.delete_ended(AnOrder, answer(core::Verdict::Doubtful));
  thrift.delete_sent(AnOrder);
  EXPECT_EQ(failure(), "");
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

TEST_F(OneOrder, IsNotCanceledAgainRightAfterARefusal) {
  thrift.delete_ended(AnOrder, answer(core::Verdict::Blocked));
  thrift.delete_sent(AnOrder);
  EXPECT_NE(failure().find("without a cause"), std::string::npos) << failure();
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

struct TheClocks : ::testing::Test {
  MadeUp made;
  Clocks clocks{made.world, false};

  void write(Clocks& judge, int64_t stamp_off_ms, int64_t reading_off_ms) {
    const int64_t now_ms = exchange_sim::unix_ms(made.now());
    judge.writing("w1", now_ms + stamp_off_ms, made.now(), now_ms + reading_off_ms);
  }
  const std::string& failure() const { return made.world.failure; }
};

TEST_F(TheClocks, RefuseAStampThatIsFarFromTheExchangesClock) {
  write(clocks, 2'500, 1'500);
  write(clocks, -2'500, -1'500);
  EXPECT_EQ(failure(), "");
  write(clocks, -2'501, -1'501);
  EXPECT_NE(failure().find("w1 writes a stamp that is -2501 ms ahead"), std::string::npos) << failure();
}

TEST_F(TheClocks, ExcuseAWorkerThatWasMisledAndNoOther) {
  Clocks misleading(made.world, true);
  write(misleading, 20'000, 19'500);
  EXPECT_EQ(failure(), "");
  write(misleading, 3'000, 900);
  EXPECT_NE(failure(), "");
}

TEST_F(TheClocks, RefuseASeriesWithinFiveSecondsOfTheOneBefore) {
  clocks.series("w1", made.world.now());
  made.wait(5s);
  clocks.series("w1", made.world.now());
  made.wait(4'990ms);
  clocks.series("w2", made.world.now());
  EXPECT_EQ(failure(), "");
  clocks.series("w1", made.world.now());
  EXPECT_NE(failure().find("w1 reads the exchange's clock again after 4990 ms"), std::string::npos) << failure();
}

TEST_F(TheClocks, RefuseMoreThanFiveRequestsAtOnceAndOneASecond) {
  for (int i = 0; i < 5; ++i) clocks.asking("w1");
  clocks.worker_died("w1");
  for (int i = 0; i < 5; ++i) clocks.asking("w1");
  made.wait(1s);
  clocks.asking("w1");
  EXPECT_EQ(failure(), "");
  clocks.asking("w1");
  EXPECT_NE(failure().find("w1 asks for the time 7 times within 1000 ms"), std::string::npos) << failure();
}

struct AReferee : ::testing::Test {
  MadeUp made;
  Store store{24h, true};
  Ledger ledger{made.world, store};
  Referee referee{made.world, made.exchange, store, ledger, {}};
};

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
    store.tick = [] { return Tick(); };
    store.wall = [] { return Beginning; };
    store.opened(1, Tick());
    referee.bus_started();
    core::CommandRecord record;
    record.key = {"desk", "c"};
    record.order.cl_ord_id = "c";
    record.order.order_id = AnOrder;
    ledger.committed(record);
    referee.command_came(record.key, record.order);
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

struct AnEndReadWithTheWrongWord : AFinal {
  core::CancelFinal final = open_final();

  AnEndReadWithTheWrongWord() {
    made.control("cancel", "{\"id\":" + std::to_string(AnOrder) + "}");
    wait(1s);
    final.ord_status = core::OrdStatus::Canceled;
    final.quantities.exact = false;
  }
  void read_closed() {
    const int64_t stamp = send(core::LimiterKind::Query);
    reach(btcturk::query_request(signer, AnOrder, stamp), stamp);
    core::Answer read = answer(core::Verdict::Read);
    read.reading = {core::ReadStatus::Closed, "1", "1", "1", "BTCTRY"};
    referee.heard(core::TaskEnded{"p", tasks, read});
  }
};

TEST_F(AnEndReadWithTheWrongWord, IsToldAfterTwoReadings2sApart) {
  read_closed();
  wait(2s);
  read_closed();
  EXPECT_EQ(told(final), "");
}

TEST_F(AnEndReadWithTheWrongWord, IsNotToldBefore) {
  read_closed();
  wait(1s);
  read_closed();
  EXPECT_NE(told(final).find("no reading contradicted itself twice"), std::string::npos) << made.world.failure;
}

TEST_F(AnEndReadWithTheWrongWord, IsNotExact) {
  read_closed();
  wait(2s);
  read_closed();
  final.quantities.exact = true;
  EXPECT_NE(told(final).find("every reading contradicted itself"), std::string::npos) << made.world.failure;
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

TEST(PermitShare, HasRoomWhileLessThanHalfOfEachLimitCounts) {
  PermitShare share({{4, 1s}, {6, 10s}}, 0.5);
  const Time start{};
  EXPECT_EQ(share.room_since(start + 5s), start);
  share.permitted(1, start + 1s, start + 16s);
  share.permitted(2, start + 1s, start + 16s);
  EXPECT_EQ(share.room_since(start + 5s), start + 5s) << "two of four count until they are settled";
  share.permitted(1, start + 2s, start + 2s);
  EXPECT_EQ(share.room_since(start + 3s), start + 3s);
  EXPECT_EQ(share.room_since(start + 5s), start + 3'001ms) << "a period later, and 0.1 %";
  share.permitted(3, start + 6s, start + 6s);
  EXPECT_EQ(share.room_since(start + 12s), start + 12s) << "three of six";
  EXPECT_EQ(share.room_since(start + 13s), start + 12'010ms) << "the first counts no more";
}

TEST(PermitShare, HasRoomAgainWhenAPermitIsGivenBackButNotWhenItIsForgotten) {
  PermitShare share({{2, 10s}}, 0.5);
  const Time start{};
  share.permitted(1, start + 1s, start + 16s);
  share.forgotten(1, start + 2s);
  EXPECT_EQ(share.room_since(start + 3s), start);
  share.permitted(2, start + 4s, start + 19s);
  share.permitted(2, start + 5s, start + 5s);
  share.forgotten(2, start + 15'010ms);
  EXPECT_EQ(share.room_since(start + 20s), start + 15'010ms);
}

TEST(PermitShare, HasNoRoomWhileTheExchangeHasSaidToWait) {
  PermitShare share({{2, 10s}}, 0.5);
  share.held(Time(60s));
  EXPECT_GE(share.room_since(Time(30s)), Time(30s));
  EXPECT_EQ(share.room_since(Time(70s)), Time(60s));
}

/// Its only query has ended at 1 s. STUCK was told then.
struct AStuckOrder : AFinal {
  AStuckOrder() {
    store.wall = [this] { return Beginning + made.world.now().time_since_epoch(); };
    core::CancelStatus stuck;
    stuck.cl_ord_id = "c";
    stuck.order_id = AnOrder;
    stuck.stage = core::Stage::Stuck;
    const core::Publication publication{"client.desk.", 1, Beginning, stuck};
    ledger.committed(io::EventRow{"client.desk.", 1, Beginning, wire::encode_event(publication, store.epoch())});
    wait(1s);
    read_open();
  }
  std::string failure_at_the_end() {
    referee.at_the_end();
    return made.world.failure;
  }
};

TEST_F(AStuckOrder, IsAskedAbout30sAfterItsLastQueryAndASecondLaterAtMost) {
  wait(31s);
  EXPECT_EQ(failure_at_the_end(), "");
  wait(1ms);
  EXPECT_NE(failure_at_the_end().find("its order is not asked about any more"), std::string::npos);
}

TEST_F(AStuckOrder, IsAskedAboutASecondAtMostAfterTheExchangeHadItWait) {
  wait(30s);
  referee.committed(core::HoldRecord{core::LimiterKind::Query, store.tick() + 10s, store.wall() + 10s, "429"});
  wait(11s);
  EXPECT_EQ(failure_at_the_end(), "") << "the exchange has said to wait for 10 s";
  wait(1ms);
  EXPECT_NE(failure_at_the_end().find("its order is not asked about any more"), std::string::npos);
}

TEST_F(AStuckOrder, IsAskedAboutASecondAtMostAfterLessThanHalfOfTheBudgetIsSpent) {
  for (core::TaskId task = 100; task < 550; ++task) {
    const core::PermitRecord permit{task,  core::LimiterKind::Query, AnOrder + 1,       0,
                                    false, store.tick() - 20s,       store.wall() - 20s};
    referee.committed(permit);
  }
  wait(40'060ms);
  EXPECT_EQ(failure_at_the_end(), "") << "450 of 900 a minute count still";
  wait(1s);
  EXPECT_EQ(failure_at_the_end(), "") << "a second ago they did";
  wait(1ms);
  EXPECT_NE(failure_at_the_end().find("its order is not asked about any more"), std::string::npos);
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
