#include "service/bus/status_page.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/util/json_util.h>

#include "cancelbus/v1/cancel.pb.h"
#include "service/wire/bus_status.hpp"

namespace cancelbus::bus {

namespace {

std::string json_of(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "null";  // a time out of range, which nothing here makes
}

}  // namespace

void StatusPage::note(const io::EventRow& event) {
  if (!event.is_final) return;
  finals_.push_front(event.payload);
  if (finals_.size() > MostFinals) finals_.pop_back();
}

std::string StatusPage::json(const core::BusStatus& status) const {
  v1::BusStatus proto;
  wire::fill_bus_status(status, proto);
  const auto add_event = [](std::string* out, const std::string& payload) {
    v1::Event event;
    event.ParseFromString(payload);
    out->append(json_of(event));
  };
  return absl::StrCat("{\"bus_status\":", json_of(proto), ",\"finals\":[", absl::StrJoin(finals_, ",", add_event),
                      "]}\n");
}

}  // namespace cancelbus::bus
