#include <algorithm>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

std::string consequence(v1::OrdStatus as) {
  switch (as) {
    case v1::ORD_STATUS_NEW:
      return "that its order is open";
    case v1::ORD_STATUS_FILLED:
      return "that its order was filled, and every undecided command of the order";
    case v1::ORD_STATUS_REJECTED:
      return "that there is no such order, and every undecided command of the order";
    default:
      return "that its order was canceled, and every undecided command of the order";
  }
}

/// ExitProven: the operator has said yes.
int ask(const Arguments& arguments, Console& console) {
  if (arguments.yes) return ExitProven;
  if (!console.ask) {
    console.err << "cancelctl: nothing was settled: there is no terminal to ask on; give --yes" << std::endl;
    return ExitUsage;
  }
  console.err << "Tell " << arguments.sender_comp_id << "/" << printable(arguments.cl_ord_id) << " "
              << consequence(arguments.as) << "? Nothing takes it back, and the bus does not check it. [y/N] "
              << std::flush;
  const std::string answer = console.ask();
  if (answer == "y" || answer == "Y" || answer == "yes") return ExitProven;
  console.err << "cancelctl: nothing was settled" << std::endl;
  return ExitFailed;
}

}  // namespace

int run_resolve(const Arguments& arguments, client::Client& bus, Console& console) {
  if (const int ends = ask(arguments, console); ends != ExitProven) return ends;
  const auto deadline = steady_clock::now() + arguments.timeout;
  v1::ResolveRequest request;
  request.set_sender_comp_id(arguments.sender_comp_id);
  request.set_cl_ord_id(arguments.cl_ord_id);
  request.set_as(arguments.as);
  request.set_reason(arguments.reason);
  bus.resolve(request);
  bool pending_told = false;
  while (!console.interrupted && steady_clock::now() < deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    for (const client::Notice& notice : bus.run_once(std::clamp(left, milliseconds(0), milliseconds(100)))) {
      report_trouble(notice, arguments, console);
      if (is_rejection(notice)) return ExitFailed;
      const auto* resolved = std::get_if<v1::Resolved>(&notice);
      const bool pending = resolved != nullptr && resolved->status() == v1::RESOLVE_STATUS_PENDING;
      // It is asked again every second, and answered the same.
      if (resolved == nullptr || (pending && std::exchange(pending_told, true))) continue;
      if (arguments.json) {
        console.out << JsonLine("resolved", wall_now()).add("resolved", *resolved).str() << std::flush;
      } else {
        const Tone tone = pending                                            ? Tone::Doubt
                          : resolved->status() == v1::RESOLVE_STATUS_SETTLED ? Tone::Good
                                                                             : Tone::Bad;
        console.out << console.paint(tone, describe(*resolved)) << std::endl;
      }
      if (!pending) return resolved->status() == v1::RESOLVE_STATUS_SETTLED ? ExitProven : ExitFailed;
    }
  }
  console.err << "cancelctl: " << (pending_told ? "not settled" : "no answer from " + arguments.session_endpoint)
              << " within " << elapsed_text(arguments.timeout) << std::endl;
  return ExitUnknown;
}

}  // namespace cancelbus::ctl
