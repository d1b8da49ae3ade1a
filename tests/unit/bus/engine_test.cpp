#include "service/bus/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "cancelbus/v1/session.pb.h"
#include "service/io/clock.hpp"
#include "service/wire/event_codec.hpp"

namespace cancelbus::bus {
namespace {

constexpr uint64_t Epoch = 8;

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() : store_(io::open_store({}).value()) {
    core::Snapshot snapshot;
    snapshot.epoch = Epoch;
    engine_.emplace(core::GatewayOptions(), snapshot, io::now(), *store_,
                    Engine::Edge{{[](const core::Send&) {}, [](const io::EventRow&) {}}});
  }

  /// As the store kept them, and maybe from an epoch before this.
  void keep(uint64_t first, uint64_t last, uint64_t epoch) {
    io::Batch batch;
    for (uint64_t seq = first; seq <= last; ++seq) {
      core::CancelAck ack;
      ack.cl_ord_id = "c-" + std::to_string(seq);
      const core::Publication event{"client.desk-a.", seq, io::now().wall, ack};
      batch.push_back(io::EventRow{event.topic, seq, event.sending_time, wire::encode_event(event, epoch)});
    }
    store_->commit(batch, [](const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; });
  }
  std::vector<v1::SessionReply> replies(const core::Send& send) {
    std::vector<v1::SessionReply> out;
    engine_->frames(io::now(), send, [&](const absl::StatusOr<std::vector<std::string>>& frames) {
      for (const std::string& frame : frames.value()) EXPECT_TRUE(out.emplace_back().ParseFromString(frame));
    });
    return out;
  }

  std::unique_ptr<io::Store> store_;
  std::optional<Engine> engine_;
};

TEST_F(EngineTest, ABarredKeyIsACauseUntilItIsLetInAndNoHeartbeatSaysSo) {
  core::EventBar bar;
  bar.name = "desk-a";
  bar.remaining = std::chrono::seconds(60);
  std::vector<core::EventBar> bars = {bar};
  Engine::Edge edge{{[](const core::Send&) {}, [](const io::EventRow&) {}}};
  edge.bars = [&bars](core::Instant) { return bars; };
  core::Instant now = io::now();
  Engine engine(core::GatewayOptions(), core::Snapshot{}, now, *store_, std::move(edge));
  now.tick += Engine::ListensFirst;
  engine.turn(now, {});
  ASSERT_EQ(engine.status(now).causes.size(), 1U);
  EXPECT_EQ(engine.status(now).causes[0].kind, core::CauseKind::KeyBarred);
  EXPECT_TRUE(engine.gateway().causes(now).empty());
  bars.clear();
  engine.turn(now, {});
  EXPECT_TRUE(engine.status(now).causes.empty());
}

TEST_F(EngineTest, SendsAgainWhatIsKept) {
  keep(1, 3, Epoch);
  const auto sent = replies(core::SendRetransmission{"p", "client.desk-a.", 2, 2});
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].retransmission().seq(), 2U);
  EXPECT_EQ(sent[1].retransmission().cancel_ack().cl_ord_id(), "c-3");
}

TEST_F(EngineTest, WhatIsKeptFromAnEarlierEpochIsSentInThisOne) {
  keep(1, 1, Epoch - 1);
  const auto sent = replies(core::SendRetransmission{"p", "client.desk-a.", 1, 1});
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].retransmission().epoch(), Epoch);
}

TEST_F(EngineTest, WhatIsNotKeptIsRefusedWithTheFirstThatIs) {
  keep(5, 6, Epoch);
  const auto sent = replies(core::SendRetransmission{"p", "client.desk-a.", 2, 2});
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].retransmit_reject().first_kept_seq(), 5U);
  EXPECT_EQ(replies(core::SendRetransmission{"p", "venue.", 2, 3})[0].retransmit_reject().first_kept_seq(), 5U)
      << "none: the next that will be";
}

// Found by the simulation: a client asked in the former epoch, learnt of this one, and took what it had yet to read for
// lost, because the reject named the next seq.
TEST_F(EngineTest, ARequestInTheNumbersOfAnotherEpochIsRefusedWithTheFirstThatIsKept) {
  keep(5, 6, Epoch);
  const auto sent = replies(core::SendRetransmitReject{"p", "client.desk-a.", 7, true});
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].retransmit_reject().epoch(), Epoch);
  EXPECT_EQ(sent[0].retransmit_reject().first_kept_seq(), 5U);
  EXPECT_EQ(replies(core::SendRetransmitReject{"p", "venue.", 3, true})[0].retransmit_reject().first_kept_seq(), 3U);
  EXPECT_EQ(replies(core::SendRetransmitReject{"p", "client.desk-a.", 7})[0].retransmit_reject().first_kept_seq(), 7U)
      << "in this one's: nothing lies beyond the last";
}

