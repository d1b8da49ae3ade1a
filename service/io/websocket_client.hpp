// A TLS WebSocket client: one connection at a time, text frames both ways, everything bounded.
//
// The subscriber's shell owns one and does with it what the stream session machine says. The peer's certificate and
// host name are always verified; there is no switch for that. Connecting has one deadline for name lookup, TCP, TLS and
// upgrade together, because the caller does not care which of them hangs. Every end, also a refused upgrade, comes
// through the same on_closed, exactly once per connect().
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "service/io/dial.hpp"
#include "service/io/option_values.hpp"
#include "service/io/tls.hpp"

namespace cancelbus::io {

struct WebsocketOptions {
  Url url;
  core::Duration connect_timeout = std::chrono::seconds(10);
  core::Duration close_timeout = std::chrono::seconds(1);  ///< how long a close may take before the socket is reset
  IpFamily ip_family = IpFamily::V4;
  std::size_t max_message_bytes = 64 * 1024;
  std::size_t max_unsent_messages = 64;
};

/// What was agreed with the server: for logs and for people.
struct WebsocketPeer {
  std::string address;  ///< 192.0.2.1:443 from 198.51.100.7:40000
  std::string tls;      ///< version, cipher, whose certificate and until when
  /// The Date header of the answer to the upgrade; absent if there is none. In whole seconds.
  std::optional<std::chrono::sys_seconds> date = {};
};

/// Why a connection ended, or never came to be.
struct WebsocketEnd {
  std::string text;
  int http_status = 0;                        ///< of an upgrade that was refused
  std::optional<core::Duration> retry_after;  ///< that the refusal asks for, if legible
};

/// Called from the io_context, never from inside a call to the client. May call the client, and may destroy it.
class WebsocketListener {
 public:
  virtual void on_open(const WebsocketPeer& peer) = 0;
  virtual void on_message(std::string_view text) = 0;
  /// A ping or pong came; pings have been answered.
  virtual void on_control() = 0;
  /// The last call for this connection, also for one that never opened. Not after abort().
  virtual void on_closed(const WebsocketEnd& end) = 0;

 protected:
  ~WebsocketListener() = default;
};

class WebsocketClient {
 public:
  /// The listener must outlive the client.
  WebsocketClient(boost::asio::io_context& io, TlsContext tls, WebsocketOptions options, WebsocketListener& listener);
  ~WebsocketClient();
  WebsocketClient(const WebsocketClient&) = delete;
  WebsocketClient& operator=(const WebsocketClient&) = delete;

  /// Drops what is left of an earlier connection without another word.
  void connect();
  /// Ignored while no connection is open: its on_closed is on the way.
  void send(std::string text);
  /// Says goodbye; on_closed follows within close_timeout.
  void close();
  /// Resets the socket (linger 0), so that nothing buffered is delivered later. No callback follows.
  void abort();

 private:
  class Connection;
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace cancelbus::io
