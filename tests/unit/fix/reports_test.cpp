#include "clients/fix/reports.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cancelbus::fix {
namespace {

const Request TheRequest{.id = "c-1", .type = "F", .order_id = 5, .symbol = "BTC/TRY", .side = "2"};
const OrderFacts TheFacts{.order_id = 5,
                          .symbol = "BTCTRY",
                          .side = "1",
                          .price = "1500000.000",
                          .quantity = "2.50",
                          .leaves = "2",
                          .client_order_id = "dA-1"};

std::string text(const Outgoing& message) {
  std::string out = "35=" + message.type;
  for (const auto& [tag, value] : message.body) out += "|" + std::to_string(tag) + "=" + value;
  return out;
}

TEST(FixReports, TheRegistryKnowsBestThenTheRequest) {
  EXPECT_EQ(text(pending_cancel({&TheRequest, &TheFacts, 5, "now"}, "x", "")),
            "35=8|37=5|11=c-1|41=dA-1|17=x|150=6|39=6|55=BTCTRY|54=1|38=2.5|44=1500000|151=2|14=0.5|6=0|60=now");
  EXPECT_EQ(text(pending_cancel({&TheRequest, nullptr, 5, "now"}, "x", "")),
            "35=8|37=5|11=c-1|17=x|150=6|39=6|55=BTC/TRY|54=2|151=0|14=0|6=0|60=now|"
            "58=the quantities of the order are not known");
  const Request bare{.id = "c-1", .type = "F", .order_id = 5};
  EXPECT_THAT(text(pending_cancel({&bare, nullptr, 5, "now"}, "x", "")), testing::HasSubstr("|55=[N/A]|54=7|"));
}

TEST(FixReports, CanceledHasNothingLeftAndWhatFilled) {
  v1::CancelFinal final;
  final.set_order_id(5);
  final.set_order_qty("2.5000");
  final.set_cum_qty("0.5000");
  final.set_qty_exact(true);
  EXPECT_EQ(text(canceled({&TheRequest, nullptr, 5, "now"}, final, "x")),
            "35=8|37=5|11=c-1|17=x|150=4|39=4|55=BTC/TRY|54=2|38=2.5|151=0|14=0.5|6=0|60=now");
  final.set_qty_exact(false);
  EXPECT_THAT(text(canceled({&TheRequest, nullptr, 5, "now"}, final, "x")), testing::HasSubstr("58=CumQty is a lower"));
}

TEST(FixReports, ARejectOfAnUnknownOrderNamesNone) {
  EXPECT_EQ(text(cancel_reject({&TheRequest, &TheFacts, 5, "now"}, "1", "8", "gone")),
            "35=9|37=NONE|11=c-1|41=dA-1|39=8|60=now|434=1|102=1|58=gone");
  EXPECT_EQ(text(cancel_reject({&TheRequest, nullptr, 5, "now"}, "104", "0", "full")),
            "35=9|37=5|11=c-1|41=NONE|39=0|60=now|434=1|102=104|58=full");
}

TEST(FixReports, ValuesAreThoseOfTheContract) {
  EXPECT_EQ(fix_value(v1::CXL_REJ_REASON_TOO_LATE), "0");
  EXPECT_EQ(fix_value(v1::CXL_REJ_REASON_NOT_OWNER), "108");
  EXPECT_EQ(fix_value(v1::CXL_REJ_REASON_UNSPECIFIED), "99");
  EXPECT_EQ(fix_value(v1::ORD_STATUS_FILLED), "2");
  EXPECT_EQ(open_status(TheFacts), "1");
}

TEST(FixReports, TextsHaveNoDelimiterAndABound) {
  EXPECT_EQ(sanitized("a\x01z\xc3\xbc"), "a?z??");
  EXPECT_EQ(sanitized(std::string(1'000, 'x')).size(), 256U);
}

}  // namespace
}  // namespace cancelbus::fix
