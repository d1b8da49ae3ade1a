// Between the model and the sockets: gives the model the time, wakes it when something is due, and hands its outputs to
// the two servers. Everything runs on one io_context in one thread. The doors must not call back into the shell from
// inside their own calls; they only start asynchronous work.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "tests/exchange/exchange.hpp"

namespace exchange_sim {

class RestDoor {
 public:
  virtual ~RestDoor() = default;
  virtual void reply(RequestId request, const HttpAnswer& answer) = 0;
  virtual void reset(RequestId request) = 0;
};

class StreamDoor {
 public:
  virtual ~StreamDoor() = default;
  virtual void send(StreamId stream, std::string text) = 0;
  virtual void ping(StreamId stream) = 0;
  virtual void silence(StreamId stream) = 0;
  virtual void end(StreamId stream, Ending how) = 0;
};

class Shell {
 public:
  Shell(boost::asio::io_context& io, Exchange& exchange) : exchange_(exchange), timer_(io) {}

  void attach(RestDoor& rest, StreamDoor& stream);
  std::uint64_t next_id() { return ++last_id_; }

  void request(RequestId id, HttpRequest request);
  void abandoned(RequestId id);
  std::optional<HttpAnswer> handshake(std::string_view ip);
  // The Date header of an accepted handshake.
  std::string date() const;
  void stream_opened(StreamId id);
  void stream_text(StreamId id, std::string_view message);
  void stream_pong(StreamId id);
  void stream_closed(StreamId id);

 private:
  // The wall clock at the start plus a monotonic distance: the model's time never jumps back.
  Instant now() const;
  void flush();
  void arm();

  Exchange& exchange_;
  boost::asio::steady_timer timer_;
  std::optional<Instant> armed_;
  RestDoor* rest_ = nullptr;
  StreamDoor* stream_ = nullptr;
  std::uint64_t last_id_ = 0;
  Instant wall_start_ = std::chrono::floor<Micros>(std::chrono::system_clock::now());
  std::chrono::steady_clock::time_point steady_start_ = std::chrono::steady_clock::now();
};

}  // namespace exchange_sim
