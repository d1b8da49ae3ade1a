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

}  // namespace cancelbus::simulation
