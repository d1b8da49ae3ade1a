// The worker's shell, with a bus and an exchange that the test plays: real sockets, real TLS, one connection.
#include "service/worker/worker.hpp"

#include <absl/status/status.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/unit/io/tls_server.hpp"
#include "tests/unit/patience.hpp"
#include "tests/unit/wire/samples.hpp"

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;
using core::Verdict;

std::string page(const std::string& status, const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 " + status + "\r\n" + more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string Success = page("200 OK", R"({"success":true,"message":"SUCCESS","code":0})");

/// Answers the time truly, and everything else as the test has prepared: a page, or with nothing at all.
class Exchange {
 public:
  Exchange(const io::TestAuthority& authority, core::Duration clock_offset)
      : offset_(clock_offset),
        server_(authority.issue("IP:127.0.0.1"), [this](io::ServerConnection& connection) { serve(connection); }) {}

  void prepare(std::string answer) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
  }
  /// Requests other than those for the time.
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// What it answers when it is asked for the time; empty: the time.
  void set_time_answer(std::string answer) {
    const std::lock_guard lock(mutex_);
    time_answer_ = std::move(answer);
  }
  int times_asked() {
    const std::lock_guard lock(mutex_);
    return times_asked_;
  }
  uint16_t port() const { return server_.port(); }

 private:
  void serve(io::ServerConnection& connection) {
    for (;;) {
      const std::string request = connection.read_request();
      if (request.empty()) return;
      const std::string answer = answer_to(request);
      if (answer.empty()) {
        connection.read_rest();
        return;
      }
      connection.write(answer);
      if (answer.find("Connection: close") != std::string::npos) return connection.say_goodbye();
    }
  }
  std::string answer_to(const std::string& request) {
    if (request.starts_with("GET /api/v2/server/time ")) {
      const std::lock_guard lock(mutex_);
      ++times_asked_;
      if (!time_answer_.empty()) return time_answer_;
      const auto time =
          std::chrono::duration_cast<std::chrono::milliseconds>((io::now().wall + offset_).time_since_epoch());
      return page("200 OK", "{\"serverTime\":" + std::to_string(time.count()) + "}");
    }
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (answers_.empty()) return "";
    std::string answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  core::Duration offset_;
  std::mutex mutex_;
  std::deque<std::string> answers_;
  std::vector<std::string> requests_;
  std::string time_answer_;
  int times_asked_ = 0;
  io::TlsServer server_;
};

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    zmq.set(zmq::ctxopt::blocky, false);
    start_bus("tcp://127.0.0.1:*");
  }
  ~WorkerTest() override {
    if (!worker || done) return;
    // Ends at once when nothing is held: the book of what the test left open is confirmed.
    confirm_all = true;
    worker->drain();
    EXPECT_TRUE(run_until([&] { return done; }));
  }

  void start_bus(const std::string& endpoint) {
    bus.emplace(context, zmq, zmq::socket_type::router);
    ASSERT_EQ(bus->bind(endpoint), absl::OkStatus());
    bus->on_ready([this] {
      io::Frames frames;
      while (bus->receive(frames)) hear(frames);
    });
  }
  void hear(const io::Frames& frames) {
    peer = frames[0];
    auto event = wire::decode_backend_request(frames[1], peer);
    ASSERT_TRUE(event.ok()) << event.status();
    if (auto* ready = std::get_if<core::WorkerReady>(&*event)) readies.push_back(*ready);
    if (auto* ended = std::get_if<core::TaskEnded>(&*event)) {
      ended_tasks.push_back(*ended);
      if (confirm_all) confirm(ended->task);
    }
  }
  void start_worker(core::Duration clock_offset = {}) {
    make_worker(clock_offset);
    ASSERT_TRUE(run_until([&] { return !readies.empty() && readies.back().credit == 1; }));
  }
  void make_worker(core::Duration clock_offset) {
    exchange.emplace(authority, clock_offset);
    exchange->set_time_answer(time_answer);
    auto tls = io::make_tls_context(authority.ca_file());
    ASSERT_TRUE(tls.ok());
    auto signer = btcturk::Signer::make("public-key", "c2VjcmV0");
    ASSERT_TRUE(signer.ok());
    const std::string port = std::to_string(exchange->port());
    Options options{{{bus->last_endpoint()}, *tls, *std::move(signer), {"", ""}},
                    {"127.0.0.1", exchange->port(), "/", "127.0.0.1:" + port},
                    1,
                    request_timeout};
    worker.emplace(context, zmq, std::move(options), [this] { done = true; });
    ASSERT_EQ(worker->start(), absl::OkStatus());
  }
  /// Runs until the condition holds; false if it does not within Patience.
  bool run_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + Patience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      context.restart();
      context.run_one_for(50ms);
    }
    return true;
  }
  /// A stamp of this very moment, by the exchange's clock as the worker reported it; `age` behind it.
  int64_t stamp(core::Duration age = {}) const {
    const auto time = io::now().wall + readies.back().clock->offset - age;
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  }
  void give(core::TaskId task, core::LimiterKind kind, int64_t stamp_ms) {
    core::SendTask send;
    send.task = task;
    send.attempt = kind == core::LimiterKind::Cancel ? 1 : 0;
    send.stamp_ms = stamp_ms;
    send.kind = kind;
    send.order.order_id = 25338392433;
    if (kind == core::LimiterKind::Cancel) send.order.cl_ord_id = "c1";
    if (kind == core::LimiterKind::OpenOrders) send.order.symbol = "BTCTRY";
    ASSERT_EQ(bus->send({peer, wire::encode_task(send, term_)}), io::SendResult::Sent);
  }
  void give_cancel(core::TaskId task) { give(task, core::LimiterKind::Cancel, stamp()); }
  void confirm(core::TaskId task) {
    core::SendConfirm send;
    send.task = task;
    bus->send({peer, wire::encode_confirm(send, term_)});
  }
  /// The outcome of the task, once it has come.
  core::Answer outcome(core::TaskId task) {
    const auto is_it = [&](const core::TaskEnded& ended) { return ended.task == task; };
    EXPECT_TRUE(run_until([&] { return std::ranges::any_of(ended_tasks, is_it); }));
    const auto found = std::ranges::find_if(ended_tasks, is_it);
    return found == ended_tasks.end() ? core::Answer{} : found->answer;
  }
  uint64_t series() const { return readies.back().clock->series; }

  io::TestAuthority authority;
  zmq::context_t zmq;
  asio::io_context context;
  core::Duration request_timeout = 5s;
  std::string time_answer;
  std::optional<io::ZmqSocket> bus;
  std::optional<Exchange> exchange;
  std::optional<Worker> worker;
  core::PeerId peer;
  std::vector<core::WorkerReady> readies;
  std::vector<core::TaskEnded> ended_tasks;
  bool confirm_all = false;
  bool done = false;
  core::Term term_{3, "bus-a", 10};  ///< of what the bus says
};

