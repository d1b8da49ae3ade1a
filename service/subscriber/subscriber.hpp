// The subscriber's shell: does what the stream session says, and tells the bus what the stream said.
//
// It decides nothing. Facts and changes of state share one sequence and go out in the order in which they happened; the
// heartbeat in between says nothing that the bus does not know already. If facts had to be dropped, because the bus was
// away for too long, it logs in again once the bus keeps up: a new login is how the bus learns that some are missing.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "service/backend/buses.hpp"
#include "service/backend/recorder.hpp"
#include "service/btcturk/stream_session.hpp"
#include "service/io/api_key_files.hpp"
#include "service/io/clock.hpp"
#include "service/io/monitor.hpp"
#include "service/io/websocket_client.hpp"
#include "service/subscriber/metrics.hpp"
#include "service/subscriber/options.hpp"
#include "service/subscriber/outbox.hpp"
#include "service/wire/backend_codec.hpp"

namespace cancelbus::subscriber {

namespace asio = boost::asio;

class Subscriber final : private io::WebsocketListener {
 public:
  /// `on_done` is called once, after stop().
  Subscriber(asio::io_context& context, zmq::context_t& zmq, Options options, std::function<void()> on_done,
             const Outbox::Limits& limits = {});
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  absl::Status start();
  /// Closes the connection, gives the bus a moment to confirm the last news, then ends.
  void stop();

 private:
  void on_open(const io::WebsocketPeer& peer) override;
  void on_message(std::string_view text) override;
  void on_control() override;
  void on_closed(const io::WebsocketEnd& end) override;

  void step(const btcturk::StreamEvent& event);
  void act(const btcturk::stream_action::Connect&);
  void act(const btcturk::stream_action::SendLogin&);
  void act(const btcturk::stream_action::Close&);
  void act(const btcturk::stream_action::Publish& action);
  void act(const btcturk::stream_action::Deliver& action);

  /// `kind`, `text`, `status`: as of a Recorded.
  void record(const char* kind, std::string_view text, int status = 0);

  void take_replies();
  void on_reply(const wire::BackendReply& reply);
  void send_news();
  void heartbeat();
  bool tell_bus(const std::string& message);
  void tell_state();
  std::string state_message(uint64_t seq) const;

  absl::StatusOr<bool> use_key(const io::ApiKeyPair& pair);

  void on_timer();
  void arm();
  void note_frame(const btcturk::StreamFrame& frame);
  std::string why_unready() const;
  void end_if_stopped();

  asio::io_context& context_;
  Options options_;
  std::function<void()> on_done_;
  uint64_t subscriber_id_;
  btcturk::StreamSession session_;
  Outbox outbox_;
  Metrics metrics_;
  io::WebsocketClient stream_;
  backend::Buses buses_;
  io::Monitor monitor_;
  io::ApiKeyWatch key_watch_;
  backend::Recorder recorder_;
  io::TickTimer timer_;
  core::Tick armed_for_{};
  core::Tick next_heartbeat_{};
  core::Tick last_frame_;
  core::Tick stop_by_ = core::Never;  // set once stopping
  std::string peer_;                  // of the connection that stands
  bool bus_reached_ = false;          // by the last message; a connection exists only once both keys are accepted
  uint64_t lost_facts_ = 0;           // since the last login that the bus was or will be told of
  bool oddity_logged_ = false;        // one line per connection: the metrics count the rest
  bool stalled_ = false;
  bool ended_ = false;
};

}  // namespace cancelbus::subscriber
