// The bus's shell: sockets in, gateway, store, sockets out. It decides nothing.
//
// One turn: drain both ROUTERs, read the clock, step every event, then deadlines; commit the records; send.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "service/bus/metrics.hpp"
#include "service/bus/options.hpp"
#include "service/bus/outbox.hpp"
#include "service/core/gateway.hpp"
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
  static constexpr core::Duration StoreRetry = std::chrono::milliseconds(250);
  static constexpr core::Duration DrainGrace = std::chrono::seconds(2);

  void turn();
  void read_sessions(std::vector<core::Event>& events);
  void read_backend(std::vector<core::Event>& events);
  void check_store(std::vector<core::Event>& events);
  void act(core::Instant now, const std::vector<core::Event>& events);
  void publish_status(core::Instant now);
  void arm(core::Instant now);
  void end_if_drained(core::Instant now);

  void send(const core::Send& send);
  void on(const core::SendWelcome& s);
  void on(const core::SendReceipt& s);
  void on(const core::SendRetransmission& s);
  void on(const core::SendRetransmitReject& s);
  void on(const core::SendHeartbeat& s);
  void on(const core::SendHelloRequired& s);
  void on(const core::SendStatus& s);
  void on(const core::SendTask& s);
  void on(const core::SendConfirm& s);
  void on(const core::SendRelogin& s);
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
  core::Gateway gateway_;
  Outbox outbox_;
  Metrics metrics_;
  io::Monitor monitor_;
  core::Tick next_status_;
  bool store_writable_ = true;
  bool drain_requested_ = false;
  std::function<void(bool)> drained_;
  core::Tick drain_until_ = core::Never;
};

}  // namespace cancelbus::bus
