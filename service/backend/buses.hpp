// The connections of a worker or the subscriber to every bus that may lead, and whom of them it believes.
//
// Everything is sent to all. Any of them may answer, and a bus that leads no more is told from the one that does by its
// term (core/term.hpp). Used by both shells; same threads as ZmqSocket.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "service/core/term.hpp"
#include "service/io/curve_client.hpp"
#include "service/io/zmq_socket.hpp"

namespace cancelbus::backend {

namespace asio = boost::asio;

class Buses {
 public:
  Buses(asio::io_context& context, zmq::context_t& zmq, const std::optional<io::CurveClient>& keys)
      : context_(context), zmq_(zmq), keys_(keys) {}

  /// Call once. An error names the endpoint.
  absl::Status connect(const std::vector<std::string>& endpoints);
  /// After connect(). As ZmqSocket::on_ready.
  void on_ready(const std::function<void()>& handler);

  /// True: at least one of them has it, and a connection exists only once both keys are accepted.
  bool send(std::string_view frame);
  /// As ZmqSocket::receive, of any of them.
  bool receive(io::Frames& frames);

  /// False: the message comes from a bus that leads no more; logs it, a moment of the same bus once. `what`: the
  /// message.
  bool believes(const std::optional<core::Term>& term, std::string_view what);
  const std::optional<core::Term>& seen() const { return highest_.seen(); }

  void close() { connections_.clear(); }

 private:
  struct Connection {
    Connection(asio::io_context& context, zmq::context_t& zmq, const std::optional<io::CurveClient>& keys)
        : socket(context, zmq, zmq::socket_type::dealer), bus(context, zmq, socket, keys) {}
    io::ZmqSocket socket;
    io::BusConnection bus;
  };

  asio::io_context& context_;
  zmq::context_t& zmq_;
  const std::optional<io::CurveClient>& keys_;
  std::vector<std::unique_ptr<Connection>> connections_;
  core::HighestTerm highest_;
  core::Term refused_;  ///< the last that was logged
};

}  // namespace cancelbus::backend
