// From the bytes of a connection to the frames of FIX messages, by BeginString, BodyLength and CheckSum.
//
// Used by connection.cpp. Pure. As FIX demands, what is garbled is skipped up to the next message: its sequence number
// is missing then, and the counterparty is asked to send it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cancelbus::fix {

class FrameReader {
 public:
  /// Of one message. What is longer is no message for this gateway.
  static constexpr size_t MaxBytes = 64 * 1024;

  void add(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole message; none: more bytes are needed, or is_hopeless().
  std::optional<std::string> next();
  /// BodyLength says that a message is longer than MaxBytes: the connection is to be closed.
  bool is_hopeless() const { return hopeless_; }
  /// Times that bytes were skipped.
  uint64_t garbled() const { return garbled_; }

 private:
  enum class Found { Whole, Incomplete, Garbled };
  Found look(size_t& length);
  void skip();

  std::string buffer_;
  bool hopeless_ = false;
  uint64_t garbled_ = 0;
};

/// MsgType(35); empty if it does not stand third.
std::string_view type_of(std::string_view frame);

/// The same message with its standard header alone: for types whose body is not read, so that their repeating groups
/// need no dictionary.
std::string without_body(std::string_view frame);

/// Why the message must not reach QuickFIX, as a word for a metric: `absurd_number` for a sequence number or an
/// interval of more than nine digits, which would overflow; `bad_data` for a data field whose length field does not
/// stand right before it or is not its length, because QuickFIX reads as many bytes as that says. Empty: it may.
std::string_view danger_in(std::string_view frame);

}  // namespace cancelbus::fix