TEST_F(WorkerTest, PresentsItselfOnceItKnowsTheExchangesClock) {
  start_worker(3s);
  const core::WorkerReady& ready = readies.front();
  EXPECT_NE(ready.worker, 0U);
  EXPECT_NE(ready.name.find('/'), std::string::npos);
  EXPECT_EQ(ready.request_timeout, 5s);
  ASSERT_TRUE(ready.clock);
  EXPECT_EQ(ready.clock->series, 1U);
  ASSERT_TRUE(ready.clock->exchange_time);
  EXPECT_EQ(ready.clock->uncertainty, ready.clock->round_trip / 2);
  EXPECT_LT(std::chrono::abs(ready.clock->offset - 3s), 500ms + ready.clock->round_trip);
  EXPECT_TRUE(ready.tasks.empty());
}

TEST_F(WorkerTest, ReadyIsItsHeartbeat) {
  start_worker();
  const size_t before = readies.size();
  // Beside a timer that fires four times a second, as it shall do itself: what is slow makes both of them late.
  asio::steady_timer beside(context);
  for (int fired = 0; fired < 8; ++fired) {
    bool late = false;
    beside.expires_after(250ms);
    beside.async_wait([&](const boost::system::error_code&) { late = true; });
    ASSERT_TRUE(run_until([&] { return late; }));
  }
  EXPECT_GE(readies.size(), before + 4);
  EXPECT_EQ(readies.front().worker, readies.back().worker);
}

