// The open mass cancels and previews of one client: from the user's options to a request, and from notices to handles
// and callbacks.
//
// Used by Client. As CommandBook: what is refused here is told at the next settle().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cancelbus/cl_ord_ids.hpp"
#include "cancelbus/mass_cancel.hpp"
#include "cancelbus/session.hpp"

namespace cancelbus::client {

class MassBook {
 public:
  using OnPreview = std::function<void(const MassCancelPreview&)>;

  /// Both outlive it.
  MassBook(Session& session, ClOrdIds& cl_ord_ids) : session_(session), cl_ord_ids_(cl_ord_ids) {}

  MassCancel give(const MassCancelOptions& options, MassCancelCallbacks callbacks);
  void preview(const MassCancelOptions& options, OnPreview callback);
  /// Tells what was refused here.
  void settle();
  void tell(const Notice& notice);
  /// No callback is called any more.
  void close();

  size_t open() const { return entries_.size() + previews_.size(); }

 private:
  struct Entry {
    std::shared_ptr<MassCancel::Known> known;
    MassCancelCallbacks callbacks = {};
  };

  void on(const v1::Receipt& receipt);
  void on(const v1::MassCancelReport& report);
  void on(const v1::MassCancelPreview& preview);
  void on(const MassCancelLost& lost);
  void on(const MassCancelUnknown& unknown);
  template <typename OtherNotice>
  void on(const OtherNotice&) {}

  /// To the session. A complaint is what is wrong, and it was not sent.
  std::string send(const MassCancelOptions& options, bool dry_run, std::string& complaint);
  MassCancel add(const std::string& cl_ord_id, MassCancelCallbacks callbacks);
  void refuse(const std::string& cl_ord_id, const std::string& complaint);
  void refused(const v1::Receipt& receipt);
  /// Null if there is none. A callback may close the book, so what is held while one runs is held by itself.
  std::shared_ptr<Entry> find(const std::string& cl_ord_id) const;
  static void end(Entry& entry, const MassCancelEnd& how);

  Session& session_;
  ClOrdIds& cl_ord_ids_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  std::map<std::string, OnPreview> previews_;
  std::vector<v1::Receipt> refused_;
};

}  // namespace cancelbus::client
