// One command of a strategy, as it is given and as it is followed: its options, its callbacks, its handle.
//
// Used by strategies. Nothing here waits: the handle of a Client changes while the client's process() runs, and never
// otherwise. blocking.hpp has one to wait for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cancelbus/outcome.hpp"

namespace cancelbus::client {

/// Commands of one client without a last word, as many as a bus takes of one sender unless told otherwise. More are
/// Refused here, as by a full queue.
constexpr size_t MaxUndecided = 100'000;

/// What a command may say besides its order.
struct CancelOptions {
  /// 1 ms to 24 h from the call: afterwards no request is sent any more. None: wanted until the order is proven gone.
  std::optional<std::chrono::milliseconds> time_to_live = {};
  /// Before every other command of every sender that is not.
  bool urgent = false;
  /// The final waits for an order query, so that its quantities are exact.
  bool exact_quantities = false;
  /// Your own name for the command, at most 64 printable ASCII characters; one is made if you give none.
  std::string cl_ord_id = {};
  /// At most 32 characters.
  std::string symbol = {};
  /// At most 64 characters; if given it must be the bus's.
  std::string account = {};
  /// W3C trace context, at most 55 characters.
  std::string traceparent = {};
};

/// Each is called once, unless the client is destroyed first. They may give commands and destroy the client; they must
/// not throw: the program would end.
struct Callbacks {
  /// The command is on the bus's disk, or will never be.
  std::function<void(const Receiving&)> on_received = {};
  /// The exchange's answer; it can be in doubt.
  std::function<void(const Ack&)> on_ack = {};
  /// The last word, also if it came as an ack or a refusal.
  std::function<void(const Final&)> on_final = {};
};

/// What is known of a command; nothing of it is taken back.
struct Command {
  std::string cl_ord_id;                   ///< as given, or as it was made
  int64_t order_id = 0;                    ///< the exchange's id of the order
  std::optional<Receiving> received = {};  ///< none: the bus has not answered yet
  std::optional<Ack> ack = {};             ///< none: it has not come yet
  std::optional<Final> final = {};         ///< none: the command has not ended
  /// Where it stood when the bus last said so; it does only if something is not ordinary.
  std::optional<v1::CancelStatus> stage = {};
};

/// A handle: copies are of the same command. Dropping it takes nothing back, and it outlives its client. Null is what
/// has not come yet.
class Cancel {
 public:
  /// Of a command that a client follows; `command` is not null. Programs get theirs from Client::cancel().
  explicit Cancel(std::shared_ptr<const Command> command) : command_(std::move(command)) {}

  /// As given, or as it was made.
  const std::string& cl_ord_id() const noexcept { return command_->cl_ord_id; }
  /// The exchange's id of the order.
  int64_t order_id() const noexcept { return command_->order_id; }
  /// The bus's receipt. Valid as long as a handle of this command is, as are the others.
  const Receiving* received() const noexcept { return known(command_->received); }
  /// The exchange's answer; it can be in doubt.
  const Ack* ack() const noexcept { return known(command_->ack); }
  /// How the command ended; the order can still be open.
  const Final* final() const noexcept { return known(command_->final); }
  /// The latest CancelStatus of this command; null if nothing unusual was published.
  const v1::CancelStatus* stage() const noexcept { return known(command_->stage); }

 private:
  template <typename Value>
  static const Value* known(const std::optional<Value>& value) {
    return value ? &*value : nullptr;
  }
  std::shared_ptr<const Command> command_;
};

}  // namespace cancelbus::client
