#include "service/core/command_index.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::hours;

class CommandIndexTest : public ::testing::Test {
 protected:
  static constexpr Duration Start = hours(10'000);

  static CommandRecord record(const std::string& sender, const std::string& cl_ord_id) {
    CommandRecord record;
    record.key = {sender, cl_ord_id};
    return record;
  }
  static CommandRecord ended(const std::string& sender, const std::string& cl_ord_id) {
    CommandRecord ended = record(sender, cl_ord_id);
    ended.ended = true;
    return ended;
  }
  /// The cl_ord_ids that are forgotten now.
  static std::string forgotten(CommandIndex& index, Duration now) {
    std::string out;
    for (const auto& [key, order] : index.forget(now)) out += key.cl_ord_id + " ";
    return out;
  }

  GatewayOptions options;
};

TEST_F(CommandIndexTest, AKeyIsOneCommandOfOneSender) {
  CommandIndex index(options);
  EXPECT_EQ(index.find({"alice", "a"}), nullptr);
  index.add({"alice", "a"}, 7);
  index.add({"bob", "a"}, 8);
  ASSERT_NE(index.find({"alice", "a"}), nullptr);
  EXPECT_EQ(index.find({"alice", "a"})->order_id, 7);
  EXPECT_FALSE(index.find({"alice", "a"})->ended);
  EXPECT_EQ(index.find({"bob", "a"})->order_id, 8);
  EXPECT_EQ(index.find({"alice", "b"}), nullptr);
  EXPECT_EQ(index.undecided(), 2U);
}

TEST_F(CommandIndexTest, TheBusIsFullAtMaxOpenUntilOneEnds) {
  options.max_open = 2;
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  EXPECT_EQ(index.why_full("carol"), "");
  index.add({"bob", "b"}, 2);
  EXPECT_EQ(index.why_full("carol"), "the bus holds max_open commands");
  index.update(ended("alice", "a"), Start);
  EXPECT_EQ(index.why_full("carol"), "");
}

TEST_F(CommandIndexTest, ASenderIsFullAtMaxOpenPerSenderUntilOneEnds) {
  options.max_open_per_sender = 2;
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  EXPECT_EQ(index.why_full("alice"), "");
  index.add({"alice", "b"}, 1);
  EXPECT_EQ(index.why_full("alice"), "the sender has max_open_per_sender open commands");
  EXPECT_EQ(index.why_full("bob"), "");
  index.update(ended("alice", "a"), Start);
  EXPECT_EQ(index.why_full("alice"), "");
}

TEST_F(CommandIndexTest, EndedCommandsCountForTheirSenderUntilTheyAreForgotten) {
  options.max_remembered_per_sender = 2;
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  index.update(ended("alice", "a"), Start);
  EXPECT_EQ(index.why_full("alice"), "");
  index.add({"alice", "b"}, 1);
  index.update(ended("alice", "b"), Start + Duration(1));
  EXPECT_EQ(index.why_full("alice"), "the sender has max_remembered_per_sender commands within retention");
  EXPECT_EQ(index.why_full("bob"), "");
  index.forget(Start + options.retention);
  EXPECT_EQ(index.why_full("alice"), "");
}

TEST_F(CommandIndexTest, AnEntrySaysWhatItsRecordSays) {
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  CommandRecord row = record("alice", "a");
  row.ack_seq = 3;
  index.update(row, Start);
  EXPECT_EQ(index.find(row.key)->ack_seq, 3U);
  EXPECT_EQ(index.find(row.key)->final_seq, 0U);
  EXPECT_FALSE(index.find(row.key)->ended);
  row.final_seq = 4;
  row.ended = true;
  index.update(row, Start);
  EXPECT_EQ(index.find(row.key)->final_seq, 4U);
  EXPECT_TRUE(index.find(row.key)->ended);
}

TEST_F(CommandIndexTest, OnlyAFinalByAnOperatorIsAnOverride) {
  CommandIndex index(options);
  for (const char* id : {"proven", "settled"}) index.add({"alice", id}, 1);
  CommandRecord row = ended("alice", "proven");
  row.final = CancelFinal{};
  row.final->ord_status = OrdStatus::Filled;
  row.final->evidence = Evidence::OrderQuery;
  index.update(row, Start);
  row.key.cl_ord_id = "settled";
  row.final->evidence = Evidence::Operator;
  index.update(row, Start);
  EXPECT_EQ(index.find({"alice", "proven"})->override_status, std::nullopt);
  EXPECT_EQ(index.find({"alice", "settled"})->override_status, OrdStatus::Filled);
}

TEST_F(CommandIndexTest, ACommandThatIsUpdatedTwiceEndsOnce) {
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  index.add({"alice", "b"}, 2);
  index.update(ended("alice", "a"), Start);
  index.update(ended("alice", "a"), Start + hours(1));
  EXPECT_EQ(index.undecided(), 1U);
  EXPECT_EQ(forgotten(index, Start + options.retention), "a ");
  EXPECT_EQ(forgotten(index, Start + options.retention + hours(1)), "");
  index.check();
}

TEST_F(CommandIndexTest, RetentionIsOverAtItsVeryEnd) {
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  index.update(ended("alice", "a"), Start);
  EXPECT_EQ(forgotten(index, Start + options.retention - Duration(1)), "");
  EXPECT_NE(index.find({"alice", "a"}), nullptr);
  EXPECT_EQ(forgotten(index, Start + options.retention), "a ");
  EXPECT_EQ(index.find({"alice", "a"}), nullptr);
}

TEST_F(CommandIndexTest, AnUndecidedCommandIsNeverForgotten) {
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  index.update(record("alice", "a"), Start);
  EXPECT_EQ(forgotten(index, Start + 1'000 * options.retention), "");
}

TEST_F(CommandIndexTest, ABoundedNumberIsForgottenAtATimeInTheOrderOfTheirEnd) {
  CommandIndex index(options);
  const auto key = [](size_t i) { return CommandKey{"alice", std::to_string(i)}; };
  for (size_t i = 0; i <= CommandIndex::MaxForgotten; ++i) index.add(key(i), static_cast<OrderId>(i));
  for (size_t i = 0; i <= CommandIndex::MaxForgotten; ++i) {
    index.update(ended("alice", std::to_string(CommandIndex::MaxForgotten - i)), Start);
  }
  const std::vector<CommandIndex::Forgotten> first = index.forget(Start + options.retention);
  ASSERT_EQ(first.size(), CommandIndex::MaxForgotten);
  EXPECT_EQ(first.front().key, key(CommandIndex::MaxForgotten));
  EXPECT_EQ(first.front().order_id, static_cast<OrderId>(CommandIndex::MaxForgotten));
  EXPECT_EQ(first.back().key, key(1));
  EXPECT_EQ(forgotten(index, Start + options.retention), "0 ");
  index.check();
}

TEST_F(CommandIndexTest, AKeyIsNewAgainAfterItWasForgotten) {
  CommandIndex index(options);
  index.add({"alice", "a"}, 1);
  index.update(ended("alice", "a"), Start);
  index.forget(Start + options.retention);
  index.add({"alice", "a"}, 2);
  EXPECT_EQ(index.find({"alice", "a"})->order_id, 2);
  EXPECT_FALSE(index.find({"alice", "a"})->ended);
  EXPECT_EQ(index.undecided(), 1U);
  EXPECT_EQ(forgotten(index, Start + 2 * options.retention), "");
  index.check();
}

TEST_F(CommandIndexTest, OrdersOfASenderAreThoseItWaitsForEachOnce) {
  CommandIndex index(options);
  index.add({"alice", "a"}, 5);
  index.add({"alice", "b"}, 5);
  index.add({"alice", "c"}, 3);
  index.add({"alice", "d"}, 4);
  index.add({"bob", "e"}, 6);
  index.update(ended("alice", "a"), Start);
  index.update(ended("alice", "d"), Start);
  using Place = CommandIndex::Place;
  EXPECT_EQ(index.next_undecided("alice", {}), Place(3, "c"));
  EXPECT_EQ(index.next_undecided("alice", {3, "c"}), Place(5, "b"));
  EXPECT_EQ(index.next_undecided("alice", {4, "z"}), Place(5, "b"));
  EXPECT_EQ(index.next_undecided("alice", {5, "b"}), std::nullopt);
  EXPECT_EQ(index.next_undecided("carol", {}), std::nullopt);
}

TEST_F(CommandIndexTest, WhatTheStoreHeldIsForgottenInTheOrderOfItsEndToo) {
  CommandIndex index(options);
  CommandRecord row = ended("alice", "later");
  row.order.order_id = 9;
  row.run_time = Start + hours(1);
  index.restore(row);
  row = ended("alice", "earlier");
  row.run_time = Start;
  index.restore(row);
  index.restore(record("alice", "undecided"));
  index.restored();
  EXPECT_EQ(index.find({"alice", "later"})->order_id, 9);
  EXPECT_EQ(index.undecided(), 1U);
  EXPECT_EQ(forgotten(index, Start + options.retention), "earlier ");
  EXPECT_EQ(forgotten(index, Start + hours(1) + options.retention), "later ");
  index.check();
}

}  // namespace
}  // namespace cancelbus::core
