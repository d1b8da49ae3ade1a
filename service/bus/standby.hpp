// A bus that does not lead: it follows the store until no bus leads any more. Its sessions get `not_leading`, and its
// monitor says whether it could take over.
//
// Used by life.cpp, which replaces it with a Shell. Workers and the subscriber find no listener here.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "service/bus/guard.hpp"
#include "service/bus/metrics.hpp"
#include "service/bus/options.hpp"
#include "service/bus/refusals.hpp"
#include "service/bus/session_door.hpp"
#include "service/io/clock.hpp"
#include "service/io/monitor.hpp"
#include "service/io/postgres_watch.hpp"
#include "service/io/zap.hpp"

namespace cancelbus::bus {

class Standby {
 public:
  /// `options` must outlive it.
  Standby(asio::io_context& context, const Options& options, io::PostgresWatch::Handlers handlers);

  /// Binds the session endpoint and the monitor, and begins to follow. An error names the flag.
  absl::Status open();
  /// Reads the policy again.
  void reload();

  /// After `free`, when the lease was not to be had: follows again, and does not try within a lease.
  void follow();

  /// Where this bus listens, or will when it leads: one `name url` a line; after open().
  std::string endpoints() const;
  uint16_t monitor_port() const { return monitor_.port(); }
  uint64_t term() const { return watch_.term(); }
  const std::string& leader() const { return watch_.leader(); }
  core::Followed followed() const { return watch_.followed(); }

 private:
  static constexpr core::Duration SweepEvery = std::chrono::seconds(1);

  struct Life {};

  void turn();
  void sweep();
  std::string metrics_text();

  const Options& options_;
  PolicyFile policy_file_;
  zmq::context_t zmq_;
  Metrics metrics_;  // of the door; a bus that leads shows them, this one only its own
  prometheus::Registry registry_;
  prometheus::Gauge& ready_;
  Refusals refusals_{metrics_.registry()};
  Guard guard_;
  io::ZapHandler zap_;
  SessionDoor sessions_;
  io::PostgresWatch watch_;
  io::Monitor monitor_;
  io::TickTimer timer_;
  /// A call of the timer that was due finds it expired.
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
};

/// The endpoint with a port that is free now, where `*` or 0 stands for any: a bus that leads, follows and leads again
/// stays where others find it.
absl::StatusOr<std::string> with_port(const std::string& endpoint);

}  // namespace cancelbus::bus
