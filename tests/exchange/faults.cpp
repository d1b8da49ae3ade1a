#include "tests/exchange/faults.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/exchange/payloads.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxRules = 100;
constexpr std::size_t kMaxOrderIds = 100'000;
constexpr double kMaxMs = 600'000;

absl::string_view as_absl(std::string_view text) { return {text.data(), text.size()}; }
absl::string_view as_absl(json::string_view text) { return {text.data(), text.size()}; }

std::optional<double> number_within(const json::value& value, double least, double most) {
  if (!value.is_number()) return std::nullopt;
  const double number = value.to_number<double>();
  if (!(number >= least && number <= most)) return std::nullopt;
  return number;
}

template <Millis FaultRule::*Member>
bool read_ms(const json::value& value, FaultRule& rule) {
  const auto ms = number_within(value, 0, kMaxMs);
  if (ms) rule.*Member = Millis{static_cast<std::int64_t>(*ms)};
  return ms.has_value();
}

bool read_share(const json::value& value, FaultRule& rule) {
  const auto share = number_within(value, 0, 1);
  rule.share = share.value_or(0);
  return share.has_value();
}

bool read_count(const json::value& value, FaultRule& rule) {
  const auto count = number_within(value, 0, 1e12);
  rule.uses_left = static_cast<std::int64_t>(count.value_or(0));
  return count.has_value();
}

bool read_order_ids(const json::value& value, FaultRule& rule) {
  if (!value.is_array() || value.as_array().empty() || value.as_array().size() > kMaxOrderIds) return false;
  for (const json::value& id : value.as_array()) {
    if (!id.is_int64()) return false;
    rule.order_ids.insert(id.as_int64());
  }
  return true;
}

bool read_endpoint(const json::value& value, FaultRule& rule) {
  if (!value.is_string()) return false;
  rule.endpoint = find_endpoint({value.as_string().data(), value.as_string().size()});
  return rule.endpoint.has_value() || value.as_string() == "any";
}

bool read_payload(const json::value& value, FaultRule& rule) {
  if (!value.is_string()) return false;
  const std::string name(value.as_string());
  const HttpAnswer* answer = find_payload(name);
  if (answer == nullptr) return false;
  rule.answer = *answer;
  if (name.starts_with("query_")) rule.endpoint = Endpoint::QueryOrder;
  return true;
}

bool read_status(const json::value& value, FaultRule& rule) {
  const auto status = number_within(value, 200, 599);
  rule.answer.status = static_cast<unsigned>(status.value_or(0));
  return status.has_value();
}

bool read_body(const json::value& value, FaultRule& rule) {
  rule.answer.body = value.is_string() ? std::string(value.as_string()) : json::serialize(value);
  return true;
}

