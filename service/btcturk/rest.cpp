#include "service/btcturk/rest.hpp"

#include <absl/status/status.h>

#include <charconv>
#include <limits>

#include "service/base/retry_after.hpp"
#include "service/btcturk/json_fields.hpp"
#include "service/btcturk/printable.hpp"

namespace cancelbus::btcturk {
namespace json = boost::json;
namespace {

using core::Answer;
using core::Arrival;
using core::ReadStatus;
using core::Verdict;
using namespace std::chrono_literals;

// What the exchange's clock can show: the years 2000 to 2099.
constexpr std::chrono::milliseconds EarliestTime =
    std::chrono::sys_days(std::chrono::year(2000) / 1 / 1).time_since_epoch();
constexpr std::chrono::milliseconds LatestTime =
    std::chrono::sys_days(std::chrono::year(2100) / 1 / 1).time_since_epoch();

HttpRequest signed_request(std::string method, std::string target, Signer& signer, int64_t stamp_ms) {
  return {std::move(method),
          std::move(target),
          {{"X-PCK", signer.public_key()},
           {"X-Stamp", std::to_string(stamp_ms)},
           {"X-Signature", signer.sign_rest(stamp_ms)},
           {"Content-Type", "application/json"}}};
}

// Empty if the body is not a JSON object.
json::object fields_of(std::string_view body, std::size_t max_bytes = MaxJsonBytes) {
  std::optional<json::value> value = parse_json(body, max_bytes);
  if (!value || !value->is_object()) return {};
  return std::move(value->get_object());
}

// What only the exchange writes, as opposed to a proxy's page.
bool is_answer(const json::object& fields) {
  return fields.contains("success") || fields.contains("message") || fields.contains("code");
}

bool only_the_exchange_says(int status) {
  return status == 401 || status == 403 || status == 404 || status == 405 || status == 429;
}

int code_of(const json::object& fields) {
  const int64_t code = integer_field(fields, "code").value_or(0);
  const bool fits = code >= std::numeric_limits<int>::min() && code <= std::numeric_limits<int>::max();
  return fits ? static_cast<int>(code) : 0;
}

std::string text_of(const HttpReply& reply, const json::object& fields) {
  std::string message = text_field(fields, "message");
  if (reply.status == 429) {  // whose quota it was tells the operator whom to ask
    const std::string policy = text_field(fields, "policy");
    const std::string details = text_field(fields, "details");
    if (!policy.empty()) message += " (" + policy + ")";
    if (!details.empty()) message += ": " + details;
  }
  if (!message.empty()) return printable(message);
  const std::string status = "HTTP " + std::to_string(reply.status);
  if (reply.body.empty()) return status + ", empty";
  return printable(status + ": " + std::string(reply.body.substr(0, MaxTextBytes)));
}

// Digits alone; nothing else counts as a number of seconds or minutes.
std::optional<int64_t> count_of(std::string_view digits) {
  int64_t count = 0;
  const char* end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, count);
  if (parsed.ec != std::errc{} || parsed.ptr != end || digits.front() == '-') return std::nullopt;
  return count;
}

// None is longer than a day: anything else is a mistake.
std::optional<core::Duration> period_of(std::string_view digits, std::chrono::seconds unit) {
  const std::optional<int64_t> count = count_of(digits);
  if (!count || *count < 1 || *count > 24h / unit) return std::nullopt;
  return *count * unit;
}

// The quota's window, such as "1m" or "60s".
std::optional<core::Duration> read_period(std::string_view period) {
  if (period.ends_with('s')) return period_of(period.substr(0, period.size() - 1), 1s);
  if (period.ends_with('m')) return period_of(period.substr(0, period.size() - 1), 1min);
  if (period.ends_with('h')) return period_of(period.substr(0, period.size() - 1), 1h);
  return std::nullopt;
}

std::optional<core::Duration> wait_of(const HttpReply& reply) {
  return base::read_retry_after(reply.retry_after, reply.date);
}

// Statuses by which a proxy speaks of a request that may still be on its way, in whatever words.
bool may_be_a_proxy(int status) { return status == 408 || (status >= 502 && status <= 504); }

// What means the same in reply to a cancel and to a query; the rest is left Doubtful.
Answer read_common(const HttpReply& reply, const json::object& fields) {
  Answer answer;
  answer.verdict = Verdict::Doubtful;
  const bool answered = only_the_exchange_says(reply.status) || (is_answer(fields) && !may_be_a_proxy(reply.status));
  answer.arrival = answered ? Arrival::Answered : Arrival::Page;
  answer.http_status = reply.status;
  answer.exchange_code = code_of(fields);
  answer.text = text_of(reply, fields);
  switch (reply.status) {
    case 401:  // with "success":true at times
    case 403:
      answer.verdict = Verdict::Unauthorized;
      break;
    case 404:
    case 405:
      answer.verdict = Verdict::WrongRequest;
      break;
    case 429:
      answer.verdict = Verdict::Throttled;
      answer.retry_after = wait_of(reply);
      answer.period = read_period(text_field(fields, "period"));
      // Once the window has passed, so has the block.
      if (!answer.retry_after) answer.retry_after = answer.period;
      break;
    case 418:
    case 503:
      answer.retry_after = wait_of(reply);
      break;
    default:
      break;
  }
  return answer;
}

Verdict refusal_of(std::string_view message) {
  if (message == "NO_ORDER_MATCHES_YOUR_REQUEST") return Verdict::UnknownOrder;
  if (message == "ORDER_CANCEL_BLOCKED") return Verdict::Blocked;
  return Verdict::Refused;
}

bool says_not_found(int status, const json::object& fields) {
  const bool usual = status == 200 || status == 400 || status == 404;  // which of them is not known
  return usual && bool_field(fields, "success") == false && text_field(fields, "message") == "Order not found";
}

std::optional<ReadStatus> status_of(std::string_view status) {
  if (status == "Untouched" || status == "Partial") return ReadStatus::Open;
  if (status == "Canceled") return ReadStatus::Canceled;
  if (status == "Closed") return ReadStatus::Closed;
  return std::nullopt;
}

// Fills in the reading, or says in the text why there is none.
void read_order(const json::object& fields, core::OrderId asked, Answer& answer) {
  const json::value* data = fields.if_contains("data");
  if (data == nullptr || !data->is_object()) {
    answer.text = "the answer holds no order";
    return;
  }
  const json::object& order = data->get_object();
  const std::optional<int64_t> id = integer_field(order, "id");
  if (id != asked) {
    answer.text = "asked for order " + std::to_string(asked) + ", the answer is about " +
                  (id ? "order " + std::to_string(*id) : std::string("none that is legible"));
    return;
  }
  const std::string status = text_field(order, "status");
  const std::optional<ReadStatus> known = status_of(status);
  if (!known) {
    answer.text = printable("not a known order status: '" + status + "'");
    return;
  }
  answer.verdict = Verdict::Read;
  answer.text = status;
  answer.reading = {*known, decimal_field(order, "quantity"), decimal_field(order, "leftAmount"),
                    decimal_field(order, "price"), text_field(order, "pairSymbol")};
}

// What the wire can carry: more would be cut.
constexpr std::size_t MostOpenOrders = 200'000;

std::optional<core::Side> side_of(const json::object& order, core::Side listed_as) {
  const std::string type = text_field(order, "type");
  if (type.empty()) return listed_as;
  if (type != (listed_as == core::Side::Buy ? "buy" : "sell")) return std::nullopt;
  return listed_as;
}

// Appends one side of the book; false if it is not legible.
bool read_listed(const json::object& data, const char* name, core::Side side, const std::string& symbol,
                 std::vector<core::OpenOrder>& orders) {
  const json::value* list = data.if_contains(name);
  if (list == nullptr || !list->is_array()) return false;
  for (const json::value& entry : list->get_array()) {
    if (!entry.is_object()) return false;
    const json::object& fields = entry.get_object();
    core::OpenOrder order;
    order.order_id = integer_field(fields, "id").value_or(0);
    if (order.order_id < 1 || orders.size() == MostOpenOrders) return false;
    const auto status = status_of(text_field(fields, "status"));
    if (status && status != ReadStatus::Open) continue;  // REST lags: it was open when the list was begun
    order.symbol = text_field(fields, "pairSymbol");
    if (order.symbol.empty()) order.symbol = symbol;
    order.side = side_of(fields, side);
    order.price = decimal_field(fields, "price");
    order.quantity = decimal_field(fields, "quantity");
    if (order.quantity.empty()) order.quantity = decimal_field(fields, "amount");
    order.leaves_qty = decimal_field(fields, "leftAmount");
    order.client_order_id = text_field(fields, "orderClientId");
    orders.push_back(std::move(order));
  }
  return true;
}

// Fills in the listing, or says in the text why there is none.
void read_listing(const json::object& fields, const std::string& symbol, Answer& answer) {
  const json::value* data = fields.if_contains("data");
  core::Listing listing;
  const bool legible = data != nullptr && data->is_object() &&
                       read_listed(data->get_object(), "bids", core::Side::Buy, symbol, listing.orders) &&
                       read_listed(data->get_object(), "asks", core::Side::Sell, symbol, listing.orders);
  if (!legible) {
    answer.text = "the list of open orders is not legible, or too long";
    return;
  }
  answer.verdict = Verdict::Read;
  answer.text = std::to_string(listing.orders.size()) + " open orders";
  answer.listing = std::move(listing);
}

Answer without_reply(Verdict verdict, Arrival arrival, std::string_view text) {
  Answer answer;
  answer.verdict = verdict;
  answer.arrival = arrival;
  answer.text = printable(text);
  return answer;
}

}  // namespace

