#include "service/wire/order.hpp"

#include "service/wire/enums.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {

void fill_order(const core::CancelOrder& order, v1::CancelOrder& proto) {
  proto.set_cl_ord_id(order.cl_ord_id);
  proto.set_order_id(order.order_id);
  proto.set_account(order.account);
  proto.set_symbol(order.symbol);
  if (order.transact_time) *proto.mutable_transact_time() = to_timestamp(*order.transact_time);
  if (order.time_to_live) *proto.mutable_time_to_live() = to_proto_duration(*order.time_to_live);
  proto.set_priority(to_wire(order.priority));
  proto.set_exact_quantities(order.exact_quantities);
  proto.set_traceparent(order.traceparent);
}

core::CancelOrder to_order(const v1::CancelOrder& proto) {
  core::CancelOrder order;
  order.cl_ord_id = proto.cl_ord_id();
  order.order_id = proto.order_id();
  order.account = proto.account();
  order.symbol = proto.symbol();
  if (proto.has_transact_time()) order.transact_time = to_wall_time(proto.transact_time());
  if (proto.has_time_to_live()) order.time_to_live = to_duration(proto.time_to_live());
  order.priority = from_wire(proto.priority()).value_or(core::Priority::Normal);
  order.exact_quantities = proto.exact_quantities();
  order.traceparent = proto.traceparent();
  return order;
}

}  // namespace cancelbus::wire
