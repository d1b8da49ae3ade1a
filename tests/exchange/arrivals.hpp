// A log of the requests that reached the exchange, for tests that must know what was sent and when. RestApi writes it,
// Control shows it. Bounded: the oldest go first, and how many went is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "tests/exchange/endpoint.hpp"
#include "tests/exchange/instant.hpp"

namespace exchange_sim {

struct Arrival {
  std::uint64_t seq = 0;
  Instant read{};  // at the edge, where DeleteTally counts from
  Instant at{};    // where it is judged: later by what a fault adds on the way in
  Endpoint endpoint = Endpoint::Unknown;
  std::optional<std::int64_t> order_id;
  std::string stamp;
  std::string ip;
  std::string outcome = "open";  // then an HTTP status, "reset", or "abandoned" (the client left first)
  std::optional<Instant> ended;  // may be before `at`: its client left while it was on the way in
};

class ArrivalLog {
 public:
  static constexpr std::size_t kMaxKept = 200'000;

  std::uint64_t add(Arrival arrival) {
    if (kept_.size() >= kMaxKept) kept_.pop_front();
    arrival.seq = next_seq_++;
    kept_.push_back(std::move(arrival));
    return kept_.back().seq;
  }
  void end(std::uint64_t seq, Instant now, std::string outcome) {
    if (kept_.empty() || seq < kept_.front().seq || seq > kept_.back().seq) return;
    Arrival& arrival = kept_[seq - kept_.front().seq];
    arrival.outcome = std::move(outcome);
    arrival.ended = now;
  }
  void clear() { kept_.clear(); }
  const std::deque<Arrival>& kept() const { return kept_; }
  std::uint64_t total() const { return next_seq_ - 1; }

 private:
  std::deque<Arrival> kept_;
  std::uint64_t next_seq_ = 1;
};

}  // namespace exchange_sim
