#include <algorithm>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

void print_json(const client::OpenOrders& listed, Console& console) {
  const WallTime heard = wall_now();
  for (const v1::OpenOrder& order : listed.orders) {
    console.out << JsonLine("open_order", heard).add("open_order", order).str();
  }
  JsonLine line("open_orders", heard);
  line.add("count", static_cast<int64_t>(listed.orders.size()));
  if (listed.complete_as_of) line.add("complete_as_of", wall_time(*listed.complete_as_of));
  console.out << line.str() << std::flush;
}

void print_text(const client::OpenOrders& listed, Console& console) {
  console.out << orders_table(listed.orders);
  const std::string count = std::to_string(listed.orders.size()) + " open orders";
  if (listed.complete_as_of) {
    console.out << count << ", complete as of " << time_text(wall_time(*listed.complete_as_of)) << std::endl;
  } else {
    console.out << console.paint(Tone::Doubt, count +
                                                  " known; others may be missing, because the bus has not asked the "
                                                  "exchange for all of them yet")
                << std::endl;
  }
}

}  // namespace

int run_orders(const Arguments& arguments, client::Client& bus, Console& console) {
  const auto deadline = steady_clock::now() + arguments.timeout;
  bus.open_orders({arguments.owner, arguments.symbol, arguments.side});
  while (!console.interrupted && steady_clock::now() < deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    for (const client::Notice& notice : bus.run_once(std::clamp(left, milliseconds(0), milliseconds(100)))) {
      report_trouble(notice, arguments, console);
      if (is_rejection(notice)) return ExitFailed;
      const auto* listed = std::get_if<client::OpenOrders>(&notice);
      if (listed == nullptr || !listed->refused.empty()) continue;  // the rejection itself follows
      arguments.json ? print_json(*listed, console) : print_text(*listed, console);
      return listed->complete_as_of ? ExitProven : ExitUnknown;
    }
  }
  console.err << "cancelctl: no answer from " << arguments.session_endpoint << " within "
              << elapsed_text(arguments.timeout) << std::endl;
  return ExitUnknown;
}

}  // namespace cancelbus::ctl
