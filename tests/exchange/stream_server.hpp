// WebSocket over TLS in front of the model. Odd: a silenced stream must look dead while its socket stays open, so a
// layer between WebSocket and TLS can swallow everything that would leave, Beast's own pongs too.
#pragma once

#include <memory>

#include "tests/exchange/listener.hpp"
#include "tests/exchange/shell.hpp"

namespace boost::asio::ssl {
class context;
}

namespace exchange_sim {

// The listener must be open; all arguments must outlive the io_context's run.
std::shared_ptr<StreamDoor> serve_stream(boost::asio::ssl::context& tls, Listener& listener, Shell& shell);

}  // namespace exchange_sim
