#include <algorithm>
#include <memory>
#include <optional>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int run_retry(const Arguments& arguments, client::Client& bus, Console& console) {
  const auto deadline = steady_clock::now() + arguments.timeout;
  // The client may outlive this, and the question.
  const auto given = std::make_shared<std::optional<client::RetryAnswer>>();
  bus.retry(arguments.sender_comp_id, arguments.cl_ord_id,
            [given](const client::RetryAnswer& answer) { *given = answer; });
  while (!*given && !console.interrupted && steady_clock::now() < deadline) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    for (const client::Notice& notice : bus.run_once(std::clamp(left, milliseconds(0), milliseconds(100)))) {
      report_trouble(notice, arguments, console);
      if (is_rejection(notice)) return ExitFailed;
    }
  }
  if (!*given) {
    console.err << "cancelctl: no answer from " << arguments.session_endpoint << " within "
                << elapsed_text(arguments.timeout) << std::endl;
    return ExitUnknown;
  }
  const v1::RetryReply& reply = (*given)->reply;
  const bool retrying = reply.status() == v1::RETRY_STATUS_RETRYING;
  if (arguments.json) {
    JsonLine line("retry", wall_now());
    line.add("sender_comp_id", arguments.sender_comp_id).add("cl_ord_id", arguments.cl_ord_id).add("retry", reply);
    console.out << line.str() << std::flush;
  } else {
    const std::string name = arguments.sender_comp_id + "/" + arguments.cl_ord_id;
    const std::string text = name + (retrying ? ": " : " not retried: ") + reply.text();
    console.out << console.paint(retrying ? Tone::Good : Tone::Bad, printable(text)) << std::endl;
  }
  return retrying ? ExitProven : ExitFailed;
}

}  // namespace cancelbus::ctl