/// An engine in its own time, and what it sends.
class TermTest : public ::testing::Test {
 protected:
  static constexpr core::Duration Second = std::chrono::seconds(1);

  void start() {
    core::Snapshot snapshot;
    store_->load([&](absl::StatusOr<core::Snapshot> loaded) { snapshot = loaded.value(); });
    engine_.reset();
    engine_.emplace(
        core::GatewayOptions(), snapshot, now_, *store_,
        Engine::Edge{.out = {[this](const core::Send& send) { sent_.push_back(send); }, [](const io::EventRow&) {}},
                     .deciding =
                         [this](const auto& events) {
                           decided_ += events.size();
                           owners_decided_ += std::ranges::count_if(events, [](const core::Event& event) {
                             return std::holds_alternative<core::OwnersSet>(event);
                           });
                         },
                     .began_again = [this](const core::Term& seen) { began_again_ = seen; }});
  }
  static core::WorkerReady ready(const std::optional<core::Term>& seen) {
    core::WorkerReady ready;
    ready.peer = "w";
    ready.worker = 7;
    ready.name = "host/7";
    ready.credit = 4;
    ready.request_timeout = 5 * Second;
    ready.seen = seen;
    return ready;
  }
  void turn_after(core::Duration wait, std::vector<core::Event> events = {}) {
    now_.tick += wait;
    now_.wall += wait;
    engine_->turn(now_, std::move(events));
  }
  template <typename Send>
  size_t sent() const {
    return static_cast<size_t>(
        std::ranges::count_if(sent_, [](const core::Send& send) { return std::holds_alternative<Send>(send); }));
  }

  std::unique_ptr<io::Store> store_ = io::open_store({}).value();
  core::Instant now_ = io::now();
  std::vector<core::Send> sent_;
  size_t decided_ = 0;
  std::ptrdiff_t owners_decided_ = 0;
  std::optional<core::Term> began_again_;
  std::optional<Engine> engine_;
};

TEST_F(TermTest, NothingIsDecidedBeforeWorkersCouldReport) {
  start();
  turn_after(core::Duration::zero(), {core::Hello{"c", "desk-a", {}}});
  turn_after(Engine::ListensFirst - core::Duration(1));
  EXPECT_EQ(decided_, 0U);
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(engine_->next_deadline(now_.tick), now_.tick + core::Duration(1));
  turn_after(core::Duration(1));
  EXPECT_EQ(decided_, 1U);
  EXPECT_EQ(sent<core::SendWelcome>(), 1U) << "what came meanwhile is answered";
}

TEST_F(TermTest, AWorkerIsToldTheTermUntilItReportsIt) {
  const core::Term earlier{8, "bus-b", 3};
  start();
  turn_after(core::Duration::zero(), {ready(earlier)});
  ASSERT_EQ(engine_->term(), 9U);
  turn_after(Engine::ListensFirst);
  EXPECT_EQ(sent<core::SendConfirm>(), 1U);
  turn_after(Second / 4, {ready({})});
  EXPECT_EQ(sent<core::SendConfirm>(), 2U);
  turn_after(Second / 4, {ready(store_->term())});
  EXPECT_EQ(sent<core::SendConfirm>(), 2U);
}

TEST_F(TermTest, AWorkerLearnsOfEachBatchThoughNoneGivesItWork) {
  start();
  turn_after(Engine::ListensFirst, {core::OwnersSet{}, core::Hello{"c", "desk-a", {}}, ready(store_->term())});
  const core::Term before = store_->term();
  core::CommandReceived command;
  command.peer = "c";
  command.order.cl_ord_id = "a-1";
  command.order.order_id = 101;
  turn_after(Second / 4, {command});
  ASSERT_GT(store_->term().batch, before.batch);
  const size_t confirms = sent<core::SendConfirm>();
  turn_after(Second / 4, {ready(before)});
  EXPECT_EQ(sent<core::SendConfirm>(), confirms + 1);
  turn_after(Second / 4, {ready(store_->term())});
  EXPECT_EQ(sent<core::SendConfirm>(), confirms + 1);
}

