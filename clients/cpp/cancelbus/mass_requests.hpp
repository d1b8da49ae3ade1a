// The mass cancels of one Session: repeated until the bus has them, and followed to their last report.
//
// Used by Session. Pure, as that is. A report is believed in the order of its seq. Once one was read in its place,
// every later one will be, until events are lost; before that the mass cancel is repeated, and the bus answers with the
// last report. A mass cancel that a bus has received and that is not until_empty is not given to a bus with another
// store: orders that were placed since would be canceled too.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "cancelbus/event_reader.hpp"
#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// The bus has another store, and the former one had this mass cancel: how far it came is not known.
struct MassCancelLost {
  std::string cl_ord_id;  ///< of the mass cancel
};
/// The bus could not read it, or is of an earlier version.
struct MassCancelUnknown {
  std::string cl_ord_id;  ///< of the mass cancel
  v1::Reject reject;      ///< with the field and the text
};

class MassRequests {
 public:
  static constexpr auto RepeatUntilReceipt = std::chrono::seconds(1);
  static constexpr auto RepeatUntilReport = std::chrono::seconds(10);
  using Told =
      std::variant<v1::Receipt, v1::MassCancelReport, v1::MassCancelPreview, MassCancelLost, MassCancelUnknown>;

  /// Also one with dry_run, which the preview ends. False if the cl_ord_id names an open one already.
  bool give(v1::MassCancel request, Time now);
  size_t open() const { return open_.size(); }

  // What happens; what of it is to be told.
  std::vector<Told> on_receipt(const v1::Receipt& receipt, Time now);
  std::vector<Told> on_report(const v1::MassCancelReport& report, uint64_t seq, bool in_its_place, Time now);
  std::vector<Told> on_preview(const v1::MassCancelPreview& preview);
  /// A bus that cannot read one names its field; one of an earlier version knows no such request.
  std::vector<Told> on_reject(const v1::Reject& reject);
  /// What was under way may never have arrived.
  void on_reconnected(Time now);
  void on_lost_events(Time now);
  std::vector<Told> on_new_epoch(Time now);

  // What comes of it, while the session is open.
  std::vector<v1::SessionRequest> take_due(Time now);
  Time next_deadline() const;

 private:
  struct Open {
    v1::MassCancel request;
    Time due;
    bool received = false;
    bool receipt_told = false;
    uint64_t seq = 0;  ///< of the last report; 0: none was read
    bool is_live() const { return received && due == Never; }
  };

  std::map<std::string, Open> open_;
};

}  // namespace cancelbus::client
