// The REST side of the exchange: authorisation, limits, the five endpoints, and the faults of requests and answers. The
// edge brings requests in; answers leave as outputs. A request passes, in this order: the way in (latency), the key and
// stamp, the limits, the faults that spare the origin, the origin, the faults after it, the way out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "tests/exchange/auth.hpp"
#include "tests/exchange/market.hpp"
#include "tests/exchange/world.hpp"

namespace exchange_sim {

// The 429 of an exceeded limit.
HttpAnswer too_many_requests(const Refusal& refusal);
// The value of a Date header.
std::string http_date(Instant at);

// The answer leaves at `clock`, which its Date and a date in its Retry-After are of.
void set_date(HttpAnswer& answer, Instant clock);

class RestApi {
 public:
  RestApi(World& world, Market& market, Auth& auth);

  void request(Instant now, RequestId id, HttpRequest request);
  // The client closed the connection before its answer. What it asked for happens all the same.
  void abandoned(Instant now, RequestId id);

  const Quota& cancel_quota() const { return quotas_.at(Endpoint::CancelOrder); }
  Quota& cancel_quota() { return quotas_.at(Endpoint::CancelOrder); }

 private:
  struct Pending {
    HttpRequest request;
    Target target;
    Micros way_out{0};
    std::uint64_t arrival = 0;  // in the arrival log; 0 while on its way in
    bool stalled = false;
    Instant read{};
    std::optional<Instant> gone;  // when it was abandoned, and counted as that
  };
  enum class Fate { Answered, Reset, Stalled };
  struct Verdict {
    Fate fate = Fate::Answered;
    HttpAnswer answer;
    Micros hold{0};
  };

  void arrive(Instant now, RequestId id);
  void finish(Instant now, RequestId id, const Verdict& verdict);
  void settle(Instant now, const Pending& pending, const std::string& outcome);

  Verdict judge(Instant now, const Pending& pending);
  std::optional<HttpAnswer> refuse(Instant now, const Pending& pending);
  // What the other program has sent until now.
  void spend_of_others(Instant now, Endpoint endpoint);
  std::optional<HttpAnswer> check_key(Instant now, Endpoint endpoint, const HttpRequest& request);
  Verdict serve(Instant now, const Pending& pending);
  Verdict handle(Instant now, const Pending& pending);
  Verdict cancel(Instant now, const Target& target);
  HttpAnswer place(Instant now, const HttpRequest& request);
  HttpAnswer query(const Target& target);
  HttpAnswer open_orders(Instant now, const Target& target);
  HttpAnswer server_time(Instant now);

  static constexpr std::size_t kMaxAddresses = 1024;

  World& world_;
  Market& market_;
  Auth& auth_;
  std::map<Endpoint, Quota> quotas_;
  std::map<Endpoint, Instant> others_at_;  // when the other program sends next
  std::unordered_map<RequestId, Pending> pending_;
  std::map<std::string, std::int64_t> unauthorized_in_a_row_;  // by address
};

}  // namespace exchange_sim
