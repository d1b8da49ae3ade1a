#include "tests/exchange/frames.hpp"

#include <boost/json.hpp>

namespace exchange_sim::frames {
namespace {

namespace json = boost::json;

constexpr int kUserId = 1234567;
constexpr int kPairId = 1;

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

std::string frame(int type, json::object body) { return json::serialize(json::array{type, std::move(body)}); }

int method_number(Method method) {
  switch (method) {
    case Method::Limit:
      return 0;
    case Method::Market:
      return 1;
    case Method::StopLimit:
    case Method::StopMarket:
      break;
  }
  return 2;
}

json::object order_body(int type, const Order& order, std::int64_t id) {
  return {{"type", type},
          {"pairId", kPairId},
          {"symbol", order.spec.pair_symbol},
          {"id", id},
          {"method", method_number(order.spec.method)},
          {"userId", kUserId},
          {"orderType", order.spec.side == Side::Buy ? 0 : 1}};
}

}  // namespace

std::string login_ok() { return frame(114, {{"type", 114}, {"id", kUserId}, {"ok", true}, {"message", nullptr}}); }

std::string login_refused(std::string_view message) {
  return frame(114, {{"type", 114}, {"ok", false}, {"id", 0}, {"message", view(message)}});
}

std::string inserted_451(const Order& order) {
  json::object body = order_body(451, order, order.id);
  body["price"] = order.spec.price.trimmed();
  body["amount"] = order.spec.quantity.trimmed();
  body["numLeft"] = order.left.trimmed();
  body["denomLeft"] = product_trimmed(order.left, order.spec.price);
  body["newOrderClientId"] = order.spec.client_id;
  return frame(451, std::move(body));
}

std::string deleted_452(const Order& order, std::int64_t id, Decimal left) {
  json::object body = order_body(452, order, id);
  body["price"] = order.spec.price.padded(16);
  body["amount"] = order.spec.quantity.padded(16);
  body["numLeft"] = left.padded(16);
  body["denomLeft"] = product_padded(left, order.spec.price);
  body["newOrderClientId"] = order.spec.client_id;
  return frame(452, std::move(body));
}

std::string fill_441(const Order& order, Decimal amount, Instant clock) {
  return frame(441, {{"type", 441},
                     {"id", order.id},
                     {"user", kUserId},
                     {"isBid", order.spec.side == Side::Buy},
                     {"method", method_number(order.spec.method)},
                     {"pair", kPairId},
                     {"symbol", order.spec.pair_symbol},
                     {"amount", amount.padded(10)},
                     {"price", order.spec.price.padded(10)},
                     {"clientId", order.spec.client_id},
                     {"timestamp", std::to_string(unix_ms(clock))}});
}

std::string trade_423(const Order& order, Decimal amount, std::int64_t trade_id, Instant clock) {
  const Pair pair = split_pair(order.spec.pair_symbol);
  const bool sale = order.spec.side == Side::Sell;
  return frame(423, {{"id", trade_id},
                     {"orderId", order.id},
                     {"timestamp", unix_ms(clock)},
                     {"numeratorSymbol", pair.numerator},
                     {"denominatorSymbol", pair.denominator},
                     {"amount", (sale ? "-" : "") + amount.trimmed()},
                     {"fee", "0"},
                     {"tax", "0"},
                     {"price", order.spec.price.trimmed()},
                     {"orderType", view(side_name(order.spec.side))},
                     {"orderClientId", order.spec.client_id},
                     {"preciseAmount", sale ? -amount.to_double() : amount.to_double()}});
}

std::string balance_201() { return frame(201, {{"type", 201}, {"userId", kUserId}, {"payload", "16,5,1"}}); }

Pair split_pair(std::string_view symbol) {
  const std::size_t tail = symbol.ends_with("USDT") ? 4 : 3;
  if (symbol.size() <= tail) return {std::string(symbol), ""};
  return {std::string(symbol.substr(0, symbol.size() - tail)), std::string(symbol.substr(symbol.size() - tail))};
}

}  // namespace exchange_sim::frames
