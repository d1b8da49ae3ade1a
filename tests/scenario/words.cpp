#include "tests/scenario/words.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "service/core/names.hpp"

namespace cancelbus::scenario {

using core::Answer;
using core::Arrival;
using core::Duration;
using core::Verdict;

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

template <typename Enum, size_t N>
std::string name(const std::array<const char*, N>& names, Enum value) {
  return names.at(static_cast<size_t>(value));
}

constexpr std::array AckNames{"ACCEPTED", "REJECTED", "IN_DOUBT"};
constexpr std::array OriginNames{"BUS", "WORKER", "EXCHANGE"};
constexpr std::array ReasonNames{
    "NONE",     "TOO_LATE",      "UNKNOWN_ORDER",  "ALREADY_PENDING",   "DUPLICATE_CL_ORD_ID",
    "OTHER",    "EXPIRED",       "NOT_AUTHORIZED", "BLOCKED",           "MALFORMED",
    "BUS_FULL", "TTL_TOO_SHORT", "WRONG_ACCOUNT",  "STORE_UNAVAILABLE", "NOT_OWNER",
    "OBSERVING"};
constexpr std::array OrdStatusNames{"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED"};
constexpr std::array EvidenceNames{"CHANNEL_452", "ORDER_QUERY", "OPERATOR"};
constexpr std::array StageNames{"QUEUED", "SENT", "WAITING_FINAL", "IN_DOUBT", "RESENDING", "STUCK", "BACK_ON_BOOK"};
constexpr std::array CauseNames{"NO_WORKER",  "BACKOFF",          "KEYS_REFUSED",  "CLOCK",    "STORE",
                                "NO_LEADER",  "EXCHANGE_FAILING", "LIMIT_LOWERED", "DRAINING", "STREAM",
                                "KEY_BARRED", "FEWER_WORKERS",    "QUEUE"};
constexpr std::array ReceiptNames{"APPLIED", "DUPLICATE", "REFUSED"};
constexpr std::array VerdictNames{"Accepted",  "UnknownOrder", "Refused",  "Blocked",    "WrongRequest", "Unauthorized",
                                  "Throttled", "Read",         "Doubtful", "StaleStamp", "NeverWritten"};
constexpr std::array ReadNames{"Open", "Canceled", "Closed", "NotFound"};
constexpr std::array FactNames{"451", "452", "441", "423"};
constexpr std::array HistoryNames{"Delete",     "Answer", "Query",   "Read",          "Fact", "WorkerSilent",
                                  "WorkerBack", "Status", "Resolve", "Contradiction", "Retry"};
constexpr std::array MassCancelNames{"ACCEPTED", "PROGRESS", "COMPLETED", "REJECTED"};
constexpr std::array ResolveNames{"SETTLED", "PENDING", "REFUSED"};

std::string quoted(const std::string& text) { return text.empty() ? "" : " \"" + text + "\""; }

Answer read_answer(core::ReadStatus status, Words& words) {
  Answer answer{Verdict::Read, Arrival::Answered, 200, 0, "", {}, {}, {}, {}};
  if (status == core::ReadStatus::NotFound) {
    answer.reading.status = status;
    return answer;
  }
  const std::string left = words.value("left", status == core::ReadStatus::Closed ? "0" : "1");
  answer.reading = {status, words.value("qty", "1"), left, "100", "BTCTRY"};
  return answer;
}

}  // namespace

