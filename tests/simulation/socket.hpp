// A process's ZeroMQ socket towards the bus, DEALER or SUB: connects, connects again, and drops what it cannot send.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/bus.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/process.hpp"

namespace cancelbus::simulation {

/// A bus, and the way to it.
struct BusAddress {
  Bus& bus;
  Path& path;
};

class Socket {
 public:
  using OnMessage = std::function<void(const Frames&)>;

  /// `on_connected`: each time a connection stands.
  Socket(
      Process& owner, Path& path, Bus& bus, Door door, OnMessage on_message,
      std::function<void()> on_connected = [] {});
  /// Closed, or its process died.
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// False: there is no connection, it is dropped.
  bool send(const std::string& frame);
  /// The bus holds this end for lost; what it sent may still be read here.
  void given_up();

 private:
  static constexpr Duration FirstPause = 100ms;
  // Workers are back before a bus that was started decides anything (io/zmq_socket.cpp).
  static constexpr Duration LongestBackendPause = 250ms;
  static constexpr Duration LongestPause = 1s;

  void dial();
  void try_again();
  void lost();

  Process& owner_;
  Path& path_;
  Bus& bus_;
  Door door_;
  OnMessage on_message_;
  std::function<void()> on_connected_;
  std::shared_ptr<char> life_ = std::make_shared<char>();
  Timer dialer_;
  Duration pause_ = FirstPause;
  std::shared_ptr<Line> line_;
  core::PeerId peer_;
};

/// Sockets to every bus that may lead, as service/backend/buses.hpp: everything is sent to all.
class Sockets {
 public:
  Sockets(Process& owner, const std::vector<BusAddress>& buses, Door door, const Socket::OnMessage& on_message) {
    for (const BusAddress& bus : buses) {
      sockets_.push_back(std::make_unique<Socket>(owner, bus.path, bus.bus, door, on_message));
    }
  }
  /// True: at least one of them has it.
  bool send(const std::string& frame) {
    bool sent = false;
    for (const auto& socket : sockets_) sent |= socket->send(frame);
    return sent;
  }
  void given_up() {
    for (const auto& socket : sockets_) socket->given_up();
  }

 private:
  std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace cancelbus::simulation
