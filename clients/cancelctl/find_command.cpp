#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/history.hpp"
#include "clients/cancelctl/history_dialog.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

int run_find(const Arguments& arguments, client::Client& bus, Console& console) {
  HistoryDialog dialog(arguments, bus, console);
  const bool answered = dialog.ask({.order_id = arguments.order_id,
                                    .sender_comp_id = arguments.owner,
                                    .cl_ord_id = arguments.cl_ord_id,
                                    .since = arguments.from,
                                    .until = arguments.to,
                                    .limit = static_cast<size_t>(arguments.limit)});
  if (!answered) return dialog.ends();
  const client::HistoryList& found = dialog.answer();
  for (const v1::HistoryCommand& command : found.commands) {
    const CommandHistory history = history_of(command);
    console.out << (arguments.json ? history_json(history) : history_text(history) + "\n");
  }
  const size_t count = found.commands.size();
  if (arguments.json) {
    JsonLine line("found", wall_now());
    line.add("count", static_cast<int64_t>(count)).add("complete", found.complete);
    console.out << line.str() << std::flush;
  } else {
    console.out << count << (count == 1 ? " command" : " commands")
                << (found.complete ? "" : "; there are more: narrow it, or raise --limit") << std::endl;
  }
  return found.complete ? ExitProven : ExitUnknown;
}

}  // namespace cancelbus::ctl
