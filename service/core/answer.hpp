// What one request to the exchange came to, and what one frame of its private stream said.
//
// btcturk/ makes these from bytes, wire/ carries them, the gateway decides on them. Doubt has names of its own here:
// a timeout or a 503 is neither a yes nor a no.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "service/core/open_order.hpp"
#include "service/core/types.hpp"

namespace cancelbus::core {

/// Exactly one per task.
enum class Verdict : uint8_t {
  Accepted,      ///< 200 with success: received by the exchange, not yet canceled
  UnknownOrder,  ///< 400 NO_ORDER_MATCHES_YOUR_REQUEST: no such open order now
  Refused,       ///< 400 ORDER_COULD_NOT_BE_CANCELED or a message we do not know: proves nothing about the order
  Blocked,       ///< 400 ORDER_CANCEL_BLOCKED: the pair is under maintenance, nothing happened
  WrongRequest,  ///< 404, 405: nothing happened
  Unauthorized,  ///< 401, 403: nothing happened
  Throttled,     ///< 429: nothing happened
  Read,          ///< a query was answered: see Answer::reading
  Doubtful,      ///< anything else that was, or may have been, sent: it may have been processed
  StaleStamp,    ///< never sent: the permit's stamp was more than a second old
  NeverWritten,  ///< never sent: no byte was written
};

/// Whether the exchange has looked past the key: at the order.
constexpr bool let_in(Verdict verdict) {
  return verdict == Verdict::Accepted || verdict == Verdict::UnknownOrder || verdict == Verdict::Refused ||
         verdict == Verdict::Blocked || verdict == Verdict::Read;
}

/// How surely the outcome bounds the moment at which the request reached the exchange; the rate limiter lives on it.
enum class Arrival : uint8_t {
  Answered,   ///< the exchange itself answered: it had arrived by then
  Page,       ///< a complete page that a proxy may have made while the request went on
  Silent,     ///< no response at all
  NeverSent,  ///< nothing was written
};

enum class ReadStatus : uint8_t { Open, Canceled, Closed, NotFound };

/// What an order query read. Decimals as the exchange wrote them.
struct Reading {
  ReadStatus status = ReadStatus::Open;
  std::string quantity;
  std::string left_amount;
  std::string price;
  std::string symbol;
};

/// What a request for the account's open orders read, or a part of it: it is too long for one frame.
struct Listing {
  uint32_t part = 1;   ///< 1 to `parts`
  uint32_t parts = 1;  ///< at most 1,000
  std::vector<OpenOrder> orders;
};

struct Answer {
  Verdict verdict = Verdict::Doubtful;
  Arrival arrival = Arrival::Silent;
  int http_status = 0;    ///< 0: no status line came
  int exchange_code = 0;  ///< drifts over the years: for logs
  std::string text;       ///< the exchange's message or what went wrong, at most 256 characters
  /// Throttled, and a doubtful 418 or 503: the wait that Retry-After asks for; of a 429 without a legible one, the
  /// body's `period`.
  std::optional<Duration> retry_after;
  Reading reading;                   ///< Read only
  std::optional<WallTime> sent;      ///< when the worker began to write
  std::optional<WallTime> answered;  ///< when the answer was complete
  std::optional<Duration> period{};  ///< Throttled: the window whose limit was exceeded, as the body names it
  std::optional<Listing> listing{};  ///< Read only, of a request for open orders
};

enum class FactType : uint8_t { Inserted451, Deleted452, Matched441, Trade423 };

/// One frame about one order. Decimals as the stream wrote them; empty if the frame had none.
struct OrderFact {
  FactType type = FactType::Deleted452;
  OrderId order_id = 0;
  std::string symbol;
  std::string price;
  std::string amount;
  std::string num_left;
  std::optional<Side> side{};     ///< 451 and 452, from a subscriber that reports it
  std::string client_order_id{};  ///< likewise; empty: the order has none, or it is not known
};

}  // namespace cancelbus::core
