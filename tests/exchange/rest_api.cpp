#include "tests/exchange/rest_api.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/exchange/order_json.hpp"
#include "tests/exchange/payloads.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;

HttpAnswer failure(unsigned status, const std::string& message, int code) {
  return {status, json::serialize(json::object{{"success", false}, {"message", message}, {"code", code}}), {}, false};
}

HttpAnswer success(json::value data) {
  return {
      200,
      json::serialize(json::object{{"data", std::move(data)}, {"success", true}, {"message", nullptr}, {"code", 0}}),
      {},
      false};
}

const char* reason(AuthVerdict verdict) {
  switch (verdict) {
    case AuthVerdict::UnknownKey:
      return "key";
    case AuthVerdict::BadSignature:
      return "signature";
    case AuthVerdict::StaleStamp:
      return "stale_stamp";
    case AuthVerdict::RepeatedStamp:
      return "repeated_stamp";
    case AuthVerdict::Good:
      break;
  }
  return "none";
}

}  // namespace

HttpAnswer too_many_requests(const Refusal& refusal) {
  const std::int64_t wait_s = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(refusal.wait).count());
  const std::string limit = std::to_string(refusal.limit.most);
  const std::string period = period_name(refusal.limit.period);
  const json::object body = {{"message", "TOO_MANY_REQUESTS"},
                             {"success", false},
                             {"code", 429},
                             {"details", absl::StrCat("Quota exceeded. Maximum allowed: ", limit, " per ", period,
                                                      ". Please try again in ", wait_s, " second(s).")},
                             {"limit", limit},
                             {"period", period},
                             {"policy", refusal.policy == Policy::Account ? "account" : "ip"}};
  return {429, json::serialize(body), wait_s, false};
}

std::string http_date(Instant at) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::FromUnixMicros(unix_us(at)), absl::UTCTimeZone());
}

void set_date(HttpAnswer& answer, Instant clock) {
  answer.date = http_date(clock);
  if (answer.retry_after_date_s) {
    answer.retry_after = http_date(clock + std::chrono::seconds{*answer.retry_after_date_s});
  }
}

RestApi::RestApi(World& world, Market& market, Auth& auth) : world_(world), market_(market), auth_(auth) {
  const Settings& given = world.settings;
  const Quota::Scope both{.account = true, .ip = true};
  const bool prolongs = given.guesses.blocked_prolongs;
  quotas_.emplace(Endpoint::CancelOrder, Quota(given.cancel_limits, given.window, both, prolongs));
  quotas_.emplace(Endpoint::PlaceOrder, Quota(given.place_limits, given.window, both, prolongs));
  quotas_.emplace(Endpoint::QueryOrder, Quota(given.query_limits, given.window, both, prolongs));
  quotas_.emplace(Endpoint::OpenOrders, Quota(given.open_orders_limits, given.window, {.ip = true}, prolongs));
}

void RestApi::request(Instant now, RequestId id, HttpRequest request) {
  Pending pending;
  pending.target = parse_target(request.method, request.target);
  pending.request = std::move(request);
  pending.read = now;
  const Target& target = pending.target;
  if (target.endpoint == Endpoint::CancelOrder && target.order_id) world_.counters.deletes.begin(*target.order_id);

  Micros way_in{0};
  if (const FaultRule* rule = world_.faults.draw(Fault::Latency, world_.random, target.endpoint, target.order_id)) {
    way_in = rule->request + world_.random.up_to(rule->request_jitter);
    pending.way_out = rule->answering + world_.random.up_to(rule->answering_jitter);
  }
  pending_.emplace(id, std::move(pending));
  if (way_in.count() == 0) {
    arrive(now, id);
  } else {
    world_.agenda.at(now + way_in, [this, id](Instant at) { arrive(at, id); });
  }
}

