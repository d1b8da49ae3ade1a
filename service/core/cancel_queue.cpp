#include "service/core/cancel_queue.hpp"

#include <absl/container/btree_map.h>

#include <algorithm>
#include <string_view>

#include "service/core/check.hpp"

namespace cancelbus::core {

void CancelQueue::push(OrderId order, Standing standing, Place place) {
  CANCELBUS_CHECK(!contains(order));
  Lane& to = lanes_[lane_of(standing)];
  Entry entry{std::move(standing)};
  if (const auto& due = entry.standing.repeat) {
    to.repeats.emplace(*due, order);
    to.repeats_of[entry.standing.sender].emplace(*due, order);
  } else {
    auto [line, is_new] = to.lines.try_emplace(entry.standing.sender);
    if (is_new) to.turns.push_back(entry.standing.sender);
    Line& orders = line->second;
    entry.position = orders.insert(place == Place::Front ? orders.begin() : orders.end(), order);
  }
  places_.emplace(order, std::move(entry));
}

void CancelQueue::remove(OrderId order) {
  const auto it = places_.find(order);
  if (it == places_.end()) return;
  const Entry entry = std::move(it->second);
  places_.erase(it);
  Lane& from = lanes_[lane_of(entry.standing)];
  if (const auto& due = entry.standing.repeat) {
    from.repeats.erase({*due, order});
    const auto mine = from.repeats_of.find(entry.standing.sender);
    mine->second.erase({*due, order});
    if (mine->second.empty()) from.repeats_of.erase(mine);
    if (from.repeats.empty()) from.firsts = 0;
    return;
  }
  Line& orders = from.lines.at(entry.standing.sender);
  orders.erase(entry.position);
  if (orders.empty()) leave(from, entry.standing.sender);
}

std::vector<CancelQueue::Next> CancelQueue::next() const {
  std::vector<Next> next;
  const bool others_turn = kills_ >= KillsBeforeAnother;
  if (!others_turn) add_next(Kill, next);
  add_next(Urgent, next);
  add_next(Normal, next);
  if (others_turn) add_next(Kill, next);
  return next;
}

void CancelQueue::add_next(LaneIndex index, std::vector<Next>& next) const {
  const Lane& lane = lanes_[index];
  const bool repeats_turn = lane.firsts >= FirstsBeforeARepeat, urgent = index != Normal;
  if (!lane.repeats.empty() && repeats_turn) next.push_back({lane.repeats.begin()->second, false, urgent});
  if (!lane.turns.empty()) next.push_back({lane.lines.at(lane.turns.front()).front(), false, urgent});
  if (!lane.repeats.empty() && !repeats_turn) next.push_back({lane.repeats.begin()->second, true, urgent});
}

bool CancelQueue::others_wait() const {
  return std::ranges::any_of(lanes_.begin() + Urgent, lanes_.end(),
                             [](const Lane& lane) { return !lane.turns.empty() || !lane.repeats.empty(); });
}

void CancelQueue::pop(OrderId order) {
  const Standing standing = where(order);
  Lane& from = lanes_[lane_of(standing)];
  remove(order);
  kills_ = standing.kill && others_wait() ? kills_ + 1 : 0;
  if (standing.repeat) {
    from.firsts = 0;
    return;
  }
  if (!from.repeats.empty()) ++from.firsts;
  const bool still_first = !from.turns.empty() && from.turns.front() == standing.sender;
  if (still_first && ++from.taken >= weight(standing.sender)) {
    from.turns.splice(from.turns.end(), from.turns, from.turns.begin());
    from.taken = 0;
  }
}

CancelQueue::Ahead CancelQueue::ahead(const std::string& sender, Priority priority) const {
  return {waiting(Urgent, sender), priority == Priority::Normal ? waiting(Normal, sender) : 0};
}

size_t CancelQueue::waiting(LaneIndex index, const std::string& sender) const {
  const auto it = lanes_[index].lines.find(sender);
  return it == lanes_[index].lines.end() ? 0 : it->second.size();
}

std::vector<QueueStatus> CancelQueue::status() const {
  absl::btree_map<std::string, QueueStatus> by_sender;
  const auto add = [&by_sender](const std::string& sender, bool urgent, size_t orders) {
    QueueStatus& status = by_sender[sender];
    status.sender = sender;
    (urgent ? status.urgent : status.normal) += static_cast<uint32_t>(orders);
  };
  for (const Lane& lane : lanes_) {
    const bool urgent = &lane != &lanes_[Normal];
    for (const auto& [sender, orders] : lane.lines) add(sender, urgent, orders.size());
    for (const auto& [sender, repeats] : lane.repeats_of) add(sender, urgent, repeats.size());
  }
  std::vector<QueueStatus> out;
  for (auto& [sender, status] : by_sender) out.push_back(std::move(status));
  return out;
}

std::vector<OrderId> CancelQueue::next(const std::string& sender) const {
  std::vector<OrderId> orders;
  for (const Lane& lane : lanes_) {
    if (const auto line = lane.lines.find(sender); line != lane.lines.end()) orders.push_back(line->second.front());
    const auto repeats = lane.repeats_of.find(sender);
    if (repeats != lane.repeats_of.end()) orders.push_back(repeats->second.begin()->second);
  }
  return orders;
}

void CancelQueue::check() const {
  size_t standing = 0;
  for (const LaneIndex index : {Kill, Urgent, Normal}) {
    const Lane& in = lanes_[index];
    CANCELBUS_CHECK(in.turns.size() == in.lines.size());
    for (const std::string& sender : in.turns) {
      const Line& orders = in.lines.at(sender);
      CANCELBUS_CHECK(!orders.empty());
      for (const OrderId order : orders) {
        CANCELBUS_CHECK(lane_of(where(order)) == index && where(order).sender == sender && !where(order).repeat);
      }
      standing += orders.size();
    }
    for (const auto& [due, order] : in.repeats) {
      CANCELBUS_CHECK(lane_of(where(order)) == index && where(order).repeat == due);
    }
    size_t repeats = 0;
    for (const auto& [sender, mine] : in.repeats_of) {
      CANCELBUS_CHECK(!mine.empty());
      for (const auto& [due, order] : mine) CANCELBUS_CHECK(where(order).sender == sender);
      repeats += mine.size();
    }
    CANCELBUS_CHECK(repeats == in.repeats.size());
    standing += repeats;
  }
  CANCELBUS_CHECK(standing == places_.size());
}

void CancelQueue::leave(Lane& from, const std::string& sender) {
  from.lines.erase(sender);
  const auto turn = std::find(from.turns.begin(), from.turns.end(), sender);
  if (turn == from.turns.begin()) from.taken = 0;
  from.turns.erase(turn);
}

uint32_t CancelQueue::weight(const std::string& sender) const {
  for (const auto& [senders, weight] : weights_) {
    const bool many = senders.ends_with('*');
    const std::string_view start = std::string_view(senders).substr(0, senders.size() - (many ? 1 : 0));
    if (many ? sender.starts_with(start) : sender == start) return weight;
  }
  return 1;
}

}  // namespace cancelbus::core
