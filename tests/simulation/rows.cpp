#include "tests/simulation/rows.hpp"

#include <algorithm>
#include <variant>

namespace cancelbus::simulation {

namespace {

class Put {
 public:
  Put(Rows& rows, Duration now) : rows_(rows), now_(now) {}

  void operator()(const core::CommandRecord& record) { rows_.commands[record.key] = record; }
  void operator()(const core::CommandForgotten& forgotten) { rows_.commands.erase(forgotten.key); }
  void operator()(const core::PermitRecord& record) { rows_.permits[record.task] = record; }
  void operator()(const core::PermitForgotten& forgotten) { rows_.permits.erase(forgotten.task); }
  void operator()(const core::HoldRecord& record) { rows_.holds[record.limiter] = record; }
  void operator()(const core::LoweredLimits& lowered) { rows_.lowered = lowered; }
  void operator()(const core::UnauthorizedCount& count) { rows_.unauthorized = count; }
  void operator()(const core::FactPosition& position) { rows_.facts = position; }
  // The simulation does not read the history.
  void operator()(const core::HistoryLine&) {}
  void operator()(const core::HistoryForgotten& forgotten) { rows_.back_on_book.erase(forgotten.order_id); }
  void operator()(const core::BackOnBook& back) {
    if (back.so) {
      rows_.back_on_book.insert(back.order_id);
    } else {
      rows_.back_on_book.erase(back.order_id);
    }
  }
  void operator()(const core::MassCancelRecord& record) { rows_.mass_cancels[record.key] = record; }
  void operator()(const core::MassCancelOrder& order) {
    rows_.mass_cancel_orders[{order.mass, order.order_id}] = order;
  }
  void operator()(const core::MassCancelOrderForgotten& forgotten) {
    rows_.mass_cancel_orders.erase({forgotten.mass, forgotten.order_id});
  }
  void operator()(const core::MassCancelForgotten& forgotten) {
    rows_.mass_cancels.erase(forgotten.key);
    std::erase_if(rows_.mass_cancel_orders, [&](const auto& row) { return row.first.first == forgotten.key; });
  }
  void operator()(const core::DeadManRecord& record) { rows_.dead_men[record.sender] = record; }
  void operator()(const core::DeadManDisarmed& disarmed) { rows_.dead_men.erase(disarmed.sender); }
  void operator()(const io::EventRow& event) {
    Rows::Topic& topic = rows_.topics[event.topic];
    topic.next_seq = event.seq + 1;
    topic.kept[event.seq] = {now_, event.payload};
  }

 private:
  Rows& rows_;
  const Duration now_;
};

}  // namespace

void Rows::apply(const io::Batch& batch, Duration now) {
  Put put(*this, now);
  for (const io::Row& row : batch) std::visit(put, row);
}

void Rows::prune(Duration before) {
  for (auto& [name, topic] : topics) {
    if (topic.kept.empty() || topic.kept.begin()->second.run_time >= before) continue;
    // The events of an open command stay, and with them what follows on their topic.
    uint64_t keep_from = ~uint64_t{0};
    for (const auto& [key, command] : commands) {
      const bool its_own = name == "client." + key.sender + ".";
      if (its_own && !command.ended && command.ack_seq > 0) keep_from = std::min(keep_from, command.ack_seq);
    }
    for (const auto& [key, mass] : mass_cancels) {
      const bool its_own = name == "client." + key.sender + ".";
      if (its_own && !mass.ended && mass.report_seq > 0) keep_from = std::min(keep_from, mass.report_seq);
    }
    while (!topic.kept.empty() && topic.kept.begin()->first < keep_from &&
           topic.kept.begin()->second.run_time < before) {
      topic.kept.erase(topic.kept.begin());
    }
  }
}

core::Snapshot Rows::snapshot() const {
  core::Snapshot snapshot;
  snapshot.epoch = epoch;
  snapshot.run_time = run_time;
  for (const auto& [key, command] : commands) snapshot.commands.push_back(command);
  for (const auto& [task, permit] : permits) snapshot.permits.push_back(permit);
  for (const auto& [limiter, hold] : holds) snapshot.holds.push_back(hold);
  for (const auto& [name, topic] : topics) snapshot.topics.push_back({name, topic.next_seq});
  snapshot.lowered = lowered;
  snapshot.unauthorized = unauthorized;
  snapshot.facts = facts;
  snapshot.back_on_book.assign(back_on_book.begin(), back_on_book.end());
  for (const auto& [key, mass] : mass_cancels) snapshot.mass_cancels.push_back(mass);
  for (const auto& [key, order] : mass_cancel_orders) {
    const bool undecided = order.state == core::MassCancelOrder::State::Canceling;
    if (undecided || !mass_cancels.at(order.mass).ended) snapshot.mass_cancel_orders.push_back(order);
  }
  for (const auto& [sender, record] : dead_men) snapshot.dead_men.push_back(record);
  return snapshot;
}

std::vector<std::string> Rows::read_events(const std::string& topic, uint64_t from_seq, uint32_t count) const {
  std::vector<std::string> payloads;
  const auto found = topics.find(topic);
  if (found == topics.end()) return payloads;
  const auto& kept = found->second.kept;
  for (auto it = kept.find(from_seq); it != kept.end() && payloads.size() < count; ++it) {
    payloads.push_back(it->second.payload);
  }
  return payloads;
}

uint64_t Rows::first_kept(const std::string& topic) const {
  const auto found = topics.find(topic);
  return found == topics.end() || found->second.kept.empty() ? 0 : found->second.kept.begin()->first;
}

uint64_t Rows::next_seq(const std::string& topic) const {
  const auto it = topics.find(topic);
  return it == topics.end() ? 1 : it->second.next_seq;
}

}  // namespace cancelbus::simulation
