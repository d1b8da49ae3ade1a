#include "service/core/cancel_queue.hpp"

#include <absl/container/btree_map.h>

#include <algorithm>
#include <string_view>

#include "service/core/check.hpp"

namespace cancelbus::core {

void CancelQueue::push(OrderId order, Priority priority, const std::string& sender, Place place) {
  CANCELBUS_CHECK(!contains(order));
  Lane& to = lane(priority);
  auto [line, is_new] = to.lines.try_emplace(sender);
  if (is_new) to.turns.push_back(sender);
  Line& orders = line->second;
  const auto position = orders.insert(place == Place::Front ? orders.begin() : orders.end(), order);
  places_.emplace(order, Standing{priority, sender, position});
}

bool CancelQueue::remove(OrderId order) {
  const auto it = places_.find(order);
  if (it == places_.end()) return false;
  const Standing standing = it->second;
  places_.erase(it);
  Lane& from = lane(standing.priority);
  Line& orders = from.lines.at(standing.sender);
  orders.erase(standing.position);
  if (orders.empty()) leave(from, standing.sender);
  return true;
}

OrderId CancelQueue::pop() {
  CANCELBUS_CHECK(!empty());
  Lane& from = lanes_[0].turns.empty() ? lanes_[1] : lanes_[0];
  const std::string sender = from.turns.front();
  const OrderId order = from.lines.at(sender).front();
  remove(order);
  const bool still_first = !from.turns.empty() && from.turns.front() == sender;
  if (still_first && ++from.taken >= weight(sender)) {
    from.turns.splice(from.turns.end(), from.turns, from.turns.begin());
    from.taken = 0;
  }
  return order;
}

std::pair<Priority, std::string> CancelQueue::where(OrderId order) const {
  const Standing& standing = places_.at(order);
  return {standing.priority, standing.sender};
}

size_t CancelQueue::ahead(const std::string& sender, Priority priority) const {
  size_t count = 0;
  for (const Priority before : {Priority::Urgent, Priority::Normal}) {
    const auto& lines = lane(before).lines;
    if (const auto it = lines.find(sender); it != lines.end()) count += it->second.size();
    if (before == priority) break;
  }
  return count;
}

std::vector<QueueStatus> CancelQueue::status() const {
  absl::btree_map<std::string, QueueStatus> by_sender;
  for (const Priority priority : {Priority::Urgent, Priority::Normal}) {
    for (const auto& [sender, orders] : lane(priority).lines) {
      QueueStatus& status = by_sender[sender];
      status.sender = sender;
      (priority == Priority::Urgent ? status.urgent : status.normal) = static_cast<uint32_t>(orders.size());
    }
  }
  std::vector<QueueStatus> out;
  for (auto& [sender, status] : by_sender) out.push_back(std::move(status));
  return out;
}

std::vector<OrderId> CancelQueue::next(const std::string& sender) const {
  std::vector<OrderId> orders;
  for (const Lane& lane : lanes_) {
    if (const auto line = lane.lines.find(sender); line != lane.lines.end()) orders.push_back(line->second.front());
  }
  return orders;
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
