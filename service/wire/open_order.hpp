// Open orders, between core::OpenOrder and cancelbus.v1.OpenOrder. Used by the codecs here.
#pragma once

#include "cancelbus/v1/backend.pb.h"
#include "cancelbus/v1/cancel.pb.h"
#include "service/core/answer.hpp"
#include "service/core/open_order.hpp"

namespace cancelbus::wire {

/// Of one frame.
constexpr int MaxOpenOrdersPerPart = 200;
/// Of one answer: 200,000 orders.
constexpr uint32_t MaxParts = 1'000;

/// With owner, evidence and as_of.
void fill_open_order(const core::OpenOrder& order, v1::OpenOrder& proto);

/// How many parts a listing takes; at least one.
uint32_t parts_of(const core::Listing& listing);
/// The orders of one of so many parts, cut so that the frame is never too long.
void fill_part(const core::Listing& listing, uint32_t part, v1::OpenOrdersPart& proto);
/// Absent if a number is out of range or an order has no id.
std::optional<core::Listing> to_listing(const v1::OpenOrdersPart& proto);

}  // namespace cancelbus::wire