void RestApi::arrive(Instant now, RequestId id) {
  Pending& pending = pending_.at(id);
  Arrival arrival;
  arrival.read = pending.read;
  arrival.at = now;
  arrival.endpoint = pending.target.endpoint;
  arrival.order_id = pending.target.order_id;
  arrival.stamp = pending.request.stamp.substr(0, 32);
  arrival.ip = pending.request.ip;
  pending.arrival = world_.arrivals.add(std::move(arrival));
  if (pending.gone) world_.arrivals.end(pending.arrival, *pending.gone, "abandoned");

  Verdict verdict = judge(now, pending);
  if (verdict.fate == Fate::Stalled) {
    pending.stalled = true;
    if (pending.gone) pending_.erase(id);
    return;
  }
  const Micros wait = verdict.hold + pending.way_out;
  if (wait.count() == 0) {
    finish(now, id, verdict);
  } else {
    world_.agenda.at(now + wait, [this, id, verdict = std::move(verdict)](Instant at) { finish(at, id, verdict); });
  }
}

void RestApi::finish(Instant now, RequestId id, const Verdict& verdict) {
  const auto found = pending_.find(id);
  if (!found->second.gone) {
    if (verdict.fate == Fate::Reset) {
      world_.outputs.push_back(ResetConnection{id});
      settle(now, found->second, "reset");
    } else {
      HttpAnswer answer = verdict.answer;
      set_date(answer, world_.clock(now));
      world_.outputs.push_back(Reply{id, std::move(answer)});
      settle(now, found->second, std::to_string(verdict.answer.status));
    }
  }
  pending_.erase(found);
}

void RestApi::abandoned(Instant now, RequestId id) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second.gone) return;
  found->second.gone = now;
  settle(now, found->second, "abandoned");
  if (found->second.stalled) pending_.erase(found);
}

void RestApi::settle(Instant now, const Pending& pending, const std::string& outcome) {
  const Target& target = pending.target;
  ++world_.counters.requests[std::string(endpoint_name(target.endpoint))][outcome];
  if (pending.arrival != 0) world_.arrivals.end(pending.arrival, now, outcome);
  if (target.endpoint == Endpoint::CancelOrder && target.order_id) world_.counters.deletes.end(*target.order_id);
}

RestApi::Verdict RestApi::judge(Instant now, const Pending& pending) {
  if (auto refusal = refuse(now, pending)) return {Fate::Answered, *std::move(refusal)};
  Verdict verdict = serve(now, pending);
  const Target& target = pending.target;
  if (verdict.fate == Fate::Answered &&
      world_.faults.draw(Fault::CloseAfterAnswer, world_.random, target.endpoint, target.order_id) != nullptr) {
    verdict.answer.close = true;
  }
  return verdict;
}

std::optional<HttpAnswer> RestApi::refuse(Instant now, const Pending& pending) {
  const Endpoint endpoint = pending.target.endpoint;
  if (endpoint == Endpoint::Unknown) return failure(404, "Not Found", 404);
  if (endpoint == Endpoint::WrongMethod) return failure(405, "Method Not Allowed", 405);
  if (endpoint == Endpoint::ServerTime) return std::nullopt;
  if (auto denied = check_key(now, endpoint, pending.request)) return denied;
  Counters& counters = world_.counters;
  if (endpoint == Endpoint::CancelOrder) {
    counters.deletes_1s.add(now);
    counters.deletes_60s.add(now);
  }
  spend_of_others(now, endpoint);
  // One account stands behind all keys.
  const auto refusal = quotas_.at(endpoint).arrive(now, "account", pending.request.ip);
  if (!refusal) return std::nullopt;
  ++counters.refused_429;
  if (refusal->prolonged) ++counters.guesses["blocked_prolongs"];
  ++counters.refused_429_by_endpoint[std::string(endpoint_name(endpoint))];
  return too_many_requests(*refusal);
}

