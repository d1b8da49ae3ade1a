#include "service/core/command_index.hpp"

#include <algorithm>

#include "service/core/check.hpp"

namespace cancelbus::core {

const CommandIndex::Entry* CommandIndex::find(const CommandKey& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

std::string CommandIndex::why_full(const std::string& sender) const {
  if (undecided_ - uncounted_ >= max_undecided_) return "the bus holds max_open commands";
  const auto undecided = undecided_by_sender_.find(sender);
  const auto uncounted = uncounted_by_sender_.find(sender);
  const size_t free = uncounted == uncounted_by_sender_.end() ? 0 : uncounted->second;
  if (undecided != undecided_by_sender_.end() && undecided->second.size() - free >= max_undecided_per_sender_) {
    return "the sender has max_open_per_sender open commands";
  }
  const auto known = known_by_sender_.find(sender);
  if (known != known_by_sender_.end() && known->second >= max_known_per_sender_) {
    return "the sender has max_remembered_per_sender commands within retention";
  }
  return "";
}

void CommandIndex::add(const CommandKey& key, OrderId order, bool counted) {
  Entry entry{order};
  entry.counted = counted;
  CANCELBUS_CHECK(entries_.emplace(key, entry).second);
  if (counted) {
    ++known_by_sender_[key.sender];
  } else {
    ++uncounted_;
    ++uncounted_by_sender_[key.sender];
  }
  undecided_by_sender_[key.sender].insert({order, key.cl_ord_id});
  ++undecided_;
}

void CommandIndex::update(const CommandRecord& record, Duration run_time) {
  Entry& entry = entries_.at(record.key);
  entry.ack_seq = record.ack_seq;
  entry.final_seq = record.final_seq;
  if (record.final && record.final->evidence == Evidence::Operator) entry.override_status = record.final->ord_status;
  if (record.ended && !std::exchange(entry.ended, true)) end(record.key, entry, run_time);
}

void CommandIndex::end(const CommandKey& key, const Entry& entry, Duration run_time) {
  ended_.emplace_back(run_time, key);
  --undecided_;
  if (!entry.counted) {
    --uncounted_;
    const auto uncounted = uncounted_by_sender_.find(key.sender);
    if (--uncounted->second == 0) uncounted_by_sender_.erase(uncounted);
  }
  const auto mine = undecided_by_sender_.find(key.sender);
  mine->second.erase({entry.order_id, key.cl_ord_id});
  if (mine->second.empty()) undecided_by_sender_.erase(mine);
}

std::vector<CommandIndex::Forgotten> CommandIndex::forget(Duration run_time) {
  std::vector<Forgotten> out;
  while (!ended_.empty() && run_time - ended_.front().first >= retention_ && out.size() < MaxForgotten) {
    const CommandKey& key = ended_.front().second;
    const auto entry = entries_.find(key);
    const auto count = known_by_sender_.find(key.sender);
    if (entry->second.counted && --count->second == 0) known_by_sender_.erase(count);
    out.push_back({key, entry->second.order_id});
    entries_.erase(entry);
    ended_.pop_front();
  }
  return out;
}

void CommandIndex::restore(const CommandRecord& record, bool counted) {
  add(record.key, record.order.order_id, counted);
  update(record, record.run_time);
}

void CommandIndex::restored() { std::ranges::sort(ended_); }

bool CommandIndex::has_undecided(const std::string& sender, std::string_view prefix) const {
  const auto mine = undecided_by_sender_.find(sender);
  return mine != undecided_by_sender_.end() &&
         std::ranges::any_of(mine->second, [&](const Place& place) { return place.second.starts_with(prefix); });
}

std::optional<CommandIndex::Place> CommandIndex::next_undecided(const std::string& sender, const Place& after) const {
  const auto mine = undecided_by_sender_.find(sender);
  if (mine == undecided_by_sender_.end()) return std::nullopt;
  const auto next = mine->second.upper_bound(after);
  return next == mine->second.end() ? std::nullopt : std::optional(*next);
}

void CommandIndex::check() const {
  size_t undecided = 0, known = 0, counted = 0, uncounted = 0;
  for (const auto& [sender, mine] : undecided_by_sender_) {
    CANCELBUS_CHECK(!mine.empty());
    for (const auto& [order, cl_ord_id] : mine) {
      const Entry& entry = entries_.at({sender, cl_ord_id});
      CANCELBUS_CHECK(!entry.ended && entry.order_id == order);
      uncounted += !entry.counted;
    }
    undecided += mine.size();
  }
  for (const auto& [sender, count] : known_by_sender_) known += count;
  for (const auto& [key, entry] : entries_) counted += entry.counted;
  for (const auto& [sender, count] : uncounted_by_sender_) uncounted -= count;
  CANCELBUS_CHECK(undecided == undecided_);
  CANCELBUS_CHECK(uncounted == 0);
  CANCELBUS_CHECK(known == counted);
  CANCELBUS_CHECK(undecided_ + ended_.size() == entries_.size());
}

}  // namespace cancelbus::core
