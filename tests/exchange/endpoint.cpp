#include "tests/exchange/endpoint.hpp"

#include <charconv>

namespace exchange_sim {
namespace {

constexpr std::string_view kOrder = "/api/v1/order";
constexpr std::string_view kOrderById = "/api/v1/order/";
constexpr std::string_view kOpenOrders = "/api/v1/openOrders";
constexpr std::string_view kServerTime = "/api/v2/server/time";

Endpoint classify(std::string_view method, std::string_view path) {
  if (path == kOrder && method == "DELETE") return Endpoint::CancelOrder;
  if (path == kOrder && method == "POST") return Endpoint::PlaceOrder;
  const bool get = method == "GET";
  if (path == kOrder) return Endpoint::WrongMethod;
  if (path.starts_with(kOrderById)) return get ? Endpoint::QueryOrder : Endpoint::WrongMethod;
  if (path == kOpenOrders) return get ? Endpoint::OpenOrders : Endpoint::WrongMethod;
  if (path == kServerTime) return get ? Endpoint::ServerTime : Endpoint::WrongMethod;
  return Endpoint::Unknown;
}

}  // namespace

std::string_view endpoint_name(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::CancelOrder:
      return "DELETE /api/v1/order";
    case Endpoint::PlaceOrder:
      return "POST /api/v1/order";
    case Endpoint::QueryOrder:
      return "GET /api/v1/order/{id}";
    case Endpoint::OpenOrders:
      return "GET /api/v1/openOrders";
    case Endpoint::ServerTime:
      return "GET /api/v2/server/time";
    case Endpoint::WrongMethod:
      return "405";
    case Endpoint::Unknown:
      break;
  }
  return "404";
}

std::optional<Endpoint> find_endpoint(std::string_view name) {
  for (const Endpoint endpoint : kEndpoints) {
    if (endpoint == Endpoint::WrongMethod) break;
    if (endpoint_name(endpoint) == name) return endpoint;
  }
  return std::nullopt;
}

Target parse_target(std::string_view method, std::string_view target) {
  Target out;
  const auto mark = target.find('?');
  out.path = target.substr(0, mark);
  if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
  out.endpoint = classify(method, out.path);
  if (out.endpoint == Endpoint::CancelOrder) {
    if (const auto id = query_value(out.query, "id")) out.order_id = parse_id(*id);
  } else if (out.endpoint == Endpoint::QueryOrder) {
    out.order_id = parse_id(std::string_view(out.path).substr(kOrderById.size()));
  }
  return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      return std::string(pair.substr(name.size() + 1));
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<std::int64_t> parse_id(std::string_view text) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size() || id <= 0) return std::nullopt;
  return id;
}

}  // namespace exchange_sim
