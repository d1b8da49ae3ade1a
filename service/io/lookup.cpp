#include "service/io/lookup.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cancelbus::io {

namespace asio = boost::asio;
using asio::ip::tcp;

asio::awaitable<tcp::resolver::results_type> look_up(tcp::resolver& resolver, const std::string& host, uint16_t port,
                                                     boost::system::error_code& error) {
  const auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (!error) co_return tcp::resolver::results_type::create(tcp::endpoint(address, port), host, "");
  const auto found = co_await resolver.async_resolve(host, std::to_string(port), tcp::resolver::numeric_service,
                                                     asio::redirect_error(asio::use_awaitable, error));
  co_return found;
}

}  // namespace cancelbus::io
