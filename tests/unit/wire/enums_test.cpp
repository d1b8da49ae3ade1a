#include "service/wire/enums.hpp"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/wire/event_decoder.hpp"

namespace cancelbus::wire {
namespace {

/// Every value that the contract names, but UNSPECIFIED and those that `elsewhere` knows, is a core value's, and of no
/// two.
template <typename Core, typename Wire>
void expect_one_to_one(const google::protobuf::EnumDescriptor* contract, bool (*elsewhere)(Wire) = nullptr) {
  std::set<Core> seen;
  for (int i = 0; i < contract->value_count(); ++i) {
    const auto wire = static_cast<Wire>(contract->value(i)->number());
    if (contract->value(i)->number() == 0 || (elsewhere && elsewhere(wire))) continue;
    const std::optional<Core> core = core_of<Core>(wire);
    ASSERT_TRUE(core) << contract->value(i)->full_name() << " has no counterpart in the core";
    EXPECT_TRUE(seen.insert(*core).second) << contract->value(i)->full_name() << " shares its counterpart";
  }
}

template <typename Core, typename Wire>
void expect_read(const google::protobuf::EnumDescriptor* contract) {
  for (int i = 0; i < contract->value_count(); ++i) {
    const auto wire = static_cast<Wire>(contract->value(i)->number());
    EXPECT_EQ(from_wire(wire), core_of<Core>(wire)) << contract->value(i)->full_name();
  }
  EXPECT_EQ(from_wire(static_cast<Wire>(99)), std::nullopt);
}

TEST(Enums, WhatOthersSendIsReadBack) {
  expect_read<core::Priority, v1::Priority>(v1::Priority_descriptor());
  expect_read<core::OrdStatus, v1::OrdStatus>(v1::OrdStatus_descriptor());
  expect_read<core::Arrival, v1::Arrival>(v1::Arrival_descriptor());
  expect_read<core::ReadStatus, v1::OrderReading>(v1::OrderReading_descriptor());
  expect_read<core::FactType, v1::FactType>(v1::FactType_descriptor());
}

TEST(Enums, EachHasItsOwnCounterpart) {
  expect_one_to_one<core::Priority, v1::Priority>(v1::Priority_descriptor());
  expect_one_to_one<core::AckStatus, v1::CancelAckStatus>(v1::CancelAckStatus_descriptor());
  expect_one_to_one<core::Origin, v1::Origin>(v1::Origin_descriptor());
  expect_one_to_one<core::RejectReason, v1::CxlRejReason>(v1::CxlRejReason_descriptor());
  expect_one_to_one<core::OrdStatus, v1::OrdStatus>(v1::OrdStatus_descriptor());
  // Of an order's end, or of an open order.
  expect_one_to_one<core::Evidence, v1::Evidence>(
      v1::Evidence_descriptor(), [](v1::Evidence of) { return core_of<core::OpenOrder::Evidence>(of).has_value(); });
  expect_one_to_one<core::OpenOrder::Evidence, v1::Evidence>(
      v1::Evidence_descriptor(), [](v1::Evidence of) { return core_of<core::Evidence>(of).has_value(); });
  expect_one_to_one<core::Stage, v1::CancelStage>(v1::CancelStage_descriptor());
  expect_one_to_one<core::Arrival, v1::Arrival>(v1::Arrival_descriptor());
  expect_one_to_one<core::ReadStatus, v1::OrderReading>(v1::OrderReading_descriptor());
  expect_one_to_one<core::FactType, v1::FactType>(v1::FactType_descriptor());
}

TEST(Enums, UnspecifiedMeansNothing) {
  EXPECT_EQ(from_wire(v1::PRIORITY_UNSPECIFIED), std::nullopt);
  EXPECT_EQ(from_wire(v1::ORD_STATUS_UNSPECIFIED), std::nullopt);
  EXPECT_EQ(from_wire(v1::ARRIVAL_UNSPECIFIED), std::nullopt);
}

TEST(Enums, ButNoReasonIsAReasonOfItsOwn) {
  EXPECT_EQ(to_wire(core::RejectReason::None), v1::CXL_REJ_REASON_UNSPECIFIED);
}

TEST(Enums, ResolveStatuses) {
  EXPECT_EQ(to_wire(core::ResolveStatus::Settled), v1::RESOLVE_STATUS_SETTLED);
  EXPECT_EQ(to_wire(core::ResolveStatus::Pending), v1::RESOLVE_STATUS_PENDING);
  EXPECT_EQ(to_wire(core::ResolveStatus::Refused), v1::RESOLVE_STATUS_REFUSED);
}

TEST(Enums, ReceiptStatuses) {
  EXPECT_EQ(to_wire(core::ReceiptStatus::Applied), v1::RECEIPT_STATUS_APPLIED);
  EXPECT_EQ(to_wire(core::ReceiptStatus::Duplicate), v1::RECEIPT_STATUS_DUPLICATE);
  EXPECT_EQ(to_wire(core::ReceiptStatus::Refused), v1::RECEIPT_STATUS_REFUSED);
}

TEST(Enums, WhatWasNeverSentAndYetIsInDoubtIsSilent) {
  EXPECT_EQ(to_wire(core::Arrival::NeverSent), v1::ARRIVAL_SILENT);
}

TEST(Enums, ExecTypeFollowsFromTheOrdersState) {
  EXPECT_EQ(to_exec_type(core::OrdStatus::Canceled), v1::EXEC_TYPE_CANCELED);
  EXPECT_EQ(to_exec_type(core::OrdStatus::Filled), v1::EXEC_TYPE_TRADE);
  EXPECT_EQ(to_exec_type(core::OrdStatus::New), v1::EXEC_TYPE_ORDER_STATUS);
  EXPECT_EQ(to_exec_type(core::OrdStatus::PartiallyFilled), v1::EXEC_TYPE_ORDER_STATUS);
  EXPECT_EQ(to_exec_type(core::OrdStatus::Rejected), v1::EXEC_TYPE_ORDER_STATUS);
}

}  // namespace
}  // namespace cancelbus::wire
