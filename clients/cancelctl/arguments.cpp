#include "clients/cancelctl/arguments.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <sstream>
#include <string_view>

#include "clients/cancelctl/tables.hpp"

namespace cancelbus::ctl {
namespace {

const Flag* find_flag(std::string_view name) {
  for (const Flag& flag : flags()) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

std::optional<Command> command_named(std::string_view name) {
  for (const CommandText& text : command_texts()) {
    if (text.name == name) return text.command;
  }
  return {};
}

std::string command_names() {
  std::vector<Choice> names;
  for (const CommandText& text : command_texts()) names.push_back({text.name, text.summary});
  return listed(names, " or ");
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
  } else if (flag->value == Flag::Value::None) {
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
    if ((flag->commands & bit(into.command)) == 0)
      return "--" + std::string(flag->name) + " is of no use to " + quoted(command);
    const Complaint complaint = flag->read(value, into);
    if (!complaint.empty()) return "--" + std::string(flag->name) + " " + quoted(value) + " " + complaint;
  }
  return {};
}

std::string variable_of(const Flag& flag) {
  std::string name = "CANCELBUS_" + std::string(flag.name);
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Complaint apply_environment(const Words& words, const Environment& env, Arguments& into) {
  for (const Flag& flag : flags()) {
    const auto same = [&flag](const GivenFlag& given) { return given.flag == &flag; };
    const bool given = std::any_of(words.flags.begin(), words.flags.end(), same);
    if (given || (flag.commands & bit(into.command)) == 0) continue;
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
    size_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      std::istringstream words(line);
      for (std::string word; words >> word;) {
        const Complaint complaint = add(word);
        if (!complaint.empty()) return "line " + std::to_string(number) + " of standard input: " + complaint;
      }
    }
    if (in.bad()) return "standard input cannot be read to its end";
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

Complaint read_shell(std::span<const std::string> words, Arguments& into) {
  const std::vector<Choice>& shells = text_of(Command::Completion).choices;
  if (words.size() != 1) return "completion needs a shell: " + listed(shells, " or ");
  const auto named = [&words](const Choice& shell) { return shell.word == words[0]; };
  if (std::ranges::none_of(shells, named))
    return "shell " + quoted(words[0]) + " is not known: " + listed(shells, " or ");
  into.shell = words[0];
  return {};
}

Complaint read_backup_file(std::span<const std::string> words, std::string& file) {
  if (words.size() != 1) return "backup needs one FILE, which it makes";
  file = words[0];
  // The copy is checked before it gets its name.
  if (file == "-") return "FILE \"-\" is standard output, which cannot take a backup; give the path of a new file";
  return file.empty() ? "FILE \"\" is not the path of a new file" : Complaint{};
}

Complaint read_record_file(std::span<const std::string> words, std::string& file) {
  if (words.size() != 1 || words[0].empty()) return "record needs one FILE, or - for standard output";
  file = words[0];
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
  if (into.command == Command::Completion) return read_shell(rest, into);
  if (into.command == Command::Backup) return read_backup_file(rest, into.backup_file);
  if (into.command == Command::Record) return read_record_file(rest, into.record_file);
  const bool of_a_command =
      into.command == Command::Resolve || into.command == Command::Explain || into.command == Command::Retry;
  if (of_a_command) return read_command_name(rest, plain[0], into);
  return rest.empty() ? Complaint{} : quoted(plain[0]) + " takes no argument " + quoted(rest[0]);
}

// What one flag alone does not tell.
Complaint check(const Arguments& arguments) {
  if (arguments.command == Command::Resolve && arguments.as == v1::ORD_STATUS_UNSPECIFIED) {
    return "resolve needs --as: canceled, filled, open or unknown_order";
  }
  const bool wants_reason = arguments.command == Command::Kill || arguments.command == Command::Release ||
                            arguments.command == Command::Resolve;
  if (wants_reason && arguments.reason.empty()) {
    return std::string(name_of(arguments.command)) + " needs --reason: why, for those who ask later";
  }
  if (arguments.from && arguments.to && *arguments.to < *arguments.from) return "--to lies before --from";
  if (arguments.unowned && !arguments.owner.empty()) return "--owner and --unowned exclude each other";
  return {};
}

std::chrono::seconds default_timeout(Command command) {
  const bool asks_once = command == Command::Status || command == Command::Top || command == Command::Orders ||
                         command == Command::List || command == Command::Find || command == Command::Explain;
  if (command == Command::CancelAll || command == Command::Kill) return std::chrono::hours(24);
  return std::chrono::seconds(asks_once ? 5 : 30);
}

}  // namespace

const char* name_of(Command command) { return text_of(command).name; }

Parsed parse(const std::vector<std::string>& args, const Environment& env, std::istream& in) {
  Words words;
  const Complaint bad_word = cut(args, words);
  const auto command = words.plain.empty() ? std::nullopt : command_named(words.plain[0]);
  if (words.help) return HelpWanted{command};
  if (words.version) return VersionWanted{};
  if (!bad_word.empty()) return UsageError{bad_word, command};
  if (words.plain.empty()) return UsageError{"a command is missing: " + command_names(), {}};
  if (!command) return UsageError{"unknown command " + quoted(words.plain[0]) + ": " + command_names(), {}};

  Arguments arguments;
  arguments.command = *command;
  arguments.timeout = default_timeout(*command);
  Complaint complaint = apply_flags(words, words.plain[0], arguments);
  if (complaint.empty()) complaint = apply_environment(words, env, arguments);
  if (complaint.empty()) complaint = read_plain_words(words.plain, in, arguments);
  if (complaint.empty()) complaint = check(arguments);
  if (!complaint.empty()) return UsageError{complaint, command};

  if (arguments.sender.empty()) arguments.sender = random_sender();
  const bool reads_all = arguments.command == Command::Watch || arguments.command == Command::Top;
  if (reads_all && arguments.topics.empty()) arguments.topics = {"client.", "venue."};
  if (arguments.command == Command::Backup && arguments.store.empty()) arguments.store = "cancelbus.db";
  if (arguments.command == Command::Record) arguments.topics = {"record."};
  return arguments;
}

}  // namespace cancelbus::ctl