bool read_retry_after(const json::value& value, FaultRule& rule) {
  const auto wait = number_within(value, 0, 86'400);
  rule.answer.retry_after_s = static_cast<std::int64_t>(wait.value_or(0));
  return wait.has_value();
}

bool read_retry_after_text(const json::value& value, FaultRule& rule) {
  if (!value.is_string()) return false;
  rule.answer.retry_after = std::string(value.as_string());
  return rule.answer.retry_after.find_first_of("\r\n") == std::string::npos;
}

bool read_retry_after_date(const json::value& value, FaultRule& rule) {
  const auto wait = number_within(value, -86'400, 86'400);
  rule.answer.retry_after_date_s = static_cast<std::int64_t>(wait.value_or(0));
  return wait.has_value();
}

bool read_per_second(const json::value& value, FaultRule& rule) {
  const auto rate = number_within(value, 0.001, 1'000);
  rule.per_second = rate.value_or(1);
  return rate.has_value();
}

bool read_processed(const json::value& value, FaultRule& rule) {
  if (!value.is_bool()) return false;
  rule.processed = value.as_bool();
  return true;
}

bool read_fraction(const json::value& value, FaultRule& rule) {
  const auto fraction = number_within(value, 0, 1);
  rule.fraction = fraction.value_or(0);
  return fraction.has_value();
}

bool read_seconds(const json::value& value, FaultRule& rule) {
  const auto seconds = number_within(value, -86'400, 86'400);
  rule.clock = Millis{static_cast<std::int64_t>(seconds.value_or(0) * 1000)};
  return seconds.has_value();
}

bool read_message(const json::value& value, FaultRule& rule) {
  if (!value.is_string()) return false;
  rule.message = std::string(value.as_string());
  return true;
}

struct Field {
  std::string_view name;
  std::string_view expects;
  bool (*read)(const json::value&, FaultRule&);
};

// Read in this order: payload first, so that status, body and endpoint beside it have the last word.
constexpr std::array kFields = {
    Field{"share", "a number from 0 to 1", read_share},
    Field{"count", "a number of times, not negative", read_count},
    Field{"payload", "the name of a REST entry of payloads.json", read_payload},
    Field{"status", "an HTTP status from 200 to 599", read_status},
    Field{"body", "a string (sent as it is) or JSON", read_body},
    Field{"retry_after_s", "seconds from 0 to 86400", read_retry_after},
    Field{"retry_after", "the header as it is, in one line", read_retry_after_text},
    Field{"retry_after_date_s", "seconds from -86400 to 86400", read_retry_after_date},
    Field{"per_second", "a number from 0.001 to 1000", read_per_second},
    Field{"processed", "true or false", read_processed},
    Field{"endpoint", "\"any\" or a name like \"DELETE /api/v1/order\" or \"GET /api/v1/order/{id}\"", read_endpoint},
    Field{"order_ids", "a list of 1 to 100000 order ids", read_order_ids},
    Field{"delay_ms", "milliseconds from 0 to 600000", read_ms<&FaultRule::delay>},
    Field{"fraction", "a number from 0 to 1", read_fraction},
    Field{"request_ms", "milliseconds from 0 to 600000", read_ms<&FaultRule::request>},
    Field{"request_jitter_ms", "milliseconds from 0 to 600000", read_ms<&FaultRule::request_jitter>},
    Field{"answer_ms", "milliseconds from 0 to 600000", read_ms<&FaultRule::answering>},
    Field{"answer_jitter_ms", "milliseconds from 0 to 600000", read_ms<&FaultRule::answering_jitter>},
    Field{"jitter_ms", "milliseconds from 0 to 600000", read_ms<&FaultRule::jitter>},
    Field{"seconds", "a number from -86400 to 86400", read_seconds},
    Field{"message", "a string", read_message},
};

bool takes(const FaultInfo& info, std::string_view field) {
  if (field == "share" || field == "count") return true;
  for (const absl::string_view taken : absl::StrSplit(as_absl(info.fields), ' ')) {
    if (taken == as_absl(field)) return true;
  }
  return false;
}

FaultRule defaults(const FaultInfo& info) {
  FaultRule rule;
  rule.delay = info.default_delay;
  if (info.fault != Fault::Latency) rule.endpoint = Endpoint::CancelOrder;
  if (info.fault == Fault::ProxyPage) rule.answer = payload("cancel_503_html");
  if (info.fault == Fault::RefuseHandshake) rule.answer.retry_after_s = 60;
  if (info.fault == Fault::RefuseLogin) rule.message = "Unauthorized";
  return rule;
}

absl::Status bad(const FaultInfo& info, const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat("fault \"", as_absl(info.name), "\": ", text));
}

absl::StatusOr<FaultRule> read_rule(const FaultInfo& info, const json::value& value) {
  if (!value.is_object()) return bad(info, "expects an object, a list of objects, or null");
  json::object given = value.as_object();
  if (given.contains("ids")) {
    if (given.contains("order_ids")) return bad(info, "has both \"ids\" and \"order_ids\"");
    json::value ids = given.at("ids");  // a copy: growing the object moves what it holds
    given.erase("ids");
    given.emplace("order_ids", std::move(ids));
  }
  for (const auto& entry : given) {
    if (!takes(info, {entry.key().data(), entry.key().size()})) {
      return bad(info, absl::StrCat("unknown field \"", as_absl(entry.key()), "\"; it takes share, count, ",
                                    as_absl(info.fields)));
    }
  }
  FaultRule rule = defaults(info);
  for (const Field& field : kFields) {
    const json::value* present = given.if_contains(field.name);
    if (present != nullptr && !field.read(*present, rule)) {
      return bad(info, absl::StrCat("field \"", as_absl(field.name), "\" expects ", as_absl(field.expects)));
    }
  }
  if (info.fault == Fault::Answer && rule.share > 0 && !given.contains("payload") && !given.contains("status")) {
    return bad(info, "needs a \"payload\" or a \"status\"");
  }
  rule.source = json::serialize(value);
  return rule;
}

absl::StatusOr<std::vector<FaultRule>> read_rules(const FaultInfo& info, const json::value& value) {
  std::vector<FaultRule> rules;
  if (value.is_null()) return rules;
  const json::array list = value.is_array() ? value.as_array() : json::array{value};
  if (list.size() > kMaxRules) return bad(info, absl::StrCat("has more than ", kMaxRules, " rules"));
  for (const json::value& entry : list) {
    absl::StatusOr<FaultRule> rule = read_rule(info, entry);
    if (!rule.ok()) return rule.status();
    if (rule->share > 0) rules.push_back(*std::move(rule));
  }
  return rules;
}

}  // namespace

absl::Status FaultSet::set(const json::value& faults) {
  if (!faults.is_object()) return absl::InvalidArgumentError("faults: expects an object {\"NAME\": {...}}");
  auto next = rules_;
  for (const auto& entry : faults.as_object()) {
    const FaultInfo* info = find_fault({entry.key().data(), entry.key().size()});
    if (info == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("unknown fault \"", as_absl(entry.key()), "\""));
    auto rules = read_rules(*info, entry.value());
    if (!rules.ok()) return rules.status();
    next[static_cast<std::size_t>(info->fault)] = *std::move(rules);
  }
  rules_ = std::move(next);
  return absl::OkStatus();
}

const FaultRule* FaultSet::draw(Fault fault, Random& random, std::optional<Endpoint> endpoint,
                                std::optional<std::int64_t> order_id) {
  for (FaultRule& rule : rules_[static_cast<std::size_t>(fault)]) {
    if (endpoint && rule.endpoint && *rule.endpoint != *endpoint) continue;
    if (!rule.order_ids.empty() && (!order_id || !rule.order_ids.contains(*order_id))) continue;
    if (rule.uses_left == 0) continue;
    if (rule.share < 1 && random.fraction() >= rule.share) continue;
    if (rule.uses_left) --*rule.uses_left;
    ++rule.applied;
    ++applied_[static_cast<std::size_t>(fault)];
    return &rule;
  }
  return nullptr;
}

Millis FaultSet::clock_offset() const {
  const auto& set = rules(Fault::ClockOff);
  return set.empty() ? Millis{0} : set.front().clock;
}

}  // namespace exchange_sim
