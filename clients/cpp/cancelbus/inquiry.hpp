// What programs ask about commands, and how the bus answers.
//
// Used by programs. A strategy's key sees the commands of its own names, an operator's and an observer's all.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// Which undecided commands; as made, all that the key may see.
struct CommandsFilter {
  v1::CommandState state = v1::COMMAND_STATE_UNSPECIFIED;  ///< all, IN_DOUBT or STUCK
  std::string sender_comp_id = {};                         ///< empty: of every sender
  std::string symbol = {};                                 ///< the pair, as BTCTRY; empty: any
  std::chrono::milliseconds older_than{};                  ///< received at least so long ago; not negative
};

/// Commands that wait for their ack or their final, by order id: what each waits for, and what comes next.
struct CommandList {
  std::vector<v1::UndecidedCommand> commands = {};  ///< of all pages
  /// By the bus's clock, when the last page was made. None: it was refused.
  std::optional<google::protobuf::Timestamp> as_of = {};
  /// Why the bus did not answer; empty if it did.
  std::string refused = {};
};

/// Which commands' history; as made, of all that the key may see.
struct HistoryFilter {
  /// Nanoseconds since the Unix epoch, by the bus's clock.
  using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;
  static constexpr size_t DefaultLimit = 1'000;  ///< commands, unless `limit` says otherwise

  int64_t order_id = 0;             ///< 0: for any order
  std::string sender_comp_id = {};  ///< empty: of every sender
  std::string cl_ord_id = {};       ///< empty: any
  /// Commands that were undecided at some moment between, and what happened between; both included.
  std::optional<Time> since = {};
  std::optional<Time> until = {};  ///< the other end of the time; none: without end
  size_t limit = DefaultLimit;     ///< commands, at most; from 1
};

/// Commands that the bus's store knows, by sender and cl_ord_id, and what happened to their orders. The lines of an
/// order come with one of its commands.
struct HistoryList {
  std::vector<v1::HistoryCommand> commands = {};  ///< of all pages, `limit` at most
  bool complete = true;                           ///< false: there are more than `limit`
  /// Why the bus did not answer, or cannot read its store; empty if it did.
  std::string refused = {};
};

/// What came of a retry.
struct RetryAnswer {
  v1::RetryReply reply = {};  ///< RETRYING or REFUSED, and why
  /// Why the bus did not answer; empty if it did.
  std::string refused = {};
};

}  // namespace cancelbus::client
