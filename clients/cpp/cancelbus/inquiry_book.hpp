// Who waits for the answer to which inquiry: asks page after page, and calls back once with all of them.
//
// Used by Client.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "cancelbus/inquiry.hpp"
#include "cancelbus/session.hpp"

namespace cancelbus::client {

class InquiryBook {
 public:
  explicit InquiryBook(Session& session) : session_(session) {}

  void commands(const CommandsFilter& filter, std::function<void(const CommandList&)> done);

  /// Calls back if an inquiry is answered completely with it.
  void tell(const Notice& notice);
  /// Nobody is called back any more.
  void close() { lists_.clear(); }

 private:
  struct List {
    v1::SessionRequest request;
    CommandList answer;
    std::function<void(const CommandList&)> done;
  };
  void tell(const v1::Commands& page);
  void tell(const InquiryRefused& refused);
  static void finish(List list);

  Session& session_;
  std::map<uint64_t, List> lists_;  ///< by the number of the page under way
};

}  // namespace cancelbus::client
