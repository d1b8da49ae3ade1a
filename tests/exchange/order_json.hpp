// Orders as REST speaks of them: the body of POST /api/v1/order read, the data of queries and of openOrders written.
#pragma once

#include <boost/json/fwd.hpp>
#include <string_view>

#include "absl/status/statusor.h"
#include "tests/exchange/book.hpp"

namespace exchange_sim {

// The error names the field.
absl::StatusOr<OrderSpec> parse_order(std::string_view body);
absl::StatusOr<OrderSpec> parse_order(const boost::json::object& body);

// "data" of GET /api/v1/order/{id}, as REST shows the order now.
boost::json::object order_to_json(const Order& order);
// "data" of the answer to POST /api/v1/order.
boost::json::object placed_to_json(const Order& order);

}  // namespace exchange_sim