TEST_F(TermTest, AStoreThatIsBehindBeginsAgainBeforeItAnswersAnything) {
  start();
  const uint64_t epoch = engine_->epoch();
  turn_after(core::Duration::zero(), {core::Hello{"c", "desk-a", {}}});
  turn_after(Second / 4, {ready(core::Term{8, "bus-b", 3})});
  EXPECT_EQ(began_again_, (core::Term{8, "bus-b", 3}));
  EXPECT_NE(engine_->epoch(), epoch);
  EXPECT_EQ(engine_->term(), 9U);
  EXPECT_TRUE(sent_.empty());
  turn_after(Second / 4);
  EXPECT_EQ(sent<core::SendWelcome>(), 1U);
  const core::BusStatus status = engine_->status(now_);
  EXPECT_EQ(status.term, 9U);
  EXPECT_EQ(status.leader, store_->term().leader_id);
  ASSERT_FALSE(status.causes.empty());
  const auto cause = std::ranges::find(status.causes, core::CauseKind::Backoff, &core::Cause::kind);
  ASSERT_NE(cause, status.causes.end());
  EXPECT_EQ(cause->text,
            "the store lacks what was sent in term 8 of bus-b, which a worker has seen; nothing is sent until that "
            "counts no more");
  EXPECT_EQ(cause->remaining, 75 * Second + std::chrono::milliseconds(60) - Second / 4)
      << "with a thousandth of a minute, from when it began again";
  EXPECT_EQ(cause->runbook, "An older store");
}

/// Answers that it has begun again when the test does.
class LateBeginning : public io::Store {
 public:
  explicit LateBeginning(std::unique_ptr<io::Store> store) : store_(std::move(store)) {}
  void load(Done<core::Snapshot> done) override { store_->load(std::move(done)); }
  void commit(const io::Batch& batch, std::function<void(absl::Status)> done) override {
    store_->commit(batch, std::move(done));
  }
  void read_events(const std::string& topic, uint64_t from, uint32_t count,
                   Done<std::vector<std::string>> done) override {
    store_->read_events(topic, from, count, std::move(done));
  }
  void first_kept(const std::string& topic, Done<uint64_t> done) override {
    store_->first_kept(topic, std::move(done));
  }
  void read_history(const core::HistoryQuery& query, Done<core::HistoryPage> done) override {
    store_->read_history(query, std::move(done));
  }
  absl::Status check() override { return store_->check(); }
  io::StoreBytes bytes() override { return store_->bytes(); }
  const core::Term& term() const override { return store_->term(); }
  void begin_again(const core::Term& seen, Done<core::Snapshot> done) override {
    store_->begin_again(seen, [this, done = std::move(done)](absl::StatusOr<core::Snapshot> snapshot) {
      answer = [done, snapshot = std::move(snapshot)] { done(snapshot); };
    });
  }
  std::function<void()> answer;

 private:
  std::unique_ptr<io::Store> store_;
};

TEST_F(TermTest, ItBeginsAgainInTheTurnAfterTheStoresAnswerAndByTheTimeOfThat) {
  auto late = std::make_unique<LateBeginning>(std::move(store_));
  LateBeginning& store = *late;
  store_ = std::move(late);
  start();
  turn_after(Engine::ListensFirst, {core::OwnersSet{}, ready(core::Term{8, "bus-b", 3})});
  turn_after(8 * Second);
  store.answer();
  EXPECT_FALSE(began_again_);
  turn_after(Second / 4);
  ASSERT_TRUE(began_again_);
  const core::BusStatus status = engine_->status(now_);
  const auto cause = std::ranges::find(status.causes, core::CauseKind::Backoff, &core::Cause::kind);
  ASSERT_NE(cause, status.causes.end());
  EXPECT_EQ(cause->remaining, 75 * Second + std::chrono::milliseconds(60)) << "the full wait, from now";
  EXPECT_EQ(owners_decided_, 1) << "the policy is not said again";
  engine_.reset();
}

TEST_F(TermTest, AWorkerThatReportsLateHasItBeginAgainAsWell) {
  start();
  turn_after(Engine::ListensFirst, {core::OwnersSet{}, core::Hello{"c", "desk-a", {}}, ready(store_->term())});
  ASSERT_EQ(sent<core::SendWelcome>(), 1U);
  turn_after(10 * Second, {ready(core::Term{store_->term().term, "bus-b", 3}), core::SessionHeartbeat{"c"}});
  EXPECT_TRUE(began_again_);
  EXPECT_EQ(sent<core::SendHelloRequired>(), 1U) << "the session begins again too";
  EXPECT_EQ(engine_->status(now_).uptime, Engine::ListensFirst + 10 * Second) << "the process goes on";
  turn_after(Second, {ready(store_->term())});
  EXPECT_EQ(engine_->term(), store_->term().term) << "once is enough";
}

TEST_F(TermTest, AfterABeginningAgainTheDrainGoesOn) {
  start();
  turn_after(Engine::ListensFirst, {core::DrainRequested{}});
  EXPECT_TRUE(engine_->drained());
  turn_after(Second, {ready(core::Term{8, "bus-b", 3})});
  EXPECT_TRUE(began_again_);
  EXPECT_TRUE(engine_->drained());
}

}  // namespace
}  // namespace cancelbus::bus
