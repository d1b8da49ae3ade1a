// The bus's shell: sockets in, engine, sockets out. It decides nothing.
//
// One turn: drain both ROUTERs, read the clock, give the engine what came.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "service/bus/engine.hpp"
#include "service/bus/metrics.hpp"
#include "service/bus/options.hpp"
#include "service/io/clock.hpp"
#include "service/io/monitor.hpp"
#include "service/io/store.hpp"
#include "service/io/zmq_socket.hpp"

namespace cancelbus::bus {

namespace asio = boost::asio;

class Shell {
 public:
  Shell(asio::io_context& context, const Options& options, std::unique_ptr<io::Store> store,
        const core::Snapshot& snapshot);

  /// Binds everything. An error names the flag.
  absl::Status open();

  /// Where it listens, one `name url` a line; after open().
  std::string endpoints() const;

  /// Give out no more tasks; `done` when none is with a worker.
  /// Tells whether all that was decided is on disk: a store that refuses is not waited for longer than requests live.
  void drain(std::function<void(bool complete)> done);

 private:
  static constexpr core::Duration StatusInterval = std::chrono::seconds(1);
  static constexpr core::Duration DrainGrace = std::chrono::seconds(2);

  void turn();
  void read_sessions(std::vector<core::Event>& events);
  void read_backend(std::vector<core::Event>& events);
  void log_store();
  std::string metrics_text();
  void publish_status(core::Instant now);
  void arm(core::Instant now);
  void end_if_drained(core::Instant now);

  void send(const core::Send& send);
  void publish(const io::EventRow& event);
  void to_session(const core::PeerId& peer, const std::string& frame);
  void to_backend(const core::PeerId& peer, const std::string& frame);

  const Options options_;
  std::unique_ptr<io::Store> store_;
  zmq::context_t zmq_;
  io::ZmqSocket sessions_;
  io::ZmqSocket events_;
  io::ZmqSocket backend_;
  io::TickTimer timer_;
  Engine engine_;
  Metrics metrics_;
  io::Monitor monitor_;
  core::Tick next_status_;
  bool store_writable_ = true;
  bool drain_requested_ = false;
  std::function<void(bool)> drained_;
  core::Tick drain_until_ = core::Never;
};

}  // namespace cancelbus::bus
