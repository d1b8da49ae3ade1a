// Mass cancels in the store: every field comes back, and rows go together.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using State = core::MassCancelOrder::State;

class MassCancelTableTest : public EachStore {
 protected:
  static core::WallTime at(core::Duration d) { return core::WallTime(seconds(1'700'000'000)) + d; }

  static core::MassCancelRecord record(const std::string& sender, const std::string& cl_ord_id, bool ended = false) {
    core::MassCancelRecord record;
    record.key = {sender, cl_ord_id};
    core::MassCancelRequest& request = record.request;
    request.cl_ord_id = cl_ord_id;
    request.whose = core::MassCancelRequest::Whose::Sender;
    request.scope = {core::Scope::Whose::Owner, "desk-b", "BTCTRY", core::Side::Sell, "dB-"};
    request.priority = core::Priority::Urgent;
    request.until_empty = true;
    request.traceparent = "00-1";
    record.status = core::MassCancelStatus::Progress;
    record.swept = true;
    record.text = "every command has ended";
    record.complete_as_of = at(seconds(2));
    record.report_seq = 9;
    record.ended = ended;
    record.received = at(seconds(1));
    record.updated = at(seconds(3));
    return record;
  }
  static core::MassCancelOrder order(const std::string& cl_ord_id, core::OrderId id, State state) {
    return {{"ops", cl_ord_id}, id, state, core::RejectReason::Blocked, "maintenance", "desk-b"};
  }
};

INSTANTIATE_TEST_SUITE_P(On, MassCancelTableTest, ::testing::ValuesIn(engines()), engine_name);

TEST_P(MassCancelTableTest, GivesBackEveryField) {
  ASSERT_TRUE(commit(*open(), {record("ops", "m"), order("m", 7, State::NotAffected)}).ok());
  const core::Snapshot snapshot = load(*open());
  ASSERT_EQ(snapshot.mass_cancels.size(), 1U);
  const core::MassCancelRecord& loaded = snapshot.mass_cancels[0];
  const core::MassCancelRecord written = record("ops", "m");
  EXPECT_EQ(loaded.key, written.key);
  EXPECT_EQ(loaded.request, written.request);
  EXPECT_EQ(loaded.status, written.status);
  EXPECT_TRUE(loaded.swept);
  EXPECT_EQ(loaded.text, written.text);
  EXPECT_EQ(loaded.complete_as_of, written.complete_as_of);
  EXPECT_EQ(loaded.report_seq, 9U);
  EXPECT_FALSE(loaded.ended);
  EXPECT_EQ(loaded.received, written.received);
  EXPECT_EQ(loaded.updated, written.updated);
  ASSERT_EQ(snapshot.mass_cancel_orders.size(), 1U);
  const core::MassCancelOrder& of_it = snapshot.mass_cancel_orders[0];
  EXPECT_EQ(of_it.mass, written.key);
  EXPECT_EQ(of_it.order_id, 7);
  EXPECT_EQ(of_it.state, State::NotAffected);
  EXPECT_EQ(of_it.reason, core::RejectReason::Blocked);
  EXPECT_EQ(of_it.text, "maintenance");
  EXPECT_EQ(of_it.owner, "desk-b");
}

TEST_P(MassCancelTableTest, GivesBackKillSwitchesAndTheirRelease) {
  core::MassCancelRecord engaged = record("ops", "kill-1"), released = record("ops", "kill-2"),
                         client = record("ops", "m");
  engaged.request.cause = released.request.cause = core::MassCancelRequest::Cause::KillSwitch;
  engaged.request.reason = released.request.reason = "limits";
  released.release = core::KillSwitchRelease{"chief", "all clear", true, at(seconds(4))};
  ASSERT_TRUE(commit(*open(), {engaged, released, client}).ok());
  const core::Snapshot snapshot = load(*open());
  ASSERT_EQ(snapshot.mass_cancels.size(), 3U);
  EXPECT_EQ(snapshot.mass_cancels[0].request, engaged.request);
  EXPECT_FALSE(snapshot.mass_cancels[0].release);
  const auto& release = snapshot.mass_cancels[1].release;
  ASSERT_TRUE(release);
  EXPECT_EQ(release->by, "chief");
  EXPECT_EQ(release->reason, "all clear");
  EXPECT_TRUE(release->forced);
  EXPECT_EQ(release->at, at(seconds(4)));
  EXPECT_EQ(snapshot.mass_cancels[2].request.cause, core::MassCancelRequest::Cause::Client);
}

TEST_P(MassCancelTableTest, GivesBackDeadMansSwitchesThatAreArmed) {
  auto store = open();
  ASSERT_TRUE(commit(*store, {core::DeadManRecord{"alice", seconds(5), false, at(seconds(1))},
                              core::DeadManRecord{"bob", seconds(9), false, at(seconds(1))}})
                  .ok());
  ASSERT_TRUE(
      commit(*store, {core::DeadManRecord{"alice", seconds(5), true, at(seconds(2))}, core::DeadManDisarmed{"bob"}})
          .ok());
  store.reset();
  const core::Snapshot snapshot = load(*open());
  ASSERT_EQ(snapshot.dead_men.size(), 1U);
  EXPECT_EQ(snapshot.dead_men[0].sender, "alice");
  EXPECT_EQ(snapshot.dead_men[0].window, seconds(5));
  EXPECT_TRUE(snapshot.dead_men[0].fired);
  EXPECT_EQ(snapshot.dead_men[0].updated, at(seconds(2)));
}

TEST_P(MassCancelTableTest, GivesBackEveryScope) {
  using Whose = core::MassCancelRequest::Whose;
  const std::pair<Whose, core::Scope::Whose> scopes[] = {{Whose::Own, core::Scope::Whose::Owner},
                                                         {Whose::Sender, core::Scope::Whose::Owner},
                                                         {Whose::Unowned, core::Scope::Whose::Unowned},
                                                         {Whose::All, core::Scope::Whose::All}};
  for (const auto& [whose, of] : scopes) {
    core::MassCancelRecord written = record("ops", "m");
    written.request.whose = whose;
    written.request.scope = {};
    written.request.scope.whose = of;
    ASSERT_TRUE(commit(*open(), {written}).ok());
    EXPECT_EQ(load(*open()).mass_cancels[0].request, written.request);
  }
}

TEST_P(MassCancelTableTest, OfAnEndedOneOnlyOrdersWithAnUndecidedCommandAreRead) {
  ASSERT_TRUE(commit(*open(), {record("ops", "open"), record("ops", "ended", true), order("open", 1, State::Canceled),
                               order("open", 2, State::Pending), order("ended", 3, State::Canceled),
                               order("ended", 4, State::Canceling)})
                  .ok());
  std::multiset<std::string> orders;
  for (const core::MassCancelOrder& order : load(*open()).mass_cancel_orders) {
    orders.insert(order.mass.cl_ord_id + std::to_string(order.order_id));
  }
  EXPECT_EQ(orders, (std::multiset<std::string>{"ended4", "open1", "open2"}));
}

TEST_P(MassCancelTableTest, TheLastStateCountsAndRowsGoTogether) {
  auto store = open();
  ASSERT_TRUE(commit(*store, {record("ops", "m"), order("m", 7, State::Pending)}).ok());
  ASSERT_TRUE(commit(*store, {order("m", 7, State::Filled)}).ok());
  EXPECT_EQ(select("SELECT state FROM mass_cancel_orders"), "FILLED");
  ASSERT_TRUE(commit(*store, {core::MassCancelForgotten{{"ops", "m"}}}).ok());
  EXPECT_EQ(select("SELECT COUNT(*) FROM mass_cancels"), "0");
  EXPECT_EQ(select("SELECT COUNT(*) FROM mass_cancel_orders"), "0");
}

TEST_P(MassCancelTableTest, OneOrderIsForgottenByItself) {
  auto store = open();
  ASSERT_TRUE(
      commit(*store, {record("ops", "m"), order("m", 7, State::Canceled), order("m", 8, State::Canceled)}).ok());
  ASSERT_TRUE(commit(*store, {core::MassCancelOrderForgotten{{"ops", "m"}, 7}}).ok());
  EXPECT_EQ(select("SELECT order_id FROM mass_cancel_orders"), "8");
}

TEST_P(MassCancelTableTest, TheLastReportOfAnOpenOneIsNotPruned) {
  options_.retention = hours(1);
  {
    auto store = open();
    core::MassCancelRecord open_one = record("ops", "m");
    open_one.report_seq = 2;
    Batch batch{open_one};
    for (uint64_t seq = 1; seq <= 3; ++seq) batch.push_back(EventRow{"client.ops.", seq, now().wall, "event"});
    ASSERT_TRUE(commit(*store, batch).ok());
  }
  a_bus_has_run(hours(5));
  auto store = open();
  ASSERT_TRUE(commit(*store, {core::FactPosition{1, 1}}).ok());
  EXPECT_EQ(first_kept(*store, "client.ops."), 2U);
}

}  // namespace
}  // namespace cancelbus::io
