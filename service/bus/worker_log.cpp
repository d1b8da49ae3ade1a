#include "service/bus/worker_log.hpp"

#include <utility>

#include "service/io/log.hpp"

namespace cancelbus::bus {

void WorkerLog::look(const std::vector<core::WorkerStatus>& workers) {
  std::map<std::string, std::string> now;
  for (const core::WorkerStatus& worker : workers) {
    now[worker.name] = worker.benched;
    const auto before = benched_.find(worker.name);
    if (before != benched_.end() && before->second == worker.benched) continue;
    if (!worker.benched.empty()) {
      io::log_warn("worker_unavailable", {{"worker", worker.name}, {"why", worker.benched}});
    } else {
      io::log_info("worker_may_work", {{"worker", worker.name}});
    }
  }
  for (const auto& [name, why] : std::exchange(benched_, std::move(now))) {
    if (!benched_.contains(name)) io::log_info("worker_gone", {{"worker", name}});
  }
}

}  // namespace cancelbus::bus
