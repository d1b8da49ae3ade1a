#include "service/io/history_table.hpp"

#include <gtest/gtest.h>

#include "service/io/history_pager.hpp"
#include "tests/unit/io/store_fixture.hpp"

namespace cancelbus::io {
namespace {

using core::HistoryLine;
using What = core::HistoryLine::What;

class HistoryTableTest : public EachStore {
 protected:
  static core::WallTime at(int second) { return core::WallTime(std::chrono::seconds(1'000'000 + second)); }

  /// Undecided from `received` on; to `ended`, if that is given.
  static core::CommandRecord known(const std::string& sender, const std::string& id, core::OrderId order, int received,
                                   std::optional<int> ended = {}) {
    core::CommandRecord record;
    record.key = {sender, id};
    record.order.cl_ord_id = id;
    record.order.order_id = order;
    record.timeline.received = at(received);
    record.updated = at(ended.value_or(received));
    record.ended = ended.has_value();
    return record;
  }

  HistoryLine line(core::OrderId order, int second, HistoryLine what = {.text = "x"}) {
    what.order_id = order;
    what.at = at(second);
    what.line = ++lines_[order];
    return what;
  }

  core::HistoryPage read(Store& store, const core::HistoryQuery& query) {
    using Result = absl::StatusOr<core::HistoryPage>;
    const auto result = answered<Result>([&](auto done) { store.read_history(query, std::move(done)); });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : core::HistoryPage();
  }

  /// As "desk-a/c1:2": how many lines came with each command; one that goes on is told again.
  std::vector<std::string> told(const core::HistoryPage& page) {
    std::vector<std::string> out;
    for (const core::HistoryCommand& command : page.commands) {
      out.push_back(command.key.sender + "/" + command.key.cl_ord_id + ":" + std::to_string(command.rows.size()));
    }
    return out;
  }