HttpRequest cancel_request(Signer& signer, core::OrderId order, int64_t stamp_ms) {
  return signed_request("DELETE", "/api/v1/order?id=" + std::to_string(order), signer, stamp_ms);
}

HttpRequest query_request(Signer& signer, core::OrderId order, int64_t stamp_ms) {
  return signed_request("GET", "/api/v1/order/" + std::to_string(order), signer, stamp_ms);
}

HttpRequest open_orders_request(Signer& signer, const std::string& symbol, int64_t stamp_ms) {
  const std::string target = "/api/v1/openOrders" + (symbol.empty() ? "" : "?pairSymbol=" + symbol);
  HttpRequest request = signed_request("GET", target, signer, stamp_ms);
  request.max_response_bytes = MaxOpenOrdersBytes;
  return request;
}

HttpRequest server_time_request() { return {"GET", "/api/v2/server/time", {}}; }

Answer read_cancel_reply(const HttpReply& reply) {
  const json::object fields = fields_of(reply.body);
  Answer answer = read_common(reply, fields);
  if (reply.status == 200 && bool_field(fields, "success") == true) answer.verdict = Verdict::Accepted;
  if (reply.status == 400 && is_answer(fields)) answer.verdict = refusal_of(text_field(fields, "message"));
  return answer;
}

