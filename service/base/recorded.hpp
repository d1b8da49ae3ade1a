// What a worker or the subscriber has received from the exchange: the contract's Recorded, field by field.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cancelbus::base {

struct Recorded {
  using Duration = std::chrono::nanoseconds;

  std::string source = {};
  uint64_t source_id = 0;
  uint64_t number = 0;
  std::chrono::time_point<std::chrono::system_clock, Duration> received{};
  std::string kind = {};
  std::string request = {};
  uint64_t task_id = 0;
  int status = 0;
  std::string head = {};
  std::string text = {};
  bool truncated = false;
  Duration round_trip{};
};

}  // namespace cancelbus::base
