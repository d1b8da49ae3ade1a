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
  std::vector<v1::UndecidedCommand> commands = {};
  /// By the bus's clock, when the last page was made. None: it was refused.
  std::optional<google::protobuf::Timestamp> as_of = {};
  /// Why the bus did not answer; empty if it did.
  std::string refused = {};
};

}  // namespace cancelbus::client
