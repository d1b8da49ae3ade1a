#include <algorithm>
#include <utility>

#include "clients/cancelctl/history.hpp"
#include "clients/cancelctl/json_line.hpp"

namespace cancelbus::ctl {
namespace {

/// One thing that happened, with its place among those of the same moment.
struct Moment {
  WallTime at;
  int place = 0;
  const HistoryLine* line = nullptr;
  const v1::Event* event = nullptr;
};

WallTime time_of(const v1::Event& event) {
  const auto since_epoch =
      std::chrono::seconds(event.sending_time().seconds()) + std::chrono::nanoseconds(event.sending_time().nanos());
  return WallTime(since_epoch);
}

/// Received, what happened to the order, ack and final, as they came.
std::vector<Moment> moments_of(const CommandHistory& history) {
  std::vector<Moment> moments;
  if (history.received) moments.push_back({*history.received, 0, nullptr, nullptr});
  for (const HistoryLine& line : history.lines) moments.push_back({line.at, 1, &line, nullptr});
  if (history.ack) moments.push_back({time_of(*history.ack), 2, nullptr, &*history.ack});
  if (history.final) moments.push_back({time_of(*history.final), 3, nullptr, &*history.final});
  std::stable_sort(moments.begin(), moments.end(), [](const Moment& a, const Moment& b) {
    return std::pair(a.at, a.place) < std::pair(b.at, b.place);
  });
  return moments;
}

std::string answer_text(const HistoryLine& line) {
  std::string text = line.status;
  if (line.http_status != 0) text += ", HTTP " + std::to_string(line.http_status);
  if (line.exchange_code != 0) text += ", code " + std::to_string(line.exchange_code);
  if (!line.text.empty()) text += ", \"" + printable(line.text) + "\"";
  return text;
}

std::string amounts_text(const HistoryLine& line) {
  if (line.left_amount.empty() && line.amount.empty()) return "";
  return ", " + printable(line.left_amount.empty() ? "?" : line.left_amount) + " left of " +
         printable(line.amount.empty() ? "?" : line.amount);
}

std::string task_text(const HistoryLine& line) {
  std::string text = "task " + std::to_string(line.task);
  return line.worker.empty() ? text : text + ", " + printable(line.worker);
}

std::string line_text(const HistoryLine& line) {
  if (line.what == "DELETE") {
    const WallTime stamp{std::chrono::milliseconds(line.stamp_ms)};
    return "DELETE given to " + printable(line.worker) + ": attempt " + std::to_string(line.attempt) + ", task " +
           std::to_string(line.task) + ", stamp " + time_text(stamp);
  }
  if (line.what == "ANSWER") return "DELETE answered " + answer_text(line) + " (" + task_text(line) + ")";
  if (line.what == "READ") return "query read " + line.status + amounts_text(line) + " (" + task_text(line) + ")";
  if (line.what == "QUERY") return "query came to nothing: " + answer_text(line) + " (" + task_text(line) + ")";
  if (line.what == "FACT") return "stream: " + line.status + amounts_text(line);
  if (line.what == "WORKER_SILENT") return "the worker is silent, or has lost it (" + task_text(line) + ")";
  if (line.what == "WORKER_BACK") return "the worker is heard again, and holds it (" + task_text(line) + ")";
  if (line.what == "STATUS") return "status " + line.status + ": " + printable(line.text);
  if (line.what == "RESOLVE") return "operator's word " + line.status + ", " + printable(line.text);
  if (line.what == "RETRY") return "operator's retry, " + printable(line.text);
  if (line.what == "CONTRADICTION") return "the operator's word " + line.status + " was wrong";
  return line.what + " " + line.status + " " + printable(line.text);  // of a later bus
}

std::string moment_text(const CommandHistory& history, const Moment& moment) {
  if (moment.line) return line_text(*moment.line);
  if (moment.event && moment.event->has_cancel_ack()) return describe(moment.event->cancel_ack());
  if (moment.event) return describe(moment.event->cancel_final());
  const std::string until = history.expires ? ", wanted until " + time_text(*history.expires) : "";
  return "received, on disk before its receipt" + until;
}

std::string title(const CommandHistory& history) {
  std::string text =
      history.sender + "/" + printable(history.cl_ord_id) + ": cancel of order " + std::to_string(history.order_id);
  if (!history.symbol.empty()) text += " (" + printable(history.symbol) + ")";
  if (history.priority == "URGENT") text += ", urgent";
  text += history.ended ? ", ended\n" : ", undecided\n";
  for (const std::string& other : history.others) text += "the same order: " + printable(other) + "\n";
  return text;
}

JsonLine json_of(const HistoryLine& line, int64_t order_id) {
  JsonLine json("history", wall_now());
  json.add("at", line.at).add("what", line.what).add("bus_start", line.term).add("order_id", order_id);
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) json.add(name, value);
  };
  const auto number = [&](const char* name, int64_t value) {
    if (value != 0) json.add(name, value);
  };
  text("status", line.status);
  text("text", line.text);
  number("task_id", static_cast<int64_t>(line.task));
  number("attempt", line.attempt);
  number("stamp", line.stamp_ms);
  text("worker", line.worker);
  number("http_status", line.http_status);
  number("exchange_code", line.exchange_code);
  text("amount", line.amount);
  text("left_amount", line.left_amount);
  return json;
}