Answer read_query_reply(const HttpReply& reply, core::OrderId asked) {
  const json::object fields = fields_of(reply.body);
  Answer answer = read_common(reply, fields);
  if (says_not_found(reply.status, fields)) {
    answer.verdict = Verdict::Read;
    answer.reading.status = ReadStatus::NotFound;
  } else if (reply.status == 200 && bool_field(fields, "success") == true) {
    read_order(fields, asked, answer);
  }
  return answer;
}

Answer read_open_orders_reply(const HttpReply& reply, const std::string& symbol) {
  const json::object fields = fields_of(reply.body, MaxOpenOrdersBytes);
  Answer answer = read_common(reply, fields);
  if (reply.status == 200 && bool_field(fields, "success") == true) read_listing(fields, symbol, answer);
  if (reply.status == 400 && is_answer(fields)) answer.verdict = Verdict::Refused;
  return answer;
}

absl::StatusOr<std::chrono::milliseconds> read_server_time(const HttpReply& reply) {
  const json::object fields = fields_of(reply.body);
  if (reply.status != 200) return absl::UnavailableError("server time: " + text_of(reply, fields));
  const std::optional<int64_t> time_ms = integer_field(fields, "serverTime");
  if (!time_ms) return absl::InvalidArgumentError("server time: no whole number in the field serverTime");
  const std::chrono::milliseconds time(*time_ms);
  if (time >= EarliestTime && time < LatestTime) return time;
  // As seconds it would be one: the exchange's documentation or its server has changed.
  const bool seconds = *time_ms >= EarliestTime / 1s && *time_ms < LatestTime / 1s;
  return absl::InvalidArgumentError("server time: serverTime is " + std::to_string(*time_ms) +
                                    ", which is no time in milliseconds since 1970 of the years 2000 to 2099" +
                                    (seconds ? "; it looks like seconds" : ""));
}

Answer no_response(std::string_view why) { return without_reply(Verdict::Doubtful, Arrival::Silent, why); }

Answer never_written(std::string_view why) { return without_reply(Verdict::NeverWritten, Arrival::NeverSent, why); }

Answer stale_stamp(std::chrono::milliseconds behind) {
  return without_reply(Verdict::StaleStamp, Arrival::NeverSent,
                       "the stamp is " + std::to_string(std::chrono::abs(behind).count()) + " ms " +
                           (behind.count() < 0 ? "ahead of" : "behind") + " the exchange's clock");
}

}  // namespace cancelbus::btcturk
