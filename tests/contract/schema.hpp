// The contract as data: what proto/ says now, what was released, and how the two differ.
//
// Used by the contract tests and by the tool that releases additions. Works on descriptor protos, not on descriptors,
// so that a test can change one in memory. Only package cancelbus.v1 counts; the imports of protobuf's own are ignored.
#pragma once

#include <google/protobuf/descriptor.pb.h>

#include <string>
#include <vector>

namespace contract {

using google::protobuf::FileDescriptorSet;

/// The file beside these sources.
constexpr const char* ReleasedFile = "cancelbus_v1.binpb";

/// As compiled in, with all imports, each file after those that it needs: any protobuf tool can load it.
FileDescriptorSet current_schema();

struct Difference {
  /// A peer built against `released` would misread or miss something. One line each, beginning with the element.
  std::vector<std::string> breaks;
  /// In `current` only.
  std::vector<std::string> additions;
};

/// Every message, field, oneof, enum value and extension keeps its number, name, type, label, JSON name and FIX option.
Difference compare(const FileDescriptorSet& released, const FileDescriptorSet& current);

/// What is wrong with names and FIX options: tags that are 0 or used twice in a message, one tag with two types, two
/// messages of one MsgType, two values of an enum with one FIX value, enum values without the enum's name in front or
/// without an UNSPECIFIED at 0.
std::vector<std::string> faults(const FileDescriptorSet& schema);

/// Heading, one line per item, and what to do about it.
std::string explain_breaks(const std::vector<std::string>& breaks);
std::string explain_additions(const std::vector<std::string>& additions);

}  // namespace contract
