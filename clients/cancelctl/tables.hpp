// cancelctl's commands and flags as tables: what the command line may hold, and the texts about it.
//
// The one source of parse(), --help and the shells' completion: a flag that is added here is known to all three.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clients/cancelctl/arguments.hpp"

namespace cancelbus::ctl {

/// Empty if all is well, else what the value is not.
using Complaint = std::string;

/// A word that a value may be.
struct Choice {
  const char* word;
  const char* help;
};

struct Flag {
  enum class Value { None, Text, File, Folder };

  /// Without the dashes.
  const char* name;
  /// The commands it is of use to.
  unsigned commands;
  Value value;
  /// As help shows it, as DURATION; empty if it takes none.
  const char* placeholder;
  const char* help;
  Complaint (*read)(const std::string& value, Arguments& into);
  /// What the value is, if it is one of few words.
  std::vector<Choice> choices = {};
  bool repeatable = false;
};

struct CommandText {
  Command command;
  const char* name;
  /// What follows its flags, as "ID...".
  const char* arguments;
  const char* summary;
  /// Paragraphs between usage and flags.
  const char* about;
  /// Exit codes and examples.
  const char* end;
  /// What the argument is, if it is one of few words.
  std::vector<Choice> choices = {};
  /// File if it is a path.
  Flag::Value value = Flag::Value::None;
};

constexpr unsigned bit(Command command) { return static_cast<unsigned>(command); }
/// Every command that talks to the bus.
constexpr unsigned OfBus = bit(Command::Cancel) | bit(Command::Watch) | bit(Command::Status) | bit(Command::Resolve) |
                           bit(Command::Top) | bit(Command::Record) | bit(Command::Orders) | bit(Command::CancelAll) |
                           bit(Command::Kill) | bit(Command::Release) | bit(Command::List) | bit(Command::Find) |
                           bit(Command::Explain) | bit(Command::Retry);

const std::vector<CommandText>& command_texts();
const CommandText& text_of(Command command);
const std::vector<Flag>& flags();

/// As the bus will take it: 1 to 32 letters, digits, _ and -.
Complaint read_sender(const std::string& text, std::string& value);

std::string quoted(std::string_view text);
/// As "a, b or c".
std::string listed(const std::vector<Choice>& choices, std::string_view last_joint);

}  // namespace cancelbus::ctl