  std::map<core::OrderId, uint32_t> lines_;
};

using Told = std::vector<std::string>;

INSTANTIATE_TEST_SUITE_P(On, HistoryTableTest, ::testing::ValuesIn(engines()), engine_name);

TEST_P(HistoryTableTest, FindsCommandsByOrderByNameBySenderAndByTime) {
  auto store = open();
  ASSERT_TRUE(commit(*store, {known("desk-a", "c1", 100, 10, 20), known("desk-a", "c2", 101, 15),
                              known("desk-b", "c1", 100, 30, 31), line(100, 11), line(100, 12), line(101, 16)})
                  .ok());
  EXPECT_EQ(told(read(*store, {})), (Told{"desk-a/c1:2", "desk-a/c2:1", "desk-b/c1:0"}));
  EXPECT_EQ(told(read(*store, {.order_id = 100})), (Told{"desk-a/c1:2", "desk-b/c1:0"}));
  EXPECT_EQ(told(read(*store, {.order_id = 100, .sender = "desk-b"})), (Told{"desk-b/c1:2"}));
  EXPECT_EQ(told(read(*store, {.sender = "desk-a"})), (Told{"desk-a/c1:2", "desk-a/c2:1"}));
  EXPECT_EQ(told(read(*store, {.sender = "desk-a", .cl_ord_id = "c2"})), (Told{"desk-a/c2:1"}));
  EXPECT_EQ(told(read(*store, {.cl_ord_id = "c1"})), (Told{"desk-a/c1:2", "desk-b/c1:0"}));
  EXPECT_TRUE(read(*store, {.sender = "desk-a", .cl_ord_id = "c0"}).commands.empty());
  // c2 is still undecided.
  EXPECT_EQ(told(read(*store, {.from = at(21)})), (Told{"desk-a/c2:0", "desk-b/c1:0"}));
  EXPECT_EQ(told(read(*store, {.from = at(12), .to = at(15)})), (Told{"desk-a/c1:1", "desk-a/c2:0"}));
  EXPECT_FALSE(read(*store, {}).next.has_value());
}

TEST_P(HistoryTableTest, FindsLongNames) {
  auto store = open();
  const std::string sender(64, 's'), id = "0b4c3f1e-9f0f-4d6a-8f43-0f6f1c0a7e55";
  ASSERT_TRUE(commit(*store, {known(sender, id, 100, 10, 20), line(100, 11)}).ok());
  EXPECT_EQ(told(read(*store, {.sender = sender, .cl_ord_id = id})), (Told{sender + "/" + id + ":1"}));
  EXPECT_EQ(told(read(*store, {.sender = sender})), (Told{sender + "/" + id + ":1"}));
}

TEST_P(HistoryTableTest, GoesOnBehindTheLastCommandThatItHasLookedAt) {
  auto store = open();
  Batch batch;
  for (uint32_t i = 0; i < HistoryPager::MostCommandsLookedAt; ++i) {
    const bool last = i + 1 == HistoryPager::MostCommandsLookedAt;
    batch.push_back(
        known("desk-a", "c" + std::to_string(10'000 + i), 100 + i, 10, last ? std::nullopt : std::optional(20)));
  }
  batch.push_back(known("desk-b", "c1", 99, 30));
  ASSERT_TRUE(commit(*store, batch).ok());
  const core::HistoryPage page = read(*store, {.from = at(21)});
  EXPECT_EQ(told(page), (Told{"desk-a/c10999:0"}));
  ASSERT_TRUE(page.next);
  const core::HistoryPage rest = read(*store, {.from = at(21), .after = *page.next});
  EXPECT_EQ(told(rest), (Told{"desk-b/c1:0"}));
  EXPECT_FALSE(rest.next);
}

TEST_P(HistoryTableTest, TellsWhatIsKnownOfACommandAndOfItsLines) {
  auto store = open();
  core::CommandRecord record = known("desk-a", "c1", 100, 10, 20);
  record.order.symbol = "BTCTRY";
  record.order.priority = core::Priority::Urgent;
  record.expires = at(70);
  record.ack_seq = 1;
  record.final_seq = 2;
  const HistoryLine answer = {.what = What::Answer,
                              .status = core::Verdict::Accepted,
                              .text = "SUCCESS",
                              .task = 5,
                              .attempt = 2,
                              .stamp_ms = 7,
                              .worker = "w1",
                              .http_status = 200,
                              .exchange_code = 9,
                              .amount = "2",
                              .left_amount = "1"};
  ASSERT_TRUE(commit(*store, {record, line(100, 11, answer), EventRow{"client.desk-a.", 1, at(12), "an ack"},
                              EventRow{"client.desk-a.", 2, at(20), "a final"}})
                  .ok());
  const core::HistoryPage page = read(*store, {.sender = "desk-a", .cl_ord_id = "c1"});
  const core::HistoryCommand& command = page.commands.at(0);
  EXPECT_EQ(command.symbol, "BTCTRY");
  EXPECT_EQ(command.priority, core::Priority::Urgent);
  EXPECT_EQ(command.received, at(10));
  EXPECT_EQ(command.expires, at(70));
  EXPECT_TRUE(command.ended);
  EXPECT_EQ(command.ack, "an ack");
  EXPECT_EQ(command.final, "a final");
  const core::HistoryRow& row = command.rows.at(0);
  EXPECT_EQ(row.at, at(11));
  EXPECT_EQ(row.term, 1U);
  EXPECT_EQ(row.line, 1U);
  EXPECT_EQ(row.what, "ANSWER");
  EXPECT_EQ(row.status, "ACCEPTED");
  EXPECT_EQ(row.text, "SUCCESS");
  EXPECT_EQ(row.task, 5U);
  EXPECT_EQ(row.attempt, 2U);
  EXPECT_EQ(row.stamp_ms, 7);
  EXPECT_EQ(row.worker, "w1");
  EXPECT_EQ(row.http_status, 200);
  EXPECT_EQ(row.exchange_code, 9);
  EXPECT_EQ(row.amount, "2");
  EXPECT_EQ(row.left_amount, "1");
}

TEST_P(HistoryTableTest, PagesAreBoundedAndEveryLineIsOnOneOfThem) {
  auto store = open();
  Batch batch = {known("desk-a", "c1", 100, 10), known("desk-b", "c1", 100, 10)};
  for (int i = 1; i <= 1'200; ++i) batch.push_back(line(100, i));
  for (int i = 0; i < 250; ++i) batch.push_back(known("desk-c", "c" + std::to_string(1'000 + i), 200 + i, 10));
  ASSERT_TRUE(commit(*store, batch).ok());
  core::HistoryQuery query;
  std::vector<uint32_t> lines;
  std::vector<core::CommandKey> commands;
  size_t pages = 0;
  for (bool more = true; more; ++pages) {
    const core::HistoryPage page = read(*store, query);
    EXPECT_LE(page.commands.size(), HistoryPager::MostCommands);
    size_t rows = 0;
    for (const core::HistoryCommand& command : page.commands) {
      if (commands.empty() || commands.back() != command.key) commands.push_back(command.key);
      for (const core::HistoryRow& row : command.rows) lines.push_back(row.line);
      rows += command.rows.size();
    }
    EXPECT_LE(rows, HistoryPager::MostRows);
    more = page.next.has_value();
    if (more) query.after = *page.next;
  }
  EXPECT_EQ(commands.size(), 252U);
  ASSERT_GE(lines.size(), 1'200U);
  for (uint32_t i = 0; i < 1'200; ++i) EXPECT_EQ(lines[i], i + 1);
  EXPECT_GE(pages, 5U);
}

TEST_P(HistoryTableTest, OfOneOrderTheLinesComeOnceOverAllPages) {
  auto store = open();
  Batch batch;
  for (int i = 0; i < 250; ++i) batch.push_back(known("desk-a", "c" + std::to_string(1'000 + i), 100, 10));
  for (int i = 1; i <= 700; ++i) batch.push_back(line(100, i));
  ASSERT_TRUE(commit(*store, batch).ok());
  core::HistoryQuery query{.order_id = 100};
  size_t rows = 0, commands = 0;
  for (bool more = true; more;) {
    const core::HistoryPage page = read(*store, query);
    for (const core::HistoryCommand& command : page.commands) rows += command.rows.size();
    commands += page.commands.size();
    more = page.next.has_value();
    if (more) query.after = *page.next;
  }
  EXPECT_EQ(rows, 700U);
  EXPECT_GE(commands, 250U);
}

TEST_P(HistoryTableTest, APageLooksAtSoManyCommandsAtMost) {
  auto store = open();
  Batch batch;
  for (int i = 0; i < 1'500; ++i) batch.push_back(known("desk-a", "c" + std::to_string(10'000 + i), 100 + i, 10, 11));
  ASSERT_TRUE(commit(*store, batch).ok());
  core::HistoryQuery query{.from = at(50)};
  const core::HistoryPage first = read(*store, query);
  EXPECT_TRUE(first.commands.empty());
  ASSERT_TRUE(first.next.has_value());
  EXPECT_EQ(first.next->key.cl_ord_id, "c10999");
  query.after = *first.next;
  EXPECT_FALSE(read(*store, query).next.has_value());
}

TEST_P(HistoryTableTest, AStrategyDoesNotReadWhatAnOperatorDidWithCommandsOfOthers) {
  auto store = open();
  ASSERT_TRUE(commit(*store, {known("desk-a", "c1", 100, 10), known("desk-b", "c9", 100, 10), line(100, 11),
                              line(100, 12, {.what = What::Resolve, .text = "of desk-b/c9 by ctl"}),
                              line(100, 13, {.what = What::Resolve, .text = "of desk-a/c1 by ctl"})})
                  .ok());
  EXPECT_EQ(told(read(*store, {.sender = "desk-a", .own_only = true})), (Told{"desk-a/c1:2"}));
  EXPECT_EQ(told(read(*store, {.sender = "desk-a"})), (Told{"desk-a/c1:3"}));
}

TEST_P(HistoryTableTest, WhatIsForgottenIsGone) {
  auto store = open();
  ASSERT_TRUE(commit(*store, {known("desk-a", "c1", 100, 10, 11), line(100, 11)}).ok());
  ASSERT_TRUE(commit(*store, {core::CommandForgotten{{"desk-a", "c1"}}, core::HistoryForgotten{100}}).ok());
  EXPECT_TRUE(read(*store, {}).commands.empty());
  EXPECT_EQ(select("SELECT COUNT(*) FROM history"), "0");
}

}  // namespace
}  // namespace cancelbus::io
