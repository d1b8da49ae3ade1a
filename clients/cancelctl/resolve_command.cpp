#include <algorithm>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int run_resolve(const Arguments& arguments, client::Client& bus, Console& console) {
  const auto deadline = steady_clock::now() + arguments.timeout;
  v1::ResolveRequest request;
  request.set_sender_comp_id(arguments.sender_comp_id);
  request.set_cl_ord_id(arguments.cl_ord_id);
  request.set_as(arguments.as);
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
