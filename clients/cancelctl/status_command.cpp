#include <algorithm>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int run_status(const Arguments& arguments, client::Client& bus, Console& console) {
  const auto deadline = steady_clock::now() + arguments.timeout;
  bus.ask_status();
  while (!console.interrupted && steady_clock::now() < deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    for (const client::Notice& notice : bus.run_once(std::clamp(left, milliseconds(0), milliseconds(100)))) {
      report_trouble(notice, arguments, console);
      if (is_rejection(notice)) return ExitFailed;
      const auto* status = std::get_if<v1::BusStatus>(&notice);
      if (status == nullptr) continue;
      console.out << (arguments.json ? JsonLine("bus_status", wall_now()).add("bus_status", *status).str()
                                     : status_table(*status, console.paint))
                  << std::flush;
      return ExitProven;
    }
  }
  console.err << "cancelctl: no answer from " << arguments.session_endpoint << " within "
              << elapsed_text(arguments.timeout) << std::endl;
  return ExitUnknown;
}

}  // namespace cancelbus::ctl
