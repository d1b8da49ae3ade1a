#include "tests/simulation/chronicle.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <optional>

namespace cancelbus::simulation {

namespace {

std::optional<core::FactType> fact_type(int64_t type) {
  switch (type) {
    case 451:
      return core::FactType::Inserted451;
    case 452:
      return core::FactType::Deleted452;
    case 441:
      return core::FactType::Matched441;
    case 423:
      return core::FactType::Trade423;
    default:
      return std::nullopt;
  }
}

}  // namespace

Time time_of(exchange_sim::Instant at) {
  return Time(std::chrono::duration_cast<Duration>(at.time_since_epoch()) - Beginning.time_since_epoch());
}

void Chronicle::exchange_moved() {
  const exchange_sim::ArrivalLog& arrivals = exchange_.seen().arrivals;
  for (; arrivals_seen_ < arrivals.total(); ++arrivals_seen_) {
    const exchange_sim::Arrival& arrival = arrivals.kept()[arrivals_seen_];
    if (!arrival.stamp.empty()) arrived_[std::stoll(arrival.stamp)] = time_of(arrival.at);
  }
}

void Chronicle::frame_leaves(const std::string& text) {
  boost::system::error_code error;
  const auto frame = boost::json::parse(text, error);
  if (error || !frame.is_array() || frame.as_array().size() != 2) return;
  const auto type = fact_type(frame.as_array()[0].to_number<int64_t>());
  if (!type) return;
  const char* id_name = *type == core::FactType::Trade423 ? "orderId" : "id";
  const core::OrderId id = frame.as_array()[1].at(id_name).to_number<int64_t>();
  ++unheard_[{*type, id}];
  const exchange_sim::Order* known = order(id);
  if (*type != core::FactType::Deleted452 || !known || known->status == exchange_sim::OrderStatus::Canceled) return;
  // One with nothing left is a complete fill's.
  const auto& left = frame.as_array()[1].at("numLeft").as_string();
  const auto some = exchange_sim::Decimal::parse({left.data(), left.size()});
  if (some && some->positive()) ++edits_[id];
}

Time Chronicle::gone_at(core::OrderId id) const {
  const exchange_sim::Order* known = order(id);
  if (!known) return Never;
  for (const exchange_sim::OrderChange& change : known->changes) {
    if (!exchange_sim::is_open(change.status)) return time_of(change.at);
  }
  return Never;
}

bool Chronicle::had_left(core::OrderId id, exchange_sim::Decimal left, Time from) const {
  const exchange_sim::Order* known = order(id);
  if (!known) return false;
  // So much was left after a change until the next one, or is left still.
  for (size_t i = 0; i < known->changes.size(); ++i) {
    const bool until_now = i + 1 == known->changes.size();
    if (known->changes[i].left == left && (until_now || time_of(known->changes[i + 1].at) >= from)) return true;
  }
  return false;
}

Time Chronicle::read_at(int64_t stamp_ms) const {
  const auto found = arrived_.find(stamp_ms);
  return found == arrived_.end() ? Never : found->second;
}

bool Chronicle::heard(const core::OrderFact& fact) { return unheard_[{fact.type, fact.order_id}]-- > 0; }

}  // namespace cancelbus::simulation
