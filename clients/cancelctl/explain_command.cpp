#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/history.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

int run_explain(const Arguments& arguments, Console& console) {
  HistoryError error;
  const auto history = read_history(arguments.store, arguments.sender_comp_id, arguments.cl_ord_id, error);
  if (!history) {
    console.err << "cancelctl: --store: " << error.sentence << std::endl;
    return error.unknown_command ? ExitFailed : ExitUsage;
  }
  console.out << (arguments.json ? history_json(*history) : history_text(*history)) << std::flush;
  return ExitProven;
}

}  // namespace cancelbus::ctl
