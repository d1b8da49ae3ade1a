#include "tests/exchange/order_json.hpp"

#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/exchange/frames.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxClientId = 50;
constexpr std::size_t kMaxSymbol = 20;

absl::Status bad_field(const char* field, const char* expects) {
  return absl::InvalidArgumentError(absl::StrCat(field, " expects ", expects));
}

std::string text_field(const json::object& body, const char* name) {
  const json::value* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}

// Strings or integers; a JSON fraction would already have lost digits.
absl::StatusOr<Decimal> amount_field(const json::object& body, const char* name, bool required) {
  const json::value* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) {
    if (required) return bad_field(name, "a value");
    return Decimal{};
  }
  const std::string text = value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
  const auto parsed = Decimal::parse(text);
  if (!parsed || (required && !parsed->positive())) return bad_field(name, "a positive decimal with at most 8 places");
  return *parsed;
}

absl::StatusOr<Method> method_field(const json::object& body) {
  const std::string text = text_field(body, "orderMethod");
  for (const Method method : {Method::Limit, Method::Market, Method::StopLimit, Method::StopMarket}) {
    if (text == method_name(method)) return method;
  }
  return bad_field("orderMethod", "limit, market, stoplimit or stopmarket");
}

absl::StatusOr<Side> side_field(const json::object& body) {
  const std::string text = text_field(body, "orderType");
  if (text == "buy") return Side::Buy;
  if (text == "sell") return Side::Sell;
  return bad_field("orderType", "buy or sell");
}

bool is_symbol(std::string_view text) {
  if (text.empty() || text.size() > kMaxSymbol) return false;
  for (const char c : text) {
    if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<OrderSpec> parse_order(std::string_view body) {
  boost::system::error_code error;
  const json::value parsed = json::parse({body.data(), body.size()}, error);
  if (error || !parsed.is_object()) return absl::InvalidArgumentError("the body is not a JSON object");
  return parse_order(parsed.as_object());
}

absl::StatusOr<OrderSpec> parse_order(const json::object& body) {
  OrderSpec spec;
  const auto method = method_field(body);
  if (!method.ok()) return method.status();
  const auto side = side_field(body);
  if (!side.ok()) return side.status();
  const auto quantity = amount_field(body, "quantity", true);
  if (!quantity.ok()) return quantity.status();
  const auto price = amount_field(body, "price", *method == Method::Limit || *method == Method::StopLimit);
  if (!price.ok()) return price.status();
  const auto stop = amount_field(body, "stopPrice", *method == Method::StopLimit || *method == Method::StopMarket);
  if (!stop.ok()) return stop.status();
  spec.pair_symbol = text_field(body, "pairSymbol");
  if (!is_symbol(spec.pair_symbol)) return bad_field("pairSymbol", "a symbol like BTCTRY");
  std::erase(spec.pair_symbol, '_');
  spec.client_id = text_field(body, "newOrderClientId");
  if (spec.client_id.size() > kMaxClientId) return bad_field("newOrderClientId", "at most 50 characters");
  spec.method = *method;
  spec.side = *side;
  spec.quantity = *quantity;
  spec.price = *price;
  spec.stop_price = *stop;
  return spec;
}

json::object order_to_json(const Order& order) {
  const frames::Pair pair = frames::split_pair(order.spec.pair_symbol);
  return {{"id", order.id},
          {"price", order.spec.price.trimmed()},
          {"amount", order.spec.quantity.trimmed()},
          {"quantity", order.spec.quantity.trimmed()},
          {"stopPrice", order.spec.stop_price.trimmed()},
          {"pairSymbol", order.spec.pair_symbol},
          {"pairSymbolNormalized", pair.numerator + "_" + pair.denominator},
          {"type", std::string(side_name(order.spec.side))},
          {"method", std::string(method_name(order.spec.method))},
          {"orderClientId", order.spec.client_id},
          {"time", unix_ms(order.placed)},
          {"updateTime", unix_ms(order.updated)},
          {"status", std::string(status_name(order.shown_status))},
          {"leftAmount", order.shown_left.padded(16)}};
}

json::object placed_to_json(const Order& order) {
  const frames::Pair pair = frames::split_pair(order.spec.pair_symbol);
  return {{"id", order.id},
          {"datetime", unix_ms(order.placed)},
          {"type", std::string(side_name(order.spec.side))},
          {"method", std::string(method_name(order.spec.method))},
          {"price", order.spec.price.trimmed()},
          {"stopPrice", order.spec.stop_price.trimmed()},
          {"quantity", order.spec.quantity.trimmed()},
          {"pairSymbol", order.spec.pair_symbol},
          {"pairSymbolNormalized", pair.numerator + "_" + pair.denominator},
          {"newOrderClientId", order.spec.client_id}};
}

}  // namespace exchange_sim
