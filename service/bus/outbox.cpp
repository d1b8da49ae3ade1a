#include "service/bus/outbox.hpp"

#include <absl/container/flat_hash_map.h>

#include <type_traits>
#include <utility>

#include "service/wire/event_codec.hpp"

namespace cancelbus::bus {

namespace {

/// Says nothing about what is or will be on disk.
bool promises_nothing(const core::Send& send) {
  if (const auto* receipt = std::get_if<core::SendReceipt>(&send)) {
    return receipt->status == core::ReceiptStatus::Refused;
  }
  if (const auto* resolved = std::get_if<core::SendResolved>(&send)) {
    return resolved->status != core::ResolveStatus::Settled;
  }
  if (const auto* retry = std::get_if<core::SendRetry>(&send)) return !retry->retrying;
  if (const auto* kill_switch = std::get_if<core::SendKillSwitch>(&send)) {
    return kill_switch->status == core::KillSwitchStatus::Refused;
  }
  if (const auto* welcome = std::get_if<core::SendWelcome>(&send)) return !welcome->arms;
  return std::holds_alternative<core::SendHelloRequired>(send) || std::holds_alternative<core::SendStatus>(send) ||
         std::holds_alternative<core::SendHeartbeat>(send) ||
         std::holds_alternative<core::SendMassCancelPreview>(send) || std::holds_alternative<core::SendRelogin>(send) ||
         std::holds_alternative<core::SendOpenOrders>(send) || std::holds_alternative<core::SendCommands>(send) ||
         std::holds_alternative<core::SendHistory>(send);
}

/// Where in a batch the row stands that a later one with the same key replaces, counted from 1; 0: there is none yet.
struct Places {
  absl::flat_hash_map<core::CommandKey, size_t> commands;
  absl::flat_hash_map<core::TaskId, size_t> permits;

  size_t* operator()(const core::CommandRecord& row) { return &commands[row.key]; }
  size_t* operator()(const core::CommandForgotten& row) { return &commands[row.key]; }
  size_t* operator()(const core::PermitRecord& row) { return &permits[row.task]; }
  size_t* operator()(const core::PermitForgotten& row) { return &permits[row.task]; }
  /// Each counts, or its place among the events tells what came first.
  template <typename Row>
  size_t* operator()(const Row&) {
    return nullptr;
  }
};

}  // namespace

void Outbox::take(core::Actions actions) {
  Turn turn;
  turn.batch = batch_of(std::move(actions.records));
  for (core::Send& send : actions.sends) {
    if (promises_nothing(send)) {
      edge_.send(send);
    } else if (trouble_.empty()) {
      turn.sends.push_back(std::move(send));
    }
  }
  if (turn.batch.empty() && turn.sends.empty()) return;
  waiting_.push_back(std::move(turn));
  // Behind one that the store refused, it waits for the next try.
  if (trouble_.empty()) pump();
}

void Outbox::retry() {
  if (const absl::Status status = store_.check(); !status.ok()) return refused(status);
  if (waiting_.empty()) trouble_.clear();
  pump();
}

void Outbox::pump() {
  pumping_ = true;
  while (!waiting_.empty() && !committing_) {
    committing_ = true;
    // SQLite calls back before commit returns and the loop goes on; another store calls back later.
    store_.commit(waiting_.front().batch, [this](absl::Status status) { committed(status); });
    if (!trouble_.empty()) break;
  }
  pumping_ = false;
}

void Outbox::committed(const absl::Status& status) {
  committing_ = false;
  if (status.ok()) {
    trouble_.clear();
    const Turn turn = std::move(waiting_.front());
    waiting_.pop_front();
    perform(turn);
  } else {
    refused(status);
  }
  // After a refusal the next turn tries again, and that is not due at once.
  if (pumping_ || !status.ok()) return;
  pump();
  edge_.resumed();
}

void Outbox::refused(const absl::Status& status) {
  trouble_ = std::string(status.message());
  // When the store takes them at last, a task would be late and every other peer has asked again.
  for (Turn& turn : waiting_) turn.sends.clear();
}

void Outbox::perform(const Turn& turn) {
  for (const core::Send& send : turn.sends) edge_.send(send);
  for (const io::Row& row : turn.batch) {
    if (const auto* event = std::get_if<io::EventRow>(&row)) edge_.publish(*event);
  }
}

io::Batch Outbox::batch_of(std::vector<core::Record> records) const {
  io::Batch batch;
  Places places;
  for (core::Record& record : records) {
    io::Row row = row_of(std::move(record));
    size_t* const place = std::visit(places, row);
    if (place != nullptr && *place != 0) {
      batch[*place - 1] = std::move(row);
      continue;
    }
    batch.push_back(std::move(row));
    if (place != nullptr) *place = batch.size();
  }
  return batch;
}

io::Row Outbox::row_of(core::Record record) const {
  return std::visit(
      [this](auto&& r) -> io::Row {
        if constexpr (std::is_same_v<std::decay_t<decltype(r)>, core::Publication>) {
          std::string payload = wire::encode_event(r, epoch_, term_);
          const bool is_final = std::holds_alternative<core::CancelFinal>(r.body);
          return io::EventRow{std::move(r.topic), r.seq, r.sending_time, std::move(payload), is_final};
        } else {
          return std::move(r);
        }
      },
      std::move(record));
}

}  // namespace cancelbus::bus
