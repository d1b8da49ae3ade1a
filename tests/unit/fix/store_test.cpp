#include "clients/fix/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/fix/temporary_store.hpp"

namespace cancelbus::fix {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

OrderFacts order(int64_t order_id) {
  OrderFacts facts;
  facts.order_id = order_id;
  return facts;
}

TEST(FixStore, WhatWasCommittedOutlivesTheProcessAndNothingElse) {
  TemporaryStore store;
  store->begin();
  SessionStore& session = store->session("A");
  session.save(1, "one");
  session.set_next_out(2);
  session.set_next_in(7);
  session.set_position({9, 41});
  session.put_aside({"8", {{37, "5"}, {58, "a=b"}}});
  store->commit();
  store->begin();
  session.save(2, "two");
  session.set_next_out(3);
  session.set_position({9, 42});
  (void)session.take_waiting(10);
  store.reopen();

  SessionStore& again = store->session("A");
  EXPECT_EQ(again.next_out(), 2);
  EXPECT_EQ(again.next_in(), 7);
  EXPECT_EQ(again.position().next_seq, 41U);
  EXPECT_THAT(again.load(1, 9), ElementsAre("one"));
  ASSERT_EQ(again.waiting(), 1);
  store->begin();
  const auto waiting = again.take_waiting(10);
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].type, "8");
  EXPECT_EQ(value_of(waiting[0].body, 58), "a=b");
  EXPECT_EQ(again.waiting(), 0);
  store->commit();
}

TEST(FixStore, AResetForgetsMessagesAndNothingThatWaits) {
  TemporaryStore store;
  store->begin();
  SessionStore& session = store->session("A");
  session.save(1, "one");
  session.set_next_out(2);
  session.put_aside({"8", {{37, "5"}}});
  session.put(Request{.id = "c-1", .type = "F", .order_id = 5});
  session.reset(1'000);
  store->commit();
  EXPECT_EQ(session.next_out(), 1);
  EXPECT_EQ(session.created(), 1'000);
  EXPECT_THAT(session.load(1, 9), IsEmpty());
  EXPECT_EQ(session.waiting(), 1);
  EXPECT_TRUE(session.find("c-1"));
}

TEST(FixStore, SessionsDoNotSeeEachOther) {
  TemporaryStore store;
  store->begin();
  store->session("A").put(Request{.id = "c-1", .type = "F", .order_id = 5});
  store->session("A").put_aside({"8", {{37, "5"}}});
  store->session("B").save(1, "one");
  store->commit();
  EXPECT_FALSE(store->session("B").find("c-1"));
  EXPECT_THAT(store->session("A").load(1, 9), IsEmpty());
  EXPECT_EQ(store->session("B").waiting(), 0);
}

TEST(FixStore, EndedRequestsAreForgottenOthersAreNot) {
  TemporaryStore store;
  store->begin();
  SessionStore& session = store->session("A");
  session.put(Request{.id = "open", .type = "F", .stage = Stage::Pending, .order_id = 5});
  session.put(Request{.id = "ended", .type = "F", .stage = Stage::Ended, .order_id = 6});
  session.put(order(5));
  session.put(order(6));
  session.forget(1LL << 40);
  store->commit();
  EXPECT_TRUE(session.find("open"));
  EXPECT_FALSE(session.find("ended"));
  EXPECT_TRUE(session.facts(5));
  EXPECT_FALSE(session.facts(6));
}

TEST(FixStore, OneProcessAtATime) {
  TemporaryStore store;
  const auto second = Store::open(store.folder());
  EXPECT_FALSE(second.ok());
}

}  // namespace
}  // namespace cancelbus::fix
