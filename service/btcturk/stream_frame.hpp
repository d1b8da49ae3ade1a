// The frames of the exchange's WebSocket: what one text frame says, and the login that we send.
//
// The subscriber reads every frame through here into the stream session. 452 says that an order left the book, not why;
// 423 has no inner type and its order id elsewhere; a frame with id 0 is about no order at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "service/btcturk/signer.hpp"
#include "service/core/answer.hpp"

namespace cancelbus::btcturk {

/// 991: the server presents itself.
struct BannerFrame {
  std::string current;
  std::string min;
};

/// 114: the answer to our login. The message says why not; printable, at most 256 bytes.
struct LoginResult {
  bool ok = false;
  std::string message;
};

/// 100, 201, 801: known, and not about one order.
struct IgnoredFrame {
  int64_t type = 0;
};

struct UnknownFrame {
  int64_t type = 0;
};

/// Of a type that is about an order, but with id 0.
struct IdZeroFrame {
  int64_t type = 0;
};

struct MalformedFrame {
  std::string why;
};

/// core::OrderFact: 451, 452, 441, 423.
using StreamFrame =
    std::variant<BannerFrame, LoginResult, core::OrderFact, IgnoredFrame, UnknownFrame, IdZeroFrame, MalformedFrame>;

/// `text`: any bytes. An order's frame needs a legible id; other fields that are absent or illegible are left empty.
StreamFrame read_frame(std::string_view text);

/// The first frame to send. `timestamp_ms`: milliseconds since the Unix epoch, not signed. `nonce`: as Signer says.
std::string login_frame(Signer& signer, int64_t timestamp_ms, int64_t nonce);

}  // namespace cancelbus::btcturk
