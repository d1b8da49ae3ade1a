// The undecided commands of one client: from the user's arguments to an order, and from notices to handles and
// callbacks.
//
// Used by Client. A command that is refused here, without asking the bus, is reported at the next settle(), so that no
// callback comes before the call that it belongs to has returned.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cancelbus/command.hpp"
#include "cancelbus/session.hpp"

namespace cancelbus::client {

/// An order as the options say. Empty, or what is wrong, with the field's name before it.
std::string make_order(int64_t order_id, const CancelOptions& options, v1::CancelOrder& into);

class CommandBook {
 public:
  struct Added {
    Cancel handle;
    /// Else it is refused here.
    bool to_be_sent;
  };
  /// A complaint refuses it here, for that reason.
  Added add(const v1::CancelOrder& order, std::string complaint, Callbacks callbacks,
            v1::CxlRejReason reason = v1::CXL_REJ_REASON_MALFORMED);
  /// Tells what was refused here; of those with a name of their own, the receipts.
  std::vector<v1::Receipt> settle();
  void tell(const Notice& notice);
  /// No callback is called any more.
  void close();

  size_t undecided() const { return entries_.size() + refused_.size(); }

 private:
  struct Entry {
    std::shared_ptr<Command> command;
    Callbacks callbacks = {};
    /// Given before the bus got another store: it may have been sent, whatever this store says of it.
    bool of_former_store = false;
  };
  struct Refusal {
    std::shared_ptr<Entry> entry;
    v1::Receipt receipt;
  };
  using Entries = std::map<std::string, std::shared_ptr<Entry>>;

  void on(const v1::Receipt& receipt);
  void on(const v1::CancelAck& ack);
  void on(const v1::CancelFinal& final);
  void on(const v1::CancelStatus& status);
  void on(const NewEpoch& epoch);
  template <typename OtherNotice>
  void on(const OtherNotice&) {}

  /// Null if there is none. A callback may close the book, so what is held while one runs is held by itself.
  std::shared_ptr<Entry> find(const std::string& cl_ord_id) const;
  template <typename Why>
  static void end(Entry& entry, const Why& why);

  Entries entries_;
  std::vector<Refusal> refused_;
};

}  // namespace cancelbus::client
