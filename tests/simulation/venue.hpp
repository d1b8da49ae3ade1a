// The local exchange in the simulated world: routes what the model puts out, and lets hands act on its orders.
//
// The model is tests/exchange, unchanged. The exchange is no process here and never dies; what it does wrong are its
// own faults.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/exchange/exchange.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

/// Watches what reaches the exchange and what it does with it.
class VenueWatch {
 public:
  virtual ~VenueWatch() = default;
  virtual void exchange_moved() = 0;
  /// Right before the frame leaves the exchange.
  virtual void frame_leaves(const std::string& text) = 0;
};

class Venue {
 public:
  using HttpRequest = exchange_sim::HttpRequest;
  using HttpAnswer = exchange_sim::HttpAnswer;
  /// Null: the exchange reset the connection.
  using OnAnswer = std::function<void(const HttpAnswer*)>;
  struct Stream {
    std::function<void(const std::string&)> on_text;
    std::function<void()> on_ping;
    std::function<void()> on_end;
  };

  Venue(World& world, exchange_sim::Settings settings);
  void watched_by(VenueWatch& watch) { watch_ = &watch; }

  // What arrives over the network.
  uint64_t request(HttpRequest request, OnAnswer on_answer);
  void abandoned(uint64_t request);
  std::optional<HttpAnswer> handshake(const std::string& ip);
  uint64_t open_stream(Stream stream);
  void stream_text(uint64_t id, const std::string& text);
  void stream_pong(uint64_t id);
  void stream_closed(uint64_t id);

  // Hands and faults.
  std::vector<core::OrderId> place(int count);
  core::OrderId place(const PlacePlan& order);
  /// `what` of the control interface, as fill, edit, cancel, stream, faults. False: the order is gone.
  bool control(const std::string& what, const std::string& body);

  const exchange_sim::Exchange& model() const { return exchange_; }
  exchange_sim::Instant now() const;

 private:
  HttpAnswer ask(const std::string& path, const std::string& body);
  /// Passes on what came out, and sees that the model gets its time.
  void settle();

  World& world_;
  exchange_sim::Exchange exchange_;
  VenueWatch* watch_ = nullptr;
  Alarm alarm_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, OnAnswer> requests_;
  std::map<uint64_t, Stream> streams_;
};

}  // namespace cancelbus::simulation
