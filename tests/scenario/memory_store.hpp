// A store in memory for tests: applies the gateway's records, gives them back as a snapshot, and checks on the way
// what must hold of every event ever published, whatever the test is about. Used by scenarios and the core's tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "service/core/actions.hpp"

namespace cancelbus::testing {

class MemoryStore {
 public:
  /// What has been published about one command.
  struct Told {
    int acks = 0;
    int finals = 0;
    bool final_follows = false;
  };

  void commit(const std::vector<core::Record>& records) {
    for (const core::Record& record : records) {
      std::visit([this](const auto& r) { apply(r); }, record);
    }
    // However it is kept.
    if (std::ranges::any_of(records, [](const auto& r) { return std::holds_alternative<core::HoldRecord>(r); })) sync();
  }

  /// All so far is on disk.
  void sync() { synced_ = std::make_shared<const MemoryStore>(*this); }
  /// Only that is left.
  void lose_what_is_not_synced() {
    const MemoryStore kept = synced_ ? *synced_ : MemoryStore();
    const uint64_t term = term_, epoch = epoch_;
    *this = kept;
    term_ = term;
    epoch_ = epoch;
  }

  uint64_t epoch() const { return epoch_; }
  /// What a bus that starts now reads.
  core::Snapshot start(bool same_boot, bool commits_lost = false) {
    for (const auto& [key, command] : commands_) run_time_ = std::max(run_time_, command.run_time);
    for (const auto& [limiter, hold] : holds_) run_time_ = std::max(run_time_, hold.run_time);
    core::Snapshot snapshot;
    if (commits_lost) ++epoch_;
    snapshot.epoch = epoch_;
    snapshot.term = ++term_;
    snapshot.same_boot = same_boot;
    snapshot.commits_lost = commits_lost;
    snapshot.run_time = run_time_;
    for (const auto& [key, command] : commands_) snapshot.commands.push_back(command);
    for (const auto& [task, permit] : permits_) snapshot.permits.push_back(permit);
    for (const auto& [limiter, hold] : holds_) snapshot.holds.push_back(hold);
    snapshot.lowered = lowered_;
    snapshot.unauthorized = unauthorized_;
    for (const auto& [topic, events] : events_) snapshot.topics.push_back({topic, events.size() + 1});
    snapshot.facts = facts_;
    snapshot.back_on_book.assign(back_on_book_.begin(), back_on_book_.end());
    for (const auto& [key, mass] : mass_cancels_) snapshot.mass_cancels.push_back(mass);
    for (const auto& [key, order] : mass_cancel_orders_) {
      const bool ended = mass_cancels_.at(order.mass).ended;
      const bool undecided = order.state == core::MassCancelOrder::State::Canceling;
      if (!ended || undecided) snapshot.mass_cancel_orders.push_back(order);
    }
    for (const auto& [sender, record] : dead_men_) snapshot.dead_men.push_back(record);
    return snapshot;
  }

  /// All events of a topic, by seq - 1.
  const std::vector<core::Publication>& events(const std::string& topic) { return events_[topic]; }
  const std::map<core::CommandKey, core::CommandRecord>& commands() const { return commands_; }
  const std::map<core::TaskId, core::PermitRecord>& permits() const { return permits_; }
  const std::map<core::CommandKey, Told>& told() const { return told_; }
  const std::map<core::OrderId, std::vector<core::HistoryLine>>& history() const { return history_; }

