// A strategy's connection to cancelbus: sockets around a Session.
//
// Used by strategies and by cancelctl. One thread at a time. Nothing here throws: what can go wrong when opening is
// returned as a sentence, what happens later comes as a Notice. Odd about it: nothing moves unless run_once() is
// called, at least every few seconds, or the bus is taken for silent.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cancelbus/session.hpp"

namespace cancelbus::client {

struct ClientOptions {
  std::string session_endpoint = "tcp://127.0.0.1:5550";
  std::string event_endpoint = "tcp://127.0.0.1:5551";
  SessionOptions session = {};
  /// Files with our secret key and with the bus's public one, as cancelctl keygen writes them.
  std::string curve_key_file = {};
  std::string curve_server_key_file = {};
  /// Instead of keys: plain sockets, to a bus on this machine that was started likewise.
  bool insecure_loopback = false;
};

struct CancelOptions {
  /// 1 ms to 24 h, from the call; none: wanted until the order is proven gone.
  std::optional<std::chrono::milliseconds> time_to_live;
  bool urgent = false;
  /// The final waits for an order query, so that its quantities are exact.
  bool exact_quantities = false;
};

class Client {
 public:
  /// Frames read from one socket in one turn, so that a flood of events cannot keep commands from going out.
  static constexpr int MaxFramesPerTurn = 1'000;
  /// Frames that wait in a socket. Beyond it sends are dropped and repeated by the session's rules, and events are
  /// missed and asked for again.
  static constexpr int HighWaterMark = 100'000;
  /// More than the bus sends; a guard against what is not a bus.
  static constexpr int64_t MaxFrameBytes = 1 << 20;

  /// Null and a sentence in `error`, which begins with the option's name, if an endpoint or a key file cannot be used.
  /// The bus need not be there yet. What is not our own topic is subscribed to once the bus has said welcome: so a
  /// client that asks for too much hears it in a Reject, before it is taken for an intruder.
  static std::unique_ptr<Client> open(const ClientOptions& options, std::string& error) noexcept;
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Returns the cl_ord_id that names the command from now on.
  std::string cancel(int64_t order_id, const CancelOptions& options = {}) noexcept;
  /// Of a command made by hand. False if its cl_ord_id names an undecided command already.
  bool cancel(v1::CancelOrder order) noexcept;
  /// A BusStatus notice will come.
  void ask_status() noexcept;
  /// For operators: Resolved notices will come, the last of them SETTLED or REFUSED.
  void resolve(v1::ResolveRequest request) noexcept;

  /// Does what is due and waits for news, until some came, the time is over, or a signal interrupted it.
  std::vector<Notice> run_once(std::chrono::milliseconds timeout) noexcept;

  size_t undecided() const noexcept;

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cancelbus::client
