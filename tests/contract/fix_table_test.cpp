// The table of FIX counterparts in proto/README.md against the options in the descriptors.
#include "tests/contract/fix_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace contract {
namespace {

using testing::HasSubstr;

TEST(FixTable, InTheReadmeIsWhatTheDescriptorsSay) {
  std::ifstream file(CONTRACT_README);
  const std::string readme(std::istreambuf_iterator<char>(file), {});
  const auto expected = with_fix_table(readme, fix_table(current_schema()));
  ASSERT_TRUE(expected) << "proto/README.md has lost the two lines between which the table of FIX stands";
  EXPECT_EQ(readme, *expected) << "The table of FIX in proto/README.md is stale: run tests/contract/release.";
}

TEST(FixTable, HasMessagesFieldsAndValues) {
  const std::string table = fix_table(current_schema());
  EXPECT_THAT(table, HasSubstr("| 35=F | | `CancelOrder` | |\n"));
  EXPECT_THAT(table, HasSubstr("| 58 | `text` | `CancelAck`, `CancelStatus`, `MassCancelReport`, "
                               "`MassCancelReport.NotAffected`, `Receipt`, `Reject`, `Resolved`, `RetryReply`, "
                               "`UndecidedCommand`, `HistoryLine`, `History`, "
                               "`MassCancelPreview`, `KillSwitchReply`, "
                               "`GoodbyeReply` | |\n"));
  EXPECT_THAT(table, HasSubstr("| 150 | `exec_type` | `CancelFinal` | CANCELED 4, TRADE F, ORDER_STATUS I |\n"));
}

TEST(FixTable, StandsBetweenItsMarkersOnly) {
  const std::string begin = "before\n<!-- FIX: tests/contract/release writes what follows -->\n";
  const std::string end = "<!-- FIX: until here -->\nafter\n";
  EXPECT_EQ(with_fix_table(begin + "old\n" + end, "new\n"), begin + "new\n" + end);
  EXPECT_FALSE(with_fix_table(begin, "new\n"));
  EXPECT_FALSE(with_fix_table(end, "new\n"));
  EXPECT_FALSE(with_fix_table(end + begin, "new\n"));
}

}  // namespace
}  // namespace contract
