#include "cancelbus/event_reader.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::client {

void EventReader::resume(uint64_t epoch, std::string topic, uint64_t next_seq) {
  resume_ = {epoch, std::move(topic), next_seq};
}

void EventReader::on_positions(uint64_t epoch, const Positions& positions, Time now) {
  if (epoch == 0) return;
  const bool fresh = epoch != epoch_;
  if (fresh) adopt(epoch);
  for (const auto& position : positions) {
    if (position.next_seq() == 0 || position.next_seq() > MaxSeq) continue;  // 0: a topic of last values
    Topic& topic = topics_[position.topic()];
    if (fresh) topic.next = start_of(position);
    topic.end = std::max(topic.end, position.next_seq());
    if (topic.ask_at == Never) plan(position.topic(), topic, now);
  }
  for (auto& event : std::exchange(early_, {})) {
    if (event.epoch() == epoch_) accept(std::move(event), now);
  }
}

void EventReader::adopt(uint64_t epoch) {
  const uint64_t before = epoch_ != 0 ? epoch_ : resume_.epoch;
  if (before != 0 && before != epoch) out_.emplace_back(NewEpoch{before, epoch});
  epoch_ = epoch;
  topics_.clear();
}

uint64_t EventReader::start_of(const v1::TopicPosition& position) const {
  const bool resumed = resume_.epoch == epoch_ && resume_.topic == position.topic();
  return resumed ? std::min(resume_.next_seq, position.next_seq()) : position.next_seq();
}

bool EventReader::on_event(v1::Event event, Time now) {
  if (event.seq() == 0) {  // a last value, of no sequence
    out_.emplace_back(std::move(event));
    return true;
  }
  if (event.epoch() == 0 || event.seq() > MaxSeq) return true;
  if (event.epoch() == epoch_) return accept(std::move(event), now);
  // Either the bus's news is ahead of its welcome, or this is a straggler of the former epoch: the next positions tell.
  if (early_.size() < MaxEarly) early_.push_back(std::move(event));
  return true;
}

bool EventReader::accept(v1::Event event, Time now) {
  const std::string name = event.topic();
  // A topic that the epoch's first positions did not name began after them, with seq 1.
  Topic& topic = topics_[name];
  const uint64_t seq = event.seq();
  if (seq < topic.next) return false;
  topic.end = std::max(topic.end, seq + 1);
  if (seq == topic.next) {
    out_.emplace_back(std::move(event));
    ++topic.next;
    hand_out(topic);
    plan(name, topic, now);
    return true;
  }
  if (topic.ahead.size() < MaxAhead) topic.ahead.emplace(seq, std::move(event));
  const bool asked_already = topic.next < topic.asked_to;
  if (!asked_already) plan(name, topic, now);
  return true;
}

void EventReader::hand_out(Topic& topic) {
  auto it = topic.ahead.begin();
  while (it != topic.ahead.end() && it->first <= topic.next) {
    if (it->first == topic.next) {
      out_.emplace_back(std::move(it->second));
      ++topic.next;
    }
    it = topic.ahead.erase(it);
  }
}

// When to ask for what is missing at `next`, judged anew after each progress.
void EventReader::plan(const std::string& name, Topic& topic, Time now) {
  if (topic.next >= topic.end) {
    topic.asked_to = 0;
    topic.ask_at = Never;
  } else if (topic.next < topic.asked_to) {
    topic.ask_at = now + AskAgainAfter;
  } else if (topic.asked_to != 0 || !topic.ahead.empty()) {
    ask(name, topic, now);  // certainly lost: later ones are here, or a request was longer than one may be
  } else {
    topic.ask_at = now + Grace;
  }
}

void EventReader::ask(const std::string& name, Topic& topic, Time now) {
  const uint64_t hole_end = topic.ahead.empty() ? topic.end : topic.ahead.begin()->first;
  topic.asked_to = std::min(hole_end, topic.next + MaxCount);
  topic.ask_at = now + AskAgainAfter;
  v1::RetransmitRequest request;
  request.set_epoch(epoch_);
  request.set_topic(name);
  request.set_from_seq(topic.next);
  request.set_count(static_cast<uint32_t>(topic.asked_to - topic.next));
  out_.emplace_back(std::move(request));
}

void EventReader::on_reject(const v1::RetransmitReject& reject, Time now) {
  const auto it = topics_.find(reject.topic());
  if (reject.epoch() != epoch_ || it == topics_.end() || reject.first_kept_seq() > MaxSeq) return;
  Topic& topic = it->second;
  uint64_t resume = reject.first_kept_seq();
  if (!topic.ahead.empty()) resume = std::min(resume, topic.ahead.begin()->first);  // that one was not missed
  if (resume <= topic.next) return;                                                 // of an earlier request
  out_.emplace_back(LostEvents{reject.topic(), topic.next, resume - 1});
  topic.next = resume;
  topic.end = std::max(topic.end, resume);
  topic.asked_to = std::min(topic.asked_to, resume);
  hand_out(topic);
  plan(reject.topic(), topic, now);
}

void EventReader::on_time(Time now) {
  for (auto& [name, topic] : topics_) {
    if (topic.ask_at <= now) ask(name, topic, now);
  }
}

Time EventReader::next_deadline() const {
  Time deadline = Never;
  for (const auto& [name, topic] : topics_) deadline = std::min(deadline, topic.ask_at);
  return deadline;
}

std::vector<EventReader::Output> EventReader::take() { return std::exchange(out_, {}); }

}  // namespace cancelbus::client
