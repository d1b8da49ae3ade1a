#include "service/wire/open_order.hpp"

#include <algorithm>
#include <optional>

#include "service/wire/enums.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

// 200 orders with texts of this length take less than 64 KiB.
constexpr std::size_t MaxSymbolBytes = 32;
constexpr std::size_t MaxDecimalBytes = 64;
constexpr std::size_t MaxClientOrderIdBytes = 64;

void fill_listed(const core::OpenOrder& order, v1::OpenOrder& proto) {
  proto.set_order_id(order.order_id);
  proto.set_symbol(legible(order.symbol, MaxSymbolBytes));
  if (order.side) proto.set_side(to_wire(*order.side));
  proto.set_price(legible(order.price, MaxDecimalBytes));
  proto.set_quantity(legible(order.quantity, MaxDecimalBytes));
  proto.set_leaves_qty(legible(order.leaves_qty, MaxDecimalBytes));
  proto.set_client_order_id(legible(order.client_order_id, MaxClientOrderIdBytes));
}

core::OpenOrder to_open_order(const v1::OpenOrder& proto) {
  core::OpenOrder order;
  order.order_id = proto.order_id();
  order.symbol = proto.symbol();
  order.side = from_wire(proto.side());
  order.price = proto.price();
  order.quantity = proto.quantity();
  order.leaves_qty = proto.leaves_qty();
  order.client_order_id = proto.client_order_id();
  return order;
}

}  // namespace

void fill_open_order(const core::OpenOrder& order, v1::OpenOrder& proto) {
  fill_listed(order, proto);
  proto.set_owner(order.owner);
  proto.set_evidence(to_wire(order.evidence));
  *proto.mutable_as_of() = to_timestamp(order.as_of);
}

uint32_t parts_of(const core::Listing& listing) {
  const size_t orders = listing.orders.size();
  return static_cast<uint32_t>(std::max<size_t>(1, (orders + MaxOpenOrdersPerPart - 1) / MaxOpenOrdersPerPart));
}

void fill_part(const core::Listing& listing, uint32_t part, v1::OpenOrdersPart& proto) {
  proto.set_part(part);
  proto.set_parts(parts_of(listing));
  const size_t begin = size_t{part - 1} * MaxOpenOrdersPerPart;
  const size_t end = std::min(listing.orders.size(), begin + MaxOpenOrdersPerPart);
  for (size_t i = begin; i < end; ++i) fill_listed(listing.orders[i], *proto.add_open_order());
}

std::optional<core::Listing> to_listing(const v1::OpenOrdersPart& proto) {
  const bool numbers = proto.part() >= 1 && proto.part() <= proto.parts() && proto.parts() <= MaxParts;
  if (!numbers || proto.open_order_size() > MaxOpenOrdersPerPart) return std::nullopt;
  core::Listing listing{proto.part(), proto.parts(), {}};
  for (const v1::OpenOrder& order : proto.open_order()) {
    if (order.order_id() < 1) return std::nullopt;
    listing.orders.push_back(to_open_order(order));
  }
  return listing;
}

}  // namespace cancelbus::wire
