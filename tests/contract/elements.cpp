#include "tests/contract/elements.hpp"

#include <google/protobuf/descriptor.h>

#include <cctype>

#include "cancelbus/v1/fix.pb.h"

namespace contract {
namespace {

namespace v1 = cancelbus::v1;
using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;

class Collector {
 public:
  void add(const std::string& package, const DescriptorProto& message) {
    Element element{package, message.name(), std::nullopt, {{"kind", "message"}}};
    if (message.options().HasExtension(v1::msg_type_value)) {
      element.attributes["FIX MsgType"] = message.options().GetExtension(v1::msg_type_value);
    }
    elements_.push_back(element);
    const std::string name = package + "." + message.name();
    for (const auto& field : message.field()) add_field(name, field, &message);
    for (const auto& nested : message.nested_type()) add(name, nested);
    for (const auto& nested : message.enum_type()) add(name, nested);
  }

  void add(const std::string& package, const EnumDescriptorProto& enumeration) {
    elements_.push_back({package, enumeration.name(), std::nullopt, {{"kind", "enum"}}});
    for (const auto& value : enumeration.value()) {
      Element element{package + "." + enumeration.name(), value.name(), value.number(), {{"kind", "enum value"}}};
      if (value.options().HasExtension(v1::enum_value)) {
        element.attributes["FIX value"] = value.options().GetExtension(v1::enum_value);
      }
      elements_.push_back(element);
    }
  }

  /// `message`: the one that it stands in; null for an extension.
  void add_field(const std::string& parent, const FieldDescriptorProto& field, const DescriptorProto* message) {
    Element element{parent, field.name(), field.number(), {}};
    auto& attributes = element.attributes;
    attributes["kind"] = message != nullptr ? "field" : "extension of " + field.extendee();
    attributes["label"] = FieldDescriptorProto::Label_Name(field.label());
    attributes["type"] = field.type_name().empty() ? FieldDescriptorProto::Type_Name(field.type()) : field.type_name();
    if (message != nullptr) attributes["JSON name"] = field.json_name();
    if (field.proto3_optional()) attributes["presence"] = "optional";
    if (message != nullptr && field.has_oneof_index() && !field.proto3_optional()) {
      attributes["oneof"] = message->oneof_decl(field.oneof_index()).name();
    }
    if (field.options().HasExtension(v1::tag)) {
      attributes["FIX tag"] = std::to_string(field.options().GetExtension(v1::tag));
    }
    elements_.push_back(element);
  }

  std::vector<Element> take() { return std::move(elements_); }

 private:
  std::vector<Element> elements_;
};

}  // namespace

std::vector<Element> elements(const google::protobuf::FileDescriptorSet& schema) {
  Collector collector;
  for (const auto& file : schema.file()) {
    if (file.package() != "cancelbus.v1") continue;
    for (const auto& message : file.message_type()) collector.add(file.package(), message);
    for (const auto& enumeration : file.enum_type()) collector.add(file.package(), enumeration);
    for (const auto& extension : file.extension()) collector.add_field(file.package(), extension, nullptr);
  }
  return collector.take();
}

std::string value_prefix(const std::string& enum_name) {
  std::string prefix;
  for (const char c : enum_name.substr(enum_name.rfind('.') + 1)) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 && !prefix.empty()) prefix.push_back('_');
    prefix.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return prefix + "_";
}

}  // namespace contract
