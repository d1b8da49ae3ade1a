#include "service/bus/outbox.hpp"

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
  return std::holds_alternative<core::SendHelloRequired>(send) || std::holds_alternative<core::SendStatus>(send) ||
         std::holds_alternative<core::SendWelcome>(send) || std::holds_alternative<core::SendHeartbeat>(send) ||
         std::holds_alternative<core::SendRelogin>(send);
}

}  // namespace

void Outbox::take(core::Actions actions) {
  Turn turn;
  for (core::Record& record : actions.records) turn.batch.push_back(row_of(std::move(record)));
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

bool Outbox::retry() {
  pump();
  return waiting_.empty();
}

void Outbox::pump() {
  while (!waiting_.empty() && !committing_) {
    committing_ = true;
    // SQLite calls back before commit returns and the loop goes on; another store's call back comes later,
    // and the next turn's retry() finds it.
    store_.commit(waiting_.front().batch, [this](absl::Status status) { committed(status); });
    if (!trouble_.empty()) return;
  }
}

void Outbox::committed(const absl::Status& status) {
  committing_ = false;
  trouble_ = status.ok() ? std::string() : std::string(status.message());
  if (!status.ok()) {
    // When the store takes it at last, a task would be late and everybody else has asked again.
    waiting_.front().sends.clear();
    return;
  }
  const Turn turn = std::move(waiting_.front());
  waiting_.pop_front();
  perform(turn);
}

void Outbox::perform(const Turn& turn) {
  for (const core::Send& send : turn.sends) edge_.send(send);
  for (const io::Row& row : turn.batch) {
    if (const auto* event = std::get_if<io::EventRow>(&row)) edge_.publish(*event);
  }
}

io::Row Outbox::row_of(core::Record record) const {
  return std::visit(
      [this](auto&& r) -> io::Row {
        if constexpr (std::is_same_v<std::decay_t<decltype(r)>, core::Publication>) {
          std::string payload = wire::encode_event(r, epoch_);
          return io::EventRow{std::move(r.topic), r.seq, r.sending_time, std::move(payload)};
        } else {
          return std::move(r);
        }
      },
      std::move(record));
}

}  // namespace cancelbus::bus
