// What an operator may set of the gateway; defaults as in `cancel-bus --help`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::core {

struct GatewayOptions {
  std::string account;  ///< empty: not known, and a command that names one is refused
  std::vector<RateRule> cancel_limits = {{10, std::chrono::seconds(1)}, {300, std::chrono::seconds(60)}};
  /// Of the cancel limits with the same period: NORMAL cancels leave so much free for URGENT ones.
  std::vector<RateRule> urgent_reserve;
  std::vector<RateRule> query_limits = {{30, std::chrono::seconds(1)}, {900, std::chrono::seconds(60)}};
  std::vector<RateRule> open_orders_limits = {{300, std::chrono::seconds(60)}};  ///< half of them is used
  std::vector<std::string> pairs;  ///< that sweeps ask for, with those that are seen; empty: one request for all
  Duration sweep_interval = std::chrono::seconds(60);
  Duration default_ttl{};  ///< 0: wanted until proven gone
  Duration final_wait = std::chrono::seconds(2);
  Duration edit_grace{};
  Duration doubt_after = std::chrono::seconds(10);
  Duration lost_after = std::chrono::seconds(15);
  Duration worker_lease = std::chrono::seconds(1);
  uint32_t expected_workers = 0;  ///< 0: not known; decides nothing, fewer are shown as a cause
  uint32_t max_attempts = 5;
  bool observe = false;  ///< no DELETE at all: a command for which none was sent before is rejected, OBSERVING
  size_t max_open = 1'000'000;
  size_t max_open_per_sender = 100'000;
  size_t max_remembered_per_sender = 500'000;  ///< the account's limits allow 432,000 cancels a day
  Duration retention = std::chrono::hours(24);
  size_t statuses_per_second = 100;  ///< CancelStatus, of all commands; see StatusQueue
  bool check_invariants = false;     ///< after every step; costs time in proportion to everything that is known
};

/// How long the command is wanted: what it says itself, else what the options say; absent: until proven gone.
inline std::optional<Duration> ttl_of(const CancelOrder& order, const GatewayOptions& options) {
  if (order.time_to_live || options.default_ttl == Duration::zero()) return order.time_to_live;
  return options.default_ttl;
}

}  // namespace cancelbus::core
