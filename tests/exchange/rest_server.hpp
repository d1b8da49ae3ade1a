// HTTP/1.1 keep-alive over TLS in front of the model. Odd: it reads on while a request is unanswered, so that it knows
// at once when the client has closed; requests sent ahead wait their turn.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "tests/exchange/listener.hpp"
#include "tests/exchange/shell.hpp"

namespace boost::asio::ssl {
class context;
}

namespace exchange_sim {

// The listener must be open; all arguments must outlive the io_context's run.
std::shared_ptr<RestDoor> serve_rest(boost::asio::ssl::context& tls, Listener& listener, Shell& shell);

}  // namespace exchange_sim