 private:
  void apply(const core::CommandRecord& record) {
    commands_[record.key] = record;
    const bool told = record.final && record.final_seq != 0;
    EXPECT_EQ(record.ended, told || (record.ack && !record.ack->final_follows)) << record.key.cl_ord_id;
  }
  void apply(const core::CommandForgotten& forgotten) {
    EXPECT_TRUE(commands_.at(forgotten.key).ended) << "an open command is never forgotten";
    commands_.erase(forgotten.key);
    told_.erase(forgotten.key);
  }
  void apply(const core::PermitRecord& permit) { permits_[permit.task] = permit; }
  void apply(const core::PermitForgotten& permit) { permits_.erase(permit.task); }
  void apply(const core::HoldRecord& hold) { holds_[hold.limiter] = hold; }
  void apply(const core::LoweredLimits& lowered) { lowered_ = lowered; }
  void apply(const core::UnauthorizedCount& count) { unauthorized_ = count; }
  void apply(const core::HistoryLine& line) {
    std::vector<core::HistoryLine>& lines = history_[line.order_id];
    const bool follows = line.line == 1 || (!lines.empty() && line.line == lines.back().line + 1);
    EXPECT_TRUE(follows) << "a gap in the history of order " << line.order_id;
    std::erase_if(lines, [&](const core::HistoryLine& kept) { return kept.line == line.drops; });
    lines.push_back(line);
    EXPECT_EQ(line.drops != 0, line.line > core::HistoryLine::MaxLines);
  }
  void apply(const core::BackOnBook& back) {
    if (back.so) {
      back_on_book_.insert(back.order_id);
    } else {
      back_on_book_.erase(back.order_id);
    }
  }
  void apply(const core::HistoryForgotten& forgotten) {
    history_.erase(forgotten.order_id);
    back_on_book_.erase(forgotten.order_id);
    for (const auto& [key, command] : commands_) EXPECT_NE(command.order.order_id, forgotten.order_id) << key.cl_ord_id;
  }
  void apply(const core::MassCancelRecord& record) { mass_cancels_[record.key] = record; }
  void apply(const core::MassCancelOrder& order) {
    // A child exists exactly if its command does.
    if (order.state == core::MassCancelOrder::State::Canceling) {
      const std::string name = order.mass.cl_ord_id + "/" + std::to_string(order.order_id);
      const auto child = commands_.lower_bound({order.mass.sender, name});
      EXPECT_TRUE(child != commands_.end() && child->first.cl_ord_id.starts_with(name)) << name << " has no command";
    }
    mass_cancel_orders_[{order.mass, order.order_id}] = order;
  }
  void apply(const core::MassCancelOrderForgotten& forgotten) {
    EXPECT_FALSE(mass_cancels_.at(forgotten.mass).ended) << "of an ended one all orders go at once";
    EXPECT_EQ(mass_cancel_orders_.erase({forgotten.mass, forgotten.order_id}), 1U) << forgotten.order_id;
  }
  void apply(const core::MassCancelForgotten& forgotten) {
    EXPECT_TRUE(mass_cancels_.at(forgotten.key).ended) << "an open mass cancel is never forgotten";
    mass_cancels_.erase(forgotten.key);
    std::erase_if(mass_cancel_orders_, [&](const auto& row) { return row.first.first == forgotten.key; });
  }
  void apply(const core::DeadManRecord& record) { dead_men_[record.sender] = record; }
  void apply(const core::DeadManDisarmed& disarmed) {
    EXPECT_EQ(dead_men_.erase(disarmed.sender), 1U) << disarmed.sender << " was not armed";
  }
  void apply(const core::FactPosition& position) { facts_ = position; }
  void apply(const core::Publication& publication) {
    std::vector<core::Publication>& events = events_[publication.topic];
    EXPECT_EQ(publication.seq, events.size() + 1) << "a gap or a repetition on " << publication.topic;
    events.push_back(publication);
    if (publication.topic == "venue.") return;
    // "client.NAME."
    const std::string sender = publication.topic.substr(7, publication.topic.size() - 8);
    if (const auto* ack = std::get_if<core::CancelAck>(&publication.body)) {
      Told& told = told_[{sender, ack->cl_ord_id}];
      EXPECT_EQ(++told.acks, 1) << "two acks of " << sender << "/" << ack->cl_ord_id;
      EXPECT_TRUE(ack->final_follows || ack->status == core::AckStatus::Rejected);
      told.final_follows = ack->final_follows;
    } else if (const auto* final = std::get_if<core::CancelFinal>(&publication.body); final && !final->unsolicited) {
      Told& told = told_[{sender, final->cl_ord_id}];
      EXPECT_EQ(++told.finals, 1) << "two finals of " << sender << "/" << final->cl_ord_id;
      EXPECT_EQ(told.acks, 1) << "a final before the ack of " << sender << "/" << final->cl_ord_id;
      EXPECT_TRUE(told.final_follows) << "a final that was not announced, of " << sender << "/" << final->cl_ord_id;
    }
  }

  std::map<core::CommandKey, core::CommandRecord> commands_;
  std::map<core::TaskId, core::PermitRecord> permits_;
  std::map<core::LimiterKind, core::HoldRecord> holds_;
  std::map<std::string, std::vector<core::Publication>> events_;
  std::map<core::CommandKey, Told> told_;
  std::map<core::OrderId, std::vector<core::HistoryLine>> history_;
  core::LoweredLimits lowered_;
  core::UnauthorizedCount unauthorized_;
  core::FactPosition facts_;
  std::set<core::OrderId> back_on_book_;
  std::map<core::CommandKey, core::MassCancelRecord> mass_cancels_;
  std::map<std::pair<core::CommandKey, core::OrderId>, core::MassCancelOrder> mass_cancel_orders_;
  std::map<std::string, core::DeadManRecord> dead_men_;
  core::Duration run_time_{};  ///< of the bus, as the rows tell
  uint64_t term_ = 0;
  uint64_t epoch_ = 77;
  std::shared_ptr<const MemoryStore> synced_;
};

}  // namespace cancelbus::testing