TEST_F(WorkerTest, ReportsTheHighestTermThatItHasSeen) {
  start_worker();
  EXPECT_FALSE(readies.back().seen);
  bus->send({peer, wire::encode_confirm({}, term_)});
  ASSERT_TRUE(run_until([&] { return readies.back().seen.has_value(); }));
  EXPECT_EQ(readies.back().seen, term_);
  bus->send({peer, wire::encode_confirm({}, {3, "bus-a", 12})});
  ASSERT_TRUE(run_until([&] { return readies.back().seen->batch == 12; }));
  bus->send({peer, wire::encode_confirm({}, {2, "bus-b", 99})});
  const size_t before = readies.size();
  ASSERT_TRUE(run_until([&] { return readies.size() > before + 1; }));
  EXPECT_EQ(readies.back().seen, (core::Term{3, "bus-a", 12}));
}

TEST_F(WorkerTest, SendsNothingForABusThatLeadsNoMore) {
  start_worker();
  bus->send({peer, wire::encode_confirm({}, term_)});
  ASSERT_TRUE(run_until([&] { return readies.back().seen.has_value(); }));
  for (const core::Term& older : {core::Term{2, "bus-a", 99}, core::Term{3, "bus-b", 99}}) {
    SCOPED_TRACE(older.leader_id);
    const core::TaskId task = older.term + 10;
    term_ = older;
    give_cancel(task);
    const core::Answer answer = outcome(task);
    EXPECT_EQ(answer.verdict, Verdict::NeverWritten);
    EXPECT_EQ(answer.arrival, core::Arrival::NeverSent);
    EXPECT_EQ(answer.text, "not sent: term " + to_text(older) + " is over, and term 3 of bus-a leads");
    confirm(task);
    EXPECT_TRUE(run_until([&] { return readies.back().tasks.empty(); })) << "who gave the task confirms it";
  }
  EXPECT_TRUE(exchange->requests().empty());
  term_ = {4, "bus-b", 0};
  exchange->prepare(Success);
  give_cancel(20);
  EXPECT_EQ(outcome(20).verdict, Verdict::Accepted) << "a later bus leads";
}

// It knows nothing of the task, and confirms it all the same.
TEST_F(WorkerTest, KeepsAnOutcomeThatOnlyAnOlderBusConfirms) {
  start_worker();
  exchange->prepare(Success);
  give_cancel(7);
  outcome(7);
  bus->send({peer, wire::encode_confirm({{}, 7, 0}, {2, "bus-b", 99})});
  const size_t before = readies.size();
  ASSERT_TRUE(run_until([&] { return readies.size() > before + 2; }));
  EXPECT_EQ(readies.back().tasks, std::vector<core::TaskId>{7});
  bus->send({peer, wire::encode_confirm({{}, 7, 0}, {4, "bus-a", 99})});
  EXPECT_TRUE(run_until([&] { return readies.back().tasks.empty(); })) << "the bus that took over";
}

TEST_F(WorkerTest, TakesTheTaskOfABusThatKnowsNoTerms) {
  start_worker();
  bus->send({peer, wire::encode_confirm({}, term_)});
  ASSERT_TRUE(run_until([&] { return readies.back().seen.has_value(); }));
  term_ = {};
  exchange->prepare(Success);
  give_cancel(7);
  EXPECT_EQ(outcome(7).verdict, Verdict::Accepted);
}

