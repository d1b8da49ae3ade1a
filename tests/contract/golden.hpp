// Golden bytes: each message of the contract with every field set, as it must always look on the wire.
//
// A message with a oneof has one golden per member; what has gained a field since has one more, and keeps the former.
// A golden is a file: comment lines, the bytes in hex, an empty line, and the same as protobuf text, for people. Used
// by the contract tests and by the tool that releases additions.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contract {

struct Shape {
  const google::protobuf::Descriptor* message = nullptr;
  /// Which member of its oneof is set; null: it has none.
  const google::protobuf::FieldDescriptor* member = nullptr;

  /// Without folder, as `SessionRequest.hello.golden`; of its second state, `SessionRequest.hello.2.golden`.
  std::string file_name(int state = 1) const;
};

/// Of every message of the contract, nested ones too.
std::vector<Shape> shapes();

/// File names of its goldens in `folder`, oldest first: of state 1, 2 and so on, until there is none.
std::vector<std::string> released_states(const std::filesystem::path& folder, const Shape& shape);

/// An empty message of this shape.
std::unique_ptr<google::protobuf::Message> make(const Shape& shape);
/// Every field set, each to its own value (enums and bools aside); an addition leaves the values of the others alone.
std::unique_ptr<google::protobuf::Message> sample(const Shape& shape);
/// Fields of the shape that are not set in `message`, by name.
std::vector<std::string> missing_fields(const Shape& shape, const google::protobuf::Message& message);

struct Golden {
  std::string bytes;
  std::string text;
};

std::string write_golden(const google::protobuf::Message& message);
/// Absent: not hex, or no empty line after it.
std::optional<Golden> read_golden(std::string_view file);

}  // namespace contract
