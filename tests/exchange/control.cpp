#include "tests/exchange/control.hpp"

#include <boost/json.hpp>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/exchange/order_json.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;

// Each order makes two frames, and a stream queues 100,000 before its reader counts as lost.
constexpr std::int64_t kMaxOrdersAtOnce = 20'000;

absl::string_view as_absl(std::string_view text) { return {text.data(), text.size()}; }

// Its method and path are any bytes, and the answer is JSON.
absl::Status unknown(std::string_view method, std::string_view path) {
  return absl::NotFoundError(
      absl::StrCat("no ", absl::CHexEscape(as_absl(method)), " ", absl::CHexEscape(as_absl(path))));
}

absl::Status bad(const std::string& text) { return absl::InvalidArgumentError(text); }

HttpAnswer error_answer(const absl::Status& status) {
  const unsigned code = absl::IsNotFound(status) ? 404 : 400;
  return {code, json::serialize(json::object{{"error", std::string(status.message())}}), {}, false};
}

// Every field of a body must be one the endpoint takes.
absl::Status only(const json::object& body, std::initializer_list<std::string_view> fields) {
  for (const auto& entry : body) {
    bool known = false;
    for (const std::string_view field : fields) known = known || entry.key() == json::string_view(field);
    if (!known) return bad(absl::StrCat("unknown field \"", as_absl({entry.key().data(), entry.key().size()}), "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> order_id(const json::object& body) {
  const json::value* id = body.if_contains("id");
  if (id == nullptr || !id->is_int64()) return bad("id expects an order id");
  return id->as_int64();
}

absl::StatusOr<std::optional<Decimal>> amount(const json::object& body, const char* name) {
  const json::value* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<Decimal>{};
  const auto parsed = Decimal::parse(value->is_string() ? std::string(value->as_string()) : json::serialize(*value));
  if (!parsed || !parsed->positive()) return bad(absl::StrCat(name, " expects a positive decimal, best as a string"));
  return std::optional<Decimal>{*parsed};
}

absl::Status not_open(std::int64_t id) { return bad(absl::StrCat("id ", id, " is not an open order")); }

template <class Counts>
json::object to_json(const Counts& counts) {
  json::object out;
  for (const auto& [name, count] : counts) out[name] = count;
  return out;
}

}  // namespace

HttpAnswer Control::handle(Instant now, const HttpRequest& request) {
  const Target target = parse_target(request.method, request.target);
  const std::string_view path = std::string_view(target.path).substr(kPrefix.size());
  Result result = unknown(request.method, target.path);
  if (request.method == "GET") {
    result = get(now, path, target.query);
  } else if (request.method == "DELETE" && path == "counters") {
    forget_counters();
    result = json::object{};
  } else if (request.method == "POST") {
    boost::system::error_code error;
    const json::value body = json::parse(request.body, error);
    if (error || !body.is_object()) return error_answer(bad("the body is not a JSON object"));
    result = path == "faults" ? set_faults(body) : post(now, path, body.as_object());
  }
  if (!result.ok()) return error_answer(result.status());
  return {200, json::serialize(*result), {}, false};
}

Control::Result Control::get(Instant now, std::string_view path, std::string_view query) const {
  if (path == "counters") return counters();
  if (path == "faults") return faults();
  if (path == "orders") return orders(query);
  if (path == "arrivals") return arrivals(query);
  if (path == "time") return json::object{{"now_us", unix_us(now)}};
  return unknown("GET", absl::StrCat("/sim/", as_absl(path)));
}

Control::Result Control::post(Instant now, std::string_view path, const json::object& body) {
  if (path == "orders") return place_orders(now, body);
  if (path == "fill") return fill(now, body);
  if (path == "edit") return edit(now, body);
  if (path == "cancel") return cancel(now, body);
  if (path == "stream") return stream(now, body);
  if (path == "keys") return replace_keys(body);
  return unknown("POST", absl::StrCat("/sim/", as_absl(path)));
}

Control::Result Control::place_orders(Instant now, const json::object& body) {
  if (auto status = only(body, {"count", "pairSymbol", "quantity", "price", "orderType", "newOrderClientId"});
      !status.ok())
    return status;
  std::int64_t count = 1;
  if (const json::value* given = body.if_contains("count")) {
    count = given->is_int64() ? given->as_int64() : 0;
    if (count < 1 || count > kMaxOrdersAtOnce) return bad("count expects a number from 1 to 20000");
  }
  json::object order = {{"pairSymbol", "BTCTRY"}, {"quantity", "0.01"}, {"price", "2000000"}, {"orderType", "buy"}};
  for (const auto& entry : body) order[entry.key()] = entry.value();
  order["orderMethod"] = "limit";
  const auto spec = parse_order(order);
  if (!spec.ok()) return spec.status();
  if (!market_.book().has_room_for(static_cast<std::size_t>(count)))
    return bad("count: so many open orders have no room");

  json::array ids;
  for (std::int64_t i = 1; i <= count; ++i) {
    OrderSpec each = *spec;
    if (count > 1 && !each.client_id.empty()) absl::StrAppend(&each.client_id, "-", i);
    ids.push_back(market_.place(now, std::move(each)).value());
  }
  return json::object{{"ids", std::move(ids)}};
}

Control::Result Control::fill(Instant now, const json::object& body) {
  if (auto status = only(body, {"id", "amount"}); !status.ok()) return status;
  const auto id = order_id(body);
  if (!id.ok()) return id.status();
  const auto part = amount(body, "amount");
  if (!part.ok()) return part.status();
  if (!market_.fill(now, *id, *part)) return not_open(*id);
  return truth(*market_.book().find(*id));
}

Control::Result Control::edit(Instant now, const json::object& body) {
  if (auto status = only(body, {"id", "price", "quantity", "gap_ms"}); !status.ok()) return status;
  const auto id = order_id(body);
  if (!id.ok()) return id.status();
  const auto price = amount(body, "price");
  if (!price.ok()) return price.status();
  const auto quantity = amount(body, "quantity");
  if (!quantity.ok()) return quantity.status();
  Edit edit{*price, *quantity};
  if (const json::value* gap = body.if_contains("gap_ms")) {
    if (!gap->is_int64() || gap->as_int64() < 0 || gap->as_int64() > 600'000) {
      return bad("gap_ms expects milliseconds from 0 to 600000");
    }
    edit.gap = Millis{gap->as_int64()};
  }
  if (!market_.edit(now, *id, edit)) return not_open(*id);
  return truth(*market_.book().find(*id));
}

Control::Result Control::cancel(Instant now, const json::object& body) {
  if (auto status = only(body, {"id"}); !status.ok()) return status;
  const auto id = order_id(body);
  if (!id.ok()) return id.status();
  if (!market_.cancel_by_hand(now, *id)) return not_open(*id);
  return truth(*market_.book().find(*id));
}

Control::Result Control::stream(Instant now, const json::object& body) {
  if (auto status = only(body, {"frame", "text", "mute", "silence", "close"}); !status.ok()) return status;
  if (body.size() != 1) return bad("expects exactly one of frame, text, mute, silence, close");
  const json::value& value = body.begin()->value();
  std::size_t streams = 0;
  if (body.contains("frame")) {
    streams = streams_.inject(now, json::serialize(value));
  } else if (body.contains("text")) {
    if (!value.is_string()) return bad("text expects a string");
    streams = streams_.inject(now, std::string(value.as_string()));
  } else if (body.contains("mute")) {
    if (!value.is_bool()) return bad("mute expects true or false");
    streams = streams_.mute_all(value.as_bool());
  } else if (body.contains("silence")) {
    if (!value.is_bool() || !value.as_bool()) return bad("silence expects true; a silent stream stays silent");
    streams = streams_.silence_all();
  } else if (value == "frame") {
    streams = streams_.end_all(Ending::CloseFrame);
  } else if (value == "no_frame") {
    streams = streams_.end_all(Ending::NoFrame);
  } else if (value == "reset") {
    streams = streams_.end_all(Ending::Reset);
  } else {
    return bad("close expects \"frame\", \"no_frame\" or \"reset\"");
  }
  return json::object{{"streams", streams}};
}

Control::Result Control::replace_keys(const json::object& body) {
  if (auto status = only(body, {"keys"}); !status.ok()) return status;
  const json::value* list = body.if_contains("keys");
  if (list == nullptr || !list->is_array()) return bad("keys expects a list of {\"public_key\", \"secret\"}");
  std::vector<KeyPair> keys;
  for (const json::value& entry : list->as_array()) {
    const auto text = [&](const char* name) {
      const json::value* value = entry.is_object() ? entry.as_object().if_contains(name) : nullptr;
      return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
    };
    auto pair = make_key_pair(text("public_key"), text("secret"));
    if (!pair.ok()) return bad(absl::StrCat("keys: ", pair.status().message()));
    keys.push_back(*std::move(pair));
  }
  auth_.replace(std::move(keys));
  return json::object{{"keys", list->as_array().size()}};
}

Control::Result Control::set_faults(const json::value& body) {
  if (auto status = world_.faults.set(body); !status.ok()) return status;
  return faults();
}

json::object Control::faults() const {
  json::object out;
  for (const FaultInfo& info : fault_infos()) {
    json::array rules;
    for (const FaultRule& rule : world_.faults.rules(info.fault)) {
      rules.push_back({{"rule", json::parse(rule.source)}, {"applied", rule.applied}});
    }
    if (!rules.empty()) out[info.name] = std::move(rules);
  }
  return out;
}

Control::Result Control::orders(std::string_view query) const {
  const Book& book = market_.book();
  json::array list;
  if (const auto id = query_value(query, "id")) {
    const auto number = parse_id(*id);
    const Order* order = number ? book.find(*number) : nullptr;
    if (order == nullptr) return bad(absl::StrCat("id ", *id, " is not a known order"));
    list.push_back(truth(*order));
    return json::object{{"orders", std::move(list)}};
  }
  const std::string status = query_value(query, "status").value_or("");
  for (const std::int64_t id : book.ids_in_order()) {
    const Order& order = *book.find(id);
    if (status.empty() || status == status_name(order.status)) list.push_back(truth(order));
  }
  return json::object{{"orders", std::move(list)}};
}

Control::Result Control::arrivals(std::string_view query) const {
  const auto& kept = world_.arrivals.kept();
  std::size_t first = 0;
  if (const auto last = query_value(query, "last")) {
    const auto count = parse_id(*last);
    if (!count) return bad("last expects a positive number");
    if (static_cast<std::size_t>(*count) < kept.size()) first = kept.size() - static_cast<std::size_t>(*count);
  }
  json::array list;
  for (std::size_t i = first; i < kept.size(); ++i) {
    const Arrival& arrival = kept[i];
    json::object entry = {{"seq", arrival.seq},
                          {"read_us", unix_us(arrival.read)},
                          {"time_us", unix_us(arrival.at)},
                          {"request", std::string(endpoint_name(arrival.endpoint))},
                          {"order_id", nullptr},
                          {"stamp", arrival.stamp},
                          {"status", arrival.outcome},
                          {"ended_us", nullptr},
                          {"ip", arrival.ip}};
    if (arrival.order_id) entry["order_id"] = *arrival.order_id;
    if (arrival.ended) entry["ended_us"] = unix_us(*arrival.ended);
    if (const auto status = parse_id(arrival.outcome)) entry["status"] = *status;
    list.push_back(std::move(entry));
  }
  return json::object{{"total", world_.arrivals.total()}, {"arrivals", std::move(list)}};
}

json::object Control::truth(const Order& order) const {
  json::array changes;
  for (const OrderChange& change : order.changes) {
    changes.push_back({{"at_us", unix_us(change.at)},
                       {"status", std::string(status_name(change.status))},
                       {"left", change.left.trimmed()},
                       {"quantity", change.quantity.trimmed()}});
  }
  return {{"id", order.id},
          {"status", std::string(status_name(order.status))},
          {"left", order.left.trimmed()},
          {"quantity", order.spec.quantity.trimmed()},
          {"price", order.spec.price.trimmed()},
          {"pairSymbol", order.spec.pair_symbol},
          {"deletes", world_.counters.deletes.of(order.id)},
          {"changes", std::move(changes)}};
}

json::object Control::counters() const {
  const Counters& seen = world_.counters;
  json::object requests;
  for (const auto& [endpoint, outcomes] : seen.requests) requests[endpoint] = to_json(outcomes);
  json::object applied;
  for (const FaultInfo& info : fault_infos()) {
    if (const auto times = world_.faults.applied(info.fault); times > 0) applied[info.name] = times;
  }
  json::object by_deletes;
  for (const auto& [deletes, orders] : seen.deletes.orders_by_count()) by_deletes[std::to_string(deletes)] = orders;
  json::object by_status;
  for (const OrderStatus status : kOrderStatuses) by_status[status_name(status)] = market_.book().count(status);
  json::object stream = to_json(seen.stream);
  stream["open"] = streams_.open_count();
  stream["logged_in"] = streams_.logged_in_count();
  stream["frames_sent"] = to_json(seen.frames_sent);
  return {{"requests", std::move(requests)},
          {"peak", {{"1s", seen.deletes_1s.peak()}, {"60s", seen.deletes_60s.peak()}}},
          {"peak_as_counted", to_json(rest_.cancel_quota().peaks())},
          {"refused_429", seen.refused_429},
          {"refused_429_by_endpoint", to_json(seen.refused_429_by_endpoint)},
          {"other_program", {{"requests", seen.other_program}, {"refused_429", seen.other_program_refused}}},
          {"repeated_stamps", seen.repeated_stamps},
          {"max_deletes_per_order", seen.deletes.max_per_order()},
          {"max_overlapping_deletes_per_order", seen.deletes.max_overlapping()},
          {"orders_by_deletes", std::move(by_deletes)},
          {"orders", std::move(by_status)},
          {"unauthorized", to_json(seen.unauthorized)},
          {"max_unauthorized_in_a_row", seen.max_unauthorized_in_a_row},
          {"guesses", to_json(seen.guesses)},
          {"stream", std::move(stream)},
          {"faults_applied", std::move(applied)}};
}

void Control::forget_counters() {
  world_.counters = Counters{};
  world_.arrivals.clear();
  world_.faults.forget_applied();
  rest_.cancel_quota().forget_peaks();
}

}  // namespace exchange_sim
