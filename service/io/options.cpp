#include "service/io/options.hpp"

#include <absl/flags/reflection.h>
#include <absl/status/status.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "service/io/output.hpp"

namespace cancelbus::io {
namespace {

using Flags = std::map<std::string, absl::CommandLineFlag*, std::less<>>;

absl::string_view absl_view(std::string_view text) { return {text.data(), text.size()}; }

// A process links only flags of its own and of io/; what abseil's libraries might bring along is not ours.
Flags our_flags() {
  Flags flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::StrContains(flag->Filename(), "absl/") && !flag->IsRetired()) flags.emplace(std::string(name), flag);
  }
  return flags;
}

const char* expected_form(const absl::CommandLineFlag& flag) {
  if (flag.IsOfType<bool>()) return "true or false";
  if (flag.IsOfType<absl::Duration>()) return "a duration such as 500ms, 2s or 1m30s";
  if (flag.IsOfType<double>()) return "a number";
  if (flag.IsOfType<std::string>()) return "text";
  return "a whole number";
}

absl::Status set_flag(absl::CommandLineFlag& flag, std::string_view value, std::string_view source) {
  std::string error;
  if (flag.ParseFrom(absl_view(value), &error)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(absl_view(source), "=", absl_view(value), ": expected ", expected_form(flag)));
}

// One argument that begins with `--`, taken apart.
struct Argument {
  std::string name;
  std::optional<std::string_view> value;
};

Argument split(std::string_view argument) {
  argument.remove_prefix(2);
  const size_t equals = argument.find('=');
  if (equals == std::string_view::npos) return {std::string(argument), std::nullopt};
  return {std::string(argument.substr(0, equals)), argument.substr(equals + 1)};
}

// --noflag is --flag=false, for a bool; otherwise the name stands as it is.
void resolve_negation(Argument& argument, const Flags& flags) {
  if (flags.contains(argument.name) || argument.value || !absl::StartsWith(argument.name, "no")) return;
  const auto positive = flags.find(argument.name.substr(2));
  if (positive == flags.end() || !positive->second->IsOfType<bool>()) return;
  argument = {positive->first, "false"};
}

absl::Status parse_command_line(const Flags& flags, int argc, const char* const* argv, std::set<std::string>& given) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view text = argv[i];
    if (!text.starts_with("--") || text.size() == 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument '", absl_view(text), "': expected --flag=value"));
    }
    Argument argument = split(text);
    resolve_negation(argument, flags);
    const auto found = flags.find(argument.name);
    if (found == flags.end()) return absl::InvalidArgumentError(absl::StrCat("--", argument.name, ": no such flag"));
    if (!given.insert(argument.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("--", argument.name, ": given twice"));
    }
    absl::CommandLineFlag& flag = *found->second;
    if (!argument.value) {
      if (flag.IsOfType<bool>()) {
        argument.value = "true";
      } else if (i + 1 < argc) {
        argument.value = argv[++i];
      } else {
        return absl::InvalidArgumentError(
            absl::StrCat("--", argument.name, ": a value is missing, expected ", expected_form(flag)));
      }
    }
    if (auto status = set_flag(flag, *argument.value, absl::StrCat("--", argument.name)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status parse_environment(const Flags& flags, const std::set<std::string>& given) {
  for (const auto& [name, flag] : flags) {
    if (given.contains(name)) continue;
    const std::string variable = absl::StrCat("CANCELBUS_", absl::AsciiStrToUpper(name));
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr) continue;
    if (auto status = set_flag(*flag, value, absl::StrCat("--", name, " (from ", variable, ")")); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

void print_help(const Program& program, const Flags& flags) {
  std::string text = absl::StrCat(absl_view(program.name), ": ", absl_view(program.summary),
                                  "\n\nFlags, as --flag=value or as environment variable CANCELBUS_<FLAG>:\n");
  for (const auto& [name, flag] : flags) {
    const std::string standard = flag->DefaultValue();
    absl::StrAppend(&text, "  --", name, "\n      ", flag->Help(),
                    standard.empty() ? "" : absl::StrCat(" (default: ", standard, ")"), "\n");
  }
  absl::StrAppend(&text, "  --help\n      this text\n  --version\n      name and version\n\nExamples:\n",
                  absl_view(program.examples), "\n");
  answer(text);
}

// --help (or -h) and --version count wherever they stand, also beside errors.
std::optional<int> answer_questions(const Program& program, const Flags& flags, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      print_help(program, flags);
      return exit_code_of_answer(program.name, 0);
    }
    if (argument == "--version") {
      answer(absl::StrCat(absl_view(program.name), " ", CANCELBUS_VERSION, "\n"));
      return exit_code_of_answer(program.name, 0);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> parse_flags(const Program& program, int argc, const char* const* argv) {
  const Flags flags = our_flags();
  if (const auto answered = answer_questions(program, flags, argc, argv)) return answered;
  std::set<std::string> given;
  auto status = parse_command_line(flags, argc, argv, given);
  if (status.ok()) status = parse_environment(flags, given);
  if (!status.ok()) return usage_error(program, std::string(status.message()));
  return std::nullopt;
}

int usage_error(const Program& program, std::string_view message) {
  complain(absl::StrCat(absl_view(program.name), ": ", absl_view(message), "\nTry '", absl_view(program.name),
                        " --help'.\n"));
  return 2;
}

}  // namespace cancelbus::io
