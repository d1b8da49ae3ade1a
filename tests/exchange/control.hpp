// The control interface under /sim/: what tests and the demo use to prepare the exchange and to read what it saw. It is
// neither signed nor limited nor subject to faults. Exchange hands it every request whose path begins with /sim/.
#pragma once

#include <boost/json/fwd.hpp>
#include <string_view>

#include "absl/status/statusor.h"
#include "tests/exchange/auth.hpp"
#include "tests/exchange/http.hpp"
#include "tests/exchange/market.hpp"
#include "tests/exchange/rest_api.hpp"
#include "tests/exchange/streams.hpp"
#include "tests/exchange/world.hpp"

namespace exchange_sim {

class Control {
 public:
  static constexpr std::string_view kPrefix = "/sim/";

  Control(World& world, Auth& auth, Market& market, Streams& streams, RestApi& rest)
      : world_(world), auth_(auth), market_(market), streams_(streams), rest_(rest) {}

  HttpAnswer handle(Instant now, const HttpRequest& request);

 private:
  using Result = absl::StatusOr<boost::json::object>;

  Result get(Instant now, std::string_view path, std::string_view query) const;
  Result post(Instant now, std::string_view path, const boost::json::object& body);

  Result place_orders(Instant now, const boost::json::object& body);
  Result fill(Instant now, const boost::json::object& body);
  Result edit(Instant now, const boost::json::object& body);
  Result cancel(Instant now, const boost::json::object& body);
  Result stream(Instant now, const boost::json::object& body);
  Result replace_keys(const boost::json::object& body);
  Result set_faults(const boost::json::value& body);

  boost::json::object counters() const;
  boost::json::object faults() const;
  Result orders(std::string_view query) const;
  Result arrivals(std::string_view query) const;
  boost::json::object truth(const Order& order) const;
  void forget_counters();

  World& world_;
  Auth& auth_;
  Market& market_;
  Streams& streams_;
  RestApi& rest_;
};

}  // namespace exchange_sim
