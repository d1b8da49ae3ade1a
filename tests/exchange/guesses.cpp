#include "tests/exchange/guesses.hpp"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace exchange_sim {
namespace {

struct Switch {
  GuessInfo info;
  // False if it does not take this value.
  bool (*set)(Guesses& guesses, absl::string_view value);
};

template <bool Guesses::*Member>
bool yes_or_no(Guesses& guesses, absl::string_view value) {
  guesses.*Member = value == "yes";
  return value == "yes" || value == "no";
}

bool reads(Guesses& guesses, absl::string_view value) {
  guesses.partial_cancel_reads_closed = value == "Closed";
  return value == "Canceled" || value == "Closed";
}

bool filled_reads(Guesses& guesses, absl::string_view value) {
  guesses.filled_reads_canceled = value == "Canceled";
  return value == "Closed" || value == "Canceled";
}

bool not_found(Guesses& guesses, absl::string_view value) {
  for (const auto& [name, status] : {std::pair{"400", 400u}, {"404", 404u}, {"200", 200u}}) {
    if (value != name) continue;
    guesses.not_found_status = status;
    return true;
  }
  return false;
}

constexpr std::array kSwitches = {
    Switch{{"edit_keeps_id", "yes|no", "no: an edited order goes on under a new id, the old one reads Canceled"},
           yes_or_no<&Guesses::edit_keeps_id>},
    Switch{{"web_cancel_sends_452", "yes|no", "no: a cancel by hand says nothing on the stream"},
           yes_or_no<&Guesses::web_cancel_sends_452>},
    Switch{{"fill_sends_452", "no|yes", "yes: a complete fill makes a 452 with nothing left"},
           yes_or_no<&Guesses::fill_sends_452>},
    Switch{{"second_cancel_sends_452", "no|yes", "yes: so does a cancel of an order that is canceled already"},
           yes_or_no<&Guesses::second_cancel_sends_452>},
    Switch{{"early_452", "no|yes", "yes: 452 comes before the answer to the cancel that caused it"},
           yes_or_no<&Guesses::early_452>},
    Switch{{"blocked_prolongs", "no|yes", "yes: a request while blocked begins the block anew"},
           yes_or_no<&Guesses::blocked_prolongs>},
    Switch{{"stale_stamp_counts", "no|yes", "yes: a request refused for its stamp counts against the limits"},
           yes_or_no<&Guesses::stale_stamp_counts>},
    Switch{{"repeated_stamp_refused", "yes|no", "no: a stamp may be used twice"},
           yes_or_no<&Guesses::repeated_stamp_refused>},
    Switch{{"pair_required", "no|yes", "yes: GET /api/v1/openOrders without pairSymbol gets 400"},
           yes_or_no<&Guesses::pair_required>},
    Switch{{"partial_cancel_reads", "Canceled|Closed", "the status of a partly filled, then canceled order"}, reads},
    Switch{{"filled_reads", "Closed|Canceled", "the status of a completely filled order"}, filled_reads},
    Switch{{"not_found_status", "400|404|200", "the HTTP status of \"Order not found\" (1152)"}, not_found},
};

constexpr auto kInfos = [] {
  std::array<GuessInfo, kSwitches.size()> infos{};
  for (std::size_t i = 0; i < infos.size(); ++i) infos[i] = kSwitches[i].info;
  return infos;
}();

absl::string_view view_of(std::string_view text) { return {text.data(), text.size()}; }

absl::Status set(Guesses& guesses, absl::string_view part) {
  const std::pair<absl::string_view, absl::string_view> given = absl::StrSplit(part, absl::MaxSplits('=', 1));
  for (const Switch& each : kSwitches) {
    if (view_of(each.info.name) != given.first) continue;
    if (each.set(guesses, given.second)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(given.first, " expects ", view_of(each.info.values), ", not \"", given.second, "\""));
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", given.first, "\" is no guess; --help lists them"));
}

}  // namespace

std::span<const GuessInfo> guess_infos() { return kInfos; }

absl::StatusOr<Guesses> parse_guesses(std::string_view text) {
  Guesses guesses;
  if (text.empty()) return guesses;
  for (const absl::string_view part : absl::StrSplit(view_of(text), ',')) {
    if (auto status = set(guesses, part); !status.ok()) return status;
  }
  return guesses;
}

}  // namespace exchange_sim
