// What the exchange may do where its documentation does not say: each guess is a switch, and the default is the
// likelier value. Market, RestApi and Auth read them; --guess sets them. A client must keep its promises under every
// value.
#pragma once

#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace exchange_sim {

struct Guesses {
  // An edit's 451 has the id that its 452 had; otherwise a new one, and the old order reads as canceled.
  bool edit_keeps_id = true;
  bool web_cancel_sends_452 = true;
  // A complete fill makes a 452 with nothing left, after its 441 and 423.
  bool fill_sends_452 = false;
  // A cancel of an order that is canceled already makes another 452.
  bool second_cancel_sends_452 = false;
  // A request that arrives while its endpoint is blocked begins the block anew.
  bool blocked_prolongs = false;
  // A request refused for its stamp counts against the limits.
  bool stale_stamp_counts = false;
  bool repeated_stamp_refused = true;
  // GET /api/v1/openOrders without pairSymbol gets 400.
  bool pair_required = false;
  // A partly filled, then canceled order reads as Closed instead of Canceled.
  bool partial_cancel_reads_closed = false;
  // A completely filled order reads as Canceled, with nothing left, instead of Closed.
  bool filled_reads_canceled = false;
  // 452 leaves at once, and the cancel's 200 after Settings::deleted_delay, instead of the other way around.
  bool early_452 = false;
  // The HTTP status of "Order not found" (1152): 200, 400 or 404.
  unsigned not_found_status = 400;
};

// For --help: a guess's name, the values it takes (the default first), and what it decides.
struct GuessInfo {
  std::string_view name;
  std::string_view values;
  std::string_view summary;
};
std::span<const GuessInfo> guess_infos();

// "NAME=VALUE", several joined by commas; "" for the defaults. The error names the guess and the values it takes.
absl::StatusOr<Guesses> parse_guesses(std::string_view text);

}  // namespace exchange_sim