HistoryLine line_of(const v1::HistoryLine& told) {
  HistoryLine line;
  line.at = wall_time(told.at());
  line.term = static_cast<int64_t>(told.bus_start());
  line.what = told.what();
  line.status = told.status();
  line.text = told.text();
  line.task = told.task_id();
  line.attempt = told.attempt();
  line.stamp_ms = told.stamp();
  line.worker = told.worker();
  line.http_status = told.http_status();
  line.exchange_code = told.exchange_code();
  line.amount = told.amount();
  line.left_amount = told.left_amount();
  return line;
}

}  // namespace

CommandHistory history_of(const v1::HistoryCommand& command) {
  CommandHistory history;
  history.sender = command.sender_comp_id();
  history.cl_ord_id = command.cl_ord_id();
  history.order_id = command.order_id();
  history.symbol = command.symbol();
  history.priority = client::short_name(command.priority(), "PRIORITY_");
  if (command.has_received()) history.received = wall_time(command.received());
  if (command.has_expires()) history.expires = wall_time(command.expires());
  history.ended = command.ended();
  if (command.has_ack()) history.ack = command.ack();
  if (command.has_final()) history.final = command.final();
  for (const v1::HistoryLine& line : command.line()) history.lines.push_back(line_of(line));
  return history;
}

std::string history_text(const CommandHistory& history) {
  std::string text = title(history);
  int64_t term = 0;
  for (const Moment& moment : moments_of(history)) {
    const int64_t here = moment.line ? moment.line->term : term;
    if (term != 0 && here != term) text += "---- the bus was started again\n";
    term = here;
    text += time_text(moment.at) + " " + moment_text(history, moment) + "\n";
  }
  if (history.ended && !history.ack) text += "its ack is no longer kept\n";
  return text;
}

std::string history_json(const CommandHistory& history) {
  std::string text;
  for (const std::string& other : history.others) text += JsonLine("same_order", wall_now()).add("name", other).str();
  for (const Moment& moment : moments_of(history)) {
    if (moment.line) {
      text += json_of(*moment.line, history.order_id).str();
    } else if (moment.event) {
      text += JsonLine(type_of(*moment.event), wall_now()).merge(*moment.event).str();
    } else {
      JsonLine received("received", wall_now());
      received.add("at", moment.at).add("sender_comp_id", history.sender).add("cl_ord_id", history.cl_ord_id);
      received.add("order_id", history.order_id).add("symbol", history.symbol).add("priority", history.priority);
      if (history.expires) received.add("expires", *history.expires);
      received.add("state", history.ended ? "ended" : "undecided");
      text += received.str();
    }
  }
  return text;
}

}  // namespace cancelbus::ctl
