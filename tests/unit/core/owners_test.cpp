#include "service/core/owners.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

TEST(OwnersTest, AnOrderBelongsToTheSenderWithAPrefixOfItsClientOrderId) {
  const Owners owners({{"dA-", "alice"}, {"dB-", "bob"}, {"x", "carol"}});
  EXPECT_EQ(owners.of("dA-17"), "alice");
  EXPECT_EQ(owners.of("dA-"), "alice");
  EXPECT_EQ(owners.of("dB-17"), "bob");
  EXPECT_EQ(owners.of("xyz"), "carol");
}

TEST(OwnersTest, WithoutAKnownPrefixTheOwnerIsNotKnown) {
  const Owners owners({{"dA-", "alice"}, {"dB-", "bob"}});
  for (const char* id : {"", "d", "dA", "da-17", "dC-1", "a", "zz", " dA-17"}) EXPECT_EQ(owners.of(id), "") << id;
  EXPECT_EQ(Owners().of("dA-17"), "");
  EXPECT_TRUE(Owners().empty());
  EXPECT_FALSE(owners.empty());
}

TEST(OwnersTest, OfOneSenderOnePrefixMayContainAnother) {
  const Owners owners({{"dA-x", "alice"}, {"dA-", "alice"}, {"dA-x1", "alice"}, {"dA-", "alice"}, {"dB", "bob"}});
  for (const char* id : {"dA-a", "dA-x", "dA-x1", "dA-x2", "dA-z"}) EXPECT_EQ(owners.of(id), "alice") << id;
  EXPECT_EQ(owners.of("dB"), "bob");
}

std::string conflict(const std::vector<OwnerPrefix>& prefixes) {
  const auto found = Owners::conflict(prefixes);
  if (!found) return "";
  const auto& [shorter, longer] = *found;
  return shorter.prefix + " of " + shorter.sender + ", " + longer.prefix + " of " + longer.sender;
}

TEST(OwnersTest, OfTwoSendersNoPrefixMayContainAnother) {
  EXPECT_EQ(conflict({{"dA-", "alice"}, {"dA-x", "bob"}}), "dA- of alice, dA-x of bob");
  EXPECT_EQ(conflict({{"dA-x", "bob"}, {"dA-", "alice"}}), "dA- of alice, dA-x of bob");
  EXPECT_EQ(conflict({{"dA-", "bob"}, {"dA-", "alice"}}), "dA- of alice, dA- of bob");
  EXPECT_EQ(conflict({{"dA-", "alice"}, {"dA-m", "alice"}, {"dA-x", "bob"}}), "dA- of alice, dA-x of bob");
  EXPECT_EQ(conflict({{"dA-", "alice"}, {"dA-m", "alice"}, {"dA", "alice"}, {"dB", "bob"}, {"d", "alice"}}),
            "d of alice, dB of bob");
  EXPECT_EQ(conflict({{"dA-", "alice"}, {"dB-", "bob"}, {"dA-x", "alice"}}), "");
  EXPECT_EQ(conflict({}), "");
}

}  // namespace
}  // namespace cancelbus::core
