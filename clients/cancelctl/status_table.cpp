#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "clients/cancelctl/scope.hpp"
#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {
namespace {

using google::protobuf::util::TimeUtil;
using Row = std::vector<std::string>;

// Columns as wide as their widest cell, the first row being the head.
std::string table(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += "  " + row[i] + std::string(widths[i] - row[i].size(), ' ');
    text += line.erase(line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string windows(const v1::BusStatus& status) {
  std::vector<Row> rows = {{"LIMIT", "USED", "OF", "IN"}};
  for (const auto& w : status.windows()) {
    rows.push_back(
        {printable(w.limiter()), std::to_string(w.used()), std::to_string(w.limit()), TimeUtil::ToString(w.period())});
  }
  return "budget\n" + table(rows);
}

std::string causes(const v1::BusStatus& status, const Paint& paint) {
  std::string text;
  for (const std::string& line : bus_lines(status)) text += paint(Tone::Bad, line) + "\n";
  return text.empty() ? "bus      ok\n" : text;
}

std::string queues(const v1::BusStatus& status) {
  if (status.queues().empty()) return "queue    empty\n";
  const std::string head = "queue    " + queue_text(status) + "\n";
  std::vector<Row> rows = {{"SENDER", "URGENT", "NORMAL", "WAITS FOR"}};
  for (const auto& q : status.queues()) {
    rows.push_back({printable(q.sender_comp_id()), std::to_string(q.urgent()), std::to_string(q.normal()),
                    q.has_oldest() ? age_text(status.as_of(), q.oldest()) : ""});
  }
  return head + table(rows);
}

uint32_t working(const v1::BusStatus& status) {
  return static_cast<uint32_t>(std::count_if(status.workers().begin(), status.workers().end(),
                                             [](const auto& worker) { return worker.benched().empty(); }));
}

std::string offset_text(const google::protobuf::Duration& offset) {
  const std::chrono::nanoseconds ns(TimeUtil::DurationToNanoseconds(offset));
  return (ns.count() < 0 ? "-" : "+") + elapsed_text(std::chrono::abs(ns));
}

std::string workers(const v1::BusStatus& status, const Paint& paint) {
  const std::string expected = expected_text(status);
  const std::string all = !expected.empty() ? expected : status.workers().empty() ? "none" : "";
  const std::string head = all.empty() ? "workers\n" : "workers  " + paint(tone_of_workers(status), all) + "\n";
  if (status.workers().empty()) return head;
  std::vector<Row> rows = {{"WORKER", "CREDIT", "IN FLIGHT", "EXCHANGE CLOCK", "GETS WORK"}};
  for (const auto& w : status.workers()) {
    const std::string clock = w.has_clock_offset() ? offset_text(w.clock_offset()) : "not known";
    const std::string why = unavailable_text(status, w);
    const std::string work = why.empty() ? "yes" : "no: " + why;
    rows.push_back({printable(w.name()), std::to_string(w.credit()), std::to_string(w.in_flight()), clock, work});
  }
  return head + table(rows);
}

std::string bars(const v1::BusStatus& status, const Paint& paint) {
  std::string text;
  for (const auto& bar : status.event_bar()) text += "barred   " + paint(Tone::Bad, client::describe(bar)) + "\n";
  return text;
}

std::string kill_switches(const v1::BusStatus& status, const Paint& paint) {
  std::string text;
  for (const std::string& line : kill_switch_lines(status)) text += paint(Tone::Doubt, line) + "\n";
  return text;
}

std::string dead_man_switches(const v1::BusStatus& status, const Paint& paint) {
  std::string text;
  for (const auto& armed : status.dead_man_switches()) {
    const std::string line = printable(armed.sender_comp_id()) + " silent for " + span_text(armed.silent_for()) +
                             ", fires after " + span_text(armed.window()) + (armed.fired() ? ": FIRED" : "");
    text += "dead man " + paint(armed.fired() ? Tone::Doubt : Tone::Plain, line) + "\n";
  }
  return text;
}

std::string doubts(const v1::BusStatus& status, const Paint& paint) {
  std::string text = std::to_string(status.orders_in_doubt());
  if (status.has_oldest_doubt()) text += ", first sent " + age_text(status.as_of(), status.oldest_doubt()) + " ago";
  text = "in doubt " + paint(status.orders_in_doubt() == 0 ? Tone::Plain : Tone::Doubt, text) + "\n";
  for (const std::string& line : doubt_lines(status)) text += line + "\n";
  return text;
}

/// "HTTP 503 ×40, no answer ×2", with the counts that `of` gives.
template <typename Count>
std::string counts_text(const v1::BusStatus& status, Count of) {
  std::string text;
  for (const auto& answers : status.answers()) {
    if (of(answers) == 0) continue;
    const std::string what = answers.http_status() == 0 ? "no answer" : "HTTP " + std::to_string(answers.http_status());
    text += (text.empty() ? "" : ", ") + what + " \u00D7" + std::to_string(of(answers));
  }
  return text.empty() ? "none" : text;
}

/// What is wrong with the exchange, by its answers, and with the bus's keys.
std::string exchange(const v1::BusStatus& status, const Paint& paint) {
  const std::string answers = answers_text(status), refused = refused_text(status);
  return (answers.empty() ? "" : "answers  " + answers + "\n") +
         (refused.empty() ? "" : "refused  " + paint(Tone::Bad, refused) + "\n");
}

}  // namespace

std::string stream_text(const v1::BusStatus& status) {
  const auto& s = status.stream();
  std::string text = s.live()        ? "live"
                     : s.logged_in() ? "logged in, nothing heard yet"
                     : s.connected() ? "connected, not logged in"
                                     : "not connected";
  if (s.has_last_proof()) text += ", last event " + age_text(status.as_of(), s.last_proof()) + " ago";
  // While it is connected the text repeats the state.
  if (!s.connected() && !s.text().empty()) text += ", " + printable(s.text());
  return text;
}

std::string orders_table(const std::vector<v1::OpenOrder>& orders) {
  if (orders.empty()) return "";
  std::vector<Row> rows = {
      {"ORDER", "PAIR", "SIDE", "PRICE", "QUANTITY", "LEFT", "OWNER", "CLIENT ORDER ID", "KNOWN BY", "AS OF"}};
  for (const v1::OpenOrder& order : orders) {
    const std::string side = order.side() == v1::SIDE_UNSPECIFIED ? "" : client::short_name(order.side(), "SIDE_");
    rows.push_back({std::to_string(order.order_id()), printable(order.symbol()), side, printable(order.price()),
                    printable(order.quantity()), printable(order.leaves_qty()), printable(order.owner()),
                    printable(order.client_order_id()), client::short_name(order.evidence(), "EVIDENCE_"),
                    order.has_as_of() ? time_text(wall_time(order.as_of())) : ""});
  }
  return table(rows);
}

std::string open_orders_text(const v1::BusStatus& status) {
  uint64_t orders = 0;
  std::string owners;
  for (const auto& count : status.open_order_count()) {
    orders += count.orders();
    owners += (owners.empty() ? "" : ", ") + (count.owner().empty() ? "no known owner" : printable(count.owner())) +
              " " + std::to_string(count.orders());
  }
  std::string text = std::to_string(orders) + " known" + (owners.empty() ? "" : " (" + owners + ")");
  text += status.has_complete_as_of() ? ", complete as of " + age_text(status.as_of(), status.complete_as_of()) + " ago"
                                      : ", not complete yet";
  return status.sweep_trouble().empty() ? text : text + "; " + printable(status.sweep_trouble());
}

Tone tone_of_open_orders(const v1::BusStatus& status) {
  return status.has_complete_as_of() && status.sweep_trouble().empty() ? Tone::Plain : Tone::Doubt;
}

std::string kill_switch_progress(const v1::BusStatus::KillSwitch& engaged) {
  const std::string text = std::to_string(engaged.still_open()) + " still open, ";
  if (!engaged.proven_empty()) return text + "not proven empty: " + printable(engaged.text());
  return text + "proven empty as of " + time_text(wall_time(engaged.complete_as_of()));
}

std::vector<std::string> kill_switch_lines(const v1::BusStatus& status) {
  std::vector<std::string> lines;
  for (const auto& engaged : status.kill_switches()) {
    lines.push_back("kill     " + ctl::text(scope_of(engaged)) + ": ENGAGED by " + printable(engaged.sender_comp_id()) +
                    " at " + time_text(wall_time(engaged.since())) + ": " + printable(engaged.reason()) + "; " +
                    kill_switch_progress(engaged));
  }
  return lines;
}

std::string expected_text(const v1::BusStatus& status) {
  if (status.expected_workers() == 0) return "";
  return std::to_string(working(status)) + " of " + std::to_string(status.expected_workers()) + " expected may work";
}

Tone tone_of_workers(const v1::BusStatus& status) {
  return working(status) < status.expected_workers() ? Tone::Bad : Tone::Plain;
}

std::string unavailable_text(const v1::BusStatus& status, const v1::BusStatus::Worker& worker) {
  std::string text = printable(worker.benched());
  if (worker.has_silent_since()) text += " for " + age_text(status.as_of(), worker.silent_since());
  return text;
}

std::string age_text(const google::protobuf::Timestamp& now, const google::protobuf::Timestamp& then) {
  // Not by protobuf, which ends the process where a time is out of its range: a broken bus may say anything.
  constexpr double Century = 100.0 * 365 * 86'400;
  const double seconds = static_cast<double>(now.seconds()) - static_cast<double>(then.seconds()) +
                         (static_cast<double>(now.nanos()) - static_cast<double>(then.nanos())) / 1e9;
  return span_text(std::chrono::nanoseconds(std::llround(std::clamp(seconds, 0.0, Century) * 1e9)));
}

std::vector<std::string> bus_lines(const v1::BusStatus& status) {
  std::vector<std::string> lines;
  if (status.observing()) lines.push_back("bus      OBSERVING: no cancel is sent; the bus runs with --observe");
  for (const v1::Cause& cause : status.cause()) {
    std::string line = lines.empty() ? "bus      " : "         ";
    line += describe(cause) + "; for " + age_text(status.as_of(), cause.since());
    line += cause.stops().empty() ? "" : ", stops " + printable(cause.stops());
    if (cause.http_status() != 0) line += " (HTTP " + std::to_string(cause.http_status()) + ")";
    line += cause.runbook().empty() ? "" : "; runbook: " + printable(cause.runbook());
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string answers_text(const v1::BusStatus& status) {
  if (status.answers().empty()) return "";
  return counts_text(status, [](const auto& answers) { return answers.last_minute(); }) + " in 60 s; " +
         counts_text(status, [](const auto& answers) { return answers.last_10_minutes(); }) + " in 10 min";
}

std::string refused_text(const v1::BusStatus& status) {
  if (status.unauthorized_in_a_row() == 0) return "";
  const std::string limit = std::to_string(status.unauthorized_limit());
  return std::to_string(status.unauthorized_in_a_row()) + " of " + limit + " requests refused in a row: at " + limit +
         " the exchange blocks the address";
}

std::string queue_text(const v1::BusStatus& status) {
  uint64_t orders = 0;
  for (const auto& q : status.queues()) orders += q.urgent() + uint64_t{q.normal()};
  const std::string waiting = std::to_string(orders) + (orders == 1 ? " order waits" : " orders wait");
  const auto stops = [](const v1::Cause& cause) { return cause.stops().find("cancels") != std::string::npos; };
  const auto cause = std::find_if(status.cause().begin(), status.cause().end(), stops);
  if (cause != status.cause().end())
    return waiting + ": " + client::short_name(cause->kind(), "CAUSE_KIND_") + " stops cancels";
  const std::string text = waiting + " for budget";
  if (!status.has_queue_empty_in()) return text;
  return text + ", empty in " + span_text(status.queue_empty_in()) + " at the earliest";
}

std::vector<std::string> doubt_lines(const v1::BusStatus& status) {
  std::vector<std::string> lines;
  for (const auto& doubt : status.doubts()) {
    std::string line = "  order " + std::to_string(doubt.order_id()) + " (" + printable(doubt.sender_comp_id()) + "/" +
                       printable(doubt.cl_ord_id()) + ") for " + age_text(status.as_of(), doubt.since()) + ", " +
                       std::to_string(doubt.attempts()) + (doubt.attempts() == 1 ? " attempt" : " attempts") +
                       ", last answer: ";
    // The text of an answer without a legible body names the status itself.
    const bool named = doubt.http_status() == 0 || doubt.text().starts_with("HTTP ");
    if (!named) line += "HTTP " + std::to_string(doubt.http_status()) + (doubt.text().empty() ? "" : ", ");
    line += doubt.http_status() == 0 && doubt.text().empty() ? "none" : printable(doubt.text());
    lines.push_back(std::move(line));
  }
  const uint64_t more = status.orders_in_doubt() - std::min<uint64_t>(status.orders_in_doubt(), lines.size());
  if (!lines.empty() && more > 0) lines.push_back("  and " + std::to_string(more) + " more");
  return lines;
}

std::string store_text(const v1::BusStatus& status) {
  return (status.store_writable() ? "takes writes, " : "DOES NOT TAKE WRITES, ") + bytes_text(status.store_bytes());
}

std::string which_text(const v1::BusStatus& status) {
  if (status.version().empty()) return "";
  const std::string account = status.account().empty() ? "" : ", account " + printable(status.account());
  return "version " + printable(status.version()) + account + ", up " + span_text(status.uptime());
}

std::string leader_text(const v1::BusStatus& status) {
  if (status.term() == 0) return "";
  std::string text = printable(status.leader()) + " in term " + std::to_string(status.term());
  for (const auto& standby : status.standbys()) {
    text += ", standby " + printable(standby.name()) + " (" + span_text(standby.heard_ago()) + " ago)";
  }
  return text + (status.replication().empty() ? "" : "; replication: " + printable(status.replication()));
}

std::string status_table(const v1::BusStatus& status, const Paint& paint) {
  std::string text = causes(status, paint) + kill_switches(status, paint) + dead_man_switches(status, paint) +
                     bars(status, paint) + exchange(status, paint) + windows(status) + queues(status) +
                     workers(status, paint);
  text += "stream   " + paint(status.stream().live() ? Tone::Plain : Tone::Doubt, stream_text(status)) + "\n";
  text += "orders   " + paint(tone_of_open_orders(status), open_orders_text(status)) + "\n";
  text += "store    " + paint(status.store_writable() ? Tone::Plain : Tone::Bad, store_text(status)) + "\n";
  text += "open     " + std::to_string(status.commands_undecided()) + " commands undecided\n";
  text += "sent     " + std::to_string(status.cancels_in_flight()) + " cancels and " +
          std::to_string(status.queries_in_flight()) + " queries in flight\n";
  const std::string which = which_text(status), leader = leader_text(status);
  if (!leader.empty()) text += "leader   " + leader + "\n";
  text += doubts(status, paint) + "as of    " + TimeUtil::ToString(status.as_of());
  return text + (which.empty() ? "" : ", " + which) + "\n";
}

}  // namespace cancelbus::ctl
