// One mass cancel of a strategy or an operator, as it is given and as it is followed: its options, its callbacks, its
// handle.
//
// Used by programs. Nothing here waits: the handle of a Client changes while the client's process() runs, and never
// otherwise. blocking.hpp has one to wait for.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "cancelbus/outcome.hpp"

namespace cancelbus::client {

/// Which orders are canceled, and how.
struct MassCancelOptions {
  /// OWN: orders with a prefix that the bus's policy gives you. For operators: SENDER (those of `owner`), UNOWNED, ALL.
  v1::MassCancelScope scope = v1::MASS_CANCEL_SCOPE_OWN;
  std::string owner = {};  ///< a sender; required with SENDER, and refused with the others
  /// What narrows the scope; empty and UNSPECIFIED: any. The pair, as BTCTRY.
  std::string symbol = {};
  v1::Side side = v1::SIDE_UNSPECIFIED;     ///< BUY, SELL, or any
  std::string client_order_id_prefix = {};  ///< only orders whose client order id begins with it
  /// Before every other command of every sender that is not.
  bool urgent = false;
  /// Goes on with orders that appear later, until two sweeps show that none is left.
  bool until_empty = false;
  /// Your own name for it, at most 32 printable ASCII characters without `/`; one is made if you give none.
  std::string cl_ord_id = {};
  /// W3C trace context, at most 55 characters.
  std::string traceparent = {};
};

/// The last report, COMPLETED or REJECTED; or why there is none.
using MassCancelEnd = std::variant<v1::MassCancelReport, Refused, StoreLost, ClientClosed>;
/// What a mass cancel would do now; or why it is not told.
using MassCancelPreview = std::variant<v1::MassCancelPreview, Refused, ClientClosed>;

/// COMPLETED, and each of its orders is proven canceled or filled.
bool all_gone(const v1::MassCancelReport& report);
/// As "12 of 40: 10 canceled, 2 filled, 28 unsent".
std::string text(const v1::MassCancelReport& report);
/// The report likewise, or a sentence that says why there is none.
std::string text(const MassCancelEnd& end);

/// on_received and on_end are called once, unless the client is destroyed first, and on_report at most once a second
/// and with the last. They may give commands and destroy the client; they must not throw: the program would end.
struct MassCancelCallbacks {
  std::function<void(const Receiving&)> on_received = {};           ///< it is on the bus's disk, or will never be
  std::function<void(const v1::MassCancelReport&)> on_report = {};  ///< progress
  std::function<void(const MassCancelEnd&)> on_end = {};            ///< the last report, or why there is none
};

/// A handle: copies are of the same mass cancel. Dropping it takes nothing back, and it outlives its client. Null is
/// what has not come yet.
class MassCancel {
 public:
  /// What is known of it; nothing of it is taken back.
  struct Known {
    std::string cl_ord_id;                            ///< as given, or as it was made
    std::optional<Receiving> received = {};           ///< none: the bus has not answered yet
    std::optional<v1::MassCancelReport> report = {};  ///< the latest
    std::optional<MassCancelEnd> end = {};            ///< none: it goes on
  };
  /// `known` is not null. Programs get theirs from Client::mass_cancel().
  explicit MassCancel(std::shared_ptr<const Known> known) : known_(std::move(known)) {}

  /// As given, or as it was made. Its orders' commands are named `cl_ord_id/order_id`.
  const std::string& cl_ord_id() const noexcept { return known_->cl_ord_id; }
  /// The bus's receipt. Valid as long as a handle of this mass cancel is, as are the others.
  const Receiving* received() const noexcept { return known_->received ? &*known_->received : nullptr; }
  /// The latest report.
  const v1::MassCancelReport* report() const noexcept { return known_->report ? &*known_->report : nullptr; }
  /// The last report, or why there is none.
  const MassCancelEnd* end() const noexcept { return known_->end ? &*known_->end : nullptr; }

 private:
  std::shared_ptr<const Known> known_;
};

}  // namespace cancelbus::client
