#include "tests/contract/session_stage.hpp"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "tests/contract/later.hpp"

namespace cancelbus::client {
namespace {

using google::protobuf::Message;
using google::protobuf::Struct;
using google::protobuf::Value;
using std::chrono::milliseconds;

std::string parse(const std::string& json, Message& message) {
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
  return status.ok() ? "" : "unreadable: " + status.ToString();
}

std::string json_of(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

std::string bytes_of_hex(const std::string& text) {
  std::string bytes;
  for (size_t i = 2; i + 1 < text.size(); i += 2) bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return bytes;
}

/// Whether all that is expected is there.
bool covers(const Value& expected, const Value& actual) {
  if (expected.has_list_value()) {
    return std::ranges::equal(expected.list_value().values(), actual.list_value().values(), covers);
  }
  if (!expected.has_struct_value()) return google::protobuf::util::MessageDifferencer::Equals(expected, actual);
  const auto& fields = actual.struct_value().fields();
  return std::ranges::all_of(expected.struct_value().fields(), [&](const auto& field) {
    const auto found = fields.find(field.first);
    return found != fields.end() && covers(field.second, found->second);
  });
}

std::string json_of(const OpenOrders& listing) {
  std::string orders;
  for (const v1::OpenOrder& order : listing.orders) orders += (orders.empty() ? "" : ",") + json_of(order);
  const std::string as_of = listing.complete_as_of ? json_of(*listing.complete_as_of) : "\"\"";
  return R"({"open_order":[)" + orders + R"(],"complete_as_of":)" + as_of + R"(,"refused":")" + listing.refused + "\"}";
}

struct Words {
  std::string first;
  std::string rest;
};

Words split(const std::string& text) {
  const size_t space = text.find(' ');
  if (space == std::string::npos) return {text, ""};
  return {text.substr(0, space), text.substr(space + 1)};
}

std::string quoted(uint64_t number) { return '"' + std::to_string(number) + '"'; }

const char* what(const v1::Receipt&) { return "receipt"; }
const char* what(const v1::CancelAck&) { return "ack"; }
const char* what(const v1::CancelFinal&) { return "final"; }
const char* what(const v1::CancelStatus&) { return "status"; }
const char* what(const v1::Event&) { return "event"; }
const char* what(const v1::BusStatus&) { return "bus_status"; }
const char* what(const v1::Reject&) { return "reject"; }
const char* what(const v1::Resolved&) { return "resolved"; }
const char* what(const v1::MassCancelReport&) { return "mass_cancel_report"; }
const char* what(const v1::MassCancelPreview&) { return "mass_cancel_preview"; }
const char* what(const v1::KillSwitchReply&) { return "kill_switch"; }
const char* what(const v1::GoodbyeReply&) { return "goodbye"; }
const char* what(const v1::Commands&) { return "commands"; }
const char* what(const v1::History&) { return "history"; }
const char* what(const v1::RetryReply&) { return "retry"; }
const char* what(const OpenOrders&) { return "open_orders"; }

/// Of "10s" or "250ms".
milliseconds span_of(const std::string& text) {
  return milliseconds(std::stoi(text) * (text.ends_with("ms") ? 1 : 1000));
}

}  // namespace

SessionStage::SessionStage(bool newer_bus) : newer_bus_(newer_bus) {
  session_.start(now_);
  collect();
}

std::string SessionStage::play(const std::string& line) {
  const auto [word, rest] = split(line);
  if (word == "sends") return sends(rest);
  if (word == "sees") return sees(rest);
  if (word == "option") return option(rest);
  if (auto unexpected = left(); !unexpected.empty()) return unexpected;
  std::string wrong = happens(word, rest);
  collect();
  return wrong;
}

std::string SessionStage::happens(std::string_view word, const std::string& rest) {
  if (word == "user") return user(rest);
  if (word == "hears") return hears(rest);
  if (word == "reads") return reads(rest);
  if (word == "bus") return "";  // nothing, until the client hears of it
  if (word == "time") {
    pass(rest);
  } else if (word == "connection") {
    session_.on_reconnected(now_);
  } else {
    return "no such word";
  }
  return "";
}

/// The client is made anew, with this option.
std::string SessionStage::option(const std::string& rest) {
  const auto [name, value] = split(rest);
  if (name != "cancel_on_disconnect") return "no such option";
  options_.cancel_on_disconnect = span_of(value);
  session_ = Session(options_);
  session_.start(now_);
  frames_.clear();
  collect();
  return "";
}

std::string SessionStage::user(const std::string& rest) {
  const auto [call, json] = split(rest);
  if (call == "kill_switch") {
    v1::KillSwitchRequest request;
    if (auto wrong = parse(json, request); !wrong.empty()) return wrong;
    return session_.kill_switch(request) != 0 ? "" : "the session does not take the kill switch";
  }
  if (call == "goodbye") {
    v1::Goodbye goodbye;
    if (auto wrong = parse(json, goodbye); !wrong.empty()) return wrong;
    return session_.goodbye(goodbye.keep_orders()) ? "" : "the session does not take the goodbye";
  }
  if (call == "status") {
    session_.ask_status(now_);
    return "";
  }
  if (call == "resolve") {
    v1::ResolveRequest request;
    if (auto wrong = parse(json, request); !wrong.empty()) return wrong;
    session_.resolve(request, now_);
    return "";
  }
  if (call == "mass_cancel") {
    v1::MassCancel request;
    if (auto wrong = parse(json, request); !wrong.empty()) return wrong;
    return session_.mass_cancel(request, now_) ? "" : "the session does not take the mass cancel";
  }
  if (call == "inquire") {
    v1::SessionRequest request;
    if (auto wrong = parse(json, request); !wrong.empty()) return wrong;
    session_.inquire(request);
    return "";
  }
  if (call == "open_orders") {
    v1::OpenOrdersRequest request;
    if (auto wrong = parse(json, request); !wrong.empty()) return wrong;
    session_.open_orders({.owner = request.owner(), .symbol = request.symbol(), .side = request.side()});
    return "";
  }
  v1::CancelOrder order;
  if (auto wrong = parse(json, order); !wrong.empty()) return wrong;
  return session_.cancel(order, now_) ? "" : "the session does not take the command";
}

template <typename Message>
std::string SessionStage::said(std::string frame) const {
  Message message;
  if (!newer_bus_ || !message.ParseFromString(frame)) return frame;
  contract::add_later(message);
  return message.SerializeAsString();
}

std::string SessionStage::hears(const std::string& rest) {
  if (rest.starts_with("0x")) {
    session_.on_reply(said<v1::SessionReply>(bytes_of_hex(rest)), now_);
    return "";
  }
  v1::SessionReply reply;
  if (auto wrong = parse(rest, reply); !wrong.empty()) return wrong;
  const auto note = [&](const auto& at) {
    epoch_ = at.epoch();
    for (const auto& position : at.position()) positions_[position.topic()] = position.next_seq();
  };
  if (reply.has_welcome()) note(reply.welcome());
  if (reply.has_heartbeat()) note(reply.heartbeat());
  session_.on_reply(said<v1::SessionReply>(reply.SerializeAsString()), now_);
  return "";
}

std::string SessionStage::reads(const std::string& rest) {
  if (const auto [topic, hex] = split(rest); hex.starts_with("0x")) {
    session_.on_event(topic, said<v1::Event>(bytes_of_hex(hex)), now_);
    return "";
  }
  v1::Event event;
  if (auto wrong = parse(rest, event); !wrong.empty()) return wrong;
  uint64_t& next = positions_.try_emplace(event.topic(), 1).first->second;
  next = std::max(next, event.seq() + 1);
  session_.on_event(event.topic(), said<v1::Event>(event.SerializeAsString()), now_);
  return "";
}

void SessionStage::pass(const std::string& rest) {
  const auto [span, in_touch] = split(rest);
  milliseconds time = span_of(span);
  while (time > milliseconds(0)) {
    const milliseconds step = std::min(time, milliseconds(500));
    time -= step;
    now_ += step;
    session_.on_time(now_);
    collect();
    if (!in_touch.empty()) answer_heartbeats();
  }
}

void SessionStage::answer_heartbeats() {
  const size_t beats = std::erase_if(frames_, [](const auto& frame) { return frame.has_heartbeat(); });
  for (size_t i = 0; i < beats; ++i) {
    v1::SessionReply reply;
    reply.mutable_heartbeat()->set_epoch(epoch_);
    for (const auto& [topic, next_seq] : positions_) {
      auto& position = *reply.mutable_heartbeat()->add_position();
      position.set_topic(topic);
      position.set_next_seq(next_seq);
    }
    session_.on_reply(said<v1::SessionReply>(reply.SerializeAsString()), now_);
  }
}

std::string SessionStage::sends(const std::string& json) {
  v1::SessionRequest expected;
  if (auto wrong = parse(json, expected); !wrong.empty()) return wrong;
  if (frames_.empty()) return "the client sends nothing";
  const v1::SessionRequest sent = frames_.front();
  frames_.pop_front();
  return google::protobuf::util::MessageDifferencer::Equals(expected, sent) ? "" : "it sends " + json_of(sent);
}

std::string SessionStage::sees(const std::string& rest) {
  if (shown_.empty()) return "the user is told nothing";
  const Shown told = shown_.front();
  shown_.pop_front();
  const auto [kind, json] = split(rest);
  Value expected, actual;
  auto wrong = parse(json, *expected.mutable_struct_value());
  if (wrong.empty()) wrong = parse(told.fields, *actual.mutable_struct_value());
  if (!wrong.empty()) return wrong;
  if (kind == told.what && covers(expected, actual)) return "";
  return "the user is told " + told.what + " " + told.fields;
}

void SessionStage::collect() {
  for (auto& frame : session_.take_frames()) frames_.push_back(std::move(frame));
  const auto show = [this](const auto& notice) {
    using Kind = std::decay_t<decltype(notice)>;
    if constexpr (std::is_same_v<Kind, Connected>) {
      shown_.push_back({"connected", "{\"epoch\":" + quoted(notice.epoch) + "}"});
    } else if constexpr (std::is_same_v<Kind, Silent>) {
      shown_.push_back({"silent", "{}"});
    } else if constexpr (std::is_same_v<Kind, Unreadable>) {
      shown_.push_back({"unreadable", "{}"});
    } else if constexpr (std::is_same_v<Kind, NotReached>) {
      // Of sockets, which there are none of here.
    } else if constexpr (std::is_same_v<Kind, Causes>) {
      std::string causes;
      for (const v1::Cause& cause : notice.causes) causes += (causes.empty() ? "" : ",") + json_of(cause);
      shown_.push_back({"causes", "{\"causes\":[" + causes + "]}"});
    } else if constexpr (std::is_same_v<Kind, LostEvents>) {
      shown_.push_back({"lost", "{\"topic\":\"" + notice.topic + "\",\"from_seq\":" + quoted(notice.from_seq) +
                                    ",\"to_seq\":" + quoted(notice.to_seq) + "}"});
    } else if constexpr (std::is_same_v<Kind, MassCancelLost>) {
      shown_.push_back({"mass_cancel_lost", "{\"cl_ord_id\":\"" + notice.cl_ord_id + "\"}"});
    } else if constexpr (std::is_same_v<Kind, MassCancelUnknown>) {
      shown_.push_back({"mass_cancel_unknown", "{\"cl_ord_id\":\"" + notice.cl_ord_id + "\"}"});
    } else if constexpr (std::is_same_v<Kind, KillSwitchUnknown> || std::is_same_v<Kind, GoodbyeUnknown> ||
                         std::is_same_v<Kind, InquiryRefused>) {
      // The Reject itself is shown.
    } else if constexpr (std::is_same_v<Kind, NewEpoch>) {
      shown_.push_back({"new_epoch", "{\"before\":" + quoted(notice.before) + ",\"now\":" + quoted(notice.now) + "}"});
    } else {
      shown_.push_back({what(notice), json_of(notice)});
    }
  };
  for (const auto& notice : session_.take_notices()) std::visit(show, notice);
}

std::string SessionStage::left() const {
  std::string text;
  for (const auto& frame : frames_) text += "it also sends " + json_of(frame) + "\n";
  for (const auto& told : shown_) text += "the user is also told " + told.what + " " + told.fields + "\n";
  return text;
}

}  // namespace cancelbus::client
