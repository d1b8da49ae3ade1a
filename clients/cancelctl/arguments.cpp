#include "clients/cancelctl/arguments.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <string_view>

namespace cancelbus::ctl {
namespace {

using std::chrono::milliseconds;

/// Empty if all is well, else what the value is not.
using Complaint = std::string;

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

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

Complaint read_bool(const std::string& text, bool& value) {
  if (text != "true" && text != "false") return "is neither true nor false";
  value = text == "true";
  return {};
}

Complaint read_endpoint(const std::string& text, std::string& value) {
  const bool known = text.starts_with("tcp://") || text.starts_with("ipc://");
  if (!known || text.size() == 6) return "is not an endpoint such as tcp://127.0.0.1:5550 or ipc:///run/cancelbus";
  value = text;
  return {};
}

Complaint read_path(const std::string& text, std::string& value) {
  if (text.empty()) return "is no path";
  value = text;
  return {};
}

Complaint read_sender(const std::string& text, std::string& value) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  if (text.empty() || text.size() > 32 || !std::all_of(text.begin(), text.end(), allowed)) {
    return "is not 1 to 32 letters, digits, _ and -";
  }
  value = text;
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

// As cancel-bus is given it, or a path alone.
Complaint read_store(const std::string& text, std::string& value) {
  const std::string path = text.starts_with("sqlite:") ? text.substr(7) : text;
  if (path.empty() || text.starts_with("memory:")) return "is not the path of a store, nor sqlite:PATH";
  value = path;
  return {};
}

/// Every command that talks to the bus.
constexpr unsigned Any = 23;
constexpr unsigned of(Command command) { return static_cast<unsigned>(command); }

struct Flag {
  std::string name;
  /// The commands it is of use to.
  unsigned commands;
  bool takes_value;
  bool repeatable;
  Complaint (*read)(const std::string& value, Arguments& into);
};

const std::vector<Flag>& flags() {
  using A = Arguments;
  using S = const std::string;
  static const std::vector<Flag> All = {
      {"session_endpoint", Any, true, false, [](S& v, A& a) { return read_endpoint(v, a.session_endpoint); }},
      {"event_endpoint", Any, true, false, [](S& v, A& a) { return read_endpoint(v, a.event_endpoint); }},
      {"sender", Any, true, false, [](S& v, A& a) { return read_sender(v, a.sender); }},
      {"curve_key_file", Any, true, false, [](S& v, A& a) { return read_path(v, a.curve_key_file); }},
      {"curve_server_key_file", Any, true, false, [](S& v, A& a) { return read_path(v, a.curve_server_key_file); }},
      {"insecure_loopback", Any, false, false, [](S& v, A& a) { return read_bool(v, a.insecure_loopback); }},
      {"out", of(Command::Keygen), true, false, [](S& v, A& a) { return read_path(v, a.out_folder); }},
      {"json", Any | of(Command::Explain), false, false, [](S& v, A& a) { return read_bool(v, a.json); }},
      {"timeout", of(Command::Cancel) | of(Command::Status) | of(Command::Resolve), true, false,
       [](S& v, A& a) { return read_duration(v, a.timeout); }},
      {"ttl", of(Command::Cancel), true, false, [](S& v, A& a) { return read_duration(v, a.ttl.emplace()); }},
      {"urgent", of(Command::Cancel), false, false, [](S& v, A& a) { return read_bool(v, a.urgent); }},
      {"exact", of(Command::Cancel), false, false, [](S& v, A& a) { return read_bool(v, a.exact); }},
      {"wait", of(Command::Cancel), true, false, [](S& v, A& a) { return read_wait(v, a.wait); }},
      {"topic", of(Command::Watch), true, true, [](S& v, A& a) { return add_topic(v, a.topics); }},
      {"store", of(Command::Explain), true, false, [](S& v, A& a) { return read_store(v, a.store); }},
      {"as", of(Command::Resolve), true, false, [](S& v, A& a) { return read_as(v, a.as); }},
  };
  return All;
}

const Flag* find_flag(std::string_view name) {
  for (const Flag& flag : flags()) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

constexpr std::pair<const char*, Command> Commands[] = {{"cancel", Command::Cancel},   {"watch", Command::Watch},
                                                        {"status", Command::Status},   {"keygen", Command::Keygen},
                                                        {"resolve", Command::Resolve}, {"explain", Command::Explain}};
constexpr const char* CommandNames = "cancel, watch, status, keygen, resolve or explain";

std::optional<Command> command_named(std::string_view name) {
  for (const auto& [known, command] : Commands) {
    if (known == name) return command;
  }
  return {};
}

struct GivenFlag {
  const Flag* flag;
  std::string value;
};

/// The command line, cut into its kinds of words.
struct Words {
  std::vector<GivenFlag> flags;
  std::vector<std::string> plain;
  bool help = false;
  bool version = false;
};

bool looks_like_a_flag(const std::string& word) {
  // "-" is standard input, and "-5" a bad order id rather than an unknown flag.
  return word.size() > 1 && word[0] == '-' && !std::isdigit(static_cast<unsigned char>(word[1]));
}

// Reads the flag at `i`, and steps over its value.
Complaint take_flag(std::span<const std::string> args, size_t& i, Words& words) {
  const std::string& word = args[i];
  if (!word.starts_with("--")) return "unknown flag " + word;
  const size_t equals = word.find('=');
  const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
  const Flag* flag = find_flag(name);
  if (flag == nullptr) return "unknown flag --" + name;
  const auto same = [flag](const GivenFlag& given) { return given.flag == flag; };
  if (!flag->repeatable && std::any_of(words.flags.begin(), words.flags.end(), same)) {
    return "--" + name + " is given twice";
  }
  if (equals != std::string::npos) {
    words.flags.push_back({flag, word.substr(equals + 1)});
  } else if (!flag->takes_value) {
    words.flags.push_back({flag, "true"});
  } else if (i + 1 == args.size()) {
    return "--" + name + " needs a value";
  } else {
    words.flags.push_back({flag, args[++i]});
  }
  return {};
}

Complaint cut(std::span<const std::string> args, Words& words) {
  // Questions are answered whatever else is wrong.
  const auto asked = [args](std::string_view word) { return std::ranges::count(args, word) > 0; };
  words.help = asked("--help") || asked("-h");
  words.version = asked("--version");
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--help" || args[i] == "-h" || args[i] == "--version") continue;
    if (looks_like_a_flag(args[i])) {
      if (Complaint complaint = take_flag(args, i, words); !complaint.empty()) return complaint;
    } else {
      words.plain.push_back(args[i]);
    }
  }
  return {};
}

Complaint apply_flags(const Words& words, const std::string& command, Arguments& into) {
  for (const auto& [flag, value] : words.flags) {
    if ((flag->commands & of(into.command)) == 0) return "--" + flag->name + " is of no use to " + quoted(command);
    const Complaint complaint = flag->read(value, into);
    if (!complaint.empty()) return "--" + flag->name + " " + quoted(value) + " " + complaint;
  }
  return {};
}

std::string variable_of(const Flag& flag) {
  std::string name = "CANCELBUS_" + flag.name;
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Complaint apply_environment(const Words& words, const Environment& env, Arguments& into) {
  for (const Flag& flag : flags()) {
    const auto same = [&flag](const GivenFlag& given) { return given.flag == &flag; };
    const bool given = std::any_of(words.flags.begin(), words.flags.end(), same);
    if (given || (flag.commands & of(into.command)) == 0) continue;
    const std::string variable = variable_of(flag);
    const char* value = env(variable.c_str());
    if (value == nullptr) continue;
    const Complaint complaint = flag.read(value, into);
    if (!complaint.empty()) return variable + " " + quoted(value) + " " + complaint;
  }
  return {};
}

class OrderIds {
 public:
  explicit OrderIds(std::vector<int64_t>& into) : into_(into) {}

  Complaint add(const std::string& word) {
    int64_t id = 0;
    const char* end = word.data() + word.size();
    const auto [rest, error] = std::from_chars(word.data(), end, id);
    if (error != std::errc() || rest != end || id < 1) {
      return "order id " + quoted(word) + " is not a number from 1 to " +
             std::to_string(std::numeric_limits<int64_t>::max());
    }
    if (seen_.insert(id).second) into_.push_back(id);
    return {};
  }

  Complaint add_all(std::istream& in) {
    const size_t before = into_.size();
    for (std::string word; in >> word;) {
      if (Complaint complaint = add(word); !complaint.empty()) return complaint + " (standard input)";
    }
    return into_.size() == before ? "standard input holds no further order ids" : Complaint{};
  }

 private:
  std::vector<int64_t>& into_;
  std::set<int64_t> seen_;
};

Complaint read_order_ids(std::span<const std::string> words, std::istream& in, std::vector<int64_t>& into) {
  if (words.empty()) return "cancel needs an order id, or - to read them from standard input";
  OrderIds ids(into);
  for (const std::string& word : words) {
    if (Complaint complaint = word == "-" ? ids.add_all(in) : ids.add(word); !complaint.empty()) return complaint;
  }
  return {};
}

// SENDER/CL_ORD_ID; a cl_ord_id may hold a slash, a sender none.
Complaint read_command_name(std::span<const std::string> words, const std::string& command, Arguments& into) {
  if (words.size() != 1) return command + " needs one command, as SENDER/CL_ORD_ID";
  const std::string& word = words[0];
  const size_t slash = word.find('/');
  const std::string complaint = quoted(word) + " is not a command's name, as SENDER/CL_ORD_ID: ";
  if (slash == std::string::npos) return complaint + "there is no /";
  if (const Complaint sender = read_sender(word.substr(0, slash), into.sender_comp_id); !sender.empty()) {
    return complaint + "the sender " + sender;
  }
  into.cl_ord_id = word.substr(slash + 1);
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  const bool legible = std::all_of(into.cl_ord_id.begin(), into.cl_ord_id.end(), printable);
  if (into.cl_ord_id.empty() || into.cl_ord_id.size() > 64 || !legible) {
    return complaint + "the cl_ord_id is not 1 to 64 printable ASCII characters";
  }
  return {};
}

std::string random_sender() {
  static constexpr std::string_view Letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::uniform_int_distribution<size_t> pick(0, Letters.size() - 1);
  std::string sender = "ctl-";
  for (int i = 0; i < 8; ++i) sender += Letters[pick(random)];
  return sender;
}

Complaint read_plain_words(std::span<const std::string> plain, std::istream& in, Arguments& into) {
  const auto rest = plain.subspan(1);
  if (into.command == Command::Cancel) return read_order_ids(rest, in, into.order_ids);
  if (into.command == Command::Keygen) {
    if (rest.size() != 1) return "keygen needs one name, as desk-a";
    const Complaint complaint = read_sender(rest[0], into.key_name);
    return complaint.empty() ? complaint : "name " + quoted(rest[0]) + " " + complaint;
  }
  const bool of_a_command = into.command == Command::Resolve || into.command == Command::Explain;
  if (of_a_command) return read_command_name(rest, plain[0], into);
  return rest.empty() ? Complaint{} : quoted(plain[0]) + " takes no argument " + quoted(rest[0]);
}

}  // namespace

const char* name_of(Command command) {
  for (const auto& [name, known] : Commands) {
    if (known == command) return name;
  }
  return "";
}

Parsed parse(const std::vector<std::string>& args, const Environment& env, std::istream& in) {
  Words words;
  const Complaint bad_word = cut(args, words);
  const auto command = words.plain.empty() ? std::nullopt : command_named(words.plain[0]);
  if (words.help) return HelpWanted{command};
  if (words.version) return VersionWanted{};
  if (!bad_word.empty()) return UsageError{bad_word, command};
  if (words.plain.empty()) return UsageError{std::string("a command is missing: ") + CommandNames, {}};
  if (!command) return UsageError{"unknown command " + quoted(words.plain[0]) + ": " + CommandNames, {}};

  Arguments arguments;
  arguments.command = *command;
  arguments.timeout = *command == Command::Status ? std::chrono::seconds(5) : std::chrono::seconds(30);
  Complaint complaint = apply_flags(words, words.plain[0], arguments);
  if (complaint.empty()) complaint = apply_environment(words, env, arguments);
  if (complaint.empty()) complaint = read_plain_words(words.plain, in, arguments);
  if (complaint.empty() && *command == Command::Resolve && arguments.as == v1::ORD_STATUS_UNSPECIFIED) {
    complaint = "resolve needs --as: canceled, filled, open or unknown_order";
  }
  if (!complaint.empty()) return UsageError{complaint, command};

  if (arguments.sender.empty()) arguments.sender = random_sender();
  if (arguments.topics.empty()) arguments.topics = {"client.", "venue."};
  return arguments;
}

}  // namespace cancelbus::ctl
