#include "tests/exchange/decimal.hpp"

#include <gtest/gtest.h>

namespace exchange_sim {
namespace {

TEST(Decimal, WritesTheSameNumberTrimmedAndPadded) {
  const auto value = Decimal::parse("174.8400000000000000");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->trimmed(), "174.84");
  EXPECT_EQ(value->padded(16), "174.8400000000000000");
  EXPECT_EQ(value->padded(10), "174.8400000000");
  EXPECT_EQ(Decimal{}.trimmed(), "0");
  EXPECT_EQ(Decimal::parse("2000000")->trimmed(), "2000000");
  EXPECT_EQ(Decimal::parse("0.00000001")->padded(16), "0.0000000100000000");
}

TEST(Decimal, SubtractsAndMultipliesExactly) {
  EXPECT_EQ((*Decimal::parse("0.3") - *Decimal::parse("0.1")).trimmed(), "0.2");
  EXPECT_EQ(product_padded(*Decimal::parse("0.04573"), *Decimal::parse("37154.7082")), "1699.0848059860000000");
  EXPECT_EQ(product_trimmed(*Decimal::parse("90000000000"), *Decimal::parse("90000000000")), "8100000000000000000000");
}

TEST(Decimal, RefusesWhatItCannotHoldExactly) {
  for (const char* text :
       {"", ".", "1.", ".5", "-1", "+1", "1e5", "1,5", "0.123456789", "90000000001", "999999999999"}) {
    EXPECT_FALSE(Decimal::parse(text)) << text;
  }
}

}  // namespace
}  // namespace exchange_sim
