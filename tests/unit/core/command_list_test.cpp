#include "service/core/command_list.hpp"

#include <gtest/gtest.h>

#include <set>

#include "service/core/gateway.hpp"
#include "tests/scenario/memory_store.hpp"

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

class CommandListTest : public ::testing::Test {
 protected:
  CommandListTest() : gateway_(options(), store_.start(true), now_) {
    for (const char* name : {"desk-a", "desk-b"}) step(Hello{name, name, {}, false});
  }

  static GatewayOptions options() {
    GatewayOptions options;
    options.max_open = options.max_open_per_sender = 10'000;
    return options;
  }

  Actions step(const Event& event) {
    Actions actions = gateway_.step(now_, event);
    store_.commit(actions.records);
    return actions;
  }

  void cancel(const std::string& sender, const std::string& id, OrderId order_id) {
    CancelOrder order;
    order.cl_ord_id = id;
    order.order_id = order_id;
    step(CommandReceived{sender, order});
  }

  SendCommands page(const CommandsRequest& request) { return std::get<SendCommands>(step(request).sends.at(0)); }

  testing::MemoryStore store_;
  Instant now_{Tick(std::chrono::hours(1)), WallTime(std::chrono::hours(1))};
  Gateway gateway_;
};

TEST_F(CommandListTest, EveryCommandIsOnOnePageAndPagesAreBounded) {
  std::set<CommandKey> expected;
  for (OrderId id = 1; id <= 150; ++id) {
    for (const char* sender : {"desk-a", "desk-b"}) {
      for (const char* name : {"x", "y"}) {
        const std::string cl_ord_id = name + std::to_string(id);
        cancel(sender, cl_ord_id, id);
        expected.insert({sender, cl_ord_id});
      }
    }
  }
  CommandsRequest request{.peer = "desk-a"};
  std::set<CommandKey> listed;
  size_t pages = 0, entries = 0;
  for (bool more = true; more; ++pages) {
    const SendCommands found = page(request);
    EXPECT_LE(found.commands.size(), CommandList::PageSize);
    for (const UndecidedCommand& command : found.commands) listed.insert(command.key);
    entries += found.commands.size();
    more = found.next.has_value();
    if (more) request.after = *found.next;
  }
  EXPECT_EQ(listed, expected);
  EXPECT_EQ(entries, expected.size()) << "each once";
  EXPECT_GE(pages, 3U);
}

TEST_F(CommandListTest, APageLooksAtSoManyCommandsAtMost) {
  for (OrderId id = 1; id <= 2'500; ++id) cancel("desk-a", "c" + std::to_string(id), id);
  CommandsRequest request{.peer = "desk-a", .which = CommandsRequest::Which::Stuck};
  const SendCommands first = page(request);
  EXPECT_TRUE(first.commands.empty());
  ASSERT_TRUE(first.next.has_value());
  EXPECT_EQ(first.next->order_id, 2'000);
  request.after = *first.next;
  EXPECT_FALSE(page(request).next.has_value());
}

TEST_F(CommandListTest, NarrowsBySenderAndAge) {
  cancel("desk-a", "old", 7);
  now_.tick += seconds(10);
  now_.wall += seconds(10);
  cancel("desk-a", "new", 7);
  cancel("desk-b", "theirs", 5);
  const SendCommands mine = page({.peer = "desk-a", .sender = "desk-a"});
  ASSERT_EQ(mine.commands.size(), 2U);
  EXPECT_EQ(mine.commands[0].key.cl_ord_id, "new");
  EXPECT_EQ(mine.commands[1].key.cl_ord_id, "old");
  EXPECT_EQ(mine.commands[1].age, seconds(10));
  const SendCommands old = page({.peer = "desk-a", .older_than = seconds(10)});
  ASSERT_EQ(old.commands.size(), 1U);
  EXPECT_EQ(old.commands[0].key.cl_ord_id, "old");
  EXPECT_TRUE(page({.peer = "desk-a", .older_than = seconds(11)}).commands.empty());
}

TEST_F(CommandListTest, AgeDoesNotDependOnAWallClockThatIsSetWhileTheBusRuns) {
  cancel("desk-a", "c", 7);
  now_.tick += seconds(10);
  now_.wall -= std::chrono::minutes(10);
  EXPECT_EQ(page({.peer = "desk-a"}).commands.at(0).age, seconds(10));
}

}  // namespace
}  // namespace cancelbus::core