Words::Words(const std::string& line) {
  std::istringstream in(line);
  for (std::string word; in >> word;) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      words_.push_back(word);
    } else {
      values_[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
}

std::string Words::next() {
  if (words_.empty()) throw std::runtime_error("a word is missing");
  std::string word = words_.front();
  words_.erase(words_.begin());
  return word;
}

std::vector<std::string> Words::rest() {
  std::vector<std::string> all = std::exchange(words_, {});
  for (const auto& [key, value] : std::exchange(values_, {})) all.push_back(key + "=" + value);
  return all;
}

bool Words::flag(const std::string& word) { return std::erase(words_, word) > 0; }

std::string Words::value(const std::string& key, const std::string& otherwise) {
  const auto it = values_.find(key);
  if (it == values_.end()) return otherwise;
  std::string value = it->second;
  values_.erase(it);
  return value;
}

Duration Words::duration(const std::string& key, Duration otherwise) {
  return has(key) ? parse_duration(value(key, "")) : otherwise;
}

uint64_t Words::number(const std::string& key, uint64_t otherwise) {
  return has(key) ? std::stoull(value(key, "")) : otherwise;
}

void Words::expect_end() const {
  if (!words_.empty()) throw std::runtime_error("unknown word: " + words_.front());
  if (!values_.empty()) throw std::runtime_error("unknown key: " + values_.begin()->first);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

Duration parse_duration(const std::string& text) {
  size_t end = 0;
  const double count = std::stod(text, &end);
  const std::string unit = text.substr(end);
  const std::map<std::string, Duration> units{
      {"ms", milliseconds(1)}, {"s", seconds(1)}, {"m", minutes(1)}, {"h", hours(1)}};
  const auto it = units.find(unit);
  if (it == units.end()) throw std::runtime_error("not a duration: " + text);
  return Duration(std::llround(count * static_cast<double>(it->second.count())));
}

std::string to_text(Duration duration) {
  // Deadlines lie a nanosecond behind the moment that must have passed. Leave it out: it says nothing to a reader.
  const int64_t ms = std::chrono::floor<milliseconds>(duration).count();
  std::string text = std::to_string(ms / 1000);
  if (ms % 1000 != 0) {
    std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    text += "." + fraction.erase(fraction.find_last_not_of('0') + 1);
  }
  return text + "s";
}

std::vector<core::RateRule> parse_rules(const std::string& text) {
  std::vector<core::RateRule> rules;
  for (const std::string& rule : split(text, ',')) {
    const auto parts = split(rule, '/');
    rules.push_back({static_cast<uint32_t>(std::stoul(parts.at(0))), parse_duration(parts.at(1))});
  }
  return rules;
}

Answer parse_answer(Words& words) {
  const std::string word = words.next();
  const std::map<std::string, Answer> plain{
      {"200", {Verdict::Accepted, Arrival::Answered, 200, 0, "SUCCESS", {}, {}, {}, {}}},
      {"NO_ORDER",
       {Verdict::UnknownOrder, Arrival::Answered, 400, 1052, "NO_ORDER_MATCHES_YOUR_REQUEST", {}, {}, {}, {}}},
      {"COULD_NOT", {Verdict::Refused, Arrival::Answered, 400, 1050, "ORDER_COULD_NOT_BE_CANCELED", {}, {}, {}, {}}},
      {"400", {Verdict::Refused, Arrival::Answered, 400, 9, "SOMETHING_NEW", {}, {}, {}, {}}},
      {"BLOCKED", {Verdict::Blocked, Arrival::Answered, 400, 0, "ORDER_CANCEL_BLOCKED", {}, {}, {}, {}}},
      {"404", {Verdict::WrongRequest, Arrival::Answered, 404, 0, "Not Found", {}, {}, {}, {}}},
      {"405", {Verdict::WrongRequest, Arrival::Answered, 405, 0, "Method Not Allowed", {}, {}, {}, {}}},
      {"401", {Verdict::Unauthorized, Arrival::Answered, 401, 0, "Unauthorized", {}, {}, {}, {}}},
      {"403", {Verdict::Unauthorized, Arrival::Answered, 403, 0, "Forbidden", {}, {}, {}, {}}},
      {"418", {Verdict::Doubtful, Arrival::Page, 418, 0, "I'm a teapot", {}, {}, {}, {}}},
      {"500", {Verdict::Doubtful, Arrival::Page, 500, 0, "Internal Server Error", {}, {}, {}, {}}},
      {"503", {Verdict::Doubtful, Arrival::Page, 503, 0, "Service Unavailable", {}, {}, {}, {}}},
      {"429", {Verdict::Throttled, Arrival::Answered, 429, 429, "TOO_MANY_REQUESTS", {}, {}, {}, {}}},
      {"timeout", {Verdict::Doubtful, Arrival::Silent, 0, 0, "no answer in time", {}, {}, {}, {}}},
      {"stale", {Verdict::StaleStamp, Arrival::NeverSent, 0, 0, "the stamp is too old", {}, {}, {}, {}}},
      {"unwritten", {Verdict::NeverWritten, Arrival::NeverSent, 0, 0, "no connection", {}, {}, {}, {}}},
  };
  if (const auto it = plain.find(word); it != plain.end()) {
    Answer answer = it->second;
    if (words.has("period")) answer.retry_after = answer.period = words.duration("period", {});
    if (words.has("retry")) answer.retry_after = words.duration("retry", {});
    return answer;
  }
  if (word == "open") return read_answer(core::ReadStatus::Open, words);
  if (word == "canceled") return read_answer(core::ReadStatus::Canceled, words);
  if (word == "closed") return read_answer(core::ReadStatus::Closed, words);
  if (word == "notfound") return read_answer(core::ReadStatus::NotFound, words);
  if (word == "lists") {
    Answer answer{Verdict::Read, Arrival::Answered, 200, 0, "", {}, {}, {}, {}};
    core::Listing& listing = answer.listing.emplace();
    listing.part = static_cast<uint32_t>(words.number("part", 1));
    listing.parts = static_cast<uint32_t>(words.number("of", 1));
    const bool numbers = listing.part >= 1 && listing.part <= listing.parts && listing.parts <= 1'000;
    if (!numbers) throw std::runtime_error("no such part");
    for (const std::string& order : words.rest()) listing.orders.push_back(parse_listed(order));
    return answer;
  }
  throw std::runtime_error("unknown answer: " + word);
}

core::OpenOrder parse_listed(const std::string& text) {
  const auto pair = split(text, '@');
  const auto id = split(pair.at(0), '/');
  core::OpenOrder order;
  order.order_id = std::stoll(id.at(0));
  if (order.order_id < 1) throw std::runtime_error("not an order id: " + text);
  order.symbol = pair.size() > 1 ? pair[1] : "BTCTRY";
  order.side = core::Side::Buy;
  order.price = "100";
  order.quantity = order.leaves_qty = "1";
  if (id.size() > 1) order.client_order_id = id[1];
  return order;
}

std::optional<core::Side> parse_side(const std::string& text) {
  if (text == "buy") return core::Side::Buy;
  if (text == "sell") return core::Side::Sell;
  return std::nullopt;
}

std::string to_text(const core::OpenOrder& order) {
  std::string text = std::to_string(order.order_id) + " " + order.symbol;
  if (order.side) text += " " + core::lower_name_of(*order.side);
  text += " left " + order.leaves_qty + " of " + order.quantity;
  if (!order.client_order_id.empty()) text += " " + order.client_order_id;
  if (!order.owner.empty()) text += ", " + order.owner + "'s";
  return text + ", by " + core::lower_name_of(order.evidence);
}

std::string to_text(const core::SweepEnd& end) {
  const std::string count = std::to_string(end.orders) + " orders in " + std::to_string(end.requests) + " requests";
  return end.complete ? "sweep complete: " + count : "sweep failed: " + end.why + " (" + count + ")";
}

core::OrdStatus parse_ord_status(const std::string& text) {
  const std::map<std::string, core::OrdStatus> statuses{{"canceled", core::OrdStatus::Canceled},
                                                        {"filled", core::OrdStatus::Filled},
                                                        {"open", core::OrdStatus::New},
                                                        {"unknown_order", core::OrdStatus::Rejected}};
  return statuses.at(text);
}

core::FactType parse_fact_type(const std::string& text) {
  const std::map<std::string, core::FactType> types{{"451", core::FactType::Inserted451},
                                                    {"452", core::FactType::Deleted452},
                                                    {"441", core::FactType::Matched441},
                                                    {"423", core::FactType::Trade423}};
  return types.at(text);
}

std::string to_text(const core::CancelAck& ack) {
  std::string text = ack.cl_ord_id + " " + name(AckNames, ack.status);
  if (ack.reason != core::RejectReason::None) text += " " + name(ReasonNames, ack.reason);
  text += " by " + name(OriginNames, ack.origin);
  if (ack.http_status != 0) text += " " + std::to_string(ack.http_status);
  return text + quoted(ack.text) + (ack.final_follows ? ", final follows" : ", end");
}

std::string to_text(const core::CancelFinal& final) {
  const core::Quantities& q = final.quantities;
  std::string text = name(OrdStatusNames, final.ord_status) + " by " + name(EvidenceNames, final.evidence);
  if (!q.order_qty.empty()) text += ", filled " + q.cum_qty + " of " + q.order_qty;
  if (q.exact) text += " exactly";
  return text;
}

std::string to_text(const core::CancelStatus& status) {
  return status.cl_ord_id + " " + name(StageNames, status.stage) + quoted(status.text);
}

std::string kind_of(const core::Cause& cause) {
  const std::string kind = name(CauseNames, cause.kind);
  if (!cause.limiter) return kind;
  return kind + (cause.limiter == core::LimiterKind::Cancel ? " cancel" : " query");
}

std::string to_text(const core::Cause& cause) {
  std::string text = kind_of(cause);
  text += cause.stops.empty() ? " stops nothing" : " stops " + cause.stops;
  if (cause.remaining) text += " for " + to_text(*cause.remaining);
  if (cause.http_status != 0) text += " " + std::to_string(cause.http_status);
  return text + quoted(cause.text);
}

std::string to_text(const core::SendReceipt& receipt) {
  std::string text = receipt.cl_ord_id + " " + name(ReceiptNames, receipt.status);
  if (receipt.reason != core::RejectReason::None) text += " " + name(ReasonNames, receipt.reason);
  text += quoted(receipt.text);
  if (receipt.estimated_wait > Duration::zero()) text += ", wait " + to_text(receipt.estimated_wait);
  return text;
}

std::string to_text(const core::HistoryLine& line) {
  struct StatusName {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(Verdict value) const { return " " + name(VerdictNames, value); }
    std::string operator()(core::ReadStatus value) const { return " " + name(ReadNames, value); }
    std::string operator()(core::FactType value) const { return " " + name(FactNames, value); }
    std::string operator()(core::Stage value) const { return " " + name(StageNames, value); }
    std::string operator()(core::OrdStatus value) const { return " " + name(OrdStatusNames, value); }
  };
  std::string text = name(HistoryNames, line.what) + std::visit(StatusName(), line.status);
  if (line.http_status != 0) text += " " + std::to_string(line.http_status);
  text += quoted(line.text);
  if (!line.left_amount.empty()) text += " left " + line.left_amount;
  if (!line.amount.empty()) text += " of " + line.amount;
  if (!line.worker.empty()) text += " " + line.worker;
  return text;
}

std::string to_text(const core::SwitchChange& change) {
  std::string text = "log " + core::lower_name_of(change.what) + " " + change.sender;
  if (!change.scope.empty()) text += " " + change.scope;
  if (change.forced) text += ", forced";
  return text + quoted(change.reason);
}

std::string to_text(const core::SendResolved& resolved) {
  return resolved.key.sender + "/" + resolved.key.cl_ord_id + " " + name(ResolveNames, resolved.status) +
         quoted(resolved.text);
}

std::vector<std::string> to_lines(const core::UndecidedCommand& command, core::WallTime now) {
  std::string head = command.key.sender + "/" + command.key.cl_ord_id + " " + std::to_string(command.order_id);
  if (!command.symbol.empty()) head += " " + command.symbol;
  if (!command.client_order_id.empty()) head += " " + command.client_order_id;
  head += " " + name(StageNames, command.stage) + " for " + to_text(now - command.since) + quoted(command.why.text);
  if (command.why.http_status != 0) head += " " + std::to_string(command.why.http_status);
  head += ", received " + to_text(command.age) + " ago, " + (command.acked ? "acked" : "not acked") + ", attempts " +
          std::to_string(command.attempts);
  std::string next = "  next: " + command.next_step;
  if (command.next_in) next += ", in " + to_text(*command.next_in);
  if (command.operator_step.empty()) return {head, next};
  return {head, next, "  operator: " + command.operator_step};
}

std::string to_text(const std::vector<core::TopicPosition>& positions) {
  std::string text;
  for (const core::TopicPosition& p : positions) text += " " + p.topic + " next " + std::to_string(p.next_seq);
  return text;
}

std::string to_text(const core::SendMassCancelPreview& preview, core::WallTime start) {
  std::string text = preview.cl_ord_id + " " + std::to_string(preview.total_affected) + " orders";
  for (const auto& [owner, symbol, orders] : preview.orders) {
    text += ", " + (owner.empty() ? "unowned" : owner + "'s") + " " + symbol + " " + std::to_string(orders);
  }
  if (preview.total_affected > 0) text += ", takes " + to_text(preview.estimated_duration);
  if (preview.complete_as_of) text += ", as of @" + to_text(*preview.complete_as_of - start);
  return text + quoted(preview.text);
}

std::string to_text(const core::MassCancelReport& report, core::WallTime start) {
  std::string text = report.cl_ord_id + " " + name(MassCancelNames, report.status) + " of " +
                     std::to_string(report.total_affected) + ":";
  const std::pair<uint32_t, const char*> counts[] = {{report.canceled, "canceled"},
                                                     {report.filled, "filled"},
                                                     {report.still_open, "still open"},
                                                     {report.in_doubt, "in doubt"},
                                                     {report.unsent, "unsent"}};
  for (const auto& [count, what] : counts) {
    if (count > 0) text += " " + std::to_string(count) + " " + what;
  }
  if (report.not_affected_total > 0) text += ", " + std::to_string(report.not_affected_total) + " not affected";
  for (const auto& [order, reason, why] : report.not_affected) {
    text += " (" + std::to_string(order) + " " + name(ReasonNames, reason) + quoted(why) + ")";
  }
  if (report.complete_as_of) text += ", as of @" + to_text(report.complete_as_of->wall - start);
  if (report.estimated_completion) text += ", until @" + to_text(*report.estimated_completion - start);
  return text + quoted(report.text);
}

std::string to_text(const core::Publication& publication, core::WallTime start) {
  if (const auto* final = std::get_if<core::CancelFinal>(&publication.body); final && final->unsolicited) {
    return publication.topic + std::to_string(final->order_id) + " " + to_text(*final) + ", unsolicited";
  }
  const std::string sender = publication.topic.substr(7, publication.topic.size() - 8) + "/";
  if (const auto* report = std::get_if<core::MassCancelReport>(&publication.body)) {
    return "report " + sender + to_text(*report, start);
  }
  if (const auto* ack = std::get_if<core::CancelAck>(&publication.body)) return "ack " + sender + to_text(*ack);
  if (const auto* final = std::get_if<core::CancelFinal>(&publication.body)) {
    return "final " + sender + final->cl_ord_id + " " + to_text(*final);
  }
  return "status " + sender + to_text(std::get<core::CancelStatus>(publication.body));
}

}  // namespace cancelbus::scenario
