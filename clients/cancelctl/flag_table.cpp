#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>

#include "clients/cancelctl/tables.hpp"

namespace cancelbus::ctl {
namespace {

using std::chrono::milliseconds;

Complaint read_duration(const std::string& text, milliseconds& value) {
  static constexpr milliseconds Most = std::chrono::hours(24);
  const Complaint complaint = "is not a duration from 1ms to 24h, such as 500ms, 2s, 5m or 1h";
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  const int64_t scale = unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : 0;
  if (error != std::errc() || scale == 0 || number < 1 || number > Most.count() / scale) return complaint;
  value = milliseconds(number * scale);
  return {};
}

// As RFC 3339 has it, or so long ago.
Complaint read_time(
    const std::string& text,
    std::optional<std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>>& value) {
  using google::protobuf::util::TimeUtil;
  milliseconds ago{};
  if (read_duration(text, ago).empty()) {
    value = std::chrono::system_clock::now() - ago;
    return {};
  }
  google::protobuf::Timestamp time;
  if (!TimeUtil::FromString(text, &time)) return "is no time such as 2026-03-02T09:30:00Z, nor a duration such as 10m";
  value.emplace(std::chrono::nanoseconds(TimeUtil::TimestampToNanoseconds(time)));
  return {};
}

Complaint read_bool(const std::string& text, bool& value) {
  if (text != "true" && text != "false") return "is neither true nor false";
  value = text == "true";
  return {};
}

Complaint read_number(const std::string& text, int64_t most, int64_t& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const bool good = error == std::errc() && rest == end && value >= 1 && value <= most;
  return good ? "" : "is not a number from 1 to " + std::to_string(most);
}

// Of several buses their endpoints, separated by commas.
Complaint read_endpoint(const std::string& text, std::string& value) {
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string one = text.substr(begin, end - begin);
    const bool known = one.starts_with("tcp://") || one.starts_with("ipc://");
    if (!known || one.size() == 6) return "is not an endpoint such as tcp://127.0.0.1:5550 or ipc:///run/cancelbus";
    begin = end + 1;
  }
  value = text;
  return {};
}

Complaint read_path(const std::string& text, std::string& value) {
  if (text.empty()) return "is no path";
  value = text;
  return {};
}

Complaint read_color(const std::string& text, Color& value) {
  if (text != "auto" && text != "always" && text != "never") return "is none of auto, always and never";
  value = text == "auto" ? Color::Auto : text == "always" ? Color::Always : Color::Never;
  return {};
}

Complaint read_wait(const std::string& text, Wait& value) {
  if (text != "ack" && text != "final") return "is neither ack nor final";
  value = text == "ack" ? Wait::Ack : Wait::Final;
  return {};
}

Complaint add_topic(const std::string& text, std::vector<std::string>& topics) {
  static constexpr std::string_view Client = "client.";
  std::string sender = text.starts_with(Client) ? text.substr(Client.size()) : "";
  if (sender.ends_with('.')) sender.pop_back();
  std::string valid;
  const bool of_clients = text == Client || read_sender(sender, valid).empty();
  if (!of_clients && text != "venue." && text != "bus.") return "is none of client., client.SENDER., venue. and bus.";
  topics.push_back(text);
  return {};
}

Complaint read_as(const std::string& text, v1::OrdStatus& value) {
  value = text == "canceled"        ? v1::ORD_STATUS_CANCELED
          : text == "filled"        ? v1::ORD_STATUS_FILLED
          : text == "open"          ? v1::ORD_STATUS_NEW
          : text == "unknown_order" ? v1::ORD_STATUS_REJECTED
                                    : v1::ORD_STATUS_UNSPECIFIED;
  return value == v1::ORD_STATUS_UNSPECIFIED ? "is none of canceled, filled, open and unknown_order" : "";
}

Complaint read_state(const std::string& text, v1::CommandState& value) {
  if (text != "undecided" && text != "in_doubt" && text != "stuck") return "is none of undecided, in_doubt and stuck";
  value = text == "in_doubt" ? v1::COMMAND_STATE_IN_DOUBT
          : text == "stuck"  ? v1::COMMAND_STATE_STUCK
                             : v1::COMMAND_STATE_UNSPECIFIED;
  return {};
}

Complaint read_symbol(const std::string& text, std::string& value) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  if (text.empty() || text.size() > 32 || !std::all_of(text.begin(), text.end(), allowed)) {
    return "is not the name of a pair, such as BTCTRY";
  }
  value = text;
  return {};
}

Complaint read_side(const std::string& text, v1::Side& value) {
  if (text != "buy" && text != "sell") return "is neither buy nor sell";
  value = text == "buy" ? v1::SIDE_BUY : v1::SIDE_SELL;
  return {};
}

Complaint read_text(const std::string& text, size_t most, std::string& value) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (text.empty() || text.size() > most || !printable) {
    return "is not 1 to " + std::to_string(most) + " printable ASCII characters";
  }
  value = text;
  return {};
}

