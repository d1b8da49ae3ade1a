#include "clients/cancelctl/help.hpp"

#include <algorithm>

#include "clients/cancelctl/tables.hpp"

namespace cancelbus::ctl {
namespace {

struct Line {
  std::string left;
  std::string right;
};

// The left column as wide as its widest cell.
std::string columns(const std::vector<Line>& lines) {
  size_t width = 0;
  for (const Line& line : lines) width = std::max(width, line.left.size());
  std::string text;
  for (const auto& [left, right] : lines) {
    text += "  " + left + std::string(width - left.size() + 2, ' ') + right + "\n";
  }
  return text;
}

void add(const Flag& flag, std::vector<Line>& lines) {
  const std::string value = *flag.placeholder ? " " + std::string(flag.placeholder) : "";
  lines.push_back({"--" + std::string(flag.name) + value, flag.help});
  for (const auto& [word, what] : flag.choices) lines.push_back({"    " + std::string(word), what});
}

std::string own_flags(Command command) {
  std::vector<Line> lines;
  for (const Flag& flag : flags()) {
    if ((flag.commands & bit(command)) != 0 && flag.commands != OfBus) add(flag, lines);
  }
  return lines.empty() ? "" : "\n" + columns(lines);
}

std::string flags_of_bus() {
  std::vector<Line> lines;
  for (const Flag& flag : flags()) {
    if (flag.commands == OfBus) add(flag, lines);
  }
  return "\nflags of every command that talks to the bus:\n" + columns(lines);
}

constexpr const char* EnvironmentNote = R"(
Each flag can also be given as environment variable, as CANCELBUS_SESSION_ENDPOINT.
)";

constexpr const char* JsonNote = R"(
A line of --json is an object: `type` says what it is and `heard` when it came, and what the bus said stands there with
the contract's field names (proto/cancelbus/v1), numbers of 64 bits as strings.
)";

bool prints_json(Command command) {
  return std::ranges::any_of(flags(), [command](const Flag& flag) {
    return std::string_view(flag.name) == "json" && (flag.commands & bit(command)) != 0;
  });
}

std::string overview() {
  std::vector<Line> lines;
  for (const CommandText& command : command_texts()) {
    lines.push_back({command.name + std::string(*command.arguments ? " " : "") + command.arguments, command.summary});
  }
  return "cancelctl: cancel orders through cancelbus, and see what it does.\n\n"
         "usage: cancelctl [FLAG...] COMMAND [ARGUMENT...]\n\n" +
         columns(lines) +
         "\ncancelctl COMMAND --help shows a command's own flags, with examples; cancelctl --version tells the "
         "version.\n" +
         flags_of_bus() + EnvironmentNote;
}

}  // namespace

std::string help(std::optional<Command> command) {
  if (!command) return overview();
  const CommandText& text = text_of(*command);
  const std::string own = own_flags(*command);
  const std::string of_bus = (bit(*command) & OfBus) != 0 ? flags_of_bus() : "";
  const bool any_flag = !own.empty() || !of_bus.empty();
  std::string page = "cancelctl " + std::string(text.name) + ": " + text.summary + ".\n\nusage: cancelctl " +
                     text.name + (any_flag ? " [FLAG...]" : "") + (*text.arguments ? " " : "") + text.arguments + "\n" +
                     text.about;
  std::vector<Line> choices;
  for (const auto& [word, what] : text.choices) choices.push_back({word, what});
  if (!choices.empty()) page += "\n" + columns(choices);
  return page + own + (prints_json(*command) ? JsonNote : "") + text.end + of_bus + (any_flag ? EnvironmentNote : "");
}

}  // namespace cancelbus::ctl
