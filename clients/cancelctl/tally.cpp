#include "clients/cancelctl/tally.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::ctl {

void Tally::add(const std::string& cl_ord_id, int64_t order_id, WallTime submitted) {
  by_id_.emplace(cl_ord_id, commands_.size());
  commands_.push_back({.cl_ord_id = cl_ord_id, .order_id = order_id, .submitted = submitted});
}

Tally::Command* Tally::mine(const std::string& cl_ord_id) {
  const auto it = by_id_.find(cl_ord_id);
  return it == by_id_.end() ? nullptr : &commands_[it->second];
}

const Tally::Command* Tally::find(const std::string& cl_ord_id) const {
  const auto it = by_id_.find(cl_ord_id);
  return it == by_id_.end() ? nullptr : &commands_[it->second];
}

void Tally::settle(Command& command, Verdict verdict, std::string outcome) {
  if (!command.settled) ++settled_;
  command.settled = true;
  command.verdict = verdict;
  command.outcome = std::move(outcome);
}

void Tally::on(const v1::Receipt& receipt) {
  Command* command = mine(receipt.cl_ord_id());
  if (command == nullptr) return;
  command->last = describe(receipt);
  if (receipt.status() != v1::RECEIPT_STATUS_REFUSED) return;
  settle(*command, Verdict::Failed, "refused");
}

void Tally::on(const v1::CancelAck& ack) {
  Command* command = mine(ack.cl_ord_id());
  if (command == nullptr) return;
  command->last = describe(ack);
  const bool rejected = ack.status() == v1::CANCEL_ACK_STATUS_REJECTED;
  if (rejected && (wait_ == Wait::Ack || !ack.final_follows())) {
    settle(*command, Verdict::Failed, "rejected");
  } else if (wait_ == Wait::Ack) {
    const bool accepted = ack.status() == v1::CANCEL_ACK_STATUS_ACCEPTED;
    settle(*command, accepted ? Verdict::Proven : Verdict::Unknown, accepted ? "accepted" : "in doubt");
  }
}

void Tally::on(const v1::CancelFinal& final) {
  Command* command = mine(final.cl_ord_id());
  if (command == nullptr || wait_ == Wait::Ack) return;
  switch (final.ord_status()) {
    case v1::ORD_STATUS_CANCELED:
      return settle(*command, Verdict::Proven, "canceled");
    case v1::ORD_STATUS_FILLED:
      return settle(*command, Verdict::Proven, "filled");
    case v1::ORD_STATUS_NEW:
    case v1::ORD_STATUS_PARTIALLY_FILLED:
      return settle(*command, Verdict::Failed, "still open");
    case v1::ORD_STATUS_REJECTED:
      return settle(*command, Verdict::Failed, "no such order");
    default:  // of a later contract
      return settle(*command, Verdict::Unknown, "unknown");
  }
}

void Tally::on(const v1::CancelStatus& status) {
  if (Command* command = mine(status.cl_ord_id())) command->last = describe(status);
}

int Tally::exit_code() const {
  const auto any = [this](Verdict verdict) {
    return std::any_of(commands_.begin(), commands_.end(),
                       [verdict](const Command& c) { return c.verdict == verdict; });
  };
  if (any(Verdict::Failed)) return ExitFailed;
  return any(Verdict::Unknown) ? ExitUnknown : ExitProven;
}

const Tally::Command* Tally::first_unknown() const {
  const auto it = std::find_if(commands_.begin(), commands_.end(),
                               [](const Command& command) { return command.verdict == Verdict::Unknown; });
  return it == commands_.end() ? nullptr : &*it;
}

std::string Tally::summary() const {
  std::map<std::string, size_t> counts;
  for (const Command& command : commands_) ++counts[command.outcome];
  std::string text = std::to_string(commands_.size()) + " asked";
  const char* separator = ": ";
  for (const auto& [outcome, count] : counts) {
    text += std::exchange(separator, ", ") + std::to_string(count) + " " + outcome;
  }
  return text;
}

}  // namespace cancelbus::ctl
