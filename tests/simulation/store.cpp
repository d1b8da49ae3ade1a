#include "tests/simulation/store.hpp"

#include <absl/status/status.h>

#include <algorithm>
#include <variant>

namespace cancelbus::simulation {

namespace {
constexpr uint64_t Epoch = 77;
}

void Store::opened(uint64_t boot) {
  ++term_;
  boot_ = boot;
}

absl::StatusOr<core::Snapshot> Store::load() {
  core::Snapshot snapshot;
  snapshot.epoch = Epoch;
  snapshot.term = term_;
  snapshot.same_boot = boot_ == committed_boot_;
  for (const auto& [key, command] : commands_) snapshot.commands.push_back(command);
  for (const auto& [task, permit] : permits_) snapshot.permits.push_back(permit);
  for (const auto& [name, topic] : topics_) snapshot.topics.push_back({name, topic.next_seq});
  snapshot.facts = facts_;
  return snapshot;
}

void Store::commit(const io::Batch& batch, std::function<void(absl::Status)> done) {
  if (!may_write()) return;
  if (full_) return done(absl::ResourceExhaustedError("disk full"));
  for (const io::Row& row : batch) {
    std::visit([this](const auto& r) { put(r); }, row);
  }
  if (!batch.empty()) committed_boot_ = boot_;
  prune();
  on_committed(batch);
  done(absl::OkStatus());
}

void Store::put(const io::EventRow& event) {
  Topic& topic = topics_[event.topic];
  topic.next_seq = event.seq + 1;
  topic.kept[event.seq] = {event.sending_time, event.payload};
}

void Store::prune() {
  const core::WallTime before = wall() - retention_;
  for (auto& [name, topic] : topics_) {
    if (topic.kept.empty() || topic.kept.begin()->second.sent >= before) continue;
    // The events of an open command stay, and with them what follows on their topic.
    uint64_t keep_from = ~uint64_t{0};
    for (const auto& [key, command] : commands_) {
      const bool its_own = name == "client." + key.sender + ".";
      if (its_own && !command.ended && command.ack_seq > 0) keep_from = std::min(keep_from, command.ack_seq);
    }
    while (!topic.kept.empty() && topic.kept.begin()->first < keep_from && topic.kept.begin()->second.sent < before) {
      topic.kept.erase(topic.kept.begin());
    }
  }
}

absl::StatusOr<std::vector<std::string>> Store::read_events(const std::string& topic, uint64_t from_seq,
                                                            uint32_t count) {
  std::vector<std::string> payloads;
  const auto& kept = topics_[topic].kept;
  for (auto it = kept.find(from_seq); it != kept.end() && payloads.size() < count; ++it) {
    payloads.push_back(it->second.payload);
  }
  return payloads;
}

absl::StatusOr<uint64_t> Store::first_kept(const std::string& topic) {
  const auto& kept = topics_[topic].kept;
  return kept.empty() ? 0 : kept.begin()->first;
}

uint64_t Store::next_seq(const std::string& topic) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? 1 : it->second.next_seq;
}

}  // namespace cancelbus::simulation
