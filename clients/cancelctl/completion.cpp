#include "clients/cancelctl/completion.hpp"

#include <string_view>

#include "clients/cancelctl/tables.hpp"

namespace cancelbus::ctl {
namespace {

constexpr unsigned AnyCommand = ~0U;

std::string dashed(const Flag& flag) { return "--" + std::string(flag.name); }

template <typename Range, typename Text>
std::string joined(const Range& range, std::string_view joint, Text text) {
  std::string all;
  for (const auto& one : range) {
    const std::string word = text(one);
    if (!word.empty()) all += (all.empty() ? "" : std::string(joint)) + word;
  }
  return all;
}

std::string words(const std::vector<Choice>& choices) {
  return joined(choices, " ", [](const Choice& choice) { return std::string(choice.word); });
}

// ---- bash ----

std::string flags_of(unsigned commands) {
  return joined(
             flags(), " ",
             [commands](const Flag& flag) { return (flag.commands & commands) != 0 ? dashed(flag) : std::string(); }) +
         " --help";
}

// The arm of a `case` that completes the value of `flag`; nothing if it takes none.
std::string bash_value(const Flag& flag) {
  std::string how = "COMPREPLY=()";
  if (!flag.choices.empty()) how = "mapfile -t COMPREPLY < <(compgen -W '" + words(flag.choices) + "' -- \"$current\")";
  if (flag.value == Flag::Value::File) how = "_cancelctl_paths -f \"$current\"";
  if (flag.value == Flag::Value::Folder) how = "_cancelctl_paths -d \"$current\"";
  return flag.value == Flag::Value::None ? "" : "    " + dashed(flag) + ") " + how + "; return ;;\n";
}

// The arm that says what a command takes: its flags and the words of its argument.
std::string bash_command(const CommandText& command) {
  return "    " + std::string(command.name) + ") flags='" + flags_of(bit(command.command)) + "' words='" +
         words(command.choices) + (command.value == Flag::Value::File ? "' paths=yes ;;\n" : "' ;;\n");
}

// bash cuts words at = and :, so that --as=open comes as three of them.
constexpr const char* BashTemplate = R"(# bash completion for cancelctl, made by: cancelctl completion bash

_cancelctl_paths() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}

_cancelctl() {
  local current=$2 flag=$3 command='' flags='@ALL_FLAGS@' words='@COMMANDS@' paths='' i
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $flag == '=' ]]; then
    flag=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $flag in
@VALUES@  esac
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      @VALUE_FLAGS@)
        [[ ${COMP_WORDS[i + 1]} != '=' ]] || ((++i))
        ((++i))
        ;;
      @COMMAND_PATTERN@)
        command=${COMP_WORDS[i]}
        break
        ;;
    esac
  done
  case $command in
@ARGUMENTS@  esac
  if [[ $current == -* ]]; then
    words=$flags
  elif [[ $paths ]]; then
    _cancelctl_paths -f "$current"
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _cancelctl cancelctl
)";

// ---- zsh ----

// Inside single quotes, where also [, ] and : mean something.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string zsh_choices(const std::vector<Choice>& choices) {
  return "((" +
         joined(
             choices, " ",
             [](const Choice& choice) { return std::string(choice.word) + "\\:\"" + zsh_text(choice.help) + "\""; }) +
         "))";
}

std::string zsh_flag(const Flag& flag) {
  std::string action = " ";
  if (!flag.choices.empty()) action = zsh_choices(flag.choices);
  if (flag.value == Flag::Value::File) action = "_files";
  if (flag.value == Flag::Value::Folder) action = "_files -/";
  const bool bare = flag.value == Flag::Value::None;
  return std::string("'") + (flag.repeatable ? "*" : "") + dashed(flag) + (bare ? "" : "=") + "[" +
         zsh_text(flag.help) + "]" + (bare ? "" : ":" + std::string(flag.placeholder) + ":" + action) + "'";
}

std::string zsh_flags(unsigned commands, const std::string& indent) {
  return joined(flags(), " \\\n" + indent,
                [commands](const Flag& flag) {
                  return (flag.commands & commands) != 0 ? zsh_flag(flag) : std::string();
                }) +
         " \\\n" + indent + "'--help[show help]'";
}

std::string zsh_command(const CommandText& command) {
  // A message instead of () would keep a single flag from being inserted.
  std::string argument = command.choices.empty() ? "()" : zsh_choices(command.choices);
  if (command.value == Flag::Value::File) argument = "_files";
  const std::string name = zsh_text(command.arguments);
  return "        " + std::string(command.name) + ")\n          _arguments \\\n            " +
         zsh_flags(bit(command.command), "            ") +
         (name.empty() ? "" : " \\\n            '*:" + name + ":" + argument + "'") + "\n          ;;\n";
}

constexpr const char* ZshTemplate = R"(#compdef cancelctl
# zsh completion for cancelctl, made by: cancelctl completion zsh

_cancelctl() {
  local curcontext=$curcontext context state line
  typeset -A opt_args
  local -a commands=(
@COMMANDS@
  )
  _arguments -C -A '-*' \
    @ALL_FLAGS@ \
    '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
@ARGUMENTS@      esac
      ;;
  esac
}

if [[ $funcstack[1] == _cancelctl ]]; then
  _cancelctl "$@"
else
  compdef _cancelctl cancelctl
fi
)";

// ---- Both ----

std::string filled(std::string text, std::initializer_list<std::pair<std::string_view, std::string>> places) {
  for (const auto& [name, value] : places) {
    const std::string place = "@" + std::string(name) + "@";
    text.replace(text.find(place), place.size(), value);
  }
  return text;
}

std::string bash() {
  const auto& all = command_texts();
  const auto name = [](const CommandText& command) { return std::string(command.name); };
  const auto with_value = [](const Flag& flag) { return flag.value == Flag::Value::None ? "" : dashed(flag); };
  return filled(BashTemplate, {{"ALL_FLAGS", flags_of(AnyCommand) + " --version"},
                               {"COMMANDS", joined(all, " ", name)},
                               {"VALUES", joined(flags(), "", bash_value)},
                               {"VALUE_FLAGS", joined(flags(), " | ", with_value)},
                               {"COMMAND_PATTERN", joined(all, " | ", name)},
                               {"ARGUMENTS", joined(all, "", bash_command)}});
}

std::string zsh() {
  const auto& all = command_texts();
  const auto described = [](const CommandText& command) {
    return "    '" + std::string(command.name) + ":" + zsh_text(command.summary) + "'";
  };
  return filled(ZshTemplate, {{"COMMANDS", joined(all, "\n", described)},
                              {"ALL_FLAGS", zsh_flags(AnyCommand, "    ") + " \\\n    '--version[tell the version]'"},
                              {"ARGUMENTS", joined(all, "", zsh_command)}});
}

}  // namespace

std::string completion(const std::string& shell) { return shell == "bash" ? bash() : zsh(); }

}  // namespace cancelbus::ctl
