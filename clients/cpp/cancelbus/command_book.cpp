#include "cancelbus/command_book.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

#include "cancelbus/books.hpp"
#include "cancelbus/describe.hpp"

namespace cancelbus::client {
namespace {

using google::protobuf::util::TimeUtil;

}  // namespace

std::string make_order(int64_t order_id, const CancelOptions& options, v1::CancelOrder& into) {
  using std::chrono::milliseconds;
  into.set_cl_ord_id(options.cl_ord_id);
  into.set_order_id(order_id);
  into.set_symbol(options.symbol);
  into.set_account(options.account);
  into.set_traceparent(options.traceparent);
  into.set_priority(options.urgent ? v1::PRIORITY_URGENT : v1::PRIORITY_NORMAL);
  into.set_exact_quantities(options.exact_quantities);
  *into.mutable_transact_time() = TimeUtil::NanosecondsToTimestamp(
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count());
  if (order_id < 1) return "order_id: " + std::to_string(order_id) + " is not a whole number from 1";
  std::string complaint = complaint_about({{"cl_ord_id", options.cl_ord_id, 64},
                                           {"symbol", options.symbol, 32},
                                           {"account", options.account, 64},
                                           {"traceparent", options.traceparent, 55}});
  if (!complaint.empty() || !options.time_to_live) return complaint;
  if (*options.time_to_live < milliseconds(1) || *options.time_to_live > std::chrono::hours(24)) {
    return "time_to_live: " + std::to_string(options.time_to_live->count()) + " ms is not from 1 ms to 24 h";
  }
  *into.mutable_time_to_live() = TimeUtil::MillisecondsToDuration(options.time_to_live->count());
  return {};
}

CommandBook::Added CommandBook::add(const v1::CancelOrder& order, std::string complaint, Callbacks callbacks,
                                    v1::CxlRejReason reason) {
  const std::string& name = order.cl_ord_id();
  auto entry = std::make_shared<Entry>(
      Entry{.command = std::make_shared<Command>(Command{.cl_ord_id = name, .order_id = order.order_id()}),
            .callbacks = std::move(callbacks)});
  const Cancel handle(entry->command);
  if (complaint.empty() && entries_.contains(name)) {
    complaint = "cl_ord_id: " + name + " names an undecided command already";
  } else if (complaint.empty() && undecided() >= MaxUndecided) {
    reason = v1::CXL_REJ_REASON_BUS_FULL;
    complaint = "this client has " + std::to_string(MaxUndecided) + " undecided commands";
  }
  if (complaint.empty()) {
    entries_.emplace(name, std::move(entry));
    return {handle, true};
  }
  refused_.push_back({std::move(entry), refused_receipt(name, reason, complaint)});
  return {handle, false};
}

std::vector<v1::Receipt> CommandBook::settle() {
  std::vector<v1::Receipt> receipts;
  for (const auto& [entry, receipt] : std::exchange(refused_, {})) {
    // Who reads notices knows commands by their names.
    if (!entries_.contains(receipt.cl_ord_id())) receipts.push_back(receipt);
    end(*entry, Refused{receipt});
  }
  return receipts;
}

void CommandBook::tell(const Notice& notice) {
  std::visit([this](const auto& news) { on(news); }, notice);
}

std::shared_ptr<CommandBook::Entry> CommandBook::find(const std::string& cl_ord_id) const {
  const auto it = entries_.find(cl_ord_id);
  return it == entries_.end() ? nullptr : it->second;
}

template <typename Why>
void CommandBook::end(Entry& entry, const Why& why) {
  tell_once(entry.command->received, Receiving(why), entry.callbacks.on_received);
  tell_once(entry.command->ack, Ack(why), entry.callbacks.on_ack);
  tell_once(entry.command->final, Final(why), entry.callbacks.on_final);
}

void CommandBook::on(const v1::Receipt& receipt) {
  const auto entry = find(receipt.cl_ord_id());
  if (!entry) return;
  if (receipt.status() != v1::RECEIPT_STATUS_REFUSED) {
    return tell_once(entry->command->received, Receiving(Received{receipt}), entry->callbacks.on_received);
  }
  entries_.erase(receipt.cl_ord_id());
  if (entry->of_former_store) return end(*entry, StoreLost{describe(receipt)});
  end(*entry, Refused{receipt});
}

void CommandBook::on(const v1::CancelAck& ack) {
  const auto entry = find(ack.cl_ord_id());
  if (!entry) return;
  if (!ack.final_follows()) entries_.erase(ack.cl_ord_id());
  tell_once(entry->command->received, Receiving(Received{}), entry->callbacks.on_received);
  if (!ack.final_follows() && entry->of_former_store) return end(*entry, StoreLost{describe(ack)});
  tell_once(entry->command->ack, ack_of(ack), entry->callbacks.on_ack);
  if (!ack.final_follows()) tell_once(entry->command->final, Final(Rejected{ack}), entry->callbacks.on_final);
}

void CommandBook::on(const v1::CancelFinal& final) {
  const auto entry = find(final.cl_ord_id());
  if (!entry) return;
  entries_.erase(final.cl_ord_id());
  tell_once(entry->command->final, final_of(final), entry->callbacks.on_final);
}

void CommandBook::on(const v1::CancelStatus& status) {
  if (const auto entry = find(status.cl_ord_id())) entry->command->stage = status;
}

void CommandBook::on(const NewEpoch&) {
  for (const auto& [name, entry] : entries_) entry->of_former_store = true;
}

void CommandBook::close() {
  for (const auto& [name, entry] : entries_) entry->callbacks = {};
  for (const auto& [entry, receipt] : refused_) entry->callbacks = {};
  entries_.clear();
  refused_.clear();
}

}  // namespace cancelbus::client
