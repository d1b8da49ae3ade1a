#include "cancelbus/inquiries.hpp"

#include <utility>

namespace cancelbus::client {
namespace {

/// As a Reject begins the name of a field of it.
std::string_view name_of(const v1::SessionRequest& request) {
  const auto* which = request.GetDescriptor()->FindFieldByNumber(request.request_case());
  return which == nullptr ? "" : std::string_view(which->name());
}

}  // namespace

uint64_t Inquiries::ask(v1::SessionRequest request) {
  ++last_id_;
  if (request.has_history_request()) {
    request.mutable_history_request()->set_request_id(last_id_);
  } else if (request.has_retry()) {
    request.mutable_retry()->set_request_id(last_id_);
  } else {
    request.mutable_commands_request()->set_request_id(last_id_);
  }
  if (asked_.empty()) due_ = {};
  asked_.push_back({last_id_, std::move(request)});
  return last_id_;
}

std::optional<v1::SessionRequest> Inquiries::due(Time now) {
  if (next_deadline() > now) return std::nullopt;
  due_ = now + RepeatAfter;
  return asked_.front().request;
}

std::vector<Inquiries::Told> Inquiries::on_answer(v1::SessionReply& reply) {
  if (asked_.empty()) return {};
  const Asked& first = asked_.front();
  if (reply.has_commands() && first.request.has_commands_request() && reply.commands().request_id() == first.id) {
    return end(std::move(*reply.mutable_commands()));
  }
  if (reply.has_history() && first.request.has_history_request() && reply.history().request_id() == first.id) {
    return end(std::move(*reply.mutable_history()));
  }
  if (reply.has_retry() && first.request.has_retry() && reply.retry().request_id() == first.id) {
    return end(std::move(*reply.mutable_retry()));
  }
  return {};
}

std::vector<Inquiries::Told> Inquiries::on_reject(const v1::Reject& reject) {
  if (asked_.empty()) return {};
  const Asked& first = asked_.front();
  // "request": a bus that is too old to know what it is asked.
  if (!reject.field().starts_with(name_of(first.request)) && reject.field() != "request") return {};
  return end(InquiryRefused{first.id, reject.field() + ": " + reject.text()});
}

std::vector<Inquiries::Told> Inquiries::end_all(const std::string& why) {
  std::vector<Told> told;
  for (const Asked& asked : std::exchange(asked_, {})) told.emplace_back(InquiryRefused{asked.id, why});
  return told;
}

std::vector<Inquiries::Told> Inquiries::end(Told told) {
  asked_.pop_front();
  due_ = {};
  std::vector<Told> one;
  one.push_back(std::move(told));
  return one;
}

}  // namespace cancelbus::client
