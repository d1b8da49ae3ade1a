#include "clients/cancelctl/top_view.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {
namespace {

using google::protobuf::util::TimeUtil;

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

/// Where the character after so many begins; the text's end if it has no more.
size_t after(std::string_view text, size_t characters) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins && seen++ == characters) return i;
  }
  return text.size();
}

/// As lines of so many characters of UTF-8 at most, broken between words: nothing is cut off, least of all a digit.
/// What follows the first is indented to where its text begins. A word that fits no line is broken.
std::vector<std::string> wrapped(std::string_view text, size_t columns) {
  constexpr size_t Indent = 9;
  std::vector<std::string> lines;
  std::string indent;
  while (columns > 0) {
    const size_t room = columns - indent.size(), fits = after(text, room);
    if (fits == text.size()) break;
    size_t end = text.rfind(' ', fits);
    if (end == std::string_view::npos || end <= text.find_first_not_of(' ')) end = fits;
    lines.push_back(indent + std::string(text.substr(0, end)));
    text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
    if (columns > 2 * Indent) indent = std::string(Indent, ' ');
  }
  lines.push_back(columns == 0 ? "" : indent + std::string(text));
  return lines;
}

std::string gauge(uint32_t used, uint32_t limit, size_t width) {
  const size_t full = limit == 0 ? 0 : std::min<size_t>(width, (size_t{used} * width + limit - 1) / limit);
  return "[" + std::string(full, '#') + std::string(width - full, '.') + "]";
}

// "2023-11-14T22:13:20.123456789Z" as "22:13:20".
std::string time_of_day(const google::protobuf::Timestamp& time) {
  const std::string text = TimeUtil::ToString(time);
  const size_t t = text.find('T');
  return t == std::string::npos ? text : text.substr(t + 1, 8);
}

}  // namespace

void TopView::on(const v1::Event& event) {
  if (!event.has_cancel_final()) return;
  finals_.push_front(event);
  if (finals_.size() > MaxFinals) finals_.pop_back();
}

std::vector<std::string> TopView::lines(Size size, const Paint& paint) const {
  std::vector<Line> lines;
  add_head(lines);
  if (has_status()) {
    add_budget(lines, size.columns);
    add_queue(lines);
    add_state(lines);
    add_workers(lines);
  }
  add_finals(lines);
  std::vector<std::string> shown;
  for (const Line& line : lines) {
    for (const std::string& part : wrapped(line.text, size.columns)) {
      if (shown.size() == size.rows) return shown;
      shown.push_back(paint(line.tone, part));
    }
  }
  return shown;
}

void TopView::add_head(std::vector<Line>& lines) const {
  const std::string as_of = has_status() ? ", as of " + time_of_day(status_.as_of()) + " UTC" : ", not heard yet";
  const std::string which = which_text(status_);
  lines.push_back({"cancelbus at " + endpoint_ + as_of + (which.empty() ? "" : ", " + which)});
  if (!trouble_.empty()) lines.push_back({trouble_, Tone::Bad});
  if (!has_status()) return;
  const std::vector<std::string> bus = bus_lines(status_);
  for (const std::string& line : bus) lines.push_back({line, Tone::Bad});
  if (bus.empty()) lines.push_back({"bus      ok", Tone::Good});
  for (const std::string& line : kill_switch_lines(status_)) lines.push_back({line, Tone::Doubt});
  for (const auto& bar : status_.event_bar()) lines.push_back({"barred   " + describe(bar), Tone::Bad});
  if (const std::string refused = refused_text(status_); !refused.empty()) {
    lines.push_back({"refused  " + refused, Tone::Bad});
  }
  if (const std::string answers = answers_text(status_); !answers.empty()) lines.push_back({"answers  " + answers});
}

