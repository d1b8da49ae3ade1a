// The ZAP handler (ZeroMQ RFC 27): libzmq asks here whether the holder of a key may enter.
//
// Used by the bus, one a process. libzmq finds it by its name in the ZeroMQ context, so it must exist before the
// sockets that it guards, and as long as they do; without a handler libzmq lets every peer in.
#pragma once

#include <absl/status/status.h>

#include <functional>
#include <string>
#include <zmq.hpp>

#include "service/io/zmq_socket.hpp"

namespace cancelbus::io {

struct ZapRequest {
  std::string domain;
  /// The peer's IP address; empty over ipc.
  std::string address;
  /// Z85. The peer has proven that it holds the secret half.
  std::string public_key;
};

class ZapHandler {
 public:
  /// True: enters, and everything it sends carries its public key as user id. False: is told so, and may try again.
  using Verdict = std::function<bool(const ZapRequest&)>;

  ZapHandler(asio::io_context& context, zmq::context_t& zmq, Verdict verdict);

  absl::Status open();

 private:
  void answer();

  ZmqSocket socket_;
  Verdict verdict_;
};

}  // namespace cancelbus::io
