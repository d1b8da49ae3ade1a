// The contract's messages as words for people.
//
// Used by outcomes and by cancelctl. Texts that come from elsewhere lose their control characters: a terminal obeys
// them.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// ORD_STATUS_CANCELED as "CANCELED"; a value of a later contract as its number.
template <typename Enum>
std::string short_name(Enum value, std::string_view prefix) {
  const auto* known = google::protobuf::GetEnumDescriptor<Enum>()->FindValueByNumber(static_cast<int>(value));
  return known ? known->name().substr(prefix.size()) : std::to_string(static_cast<int>(value));
}

/// Without what a terminal obeys: C0, DEL and the C1 of UTF-8, each as a question mark.
std::string printable(std::string_view text);
/// Why, and in whose words if there are any.
std::string reason_text(v1::CxlRejReason reason, const std::string& text);

// What happened, without the order's name.
std::string describe(const v1::Receipt& receipt);
std::string describe(const v1::CancelAck& ack);
std::string describe(const v1::CancelFinal& final);
/// As "BACKOFF: TOO_MANY_REQUESTS, 12 s left".
std::string describe(const v1::Cause& cause);
/// Whose key is barred from events, until when, and why.
std::string describe(const v1::EventBar& bar);
/// Each, separated by semicolons.
template <typename Range>
std::string describe_all(const Range& causes) {
  std::string text;
  for (const v1::Cause& cause : causes) text += (text.empty() ? "" : "; ") + describe(cause);
  return text;
}

}  // namespace cancelbus::client
