// A log line whenever a worker becomes unavailable, for whatever reason, works again, or is gone for good.
//
// The shell shows it the workers each second. It decides nothing: why, the pool has said.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "service/core/status.hpp"

namespace cancelbus::bus {

class WorkerLog {
 public:
  void look(const std::vector<core::WorkerStatus>& workers);

 private:
  std::map<std::string, std::string> unavailable_;  ///< by name; empty: it may work
};

}  // namespace cancelbus::bus
