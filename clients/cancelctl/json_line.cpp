#include "clients/cancelctl/json_line.hpp"

#include <google/protobuf/util/json_util.h>

#include <cstdio>

namespace cancelbus::ctl {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

JsonLine::JsonLine(std::string_view type, WallTime heard) {
  add("type", type);
  add("heard", heard);
}

std::string JsonLine::json_of(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "{}";  // a time out of range, which our bus does not write
}

void JsonLine::name(std::string_view name) {
  if (text_.size() > 1) text_ += ',';
  (text_ += quoted(name)) += ':';
}

JsonLine& JsonLine::add(std::string_view key, std::string_view value) {
  name(key);
  text_ += quoted(value);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, int64_t value) { return add(key, std::to_string(value)); }

JsonLine& JsonLine::add(std::string_view key, WallTime value) { return add(key, time_text(value)); }

JsonLine& JsonLine::add(std::string_view key, const google::protobuf::Message& message) {
  name(key);
  text_ += json_of(message);
  return *this;
}

JsonLine& JsonLine::merge(const google::protobuf::Message& message) {
  const std::string json = json_of(message);
  if (json.size() > 2) (text_ += ',').append(json, 1, json.size() - 2);
  return *this;
}

std::string_view type_of(const v1::Event& event) {
  switch (event.event_case()) {
    case v1::Event::kCancelAck:
      return "cancel_ack";
    case v1::Event::kCancelFinal:
      return "cancel_final";
    case v1::Event::kCancelStatus:
      return "cancel_status";
    case v1::Event::kBusStatus:
      return "bus_status";
    case v1::Event::kMassCancelReport:
      return "mass_cancel_report";
    case v1::Event::kRecorded:
      return "recorded";
    case v1::Event::EVENT_NOT_SET:
      return "event";
  }
  return "event";
}

}  // namespace cancelbus::ctl
