// A frame of the bus, as a worker or the subscriber reads it.
#include <variant>

#include "service/wire/backend_codec.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

std::string written(const wire::Task& task) {
  return wire::encode_task({"", task.task, task.attempt, task.stamp_ms, task.kind, task.order},
                           task.term.value_or(core::Term()));
}

void require_sane(const wire::Task& task) {
  require(task.task != 0 && task.stamp_ms >= 1 && task.order.order_id >= 1, "a task can be done");
  const auto again = wire::decode_backend_reply(written(task));
  require(again.ok() && std::holds_alternative<wire::Task>(*again), "what was read can be told on");
  require(written(std::get<wire::Task>(*again)) == written(task), "and means the same");
}

}  // namespace

bool backend_reply(std::string_view input) {
  const auto read = wire::decode_backend_reply(input);
  if (!read.ok()) return false;
  if (const auto* task = std::get_if<wire::Task>(&*read)) require_sane(*task);
  return true;
}

std::vector<std::string> backend_reply_seeds() {
  std::vector<std::string> seeds = goldens("BackendReply.");
  for (auto& task : goldens("Task.")) seeds.push_back(std::move(task));
  core::CancelOrder order;
  order.cl_ord_id = "c-1";
  order.order_id = 5;
  order.symbol = "BTCTRY";
  order.time_to_live = std::chrono::seconds(2);
  seeds.push_back(wire::encode_task({"", 7, 1, 1'700'000'000'000, core::LimiterKind::Cancel, order}, {3, "bus-a", 12}));
  seeds.push_back(wire::encode_task({"", 8, 1, 1'700'000'000'001, core::LimiterKind::Query, order}, {3, "bus-a", 12}));
  seeds.push_back(wire::encode_task({"", 0, 1, 1'700'000'000'001, core::LimiterKind::Query, order}, {3, "bus-a", 12}));
  return seeds;
}

}  // namespace cancelbus::fuzz
