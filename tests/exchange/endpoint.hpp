// Which of the exchange's endpoints a request means. Limits, counters and faults are kept per endpoint and method.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace exchange_sim {

enum class Endpoint { CancelOrder, PlaceOrder, QueryOrder, OpenOrders, ServerTime, WrongMethod, Unknown };
inline constexpr std::array kEndpoints = {Endpoint::CancelOrder, Endpoint::PlaceOrder, Endpoint::QueryOrder,
                                          Endpoint::OpenOrders,  Endpoint::ServerTime, Endpoint::WrongMethod,
                                          Endpoint::Unknown};

// "DELETE /api/v1/order", "GET /api/v1/order/{id}", ...; the last two read "405" and "404".
std::string_view endpoint_name(Endpoint endpoint);
// Only the five real ones have a name to be found by.
std::optional<Endpoint> find_endpoint(std::string_view name);
inline std::size_t index_of(Endpoint endpoint) { return static_cast<std::size_t>(endpoint); }

struct Target {
  Endpoint endpoint = Endpoint::Unknown;
  std::string path;
  std::string query;
  std::optional<std::int64_t> order_id;  // from the query of a cancel, or the path of a query
};

Target parse_target(std::string_view method, std::string_view target);
// The undecoded value of one parameter; the exchange's parameters need no escapes.
std::optional<std::string> query_value(std::string_view query, std::string_view name);
// A positive integer and nothing else.
std::optional<std::int64_t> parse_id(std::string_view text);

}  // namespace exchange_sim
