// The misbehaviour that can be asked of the exchange, by flag or at run time. Market, RestApi and Streams each draw the
// faults that are theirs; Control and main set them. A fault is a list of rules: the first that fits and is drawn
// applies.
#pragma once

#include <array>
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/exchange/endpoint.hpp"
#include "tests/exchange/http.hpp"
#include "tests/exchange/instant.hpp"
#include "tests/exchange/random.hpp"

namespace exchange_sim {

enum class Fault {
  No452,
  Early452,
  Duplicate452,
  ZeroId452,
  Foreign452,
  FillInstead,
  StaleNumLeft,
  EditDuringCancel,
  Answer,
  ProxyPage,
  Latency,
  StreamLatency,
  Stall,
  ResetBefore,
  ResetAfter,
  CloseAfterAnswer,
  SilentSocket,
  CloseWithoutFrame,
  RefuseLogin,
  Mute45x,
  RefuseHandshake,
  OtherProgram,
  ClockOff,
  WrongServerTime,
  WrongStatusWord,
  StaleOpenOrders,
};
inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::StaleOpenOrders) + 1;

// What is known of a fault without its settings. `fields` are those it takes beside share and count, space-separated.
struct FaultInfo {
  Fault fault;
  std::string_view name;
  std::string_view fields;
  std::string_view summary;
  Millis default_delay{0};
};
const std::array<FaultInfo, kFaults>& fault_infos();
const FaultInfo& fault_info(Fault fault);
const FaultInfo* find_fault(std::string_view name);

struct FaultRule {
  double share = 1.0;
  std::optional<std::int64_t> uses_left;  // none: without end
  std::set<std::int64_t> order_ids;       // empty: all
  std::optional<Endpoint> endpoint;       // none: every one
  bool processed = false;                 // whether the origin did its work
  Millis delay{0};
  HttpAnswer answer;
  double fraction = 0.5;
  Millis request{0}, request_jitter{0};
  Millis answering{0}, answering_jitter{0};
  Millis jitter{0};
  Millis clock{0};
  double per_second = 1;
  std::string message;
  std::int64_t applied = 0;
  std::string source;  // the rule as it was given
};

class FaultSet {
 public:
  // {"NAME": {...} | [{...}, ...] | null, ...}: sets or replaces what it names, all of it or nothing.
  absl::Status set(const boost::json::value& faults);

  // A rule to apply now, or null. The rule is used up by one.
  const FaultRule* draw(Fault fault, Random& random, std::optional<Endpoint> endpoint = std::nullopt,
                        std::optional<std::int64_t> order_id = std::nullopt);

  // How far the exchange's clock is ahead.
  Millis clock_offset() const;
  const std::vector<FaultRule>& rules(Fault fault) const { return rules_[static_cast<std::size_t>(fault)]; }
  // How often each fault applied so far, also under rules since replaced.
  std::int64_t applied(Fault fault) const { return applied_[static_cast<std::size_t>(fault)]; }
  void forget_applied() { applied_ = {}; }

 private:
  std::array<std::vector<FaultRule>, kFaults> rules_;
  std::array<std::int64_t, kFaults> applied_{};
};

}  // namespace exchange_sim
