// Asking the bus for the account's open orders: pages, one after the other, until the last.
//
// Used by Session. Pure: what is asked, what the bus answers and the time go in; requests to send and whole answers
// come out. One page is on its way at a time. Each has a number, so that a second answer, to a request that was
// repeated, is not taken for the next page.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "cancelbus/event_reader.hpp"
#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// Which open orders; as made, all that the key may see. A strategy's key sees those of its own names.
struct OpenOrdersFilter {
  std::string owner = {};                ///< a sender; empty: of everyone, and of no known owner
  std::string symbol = {};               ///< the pair, as BTCTRY; empty: any
  v1::Side side = v1::SIDE_UNSPECIFIED;  ///< either
  int64_t order_id = 0;                  ///< only this order; 0: any
};

/// The account's open orders as far as the bus knows them, by order id.
struct OpenOrders {
  uint64_t id = 0;                         ///< as Client::open_orders() returned it
  std::vector<v1::OpenOrder> orders = {};  ///< empty also if it was refused
  /// Every order in it that was placed 2 s or more before this, and is still open, is listed. None: open orders may be
  /// missing, because the bus has not asked the exchange for all of them yet.
  std::optional<google::protobuf::Timestamp> complete_as_of = {};
  /// Why the bus did not answer; empty if it did.
  std::string refused = {};
};

class OpenOrdersReader {
 public:
  /// A page that is not answered is asked for again.
  static constexpr auto RepeatAfter = std::chrono::seconds(1);

  /// Returns its number, from 1. Several are answered in turn.
  uint64_t ask(const OpenOrdersFilter& filter);
  /// The session begins anew: so does the listing under way, which the bus may know nothing of any more.
  void restart();

  /// What is to be sent now.
  std::optional<v1::OpenOrdersRequest> due(Time now);
  /// When due() will have something; Never: nothing is asked for.
  Time next_deadline() const { return listings_.empty() ? Never : due_; }

  /// The listing that is complete with it.
  std::optional<OpenOrders> on_page(v1::OpenOrders& page);
  /// The listing that it ends.
  std::optional<OpenOrders> on_reject(const v1::Reject& reject);
  /// Every listing, refused with this text.
  std::vector<OpenOrders> end_all(const std::string& refused);

 private:
  struct Listing {
    OpenOrdersFilter filter;
    OpenOrders answer;
    int64_t from = 0;
  };
  OpenOrders end();
  OpenOrders end_refused(const std::string& refused);
  void next_page();

  std::deque<Listing> listings_;  ///< the first is under way
  uint64_t last_listing_ = 0;
  uint64_t page_ = 1;  ///< of all listings; the one under way, or the next
  Time due_{};         ///< when it is asked for, or asked for again
};

}  // namespace cancelbus::client
