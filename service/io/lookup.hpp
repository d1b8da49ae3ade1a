// From a host's name to its addresses, for the clients of io/. Odd about it: an address in the URL, and "localhost",
// never reach a resolver: the former needs none, and the latter is loopback by RFC 6761 even where nothing says so
// (a bare root has no /etc/hosts).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

namespace cancelbus::io {

/// Empty, and `error` set, if the resolver fails or is cancelled. `host` must outlive the call.
boost::asio::awaitable<boost::asio::ip::tcp::resolver::results_type> look_up(boost::asio::ip::tcp::resolver& resolver,
                                                                             const std::string& host, uint16_t port,
                                                                             boost::system::error_code& error);

}  // namespace cancelbus::io
