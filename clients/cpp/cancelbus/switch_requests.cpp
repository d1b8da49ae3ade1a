#include "cancelbus/switch_requests.hpp"

#include <utility>

namespace cancelbus::client {

uint64_t SwitchRequests::give(v1::KillSwitchRequest request) {
  if (leaving_) return 0;
  request.set_request_id(++last_id_);
  v1::SessionRequest frame;
  *frame.mutable_kill_switch() = std::move(request);
  add(std::move(frame));
  return last_id_;
}

bool SwitchRequests::say_goodbye(bool keep_orders) {
  if (std::exchange(leaving_, true)) return false;
  keeps_orders_ = keep_orders;
  v1::SessionRequest frame;
  frame.mutable_goodbye()->set_keep_orders(keep_orders);
  add(std::move(frame));
  return true;
}

std::vector<SwitchRequests::Told> SwitchRequests::on_answer(const v1::KillSwitchReply& reply) {
  const bool ours = !waiting_.empty() && waiting_.front().has_kill_switch() &&
                    waiting_.front().kill_switch().request_id() == reply.request_id();
  if (!ours) return {};
  end_first();
  return {reply};
}

std::vector<SwitchRequests::Told> SwitchRequests::on_answer(const v1::GoodbyeReply& reply) {
  if (waiting_.empty() || !waiting_.front().has_goodbye()) return {};
  end_first();
  return {reply};
}

std::vector<SwitchRequests::Told> SwitchRequests::on_reject(const v1::Reject& reject) {
  if (waiting_.empty()) return {};
  const v1::SessionRequest& first = waiting_.front();
  const std::string& field = reject.field();
  // A goodbye cannot be said where the hello is refused.
  const bool refused = first.has_goodbye() ? field.starts_with("goodbye") || field.starts_with("hello")
                                           : field.starts_with("kill_switch");
  if (!refused && field != "request") return {};
  std::vector<Told> told;
  if (first.has_goodbye()) {
    told.emplace_back(GoodbyeUnknown{reject});
  } else {
    told.emplace_back(KillSwitchUnknown{first.kill_switch().request_id(), reject});
  }
  end_first();
  return told;
}

std::optional<v1::SessionRequest> SwitchRequests::take_due(Time now) {
  if (next_deadline() > now) return std::nullopt;
  due_ = now + RepeatAfter;
  return waiting_.front();
}

void SwitchRequests::add(v1::SessionRequest request) {
  if (waiting_.empty()) due_ = {};
  waiting_.push_back(std::move(request));
}

void SwitchRequests::end_first() {
  waiting_.pop_front();
  due_ = {};
}

}  // namespace cancelbus::client
