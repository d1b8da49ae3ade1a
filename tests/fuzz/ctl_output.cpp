// An Event or a SessionReply as cancelctl shows it: to people as lines, to scripts as JSON.
#include <algorithm>
#include <boost/json.hpp>
#include <string>

#include "cancelbus/v1/session.pb.h"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/text.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

// A terminal obeys control characters; a program that reads lines counts line ends.
void require_lines(std::string_view shown, size_t most) {
  require(std::ranges::count(shown, '\n') <= static_cast<ptrdiff_t>(most), "no text of others makes a line of its own");
  const auto obeyed = [](unsigned char c) { return (c < 0x20 && c != '\n') || c == 0x7F; };
  require(std::ranges::none_of(shown, obeyed), "no text of others reaches the terminal's controls");
  for (size_t i = 1; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    require(shown[i - 1] != '\xC2' || byte > 0x9F, "nor its C1 controls, which are two bytes of UTF-8 each");
  }
  require(is_utf8(shown), "what is shown is UTF-8");
}

void require_json_line(const ctl::JsonLine& line) {
  const std::string text = line.str();
  require(text.ends_with('\n') && std::ranges::count(text, '\n') == 1, "one object, one line");
  boost::system::error_code error;
  boost::json::parse_options options;
  options.max_depth = 64;
  const auto value = boost::json::parse(text, error, {}, options);
  require(!error && value.is_object(), "a line is a JSON object");
}

void show(const v1::Event& event) {
  const std::string line = ctl::event_line(event);
  require_lines(line, 0);
  require_json_line(ctl::JsonLine(ctl::type_of(event), {}).add("topic", event.topic()).merge(event));
}

void show(const v1::SessionReply& reply) {
  require_lines(ctl::describe(reply.receipt()), 0);
  require_lines(ctl::describe(reply.reject()), 0);
  require_lines(ctl::describe(reply.resolved()), 0);
  require_json_line(ctl::JsonLine("receipt", {}).merge(reply.receipt()));
  require_json_line(ctl::JsonLine("resolved", {}).add("resolved", reply.resolved()));
  const v1::BusStatus& status = reply.status();
  require_lines(ctl::describe(status), 0);
  const int rows =
      status.windows_size() + status.cause_size() + status.queues_size() + status.workers_size() + status.doubts_size();
  require_lines(ctl::status_table(status, ctl::Paint()), static_cast<size_t>(rows) + 32);
  require_json_line(ctl::JsonLine("bus_status", {}).add("status", status));
}

}  // namespace

bool ctl_output(std::string_view input) {
  const std::string bytes(input);
  v1::Event event;
  v1::SessionReply reply;
  const bool is_event = event.ParseFromString(bytes) && event.event_case() != v1::Event::EVENT_NOT_SET;
  const bool is_reply = reply.ParseFromString(bytes) && reply.reply_case() != v1::SessionReply::REPLY_NOT_SET;
  if (is_event) show(event);
  if (is_reply) show(reply);
  return is_event || is_reply;
}

std::vector<std::string> ctl_output_seeds() {
  std::vector<std::string> seeds = goldens("SessionReply.");
  for (auto& event : goldens("Event.")) seeds.push_back(std::move(event));
  v1::Event event;
  event.set_topic("client.\x1b[2J.");
  event.set_seq(1);
  event.mutable_cancel_ack()->set_text(
      "line\nend\r\x7f\xC2\x9B"
      "2J");
  add_bytes(seeds, event);
  event.mutable_sending_time()->set_nanos(-1);
  event.mutable_cancel_ack()->mutable_timeline()->mutable_sent()->set_seconds(1L << 60);
  add_bytes(seeds, event);
  v1::SessionReply reply;
  reply.mutable_resolved()->set_sender_comp_id("desk\x1b-a");
  reply.mutable_resolved()->set_cl_ord_id("c\n1");
  reply.mutable_resolved()->set_text("line\nend");
  add_bytes(seeds, reply);
  seeds.emplace_back("\x0a\x05");
  return seeds;
}

}  // namespace cancelbus::fuzz