void TopView::add_budget(std::vector<Line>& lines, size_t columns) const {
  for (const auto& window : status_.windows()) {
    const std::string name = padded(printable(window.limiter()) + " " + TimeUtil::ToString(window.period()), 12);
    const std::string count = std::to_string(window.used()) + "/" + std::to_string(window.limit());
    const size_t room = columns > name.size() + count.size() + 4 ? columns - name.size() - count.size() - 4 : 1;
    const bool spent = window.used() >= window.limit();
    lines.push_back({name + " " + gauge(window.used(), window.limit(), std::min<size_t>(room, 50)) + " " + count,
                     spent ? Tone::Doubt : Tone::Good});
  }
}

void TopView::add_queue(std::vector<Line>& lines) const {
  size_t width = 0;
  for (const auto& queue : status_.queues()) {
    width = std::max(width, printable(queue.sender_comp_id()).size());
  }
  lines.push_back({"queue    " + queue_text(status_)});
  for (int i = 0; i < std::min(MaxSenders, status_.queues_size()); ++i) {
    const auto& queue = status_.queues(i);
    std::string text = "  " + padded(printable(queue.sender_comp_id()), width) + "  " + std::to_string(queue.urgent()) +
                       " urgent, " + std::to_string(queue.normal()) + " normal";
    if (queue.has_oldest()) text += ", the next for " + age_text(status_.as_of(), queue.oldest());
    lines.push_back({std::move(text)});
  }
  const int more = status_.queues_size() - MaxSenders;
  if (more > 0) lines.push_back({"  and " + std::to_string(more) + " more senders"});
}

void TopView::add_state(std::vector<Line>& lines) const {
  lines.push_back({"sent     " + std::to_string(status_.cancels_in_flight()) + " cancels, " +
                   std::to_string(status_.queries_in_flight()) + " queries in flight; " +
                   std::to_string(status_.commands_undecided()) + " commands undecided"});
  if (status_.orders_in_doubt() > 0) {
    std::string text = "doubt    " + std::to_string(status_.orders_in_doubt()) + " orders";
    if (status_.has_oldest_doubt()) text += ", the oldest for " + age_text(status_.as_of(), status_.oldest_doubt());
    lines.push_back({std::move(text), Tone::Doubt});
    for (const std::string& line : doubt_lines(status_)) lines.push_back({line, Tone::Doubt});
  }
  lines.push_back({"stream   " + stream_text(status_), status_.stream().live() ? Tone::Good : Tone::Doubt});
  lines.push_back({"orders   " + open_orders_text(status_), tone_of_open_orders(status_)});
  lines.push_back({"store    " + store_text(status_), status_.store_writable() ? Tone::Plain : Tone::Bad});
}

void TopView::add_workers(std::vector<Line>& lines) const {
  const std::string expected = expected_text(status_);
  if (!expected.empty()) {
    lines.push_back({"workers  " + expected, tone_of_workers(status_)});
  } else if (status_.workers().empty()) {
    lines.push_back({"workers  none"});
  }
  for (int i = 0; i < std::min(MaxWorkers, status_.workers_size()); ++i) {
    const auto& worker = status_.workers(i);
    const std::string held = std::to_string(worker.in_flight()) + "/" + std::to_string(worker.credit());
    const bool works = worker.benched().empty();
    lines.push_back({"worker   " + held + " " + printable(worker.name()) +
                         (works ? "" : ", no work: " + unavailable_text(status_, worker)),
                     works ? Tone::Plain : Tone::Doubt});
  }
  const int more = status_.workers_size() - MaxWorkers;
  if (more > 0) lines.push_back({"         and " + std::to_string(more) + " more"});
}

void TopView::add_finals(std::vector<Line>& lines) const {
  if (finals_.empty() && !has_status()) return;
  lines.push_back({"last finals of " + finals_of_ + (finals_.empty() ? ": none yet" : "")});
  for (const v1::Event& event : finals_) {
    const v1::CancelFinal& final = event.cancel_final();
    std::string topic = printable(event.topic());
    if (topic.starts_with("client.")) topic.erase(0, 7);
    if (topic.ends_with('.')) topic.pop_back();
    lines.push_back({"  " + time_of_day(event.sending_time()) + " " + topic + " order " +
                         std::to_string(final.order_id()) + " " + describe(final),
                     tone_of(final)});
  }
}

}  // namespace cancelbus::ctl
