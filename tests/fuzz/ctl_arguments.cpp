// cancelctl's command line, a word a line; lines of the form CANCELBUS_X=Y are its environment, and what follows an
// empty line its standard input.
#include <chrono>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <variant>

#include "clients/cancelctl/arguments.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

using namespace std::chrono_literals;

void require_sane(const ctl::Arguments& arguments) {
  constexpr const char* Allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  const std::string& sender = arguments.sender;
  require(!sender.empty() && sender.size() <= 32 && sender.find_first_not_of(Allowed) == std::string::npos,
          "the bus will take the sender");
  require(arguments.timeout >= 1ms && arguments.timeout <= 24h, "a timeout is 1 ms to 24 h");
  require(!arguments.ttl || (*arguments.ttl >= 1ms && *arguments.ttl <= 24h), "the bus will take the ttl");
  require(arguments.session_endpoint.size() > 6 && arguments.event_endpoint.size() > 6, "endpoints are named");
  require(arguments.command != ctl::Command::Watch || !arguments.topics.empty(), "something is watched");
  require(arguments.command != ctl::Command::Cancel || !arguments.order_ids.empty(), "something is canceled");
  require(arguments.command != ctl::Command::Backup || !arguments.backup_file.empty(), "a backup has a file");
  std::set<int64_t> ids;
  for (const int64_t id : arguments.order_ids) require(id >= 1 && ids.insert(id).second, "each order once, from 1");
}

}  // namespace

bool ctl_arguments(std::string_view input) {
  std::vector<std::string> words;
  std::map<std::string, std::string, std::less<>> variables;
  while (!input.empty()) {
    std::string_view line = take_until(input, '\n');
    if (line.empty()) break;
    if (line.starts_with("CANCELBUS_")) {
      const std::string_view name = take_until(line, '=');
      variables.insert_or_assign(std::string(name), std::string(line));
    } else {
      words.emplace_back(line);
    }
  }
  const auto environment = [&variables](const char* name) -> const char* {
    const auto it = variables.find(name);
    return it == variables.end() ? nullptr : it->second.c_str();
  };
  std::istringstream standard_input{std::string(input)};
  const auto parsed = ctl::parse(words, environment, standard_input);
  if (const auto* error = std::get_if<ctl::UsageError>(&parsed)) {
    require(!error->sentence.empty(), "it is said what is wrong");
    return false;
  }
  if (const auto* arguments = std::get_if<ctl::Arguments>(&parsed)) require_sane(*arguments);
  return true;
}

std::vector<std::string> ctl_arguments_seeds() {
  return {"cancel\n25338392433\n7\n--ttl=2s\n--urgent\n--exact\n--wait\nack\n--json",
          "cancel\n-\n--timeout=1h\n\n5 6 7\n8",
          "cancel\n9223372036854775808",
          "cancel\n-\n\n5 x",
          "watch\n--topic\nclient.desk-a.\n--topic=venue.\n--sender=ctl-1",
          "watch\n--ttl=2s",
          "status\n--session_endpoint=tcp://127.0.0.1:5550\n--timeout=25h",
          "status\nCANCELBUS_SENDER=ctl-2\nCANCELBUS_TIMEOUT=500ms",
          "resolve\ndesk-a/c-1\n--as=canceled",
          "resolve\ndesk-a/c-1",
          "explain\ndesk-a/c/1\n--store=cancelbus.db\n--json",
          "backup\ncopy.db\n--store=cancelbus.db\n--json",
          "keygen\ndesk-a",
          "keygen\n../desk-a",
          "--help\ncancel",
          "--sender"};
}

}  // namespace cancelbus::fuzz
