// Where the connections come from that libzmq has accepted.
//
// Used by ZmqMonitor on the server's side. libzmq 4.3.4 reports an accepted connection by its descriptor alone, and its
// thread may have closed that descriptor, or have given it to another connection, before the report is read: then
// getpeername() fails, or names the wrong peer. The address is certain only inside accept4(), so a program that links
// this file gets its own accept4(), which calls the C library's and writes down what it returned. The dynamic linker
// binds libzmq's call to it, as the executable comes first in the order of symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace cancelbus::io {

struct PeerAddress {
  /// Numeric, IPv4 or IPv6.
  std::string host;
  uint16_t port = 0;
};

/// Accepts that are remembered per listening socket until they are taken; beyond them the oldest is forgotten.
constexpr size_t MostAcceptsRemembered = 16 * 1024;

/// The peer of the connection that accept4() returned as `descriptor` for the listening socket `listener`. Ask once for
/// each connection, in the order of accepts: the first that was not asked for yet is taken, and those before it are
/// forgotten. Nothing if there is none. Any thread may call it.
std::optional<PeerAddress> take_accepted_peer(int listener, int descriptor);

}  // namespace cancelbus::io
