#include "tests/contract/golden.hpp"

#include <google/protobuf/text_format.h>

#include <charconv>
#include <cstdint>

#include "cancelbus/v1/backend.pb.h"
#include "cancelbus/v1/cancel.pb.h"
#include "cancelbus/v1/session.pb.h"

namespace contract {
namespace {

namespace v1 = cancelbus::v1;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

constexpr std::size_t BytesPerLine = 32;

void add_shapes(const Descriptor* message, std::vector<Shape>& shapes) {
  if (message->real_oneof_decl_count() == 0) shapes.push_back({message, nullptr});
  for (int i = 0; i < message->real_oneof_decl_count(); ++i) {
    const auto* oneof = message->oneof_decl(i);
    for (int member = 0; member < oneof->field_count(); ++member) shapes.push_back({message, oneof->field(member)});
  }
  for (int i = 0; i < message->nested_type_count(); ++i) add_shapes(message->nested_type(i), shapes);
}

/// `member`: as Shape::member. Deeper down it is the first of each oneof.
bool is_in_shape(const FieldDescriptor* field, const FieldDescriptor* member) {
  const auto* oneof = field->real_containing_oneof();
  if (oneof == nullptr) return true;
  const bool is_of_shape = member != nullptr && member->containing_oneof() == oneof;
  return is_of_shape ? field == member : field == oneof->field(0);
}

/// Where in the message a value stands, from the field numbers on the way to it: what makes it unlike its neighbours.
/// An addition leaves the places of the others as they are.
int place(int outer, int number) { return outer * 16 + number; }

void fill(Message& message, const FieldDescriptor* member, int outer);

void set_value(Message& message, const FieldDescriptor* field, int at) {
  const auto* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(&message, field, 100 + at);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(&message, field, 200 + static_cast<uint32_t>(at));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(&message, field, 5'000'000'000 + at);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(&message, field, 0x0102'0304'0000'0000 + static_cast<uint64_t>(at));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(&message, field, true);
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->SetString(&message, field, field->name() + " " + std::to_string(at));
    // The first after UNSPECIFIED: it stays the first.
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnum(&message, field, field->enum_type()->value(1));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return fill(*reflection->MutableMessage(&message, field), nullptr, at);
    default:
      GOOGLE_LOG(FATAL) << field->full_name() << ": the goldens know no value of this type yet";
  }
}

void add_value(Message& message, const FieldDescriptor* field, int at) {
  const auto* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->AddUInt64(&message, field, 0x0102'0304'0000'0000 + static_cast<uint64_t>(at));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->AddString(&message, field, field->name() + " " + std::to_string(at));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return fill(*reflection->AddMessage(&message, field), nullptr, at);
    default:
      GOOGLE_LOG(FATAL) << field->full_name() << ": the goldens know no values of this type yet";
  }
}

void fill(Message& message, const FieldDescriptor* member, int outer) {
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (!is_in_shape(field, member)) continue;
    const int at = place(outer, field->number());
    if (field->is_repeated()) {
      add_value(message, field, place(at, 1));
      add_value(message, field, place(at, 2));
    } else {
      set_value(message, field, at);
    }
  }
}

}  // namespace

std::string Shape::file_name(int state) const {
  // Without the package: nested messages keep the outer one's name, as BusStatus.Window.
  std::string name = message->full_name().substr(message->file()->package().size() + 1);
  if (member != nullptr) name += "." + member->name();
  if (state > 1) name += "." + std::to_string(state);
  return name + ".golden";
}

std::vector<Shape> shapes() {
  std::vector<Shape> result;
  for (const auto* message :
       {v1::CancelOrder::descriptor(), v1::SessionRequest::descriptor(), v1::BackendRequest::descriptor()}) {
    const auto* file = message->file();
    for (int i = 0; i < file->message_type_count(); ++i) add_shapes(file->message_type(i), result);
  }
  return result;
}

std::vector<std::string> released_states(const std::filesystem::path& folder, const Shape& shape) {
  std::vector<std::string> names;
  for (int state = 1; std::filesystem::exists(folder / shape.file_name(state)); ++state) {
    names.push_back(shape.file_name(state));
  }
  return names;
}

std::unique_ptr<Message> make(const Shape& shape) {
  return std::unique_ptr<Message>(MessageFactory::generated_factory()->GetPrototype(shape.message)->New());
}

std::unique_ptr<Message> sample(const Shape& shape) {
  auto message = make(shape);
  fill(*message, shape.member, 0);
  return message;
}

std::vector<std::string> missing_fields(const Shape& shape, const Message& message) {
  std::vector<std::string> missing;
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < shape.message->field_count(); ++i) {
    const auto* field = shape.message->field(i);
    if (!is_in_shape(field, shape.member)) continue;
    const bool is_set =
        field->is_repeated() ? reflection->FieldSize(message, field) > 0 : reflection->HasField(message, field);
    if (!is_set) missing.push_back(field->name());
  }
  return missing;
}

std::string write_golden(const Message& message) {
  constexpr const char* Digits = "0123456789abcdef";
  const std::string bytes = message.SerializeAsString();
  std::string file = "# " + message.GetDescriptor()->full_name() +
                     " with every field set: the bytes in hex, then the same as text.\n"
                     "# Written by tests/contract/release, and never changed again.\n";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    file += {Digits[byte >> 4], Digits[byte & 15]};
    if ((i + 1) % BytesPerLine == 0 && i + 1 < bytes.size()) file += "\n";
  }
  return file + "\n\n" + message.Utf8DebugString();
}

std::optional<Golden> read_golden(std::string_view file) {
  Golden golden;
  while (!file.empty()) {
    const std::string_view line = file.substr(0, file.find('\n'));
    if (line.size() == file.size()) return std::nullopt;
    file.remove_prefix(line.size() + 1);
    if (line.starts_with('#')) continue;
    if (line.empty()) {
      golden.text = file;
      return golden;
    }
    for (std::size_t i = 0; i < line.size(); i += 2) {
      uint8_t byte = 0;
      const auto digits = line.substr(i, 2);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
      if (error != std::errc() || end != digits.data() + 2) return std::nullopt;
      golden.bytes.push_back(static_cast<char>(byte));
    }
  }
  return std::nullopt;
}

}  // namespace contract