// As cancel-bus is given it, or a path alone.
Complaint read_store(const std::string& text, std::string& value) {
  const std::string path = text.starts_with("sqlite:") ? text.substr(7) : text;
  if (path.empty() || text.starts_with("memory:")) return "is not the path of a store, nor sqlite:PATH";
  value = path;
  return {};
}

}  // namespace

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

Complaint read_sender(const std::string& text, std::string& value) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  if (text.empty() || text.size() > 32 || !std::all_of(text.begin(), text.end(), allowed)) {
    return "is not 1 to 32 letters, digits, _ and -";
  }
  value = text;
  return {};
}

namespace {

using A = Arguments;
using S = const std::string;
using enum Flag::Value;
constexpr unsigned OfCancel = bit(Command::Cancel);
constexpr unsigned OfResolve = bit(Command::Resolve);
constexpr unsigned OfCancelAll = bit(Command::CancelAll);
constexpr unsigned OfScope = OfCancelAll | bit(Command::Kill) | bit(Command::Release);
constexpr unsigned OfList = bit(Command::List);
constexpr unsigned OfFind = bit(Command::Find);
constexpr unsigned OfOrders = OfScope | bit(Command::Orders);

std::vector<Flag> about_orders() {
  return {
      {"ttl", OfCancel, Text, "DURATION", "give up what could not be sent within this time (no limit)",
       [](S& v, A& a) { return read_duration(v, a.ttl.emplace()); }},
      {"urgent", OfCancel | OfCancelAll, None, "", "before every command that is not urgent",
       [](S& v, A& a) { return read_bool(v, a.urgent); }},
      {"exact", OfCancel, None, "", "ask the exchange for exact quantities before the final",
       [](S& v, A& a) { return read_bool(v, a.exact); }},
      {"wait",
       OfCancel,
       Text,
       "WORD",
       "until when (final)",
       [](S& v, A& a) { return read_wait(v, a.wait); },
       {{"ack", "until the exchange has answered"}, {"final", "until the order's fate is proven"}}},
      {"topic",
       bit(Command::Watch),
       Text,
       "PREFIX",
       "events of these topics; may be repeated (client. and venue.)",
       [](S& v, A& a) { return add_topic(v, a.topics); },
       {{"client.", "what became of every sender's commands; client.desk-a. of one sender's"},
        {"venue.", "orders that left the book without a command"},
        {"bus.", "the state of the bus, every second"}},
       true},
      {"as",
       OfResolve,
       Text,
       "WORD",
       "what became of the order",
       [](S& v, A& a) { return read_as(v, a.as); },
       {{"canceled", "it was canceled: every undecided command of the order ends"},
        {"filled", "it was filled: likewise"},
        {"unknown_order", "there is no such order: likewise"},
        {"open", "it is open: this command ends, other commands of the order go on"}}},
      {"owner", OfOrders | OfList | OfFind, Text, "SENDER",
       "only orders, or commands, of this sender (of all that the key may see)",
       [](S& v, A& a) { return read_sender(v, a.owner); }},
      {"symbol", OfOrders | OfList, Text, "PAIR", "only orders of this pair, as BTCTRY (of all)",
       [](S& v, A& a) { return read_symbol(v, a.symbol); }},
      {"side",
       OfOrders,
       Text,
       "SIDE",
       "only orders on this side (both)",
       [](S& v, A& a) { return read_side(v, a.side); },
       {{"buy", "bids"}, {"sell", "asks"}}},
      {"timeout",
       OfCancel | OfResolve | OfOrders | OfList | OfFind | bit(Command::Explain) | bit(Command::Retry) |
           bit(Command::Status) | bit(Command::Top),
       Text, "DURATION",
       "wait at most this long for an answer (30s; status, top, orders, list, find, explain 5s; cancel-all, kill 24h)",
       [](S& v, A& a) { return read_duration(v, a.timeout); }},
  };
}

std::vector<Flag> of_lists() {
  return {
      {"state",
       OfList,
       Text,
       "WORD",
       "which commands (undecided)",
       [](S& v, A& a) { return read_state(v, a.state); },
       {{"undecided", "all that wait for their ack or their final"},
        {"in_doubt", "a request may have been processed, and it is not known whether it was"},
        {"stuck", "the order stays, or the exchange refuses to say"}}},
      {"older_than", OfList, Text, "DURATION", "only commands that were received at least so long ago",
       [](S& v, A& a) { return read_duration(v, a.older_than); }},
      {"order_id", OfFind, Text, "ID", "only commands for this order of the exchange",
       [](S& v, A& a) { return read_number(v, std::numeric_limits<int64_t>::max(), a.order_id); }},
      {"cl_ord_id", OfFind, Text, "TEXT", "only the command of this name; with --owner the one of that sender",
       [](S& v, A& a) { return read_text(v, 64, a.cl_ord_id); }},
      {"from", OfFind, Text, "TIME",
       "only what was undecided then or later: 2026-03-02T09:30:00Z, or 10m for so long ago",
       [](S& v, A& a) { return read_time(v, a.from); }},
      {"to", OfFind, Text, "TIME", "only what was undecided then or earlier",
       [](S& v, A& a) { return read_time(v, a.to); }},
      {"limit", OfFind, Text, "NUMBER", "print at most so many commands (1000)",
       [](S& v, A& a) { return read_number(v, A::MostCount, a.limit); }},
  };
}

std::vector<Flag> of_scopes() {
  return {
      {"unowned", OfScope, None, "", "only orders that belong to no sender of the bus's policy",
       [](S& v, A& a) { return read_bool(v, a.unowned); }},
      {"prefix", OfScope, Text, "TEXT", "only orders whose client order id begins so",
       [](S& v, A& a) { return read_text(v, 64, a.prefix); }},
      {"dry-run", OfCancelAll, None, "", "say what would be canceled and how long it takes, and do nothing",
       [](S& v, A& a) { return read_bool(v, a.dry_run); }},
      {"until-empty", OfCancelAll, None, "", "go on with orders that appear, until none is proven to be left",
       [](S& v, A& a) { return read_bool(v, a.until_empty); }},
      {"yes", OfCancelAll | bit(Command::Kill) | OfResolve, None, "", "do not ask",
       [](S& v, A& a) { return read_bool(v, a.yes); }},
      {"reason", bit(Command::Kill) | bit(Command::Release) | OfResolve, Text, "TEXT",
       "why, for those who ask later; required", [](S& v, A& a) { return read_text(v, 128, a.reason); }},
      {"force", bit(Command::Release), None, "", "release it although orders may be open",
       [](S& v, A& a) { return read_bool(v, a.force); }},
  };
}

std::vector<Flag> of_one_command() {
  return {
      {"interval", bit(Command::Top), Text, "DURATION", "from one refresh to the next (1s)",
       [](S& v, A& a) { return read_duration(v, a.interval); }},
      {"count", bit(Command::Top), Text, "NUMBER", "end after so many refreshes (1 if the output is no terminal)",
       [](S& v, A& a) { return read_number(v, A::MostCount, a.count.emplace()); }},
      {"out", bit(Command::Keygen), Folder, "DIR", "where (.)", [](S& v, A& a) { return read_path(v, a.out_folder); }},
      {"store", bit(Command::Explain) | bit(Command::Backup), File, "PATH",
       "the store's file, as cancel-bus is given it; sqlite:PATH is taken too (explain: the bus is asked; backup: "
       "cancelbus.db)",
       [](S& v, A& a) { return read_store(v, a.store); }},
  };
}

std::vector<Flag> of_most_commands() {
  return {
      // What is recorded is JSON lines anyway.
      {"json", (OfBus & ~bit(Command::Record)) | bit(Command::Backup) | bit(Command::Keygen), None, "",
       "one JSON object per line instead of text", [](S& v, A& a) { return read_bool(v, a.json); }},
      {"color",
       OfBus,
       Text,
       "WHEN",
       "colours in text (auto)",
       [](S& v, A& a) { return read_color(v, a.color); },
       {{"auto", "on a terminal, unless NO_COLOR is set or TERM is dumb"},
        {"always", "everywhere"},
        {"never", "nowhere"}}},
      {"session_endpoint", OfBus, Text, "ENDPOINT",
       "where commands go (tcp://127.0.0.1:5550); of several buses, separated by commas",
       [](S& v, A& a) { return read_endpoint(v, a.session_endpoint); }},
      {"event_endpoint", OfBus, Text, "ENDPOINT",
       "where events come from (tcp://127.0.0.1:5551); likewise, in the same order",
       [](S& v, A& a) { return read_endpoint(v, a.event_endpoint); }},
      {"curve_key_file", OfBus, File, "FILE", "our secret key",
       [](S& v, A& a) { return read_path(v, a.curve_key_file); }},
      {"curve_server_key_file", OfBus, File, "FILE", "the bus's public key",
       [](S& v, A& a) { return read_path(v, a.curve_server_key_file); }},
      {"insecure_loopback", OfBus, None, "",
       "instead of keys: plain sockets to a bus on this machine that was started likewise",
       [](S& v, A& a) { return read_bool(v, a.insecure_loopback); }},
      {"sender", OfBus, Text, "NAME", "who we are (ctl- and eight random characters)",
       [](S& v, A& a) { return read_sender(v, a.sender); }},
  };
}

}  // namespace

const std::vector<Flag>& flags() {
  static const std::vector<Flag> All = [] {
    std::vector<Flag> all;
    for (const auto& some : {about_orders(), of_lists(), of_scopes(), of_one_command(), of_most_commands()}) {
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }();
  return All;
}

}  // namespace cancelbus::ctl
