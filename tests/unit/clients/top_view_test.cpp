#include "clients/cancelctl/top_view.hpp"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <sstream>

namespace cancelbus::ctl {
namespace {

using google::protobuf::util::TimeUtil;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

google::protobuf::Timestamp at(int64_t ms) { return TimeUtil::MillisecondsToTimestamp(1'700'000'000'000 + ms); }

v1::BusStatus busy_bus() {
  v1::BusStatus status;
  *status.mutable_as_of() = at(5'000);
  auto* window = status.add_windows();
  window->set_limiter("cancel");
  window->set_used(3);
  window->set_limit(10);
  window->mutable_period()->set_seconds(1);
  for (int i = 0; i < 10; ++i) {
    auto* queue = status.add_queues();
    queue->set_sender_comp_id("desk-" + std::to_string(i));
    queue->set_normal(4);
    *queue->mutable_oldest() = at(2'900);
  }
  status.set_orders_in_doubt(2);
  *status.mutable_oldest_doubt() = at(1'000);
  return status;
}

v1::Event final_of(int64_t order_id) {
  v1::Event event;
  event.set_topic("client.desk-a.");
  *event.mutable_sending_time() = at(0);
  event.mutable_cancel_final()->set_order_id(order_id);
  event.mutable_cancel_final()->set_ord_status(v1::ORD_STATUS_CANCELED);
  event.mutable_cancel_final()->set_evidence(v1::EVIDENCE_CHANNEL_452);
  return event;
}

TEST(TopView, ShowsWhatHoldsCommandsUp) {
  TopView view("tcp://bus:5550", "all");
  view.on(busy_bus());
  view.on(final_of(7));
  EXPECT_THAT(view.lines({70, 100}, Paint()),
              AllOf(Contains("cancelbus at tcp://bus:5550, as of 22:13:25 UTC"),
                    Contains("cancel 1s    [" + std::string(15, '#') + std::string(35, '.') + "] 3/10"),
                    Contains("queue    40 orders wait for budget"),
                    Contains("  desk-0  0 urgent, 4 normal, the next for 2.1 s"), Contains("  and 2 more senders"),
                    Contains("doubt    2 orders, the oldest for 4.0 s"), Contains("workers  none"),
                    Contains("store    DOES NOT TAKE WRITES, 0 bytes"),
                    Contains("  22:13:20 desk-a order 7 final CANCELED (CHANNEL_452)")));
}

TEST(TopView, CountsOpenOrders) {
  TopView view("tcp://bus:5550", "all");
  v1::BusStatus status = busy_bus();
  auto& count = *status.add_open_order_count();
  count.set_owner("desk-a");
  count.set_orders(12);
  *status.mutable_complete_as_of() = at(2'000);
  view.on(status);
  EXPECT_THAT(view.lines({100, 100}, Paint()), Contains("orders   12 known (desk-a 12), complete as of 3.0 s ago"));
}

TEST(TopView, ShowsEngagedKillSwitches) {
  TopView view("tcp://bus:5550", "all");
  v1::BusStatus status;
  *status.mutable_as_of() = at(5'000);
  auto& engaged = *status.add_kill_switches();
  engaged.set_scope(v1::MASS_CANCEL_SCOPE_ALL);
  engaged.set_sender_comp_id("ctl-1");
  engaged.set_reason("quotes");
  *engaged.mutable_since() = at(0);
  view.on(status);
  EXPECT_THAT(
      view.lines({200, 100}, Paint()),
      Contains(testing::StartsWith("kill     every order: ENGAGED by ctl-1 at 2023-11-14T22:13:20Z: quotes; ")));
}

TEST(TopView, FitsAnySize) {
  TopView view("tcp://bus:5550", "all");
  view.trouble("d\xC3\xABsk is \xC3\xABlsewhere");
  EXPECT_THAT(view.lines({4, 2}, Paint()), testing::ElementsAre("canc", "elbu"));
  EXPECT_THAT(view.lines({8, 9}, Paint()), testing::ElementsAre("cancelbu", "s at", "tcp://bu", "s:5550,", "not",
                                                                "heard", "yet", "d\xC3\xABsk is", "\xC3\xABlsewher"));
  view.on(busy_bus());
  for (size_t columns = 0; columns < 90; ++columns) {
    for (const std::string& line : view.lines({columns, 100}, Paint())) EXPECT_LE(line.size(), columns + 2) << line;
  }
  EXPECT_THAT(view.lines({80, 3}, Paint()), SizeIs(3));
  EXPECT_THAT(view.lines({80, 0}, Paint()), IsEmpty());
}

TEST(TopView, NoWordIsCutOffHoweverNarrowItIs) {
  TopView view("tcp://bus:5550", "all");
  v1::BusStatus status = busy_bus();
  status.set_commands_undecided(1'234'567);
  status.set_store_bytes(987'654'321);
  auto& doubt = *status.add_doubts();
  doubt.set_order_id(9'007'199'254'740'993);
  doubt.set_sender_comp_id("desk-a");
  doubt.set_cl_ord_id("c-1");
  doubt.set_text("the exchange said a great many things at once");
  v1::Cause& cause = *status.add_cause();
  cause.set_text("a long sentence about what is wrong, which fits no narrow terminal of 60 columns at all");
  view.on(status);
  view.on(final_of(9'007'199'254'740'993));
  const auto words = [&view](size_t columns) {
    std::vector<std::string> found;
    for (const std::string& line : view.lines({columns, 10'000}, Paint())) {
      std::istringstream in(line);
      for (std::string word; in >> word;) {
        if (word.find('[') == std::string::npos) found.push_back(word);  // gauges fit the width
      }
    }
    return found;
  };
  for (const size_t columns : {40, 60, 61, 79}) {
    for (const std::string& line : view.lines({columns, 10'000}, Paint())) EXPECT_LE(line.size(), columns) << line;
    EXPECT_EQ(words(columns), words(1'000)) << columns;
  }
}

TEST(TopView, KeepsTheLastFinalsNewestFirst) {
  TopView view("tcp://bus:5550", "all");
  for (int64_t id = 1; id <= 200; ++id) view.on(final_of(id));
  ASSERT_THAT(view.finals(), SizeIs(TopView::MaxFinals));
  EXPECT_EQ(view.finals().front().cancel_final().order_id(), 200);
  v1::Event other;
  other.mutable_cancel_ack();
  view.on(other);
  EXPECT_TRUE(view.finals().front().has_cancel_final());
}

TEST(TopView, WhatCommandsWaitForStandsOnTop) {
  TopView view("tcp://bus:5550", "all");
  v1::BusStatus status = busy_bus();
  view.on(status);
  EXPECT_EQ(view.lines({}, Paint())[1], "bus      ok");
  v1::Cause& cause = *status.add_cause();
  cause.set_kind(v1::CAUSE_KIND_NO_WORKER);
  cause.set_text("no worker is connected");
  cause.set_stops("cancels and queries");
  *cause.mutable_since() = at(2'000);
  view.on(status);
  EXPECT_EQ(view.lines({120, 24}, Paint())[1],
            "bus      NO_WORKER: no worker is connected; for 3.0 s, stops cancels and queries");
  status.add_event_bar()->set_name("desk-a");
  status.mutable_event_bar(0)->set_text("subscribed to \"client.\"");
  view.on(status);
  EXPECT_EQ(view.lines({120, 24}, Paint())[2],
            "barred   the key of desk-a is barred from events: subscribed to \"client.\"");
}

TEST(TopView, ThatTheBusObservesStandsOnTop) {
  TopView view("tcp://bus:5550", "all");
  v1::BusStatus status = busy_bus();
  status.set_observing(true);
  view.on(status);
  EXPECT_EQ(view.lines({}, Paint())[1], "bus      OBSERVING: no cancel is sent; the bus runs with --observe");
  EXPECT_THAT(view.lines({}, Paint()), Not(Contains("bus      ok")));
}

TEST(TopView, ATroubleIsShownUntilItIsOver) {
  TopView view("tcp://bus:5550", "all");
  view.trouble("no answer");
  EXPECT_THAT(view.lines({}, Paint(true)), Contains("\x1b[31mno answer\x1b[0m"));
  view.trouble("");
  EXPECT_THAT(view.lines({}, Paint()), Not(Contains(HasSubstr("no answer"))));
}

}  // namespace
}  // namespace cancelbus::ctl
