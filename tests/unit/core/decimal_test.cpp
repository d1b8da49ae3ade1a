#include "service/core/decimal.hpp"

#include <gtest/gtest.h>

#include <random>

namespace cancelbus::core {
namespace {

TEST(Decimal, Positive) {
  for (const char* text : {"1", "0.0457300000000000", ".5", "00010", "0.00000000000000000001"}) {
    EXPECT_TRUE(is_positive(text)) << text;
  }
  for (const char* text : {"", ".", "0", "0.000", "-0.0", "-1", "+1", "1e3", "1,5", "abc", "?"}) {
    EXPECT_FALSE(is_positive(text)) << text;
  }
}

TEST(Decimal, DifferenceIsExactWithoutTrailingZeros) {
  EXPECT_EQ(difference("139.9000000000000000", "39.9"), "100");
  EXPECT_EQ(difference("1", "0.0000000000000001"), "0.9999999999999999");
  EXPECT_EQ(difference("0.0457300000000000", "0.04573"), "0");
  EXPECT_EQ(difference("2", "1.5"), "0.5");
  EXPECT_EQ(difference("1000", "0.10"), "999.9");
  EXPECT_EQ(difference("010", "1"), "9");
}

TEST(Decimal, NoDifferenceOfWhatIsNotADecimalOrWouldBeNegative) {
  EXPECT_EQ(difference("1", "1.01"), std::nullopt);
  EXPECT_EQ(difference("", "1"), std::nullopt);
  EXPECT_EQ(difference("1", ""), std::nullopt);
  EXPECT_EQ(difference("-1", "0"), std::nullopt);
  EXPECT_EQ(difference("1e5", "1"), std::nullopt);
  EXPECT_EQ(difference(std::string(41, '1'), "1"), std::nullopt);
  EXPECT_EQ(difference(std::string(40, '1'), "1"), std::string(39, '1') + "0");
}

TEST(Decimal, DifferenceAgreesWithIntegers) {
  std::mt19937_64 random(5);
  const auto text = [](uint64_t thousandths) {
    return std::to_string(thousandths / 1000) + "." + std::to_string(1000 + thousandths % 1000).substr(1);
  };
  for (int i = 0; i < 2'000; ++i) {
    const uint64_t a = random() % 100'000'000, b = random() % 100'000'000;
    const auto result = difference(text(a), text(b));
    ASSERT_EQ(result.has_value(), a >= b);
    if (!result) continue;
    ASSERT_EQ(difference(text(a - b), *result), "0") << text(a) << " - " << text(b) << " = " << *result;
  }
}

}  // namespace
}  // namespace cancelbus::core