void RestApi::spend_of_others(Instant now, Endpoint endpoint) {
  const auto& rules = world_.faults.rules(Fault::OtherProgram);
  const auto rule = std::ranges::find_if(
      rules, [endpoint](const FaultRule& each) { return !each.endpoint || *each.endpoint == endpoint; });
  if (rule == rules.end()) {
    others_at_.erase(endpoint);
    return;
  }
  // It begins with our first request. Of what is long past nothing counts any more.
  Instant& at = others_at_.try_emplace(endpoint, now).first->second;
  at = std::max(at, now - std::chrono::hours{1});
  for (; at <= now; at += Micros{static_cast<std::int64_t>(1e6 / rule->per_second)}) {
    ++world_.counters.other_program;
    if (quotas_.at(endpoint).arrive(at, "account", "198.51.100.7")) ++world_.counters.other_program_refused;
  }
}

std::optional<HttpAnswer> RestApi::check_key(Instant now, Endpoint endpoint, const HttpRequest& request) {
  if (unauthorized_in_a_row_.size() >= kMaxAddresses) unauthorized_in_a_row_.clear();
  std::int64_t& in_a_row = unauthorized_in_a_row_[request.ip];
  const std::int64_t most = world_.settings.most_unauthorized;
  if (most > 0 && in_a_row >= most) {
    return HttpAnswer{403, "<html><head><title>403</title></head><body>Forbidden</body></html>", {}, false};
  }
  const AuthVerdict verdict = auth_.check(request, world_.clock(now));
  if (verdict == AuthVerdict::Good) {
    in_a_row = 0;
    return std::nullopt;
  }
  Counters& counters = world_.counters;
  counters.max_unauthorized_in_a_row = std::max(counters.max_unauthorized_in_a_row, ++in_a_row);
  ++counters.unauthorized[reason(verdict)];
  if (verdict == AuthVerdict::RepeatedStamp) ++counters.repeated_stamps;
  const bool about_stamp = verdict == AuthVerdict::StaleStamp || verdict == AuthVerdict::RepeatedStamp;
  if (about_stamp && world_.settings.guesses.stale_stamp_counts) {
    ++counters.guesses["stale_stamp_counts"];
    quotas_.at(endpoint).arrive(now, "account", request.ip);
  }
  return payload(about_stamp ? "cancel_401_success_true" : "cancel_401_empty");
}

RestApi::Verdict RestApi::serve(Instant now, const Pending& pending) {
  const Target& target = pending.target;
  const auto draw = [&](Fault fault) {
    return world_.faults.draw(fault, world_.random, target.endpoint, target.order_id);
  };
  if (draw(Fault::ResetBefore) != nullptr) return {Fate::Reset, {}};
  const FaultRule* stall = draw(Fault::Stall);
  if (stall != nullptr && !stall->processed) return {Fate::Stalled, {}};
  const FaultRule* other = draw(Fault::Answer);
  if (other != nullptr && !other->processed) return {Fate::Answered, other->answer};

  Verdict verdict = handle(now, pending);
  if (stall != nullptr) return {Fate::Stalled, {}};
  if (draw(Fault::ResetAfter) != nullptr) return {Fate::Reset, {}, verdict.hold};
  if (other == nullptr) other = draw(Fault::ProxyPage);
  if (other != nullptr) verdict.answer = other->answer;
  return verdict;
}

RestApi::Verdict RestApi::handle(Instant now, const Pending& pending) {
  switch (pending.target.endpoint) {
    case Endpoint::CancelOrder:
      return cancel(now, pending.target);
    case Endpoint::PlaceOrder:
      return {Fate::Answered, place(now, pending.request)};
    case Endpoint::QueryOrder:
      return {Fate::Answered, query(pending.target)};
    case Endpoint::OpenOrders:
      return {Fate::Answered, open_orders(now, pending.target)};
    case Endpoint::ServerTime:
      return {Fate::Answered, server_time(now)};
    case Endpoint::WrongMethod:
    case Endpoint::Unknown:
      break;
  }
  return {Fate::Answered, failure(404, "Not Found", 404)};
}

