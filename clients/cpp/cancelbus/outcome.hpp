// What is known of a command, as types: an outcome is one of these and nothing else, so that doubt and an open order
// cannot be taken for success.
//
// Used by strategies. An ack is an Ack, what ends the command is a Final: std::get_if asks which one, text() says it to
// a person. A status that a later contract adds is an OtherAck or an OtherFinal.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

// Of an ack: the exchange has answered, or it is certain that it will not be asked. It is not the order's fate.

/// The exchange has taken the cancel; the final tells what became of the order.
struct Accepted {
  v1::CancelAck ack;  ///< as published
};
/// As a final: no other follows, the command has ended and the order is where it was. As an ack: see final_follows.
struct Rejected {
  v1::CancelAck ack;  ///< as published, with reason and text
};
/// Sent, but it is unknown whether it was processed. cancelbus goes on asking, and a final follows.
struct InDoubt {
  v1::CancelAck ack;  ///< as published, with the last answer that left it open
};
/// A status that this version does not know.
struct OtherAck {
  v1::CancelAck ack;  ///< as published
};

// Of a final: the fate is proven, and the command is over.

/// Canceled or filled.
struct OrderGone {
  v1::CancelFinal final;  ///< as published, with the evidence; quantities are exact if `qty_exact`
};
/// The cancel has ended and the order is still on the book: a new command if you still want it gone.
struct OrderOpen {
  v1::CancelFinal final;  ///< as published; true of the moment of the last query
};
/// The exchange knows no such order.
struct NoSuchOrder {
  v1::CancelFinal final;  ///< as published
};
/// A status that this version does not know.
struct OtherFinal {
  v1::CancelFinal final;  ///< as published
};

// Ends without an answer.

/// The bus did not take the command, or this client did not: nothing was sent to the exchange.
struct Refused {
  v1::Receipt receipt;  ///< with reason and text; made here if the bus was not asked
  /// The bus, or your share of it, holds as many open commands as it may: wait for finals, then send more.
  bool queue_full() const { return receipt.reason() == v1::CXL_REJ_REASON_BUS_FULL; }
};
/// The bus has another store (NewEpoch), and the new one ended without proof a command that the former may have sent to
/// the exchange. cancelbus cannot tell what became of the order: look at it.
struct StoreLost {
  /// How the new one ended it.
  std::string how;
};
/// The client was destroyed first. What the bus has received goes on there.
struct ClientClosed {};

/// The command is on the bus's disk.
struct Received {
  /// None if the ack overtook it.
  std::optional<v1::Receipt> receipt;
};

/// What became of giving the command to the bus.
using Receiving = std::variant<Received, Refused, StoreLost, ClientClosed>;
/// The exchange's answer, or why there is none.
using Ack = std::variant<Accepted, Rejected, InDoubt, OtherAck, Refused, StoreLost, ClientClosed>;
/// How a command ended. Only OrderGone means that the order is gone.
using Final = std::variant<OrderGone, OrderOpen, NoSuchOrder, OtherFinal, Rejected, Refused, StoreLost, ClientClosed>;

/// The published ack as its type.
Ack ack_of(v1::CancelAck ack);
/// The published final as its type.
Final final_of(v1::CancelFinal final);

/// A sentence for people, with what to do where something is to be done.
std::string text(const Receiving& receiving);
/// Likewise of an ack.
std::string text(const Ack& ack);
/// Likewise of a final.
std::string text(const Final& final);

}  // namespace cancelbus::client
