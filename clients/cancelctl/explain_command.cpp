#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/history.hpp"
#include "clients/cancelctl/history_dialog.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

/// Other commands of the order, as SENDER/CL_ORD_ID. Those that the key may see.
bool ask_others(HistoryDialog& dialog, CommandHistory& history) {
  if (!dialog.ask({.order_id = history.order_id})) return false;
  for (const v1::HistoryCommand& other : dialog.answer().commands) {
    const bool same = other.sender_comp_id() == history.sender && other.cl_ord_id() == history.cl_ord_id;
    if (!same) history.others.push_back(other.sender_comp_id() + "/" + other.cl_ord_id());
  }
  return true;
}

}  // namespace

int run_explain(const Arguments& arguments, client::Client& bus, Console& console) {
  HistoryDialog dialog(arguments, bus, console);
  if (!dialog.ask({.sender_comp_id = arguments.sender_comp_id, .cl_ord_id = arguments.cl_ord_id})) return dialog.ends();
  if (dialog.answer().commands.empty()) {
    console.err << "cancelctl: no command " << arguments.sender_comp_id << "/" << printable(arguments.cl_ord_id)
                << "; ended ones are forgotten after the bus's --retention" << std::endl;
    return ExitFailed;
  }
  CommandHistory history = history_of(dialog.answer().commands.front());
  if (!ask_others(dialog, history)) return dialog.ends();
  console.out << (arguments.json ? history_json(history) : history_text(history)) << std::flush;
  return ExitProven;
}

int run_explain_store(const Arguments& arguments, Console& console) {
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
