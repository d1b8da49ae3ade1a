// One line of --json output: a flat JSON object around a message of the contract.
//
// Used by the commands. The messages are written by protobuf's own JSON mapping, with the contract's field names and
// with defaults: so 64-bit numbers are strings (they exceed what a JavaScript number holds), enums are their full
// names, times RFC 3339 in UTC with 0, 3, 6 or 9 digits, and a time that is not known is absent.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cancelbus/v1/cancel.pb.h"
#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {

class JsonLine {
 public:
  JsonLine(std::string_view type, WallTime heard);

  JsonLine& add(std::string_view name, std::string_view value);
  JsonLine& add(std::string_view name, int64_t value);
  JsonLine& add(std::string_view name, WallTime value);
  /// A template, because a literal is sooner a bool than a text.
  template <std::same_as<bool> Bool>
  JsonLine& add(std::string_view key, Bool value) {
    name(key);
    text_ += value ? "true" : "false";
    return *this;
  }
  JsonLine& add(std::string_view name, const google::protobuf::Message& message);
  template <typename Message>
  JsonLine& add(std::string_view key, const std::vector<Message>& messages) {
    name(key);
    text_ += '[';
    const char* separator = "";
    for (const Message& message : messages) (text_ += std::exchange(separator, ",")) += json_of(message);
    text_ += ']';
    return *this;
  }
  /// Adds the fields of `message` themselves.
  JsonLine& merge(const google::protobuf::Message& message);

  /// With its line end.
  std::string str() const { return text_ + "}\n"; }

 private:
  void name(std::string_view name);
  static std::string json_of(const google::protobuf::Message& message);

  std::string text_ = "{";
};

/// Name of the event's content as in the contract: `cancel_ack`, `cancel_final`, ...; `event` if it is of a later one.
std::string_view type_of(const v1::Event& event);

}  // namespace cancelbus::ctl
