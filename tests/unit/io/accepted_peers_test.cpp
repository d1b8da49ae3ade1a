#include "service/io/accepted_peers.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace cancelbus::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class AcceptedPeersTest : public testing::Test {
 protected:
  tcp::acceptor listen(const std::string& address = "127.0.0.1") {
    return tcp::acceptor(context, {asio::ip::make_address(address), 0});
  }

  /// From an address of this machine.
  tcp::socket connect(const tcp::acceptor& acceptor, const std::string& from) {
    tcp::socket client(context);
    client.open(acceptor.local_endpoint().protocol());
    client.bind({asio::ip::make_address(from), 0});
    client.connect(acceptor.local_endpoint());
    return client;
  }

  static int accept(tcp::acceptor& acceptor) { return ::accept4(acceptor.native_handle(), nullptr, nullptr, 0); }

  /// As "host:port".
  static std::string taken(tcp::acceptor& acceptor, int descriptor) {
    const auto peer = take_accepted_peer(acceptor.native_handle(), descriptor);
    return peer ? peer->host + ":" + std::to_string(peer->port) : "";
  }

  static std::string address(const tcp::socket& client, const std::string& host) {
    return host + ":" + std::to_string(client.local_endpoint().port());
  }

  asio::io_context context;
};

TEST_F(AcceptedPeersTest, IsKnownAfterTheConnectionIsGone) {
  tcp::acceptor acceptor = listen();
  const tcp::socket client = connect(acceptor, "127.0.0.2");
  const int descriptor = accept(acceptor);
  ::close(descriptor);
  EXPECT_EQ(taken(acceptor, descriptor), address(client, "127.0.0.2"));
  EXPECT_EQ(taken(acceptor, descriptor), "");
}

TEST_F(AcceptedPeersTest, OneDescriptorHasManyPeersInTheOrderOfAccepts) {
  tcp::acceptor acceptor = listen();
  const tcp::socket first = connect(acceptor, "127.0.0.2");
  // Made before, so that its own descriptor is not the one that becomes free.
  tcp::socket second(context, tcp::endpoint(asio::ip::make_address("127.0.0.3"), 0));
  const int descriptor = accept(acceptor);
  ::close(descriptor);
  second.connect(acceptor.local_endpoint());
  ASSERT_EQ(accept(acceptor), descriptor);  // the lowest that is free, as the one before
  EXPECT_EQ(taken(acceptor, descriptor), address(first, "127.0.0.2"));
  EXPECT_EQ(taken(acceptor, descriptor), address(second, "127.0.0.3"));
  ::close(descriptor);
}

TEST_F(AcceptedPeersTest, ForgetsThoseBeforeTheOneThatIsAskedFor) {
  tcp::acceptor acceptor = listen();
  const tcp::socket first = connect(acceptor, "127.0.0.2");
  const int never_asked_for = accept(acceptor);
  const tcp::socket second = connect(acceptor, "127.0.0.3");
  const int descriptor = accept(acceptor);
  EXPECT_EQ(taken(acceptor, descriptor), address(second, "127.0.0.3"));
  EXPECT_EQ(taken(acceptor, never_asked_for), "");
  ::close(never_asked_for);
  ::close(descriptor);
}

TEST_F(AcceptedPeersTest, KeepsListenersApart) {
  tcp::acceptor one = listen();
  tcp::acceptor other = listen();
  const tcp::socket client = connect(one, "127.0.0.2");
  const int descriptor = accept(one);
  EXPECT_EQ(taken(other, descriptor), "");
  EXPECT_EQ(taken(one, descriptor), address(client, "127.0.0.2"));
  ::close(descriptor);
}

// A socket that is closed leaves its descriptor, but not its peers, to the next one.
TEST_F(AcceptedPeersTest, ForgetsAListenerWhoseDescriptorAnotherOneHas) {
  tcp::acceptor former = listen();
  const tcp::socket old_client = connect(former, "127.0.0.2");
  const int old_connection = accept(former);
  tcp::acceptor other = listen();
  ASSERT_NE(::dup2(other.native_handle(), former.native_handle()), -1);
  const tcp::socket client = connect(other, "127.0.0.3");
  const int descriptor = accept(former);
  EXPECT_EQ(taken(former, old_connection), "");
  EXPECT_EQ(taken(former, descriptor), address(client, "127.0.0.3"));
  ::close(old_connection);
  ::close(descriptor);
}

TEST_F(AcceptedPeersTest, GivesTheCallerWhatItAskedFor) {
  tcp::acceptor acceptor = listen();
  const tcp::socket client = connect(acceptor, "127.0.0.2");
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  const int descriptor = ::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  EXPECT_EQ(size, sizeof(sockaddr_in));
  EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in&>(peer).sin_port), client.local_endpoint().port());
  ::close(descriptor);
  EXPECT_EQ(::accept4(-1, nullptr, nullptr, 0), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST_F(AcceptedPeersTest, RemembersABoundedNumber) {
  tcp::acceptor acceptor = listen();
  // Descriptors that the others cannot get.
  const tcp::socket oldest_client = connect(acceptor, "127.0.0.2");
  const int oldest = accept(acceptor);
  const tcp::socket next_client = connect(acceptor, "127.0.0.3");
  const int next = accept(acceptor);
  for (size_t i = 0; i + 1 < MostAcceptsRemembered; ++i) {
    tcp::socket client = connect(acceptor, "127.0.0.4");
    client.set_option(tcp::socket::linger(true, 0));  // leaves no TIME_WAIT behind
    client.close();
    ::close(accept(acceptor));
  }
  EXPECT_EQ(taken(acceptor, oldest), "");
  EXPECT_EQ(taken(acceptor, next), address(next_client, "127.0.0.3"));
  ::close(oldest);
  ::close(next);
}

}  // namespace
}  // namespace cancelbus::io
