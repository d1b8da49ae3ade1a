#include "tests/simulation/budget.hpp"

#include <algorithm>
#include <utility>

#include "tests/simulation/keys.hpp"

namespace cancelbus::simulation {

Budget::Budget(World& world, const exchange_sim::Exchange& exchange, bool foreign_traffic)
    : world_(world), exchange_(exchange), foreign_traffic_(foreign_traffic) {
  const exchange_sim::Settings& settings = exchange.seen().settings;
  const auto add = [&](core::LimiterKind kind, std::vector<exchange_sim::Limit> limits, int64_t share) {
    for (exchange_sim::Limit& limit : limits) limit.most = std::max<int64_t>(1, limit.most / share);
    Limiter limiter{exchange_sim::Quota(limits, settings.window, {.account = true}), {}, {}};
    for (const exchange_sim::Limit& limit : limits) limiter.peaks.emplace_back(limit, limit.period);
    limiters_.emplace(kind, std::move(limiter));
  };
  add(core::LimiterKind::Cancel, settings.cancel_limits, 1);
  add(core::LimiterKind::Query, settings.query_limits, 1);
  add(core::LimiterKind::OpenOrders, settings.open_orders_limits, 2);
}

void Budget::exchange_moved() {
  const exchange_sim::World& seen = exchange_.seen();
  for (; arrivals_seen_ < seen.arrivals.total(); ++arrivals_seen_) {
    const exchange_sim::Arrival& arrival = seen.arrivals.kept()[arrivals_seen_];
    if (arrival.ip != OurAddress) continue;
    if (arrival.endpoint == exchange_sim::Endpoint::CancelOrder) {
      count(arrival, limiters_.at(core::LimiterKind::Cancel));
    } else if (arrival.endpoint == exchange_sim::Endpoint::QueryOrder) {
      count(arrival, limiters_.at(core::LimiterKind::Query));
    } else if (arrival.endpoint == exchange_sim::Endpoint::OpenOrders) {
      count(arrival, limiters_.at(core::LimiterKind::OpenOrders));
    } else if (arrival.endpoint != exchange_sim::Endpoint::ServerTime) {
      world_.fail("promise 3: a request of ours reaches ", exchange_sim::endpoint_name(arrival.endpoint),
                  ", which no limiter counts");
    }
  }
  if (seen.counters.refused_429 > 0 && !foreign_traffic_) world_.fail("promise 3: the exchange refuses for its limits");
}

void Budget::count(const exchange_sim::Arrival& arrival, Limiter& limiter) {
  for (auto& [limit, peak] : limiter.peaks) {
    peak.add(arrival.at);
    if (peak.peak() <= limit.most) continue;
    world_.fail("promise 3: ", peak.peak(), " requests of ours for ", exchange_sim::endpoint_name(arrival.endpoint),
                " within ", limit.period.count(), " s");
  }
  if (limiter.quota.arrive(arrival.at, "us", arrival.ip)) {
    world_.fail("promise 3: our own requests are more than the exchange's windows allow");
  }
}

void Budget::asked_to_wait(core::TaskId task, core::LimiterKind kind, const core::Answer& answer) {
  const Duration longest = answer.http_status == 503 ? 30s : 10min;
  const Duration asked = answer.retry_after.value_or(60s);
  heard_.try_emplace(task, Wait{kind, world_.now() + std::clamp<Duration>(asked, 1s, longest)});
}

void Budget::confirmed(core::TaskId task) {
  const auto wait = heard_.find(task);
  if (wait == heard_.end()) return;
  Limiter& limiter = limiters_.at(wait->second.kind);
  if (wait->second.until <= limiter.waits_until) return;
  limiter.waits_until = wait->second.until;
}

void Budget::commits_lost(const std::map<core::LimiterKind, Time>& stored) {
  for (auto& [kind, limiter] : limiters_) {
    const auto hold = stored.find(kind);
    limiter.waits_until = std::min(limiter.waits_until, hold == stored.end() ? Time::min() : hold->second);
  }
}

void Budget::sending(core::LimiterKind kind) {
  if (world_.now() >= limiters_.at(kind).waits_until) return;
  world_.fail("promise 3: a request is sent while the exchange has said to wait");
}

void Budget::at_the_end(int subscriber_deaths) {
  const auto& stream = exchange_.seen().counters.stream;
  const auto refused = stream.find("handshakes_refused_429");
  // A subscriber that starts again has forgotten its handshakes.
  if (refused == stream.end() || refused->second <= 0 || subscriber_deaths > 0) return;
  world_.fail("promise 3: too many handshakes");
}

}  // namespace cancelbus::simulation
