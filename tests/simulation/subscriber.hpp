// The final-subscriber as a process: the real stream session and the real outbox, between a simulated WebSocket and the
// bus. Its order of doing things follows service/subscriber/subscriber.cpp.
#pragma once

#include <memory>
#include <string>

#include "service/btcturk/stream_session.hpp"
#include "service/subscriber/outbox.hpp"
#include "service/wire/backend_codec.hpp"
#include "tests/simulation/socket.hpp"
#include "tests/simulation/venue.hpp"

namespace cancelbus::simulation {

/// Watches what the subscriber has to tell.
class SubscriberWatch {
 public:
  virtual ~SubscriberWatch() = default;
  virtual void fact_came(uint64_t subscriber, uint64_t seq) = 0;
  virtual void subscriber_died() = 0;
};

class SubscriberProcess : public Process {
 public:
  SubscriberProcess(World& world, Clock clock, std::vector<BusAddress> buses, Path& to_exchange, Venue& venue,
                    SubscriberWatch& watch);
  ~SubscriberProcess() override;

 protected:
  void on_start() override;
  void on_kill() override;
  void on_given_up() override;

 private:
  struct Life;

  std::vector<BusAddress> buses_;
  Path& to_exchange_;
  Venue& venue_;
  SubscriberWatch& watch_;
  std::unique_ptr<Life> life_;
};

}  // namespace cancelbus::simulation
