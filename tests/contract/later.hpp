// A message as a newer party would say it: with a field that this contract does not know in it and in all its parts.
// Used by tests of readers of messages. Nothing of the newer contract is compiled: unknown fields are put in by
// reflection, where parsing would put them.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <vector>

namespace contract {

inline void add_later(google::protobuf::Message& message) {
  constexpr int Number = 1000;
  if (message.GetDescriptor()->file()->package() != "cancelbus.v1") return;
  const auto* reflection = message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->message_type() == nullptr) continue;
    if (!field->is_repeated()) add_later(*reflection->MutableMessage(&message, field));
    for (int i = 0; field->is_repeated() && i < reflection->FieldSize(message, field); ++i) {
      add_later(*reflection->MutableRepeatedMessage(&message, field, i));
    }
  }
  reflection->MutableUnknownFields(&message)->AddLengthDelimited(Number, "later");
}

}  // namespace contract