RestApi::Verdict RestApi::cancel(Instant now, const Target& target) {
  if (!target.order_id) return {Fate::Answered, failure(400, "Bad Request - id is missing in the query", 400)};
  const CancelReceipt receipt = market_.request_cancel(now, *target.order_id);
  const bool known = receipt.result != CancelResult::NoSuchOpenOrder;
  return {Fate::Answered, payload(known ? "cancel_200" : "cancel_400_no_order"), receipt.answer_hold};
}

HttpAnswer RestApi::place(Instant now, const HttpRequest& request) {
  auto spec = parse_order(request.body);
  if (!spec.ok()) return failure(400, absl::StrCat("Bad Request - ", spec.status().message()), 400);
  const auto id = market_.place(now, *std::move(spec));
  if (!id) return failure(400, "Bad Request - too many open orders", 400);
  return success(placed_to_json(*market_.book().find(*id)));
}

HttpAnswer RestApi::query(const Target& target) {
  const Order* order = target.order_id ? market_.book().find(*target.order_id) : nullptr;
  if (order == nullptr) {
    HttpAnswer answer = payload("query_not_found");
    if (answer.status != world_.settings.guesses.not_found_status) ++world_.counters.guesses["not_found_status"];
    answer.status = world_.settings.guesses.not_found_status;
    return answer;
  }
  json::object shown = order_to_json(*order);
  const bool ended = !is_open(order->shown_status);
  const bool partly = order->shown_status == OrderStatus::Canceled && order->shown_left < order->spec.quantity;
  if (partly && world_.settings.guesses.partial_cancel_reads_closed) {
    ++world_.counters.guesses["partial_cancel_reads"];
    shown["status"] = std::string(status_name(OrderStatus::Closed));
  }
  if (order->shown_status == OrderStatus::Closed && world_.settings.guesses.filled_reads_canceled) {
    ++world_.counters.guesses["filled_reads"];
    shown["status"] = std::string(status_name(OrderStatus::Canceled));
  }
  if (ended && world_.faults.draw(Fault::WrongStatusWord, world_.random, std::nullopt, order->id) != nullptr) {
    const bool canceled = order->shown_status == OrderStatus::Canceled;
    shown["status"] = std::string(status_name(canceled ? OrderStatus::Closed : OrderStatus::Canceled));
  }
  return success(std::move(shown));
}

HttpAnswer RestApi::open_orders(Instant now, const Target& target) {
  std::string pair = query_value(target.query, "pairSymbol").value_or("");
  std::erase(pair, '_');
  if (pair.empty() && world_.settings.guesses.pair_required) {
    ++world_.counters.guesses["pair_required"];
    return failure(400, "Bad Request - pairSymbol is missing in the query", 400);
  }
  json::array bids;
  json::array asks;
  const auto list = [&](Order order) {
    if (!pair.empty() && order.spec.pair_symbol != pair) return;
    (order.spec.side == Side::Buy ? bids : asks).push_back(order_to_json(order));
  };
  if (const FaultRule* stale = world_.faults.draw(Fault::StaleOpenOrders, world_.random)) {
    for (const Order& order : market_.book().open_at(now - stale->delay)) list(order);
  } else {
    for (const std::int64_t id : market_.book().shown_open()) list(*market_.book().find(id));
  }
  return success(json::object{{"asks", std::move(asks)}, {"bids", std::move(bids)}});
}

HttpAnswer RestApi::server_time(Instant now) {
  const FaultRule* wrong = world_.faults.draw(Fault::WrongServerTime, world_.random);
  const Instant clock = world_.clock(now) + (wrong ? wrong->clock : Millis{0});
  const std::string readable =
      absl::FormatTime(absl::RFC3339_full, absl::FromUnixMicros(unix_us(clock)), absl::UTCTimeZone());
  return {200, json::serialize(json::object{{"serverTime", unix_ms(clock)}, {"serverTime2", readable}}), {}, false};
}

}  // namespace exchange_sim
