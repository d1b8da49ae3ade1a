// What the command line and the environment ask cancelctl to do.
//
// Used by main() and the commands. Strict: what is unknown, out of range, given twice or of no use to the command is an
// error whose sentence names it. Every flag can also be given as environment variable CANCELBUS_<FLAG>; the command
// line wins.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <istream>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::ctl {

enum class Command : unsigned {
  Cancel = 1,
  Watch = 2,
  Status = 4,
  Keygen = 8,
  Resolve = 16,
  Explain = 32,
  Completion = 64,
  Top = 128,
  Backup = 256,
  Record = 512,
  Orders = 1024,
  CancelAll = 2048,
  Kill = 4096,
  Release = 8192,
  List = 16384,
  Find = 32768,
  Retry = 65536,
};
enum class Wait { Ack, Final };
enum class Color { Auto, Always, Never };

struct Arguments {
  static constexpr int64_t MostCount = 100'000;

  Command command = Command::Status;
  std::string session_endpoint = "tcp://127.0.0.1:5550";
  std::string event_endpoint = "tcp://127.0.0.1:5551";
  /// Given, or `ctl-` and eight random characters.
  std::string sender;
  /// Files with our secret CURVE key and with the bus's public one.
  std::string curve_key_file;
  std::string curve_server_key_file;
  bool insecure_loopback = false;
  bool json = false;
  Color color = Color::Auto;
  std::chrono::milliseconds timeout{};
  // cancel
  /// Each once, in the order given.
  std::vector<int64_t> order_ids;
  std::optional<std::chrono::milliseconds> ttl;
  bool urgent = false;
  bool exact = false;
  Wait wait = Wait::Final;
  // keygen
  std::string key_name;
  std::string out_folder = ".";
  // top
  std::chrono::milliseconds interval{1'000};
  /// After so many refreshes it ends; from 1.
  std::optional<int64_t> count;
  // orders, list, find, cancel-all, kill, release
  /// Empty: any.
  std::string owner;
  std::string symbol;
  v1::Side side = v1::SIDE_UNSPECIFIED;
  // list
  v1::CommandState state = v1::COMMAND_STATE_UNSPECIFIED;
  std::chrono::milliseconds older_than{};
  // cancel-all, kill, release
  bool unowned = false;
  std::string prefix;
  // kill, release, resolve
  std::string reason;
  // release
  bool force = false;
  // cancel-all, kill; yes: resolve too
  bool dry_run = false;
  bool until_empty = false;
  bool yes = false;
  // completion
  /// bash or zsh.
  std::string shell;
  /// What is followed: of watch those given, of top all that is final, of record what is recorded, of
  /// others nothing.
  std::vector<std::string> topics;
  // resolve, retry, explain; of find either may be empty
  /// The command that is meant: whose, and which.
  std::string sender_comp_id;
  std::string cl_ord_id;
  v1::OrdStatus as = v1::ORD_STATUS_UNSPECIFIED;
  // explain, backup
  /// Path of the bus's store; explain: empty, the bus is asked.
  std::string store;
  // find
  int64_t order_id = 0;
  std::optional<std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>> from;
  std::optional<std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>> to;
  int64_t limit = 1'000;
  // backup
  /// Where the copy goes.
  std::string backup_file;
  // record
  /// Where the lines go; `-`: standard output.
  std::string record_file;
};

/// As on the command line.
const char* name_of(Command command);

/// Show help on a command, or on all.
struct HelpWanted {
  std::optional<Command> command;
};

struct VersionWanted {};

struct UsageError {
  /// Names the argument.
  std::string sentence;
  std::optional<Command> command;
};

/// Value of an environment variable, or null.
using Environment = std::function<const char*(const char* name)>;

using Parsed = std::variant<Arguments, HelpWanted, VersionWanted, UsageError>;

/// `in` is read only if the order ids are asked for with `-`.
Parsed parse(const std::vector<std::string>& args, const Environment& env, std::istream& in);

}  // namespace cancelbus::ctl
