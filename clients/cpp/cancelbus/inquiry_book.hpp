// Who waits for the answer to which inquiry: asks page after page, and calls back once with all of them.
//
// Used by Client.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "cancelbus/inquiry.hpp"
#include "cancelbus/session.hpp"

namespace cancelbus::client {

class InquiryBook {
 public:
  explicit InquiryBook(Session& session) : session_(session) {}

  void commands(const CommandsFilter& filter, std::function<void(const CommandList&)> done);
  void history(const HistoryFilter& filter, std::function<void(const HistoryList&)> done);
  void retry(const std::string& sender_comp_id, const std::string& cl_ord_id,
             std::function<void(const RetryAnswer&)> done);

  /// Calls back if an inquiry is answered completely with it.
  void tell(const Notice& notice);
  /// No callback is called any more.
  void close() {
    lists_.clear();
    histories_.clear();
    retries_.clear();
  }

 private:
  template <typename Answer>
  struct Asked {
    v1::SessionRequest request;
    Answer answer;
    std::function<void(const Answer&)> done;
    void finish() const {
      if (done) done(answer);
    }
  };
  struct History : Asked<HistoryList> {
    size_t limit = 0;
  };
  void tell(const v1::Commands& page);
  void tell(const v1::History& page);
  void tell(const v1::RetryReply& reply);
  void tell(const InquiryRefused& refused);

  Session& session_;
  std::map<uint64_t, Asked<CommandList>> lists_;  ///< by the number of the page under way
  std::map<uint64_t, History> histories_;         ///< likewise
  std::map<uint64_t, std::function<void(const RetryAnswer&)>> retries_;
};

}  // namespace cancelbus::client
