// A listening TCP socket and its accept loop; both servers have one. Running out of descriptors pauses it for a moment
// instead of ending it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace exchange_sim {

// "127.0.0.1:0", "[::1]:8443", "localhost:8443".
absl::StatusOr<boost::asio::ip::tcp::endpoint> parse_address(const std::string& text);
std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint);

class Listener {
 public:
  using OnSocket = std::function<void(boost::asio::ip::tcp::socket)>;

  explicit Listener(boost::asio::io_context& io) : acceptor_(io), pause_(io) {}

  absl::Status open(const boost::asio::ip::tcp::endpoint& endpoint);
  boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }
  void run(OnSocket on_socket);

 private:
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  OnSocket on_socket_;
};

}  // namespace exchange_sim
