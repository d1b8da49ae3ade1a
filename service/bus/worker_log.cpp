#include "service/bus/worker_log.hpp"

#include <utility>

#include "service/io/log.hpp"

namespace cancelbus::bus {

void WorkerLog::look(const std::vector<core::WorkerStatus>& workers) {
  std::map<std::string, std::string> now;
  for (const core::WorkerStatus& worker : workers) {
    now[worker.name] = worker.unavailable;
    const auto before = unavailable_.find(worker.name);
    if (before != unavailable_.end() && before->second == worker.unavailable) continue;
    if (!worker.unavailable.empty()) {
      io::log_warn("worker_unavailable", {{"worker", worker.name}, {"why", worker.unavailable}});
    } else {
      io::log_info("worker_may_work", {{"worker", worker.name}});
    }
  }
  for (const auto& [name, why] : std::exchange(unavailable_, std::move(now))) {
    if (!unavailable_.contains(name)) io::log_info("worker_gone", {{"worker", name}});
  }
}

}  // namespace cancelbus::bus
