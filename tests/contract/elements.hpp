// A descriptor set as a flat list of the things that are frozen. Used by schema.cpp, faults.cpp and fix_table.cpp.
#pragma once

#include <google/protobuf/descriptor.pb.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace contract {

struct Element {
  /// Full name of the message, enum or package that it stands in.
  std::string parent;
  std::string name;
  /// Of fields, enum values and extensions.
  std::optional<int> number;
  /// What else is frozen, by a name for people: kind, type, label, oneof, JSON name, FIX tag, FIX MsgType, FIX value.
  std::map<std::string, std::string> attributes;
};

/// Of package cancelbus.v1, in the order of the files.
std::vector<Element> elements(const google::protobuf::FileDescriptorSet& schema);

/// What the values of an enum begin with: CANCEL_ACK_STATUS_ for `cancelbus.v1.CancelAckStatus`.
std::string value_prefix(const std::string& enum_name);

}  // namespace contract
