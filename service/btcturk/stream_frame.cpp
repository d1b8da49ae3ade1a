#include "service/btcturk/stream_frame.hpp"

#include <optional>

#include "service/btcturk/json_fields.hpp"

namespace cancelbus::btcturk {
namespace json = boost::json;
namespace {

using core::FactType;
using core::OrderFact;

constexpr int64_t LoginType = 114;

MalformedFrame malformed(int64_t type, std::string_view why) { return {std::to_string(type) + " " + std::string(why)}; }

std::optional<core::Side> side_of(const json::object& fields) {
  const std::optional<int64_t> type = integer_field(fields, "orderType");
  if (type == 0) return core::Side::Buy;
  if (type == 1) return core::Side::Sell;
  return std::nullopt;
}

StreamFrame read_fact(FactType type, int64_t number, const json::object& fields) {
  const std::optional<int64_t> id = integer_field(fields, type == FactType::Trade423 ? "orderId" : "id");
  if (!id || *id < 0) return malformed(number, "without a legible order id");
  if (*id == 0) return IdZeroFrame{number};
  return OrderFact{type,
                   *id,
                   text_field(fields, "symbol"),
                   decimal_field(fields, "price"),
                   decimal_field(fields, "amount"),
                   decimal_field(fields, "numLeft"),
                   side_of(fields),
                   text_field(fields, "newOrderClientId")};
}

StreamFrame read_login_result(const json::object& fields) {
  const std::optional<bool> ok = bool_field(fields, "ok");
  if (!ok) return malformed(LoginType, "without a legible 'ok'");
  return LoginResult{*ok, text_field(fields, "message")};
}

StreamFrame read_content(int64_t type, const json::object& fields) {
  switch (type) {
    case LoginType:
      return read_login_result(fields);
    case 423:
      return read_fact(FactType::Trade423, type, fields);
    case 441:
      return read_fact(FactType::Matched441, type, fields);
    case 451:
      return read_fact(FactType::Inserted451, type, fields);
    case 452:
      return read_fact(FactType::Deleted452, type, fields);
    case 991:
      return BannerFrame{text_field(fields, "current"), text_field(fields, "min")};
    case 100:
    case 201:
    case 801:
      return IgnoredFrame{type};
    default:
      return UnknownFrame{type};
  }
}

}  // namespace

StreamFrame read_frame(std::string_view text) {
  const std::optional<json::value> value = parse_json(text);
  if (!value) return MalformedFrame{"not legible as JSON"};
  const json::array* frame = value->if_array();
  if (frame == nullptr || frame->size() != 2) return MalformedFrame{"not an array of a type and an object"};
  const std::optional<int64_t> type = read_integer(frame->front());
  const json::object* fields = frame->back().if_object();
  if (!type || fields == nullptr) return MalformedFrame{"not an array of a type and an object"};
  return read_content(*type, *fields);
}

std::string login_frame(Signer& signer, int64_t timestamp_ms, int64_t nonce) {
  const json::object fields = {{"type", LoginType},
                               {"publicKey", signer.public_key()},
                               {"timestamp", timestamp_ms},
                               {"nonce", nonce},
                               {"signature", signer.sign_login(nonce)}};
  return json::serialize(json::array{LoginType, fields});
}

}  // namespace cancelbus::btcturk