TEST_F(WorkerTest, MakesOneSignedRequestOfATask) {
  start_worker();
  exchange->prepare(Success);
  const int64_t at = stamp();
  give(7, core::LimiterKind::Cancel, at);
  const core::Answer answer = outcome(7);
  EXPECT_EQ(answer.verdict, Verdict::Accepted);
  EXPECT_EQ(answer.arrival, core::Arrival::Answered);
  EXPECT_EQ(answer.http_status, 200);
  ASSERT_TRUE(answer.sent && answer.answered);
  EXPECT_LE(*answer.sent, *answer.answered);
  ASSERT_EQ(exchange->requests().size(), 1U);
  const std::string request = exchange->requests().front();
  auto signer = btcturk::Signer::make("public-key", "c2VjcmV0");
  EXPECT_EQ(request.find("DELETE /api/v1/order?id=25338392433 HTTP/1.1\r\n"), 0U) << request;
  EXPECT_NE(request.find("X-PCK: public-key\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("X-Stamp: " + std::to_string(at) + "\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("X-Signature: " + signer->sign_rest(at) + "\r\n"), std::string::npos) << request;
}

TEST_F(WorkerTest, MakesAQueryOfAQueryTask) {
  start_worker();
  exchange->prepare(page("400 Bad Request", R"({"success":false,"message":"Order not found","code":1152})"));
  give(7, core::LimiterKind::Query, stamp());
  const core::Answer answer = outcome(7);
  EXPECT_EQ(answer.verdict, Verdict::Read);
  EXPECT_EQ(answer.reading.status, core::ReadStatus::NotFound);
  EXPECT_EQ(exchange->requests().front().find("GET /api/v1/order/25338392433 HTTP/1.1\r\n"), 0U);
}

TEST_F(WorkerTest, ListsOpenOrdersInParts) {
  start_worker();
  EXPECT_TRUE(readies.back().sweeps) << "the bus gives such a task to no other worker";
  std::string bids = R"({"id":1})";
  for (int id = 2; id <= 3'500; ++id) bids += ",{\"id\":" + std::to_string(id) + R"(,"orderClientId":"dA-1"})";
  exchange->prepare(page("200 OK", R"({"success":true,"data":{"bids":[)" + bids + R"(],"asks":[]}})"));
  give(7, core::LimiterKind::OpenOrders, stamp());
  ASSERT_TRUE(run_until([&] { return ended_tasks.size() >= 20; })) << "18 parts, and then again";
  EXPECT_EQ(exchange->requests().front().find("GET /api/v1/openOrders?pairSymbol=BTCTRY HTTP/1.1\r\n"), 0U);
  std::map<uint32_t, size_t> parts;
  for (const core::TaskEnded& ended : ended_tasks) {
    ASSERT_TRUE(ended.answer.listing);
    EXPECT_EQ(ended.answer.verdict, Verdict::Read);
    EXPECT_EQ(ended.answer.listing->parts, 18U);
    parts[ended.answer.listing->part] = ended.answer.listing->orders.size();
  }
  EXPECT_EQ(parts.size(), 18U);
  EXPECT_EQ(parts[1], 200U);
  EXPECT_EQ(parts[18], 100U);
  confirm(7);
  ASSERT_TRUE(run_until([&] { return readies.back().tasks.empty(); })) << "together";
}

TEST_F(WorkerTest, RepeatsTheOutcomeUntilItIsConfirmed) {
  start_worker();
  exchange->prepare(Success);
  give_cancel(7);
  ASSERT_TRUE(run_until([&] { return ended_tasks.size() >= 3; }));
  EXPECT_EQ(readies.back().tasks, std::vector<core::TaskId>{7});
  confirm(7);
  ASSERT_TRUE(run_until([&] { return readies.back().tasks.empty(); }));
  const size_t repeated = ended_tasks.size();
  const size_t heartbeats = readies.size();
  ASSERT_TRUE(run_until([&] { return readies.size() >= heartbeats + 4; }));
  EXPECT_EQ(ended_tasks.size(), repeated);
  EXPECT_EQ(exchange->requests().size(), 1U);
}

TEST_F(WorkerTest, RepeatsTheOutcomeToABusThatCameBack) {
  start_worker();
  exchange->prepare(Success);
  give_cancel(7);
  outcome(7);
  const std::string endpoint = bus->last_endpoint();
  bus.reset();
  ended_tasks.clear();
  // libzmq unbinds in a thread of its own.
  absl::Status bound = absl::UnavailableError("");
  ASSERT_TRUE(run_until([&] {
    bus.emplace(context, zmq, zmq::socket_type::router);
    bound = bus->bind(endpoint);
    return bound.ok();
  }));
  bus->on_ready([this] {
    io::Frames frames;
    while (bus->receive(frames)) hear(frames);
  });
  EXPECT_EQ(outcome(7).verdict, Verdict::Accepted);
  EXPECT_EQ(exchange->requests().size(), 1U);
}

TEST_F(WorkerTest, IgnoresATaskThatItHolds) {
  start_worker();
  exchange->prepare(Success);
  exchange->prepare(Success);
  give_cancel(7);
  give_cancel(7);
  outcome(7);
  give_cancel(7);
  give_cancel(8);
  outcome(8);
  EXPECT_EQ(exchange->requests().size(), 2U);
}

TEST_F(WorkerTest, ReportsTheExchangesTimeAsOfTheMomentOfSending) {
  start_worker(3s);
  const core::Instant before = io::now();
  const size_t heard = readies.size();
  ASSERT_TRUE(run_until([&] { return readies.size() >= heard + 4; }));
  const core::Duration passed = io::now().tick - before.tick;
  const core::WallTime first = *readies[heard].clock->exchange_time, last = *readies.back().clock->exchange_time;
  EXPECT_LT(first, last) << "heartbeats of one series";
  EXPECT_GE(first, before.wall + 3s - 500ms);
  EXPECT_LE(last, before.wall + 3s + 500ms + passed);
}

TEST_F(WorkerTest, SendsNothingWithAStampOverASecondBehindOrAhead) {
  start_worker(-20s);
  for (const auto& [task, age] : {std::pair{7, 1500ms}, {8, -1500ms}}) {
    give(task, core::LimiterKind::Cancel, stamp(age));
    const core::Answer answer = outcome(task);
    EXPECT_EQ(answer.verdict, Verdict::StaleStamp);
    EXPECT_EQ(answer.arrival, core::Arrival::NeverSent);
    EXPECT_FALSE(answer.sent);
  }
  EXPECT_TRUE(exchange->requests().empty());
  exchange->prepare(Success);
  give(9, core::LimiterKind::Cancel, stamp());
  EXPECT_EQ(outcome(9).verdict, Verdict::Accepted);
}

TEST_F(WorkerTest, AVoidStampAndA401MakeItReadTheClockAgainAndNotMoreOftenThanEveryFiveSeconds) {
  start_worker();
  ASSERT_TRUE(run_until([&] { return series() == 2; })) << "as it does anyway after the first";
  const core::Tick second = io::now().tick;
  give(7, core::LimiterKind::Cancel, stamp(1500ms));
  EXPECT_EQ(outcome(7).verdict, Verdict::StaleStamp);
  exchange->prepare(page("401 Unauthorized", ""));
  give_cancel(8);
  EXPECT_EQ(outcome(8).verdict, Verdict::Unauthorized);
  EXPECT_EQ(series(), 2U);
  EXPECT_TRUE(run_until([&] { return series() == 3; }));
  EXPECT_LT(io::now().tick - second, ClockSchedule::CalmPause);
  EXPECT_GE(io::now().tick - second, ClockSchedule::ShortestPause - 1s);
  EXPECT_LE(exchange->times_asked(), 3 * ClockSchedule::ReadingsInASeries);
}

TEST_F(WorkerTest, PresentsItselfWithoutAClockWhileTheTimeIsNotInMillisecondsAndWorksSoonAfter) {
  time_answer = page("200 OK", R"({"serverTime":1795341679})");
  make_worker({});
  ASSERT_TRUE(run_until([&] { return exchange->times_asked() >= 4; }));
  ASSERT_TRUE(run_until([&] { return !readies.empty(); }));
  EXPECT_FALSE(readies.front().clock);
  exchange->set_time_answer("");
  const core::Tick good = io::now().tick;
  ASSERT_TRUE(run_until([&] { return readies.back().clock.has_value(); }));
  EXPECT_LT(io::now().tick - good, 5s);
  EXPECT_EQ(readies.back().clock->series, 1U);
}

TEST_F(WorkerTest, HandsOnHowLongToWaitAfterA429) {
  start_worker();
  exchange->prepare(page("429 Too Many Requests", R"({"success":false,"message":"TOO_MANY_REQUESTS","code":429})",
                         "Retry-After: 17\r\n"));
  give_cancel(7);
  const core::Answer answer = outcome(7);
  EXPECT_EQ(answer.verdict, Verdict::Throttled);
  EXPECT_EQ(answer.retry_after, 17s);
}

TEST_F(WorkerTest, AProxysPageIsDoubt) {
  start_worker();
  exchange->prepare(page("503 Service Unavailable", "<html>busy</html>"));
  give_cancel(7);
  const core::Answer answer = outcome(7);
  EXPECT_EQ(answer.verdict, Verdict::Doubtful);
  EXPECT_EQ(answer.arrival, core::Arrival::Page);
  EXPECT_EQ(answer.http_status, 503);
}

TEST_F(WorkerTest, NoAnswerInTimeIsDoubt) {
  request_timeout = 300ms;
  start_worker();
  give_cancel(7);
  const core::Answer answer = outcome(7);
  EXPECT_EQ(answer.verdict, Verdict::Doubtful);
  EXPECT_EQ(answer.arrival, core::Arrival::Silent);
  EXPECT_TRUE(answer.sent);
  EXPECT_EQ(exchange->requests().size(), 1U);
}

TEST_F(WorkerTest, ATaskWaitsForAConnectionThatTheExchangeClosed) {
  start_worker();
  exchange->prepare(page("200 OK", R"({"success":true})", "Connection: close\r\n"));
  exchange->prepare(Success);
  give_cancel(7);
  give_cancel(8);
  EXPECT_EQ(outcome(7).verdict, Verdict::Accepted);
  EXPECT_EQ(outcome(8).verdict, Verdict::Accepted);
}

TEST_F(WorkerTest, WithoutAConnectionItAsksForNoWorkAndWritesNothing) {
  start_worker();
  exchange->prepare(page("200 OK", R"({"success":true})", "Connection: close\r\n"));
  give_cancel(7);
  outcome(7);
  exchange.reset();
  ASSERT_TRUE(run_until([&] { return readies.back().credit == 0; }));
  give_cancel(8);
  const core::Answer answer = outcome(8);
  EXPECT_EQ(answer.verdict, Verdict::NeverWritten);
  EXPECT_EQ(answer.arrival, core::Arrival::NeverSent);
}

TEST_F(WorkerTest, RubbishFromTheBusDisturbsNothing) {
  start_worker();
  bus->send({peer, "rubbish"});
  bus->send({peer, "two", "frames"});
  exchange->prepare(Success);
  give_cancel(7);
  EXPECT_EQ(outcome(7).verdict, Verdict::Accepted);
}

// ---- Draining ----

TEST_F(WorkerTest, ADrainFinishesWhatIsHeldAndWhatIsOnItsWay) {
  start_worker();
  worker->drain();
  exchange->prepare(Success);
  give_cancel(7);
  EXPECT_EQ(outcome(7).verdict, Verdict::Accepted);
  EXPECT_EQ(readies.back().credit, 0U);
  EXPECT_FALSE(done);
  confirm(7);
  EXPECT_TRUE(run_until([&] { return done; }));
}

TEST_F(WorkerTest, TheBusMayAskForADrain) {
  start_worker();
  bus->send({peer, wire::samples::drain()});
  EXPECT_TRUE(run_until([&] { return done; }));
}

TEST_F(WorkerTest, ADrainWaitsOnlySoLongForConfirmations) {
  request_timeout = 200ms;
  start_worker();
  give_cancel(7);
  outcome(7);
  const core::Tick begun = io::now().tick;
  worker->drain();
  EXPECT_TRUE(run_until([&] { return done; }));
  EXPECT_GE(io::now().tick - begun, 2s);
}

TEST_F(WorkerTest, AfterADrainNothingKeepsTheProcess) {
  start_worker();
  worker->drain();
  ASSERT_TRUE(run_until([&] { return done; }));
  bus.reset();
  context.restart();
  context.run_for(10s);
  EXPECT_TRUE(context.stopped()) << "something still waits";
}

}  // namespace
}  // namespace cancelbus::worker
