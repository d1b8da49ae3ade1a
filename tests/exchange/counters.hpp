// What the exchange saw, in numbers; the promises of its clients are checked against them. RestApi and Streams count,
// Control shows. Nothing here changes what the exchange does.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include "tests/exchange/endpoint.hpp"
#include "tests/exchange/windows.hpp"

namespace exchange_sim {

// DELETEs of each order: how many ever, and how many at one moment. Odd: a DELETE counts from the moment the exchange
// has read it until it is answered or its connection is gone, whatever the answer.
class DeleteTally {
 public:
  void begin(std::int64_t order_id);
  void end(std::int64_t order_id);

  std::int64_t of(std::int64_t order_id) const;
  std::int64_t max_per_order() const { return orders_by_count_.empty() ? 0 : orders_by_count_.rbegin()->first; }
  std::int64_t max_overlapping() const { return max_overlapping_; }
  // Number of DELETEs to number of orders that had so many.
  const std::map<std::int64_t, std::int64_t>& orders_by_count() const { return orders_by_count_; }

 private:
  static constexpr std::size_t kMaxOrders = 1'000'000;  // then the oldest are forgotten, the maxima stand
  struct Entry {
    std::int64_t ever = 0;
    std::int64_t now = 0;
  };

  std::unordered_map<std::int64_t, Entry> orders_;
  std::deque<std::int64_t> oldest_;
  std::map<std::int64_t, std::int64_t> orders_by_count_;
  std::int64_t max_overlapping_ = 0;
};

struct Counters {
  // Endpoint name to outcome ("200", "reset", "abandoned") to count.
  std::map<std::string, std::map<std::string, std::int64_t>> requests;
  SlidingPeak deletes_1s{std::chrono::seconds{1}};
  SlidingPeak deletes_60s{std::chrono::seconds{60}};
  std::int64_t refused_429 = 0;  // by the windows; a 429 that a fault gave is not among them
  std::map<std::string, std::int64_t> refused_429_by_endpoint;
  std::int64_t other_program = 0;                    // requests of the fault of this name
  std::int64_t other_program_refused = 0;            // of these
  std::map<std::string, std::int64_t> unauthorized;  // by reason
  std::int64_t repeated_stamps = 0;
  std::int64_t max_unauthorized_in_a_row = 0;
  DeleteTally deletes;
  std::map<std::string, std::int64_t> stream;       // connects, logins, pongs, ...
  std::map<std::string, std::int64_t> frames_sent;  // by type
  // By name: how often the exchange did otherwise than the default value of a guess has it. Of a stamp that is used
  // twice nothing is counted.
  std::map<std::string, std::int64_t> guesses;
};

}  // namespace exchange_sim
