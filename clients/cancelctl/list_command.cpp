#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <optional>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using google::protobuf::util::TimeUtil;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Oldest first. The bus lists them by order.
std::vector<v1::UndecidedCommand> by_age(std::vector<v1::UndecidedCommand> commands) {
  std::ranges::stable_sort(commands, std::ranges::greater(), [](const v1::UndecidedCommand& command) {
    return TimeUtil::DurationToNanoseconds(command.age());
  });
  return commands;
}

void print_json(const client::CommandList& listed, Console& console) {
  const WallTime heard = wall_now();
  for (const v1::UndecidedCommand& command : by_age(listed.commands)) {
    console.out << JsonLine("command", heard).add("command", command).str();
  }
  JsonLine line("commands", heard);
  line.add("count", static_cast<int64_t>(listed.commands.size())).add("as_of", wall_time(*listed.as_of));
  console.out << line.str() << std::flush;
}

void print_text(const client::CommandList& listed, Console& console) {
  for (const v1::UndecidedCommand& command : by_age(listed.commands)) {
    console.out << command_block(command, *listed.as_of, console.paint);
  }
  const size_t count = listed.commands.size();
  console.out << count << (count == 1 ? " command" : " commands") << std::endl;
}

}  // namespace

int run_list(const Arguments& arguments, client::Client& bus, Console& console) {
  const auto deadline = steady_clock::now() + arguments.timeout;
  std::optional<client::CommandList> listed;
  bus.commands({arguments.state, arguments.owner, arguments.symbol, arguments.older_than},
               [&listed](const client::CommandList& list) { listed = list; });
  while (!listed && !console.interrupted && steady_clock::now() < deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    for (const client::Notice& notice : bus.run_once(std::clamp(left, milliseconds(0), milliseconds(100)))) {
      report_trouble(notice, arguments, console);
      if (is_rejection(notice)) return ExitFailed;
    }
  }
  if (!listed) {
    console.err << "cancelctl: no answer from " << arguments.session_endpoint << " within "
                << elapsed_text(arguments.timeout) << std::endl;
    return ExitUnknown;
  }
  arguments.json ? print_json(*listed, console) : print_text(*listed, console);
  return ExitProven;
}

}  // namespace cancelbus::ctl
