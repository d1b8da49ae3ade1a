#include "clients/cancelctl/history_dialog.hpp"

#include <algorithm>

#include "clients/cancelctl/tally.hpp"
#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

bool HistoryDialog::ask(const client::HistoryFilter& filter) {
  answer_.reset();
  // The client may outlive this, and the question.
  const auto given = std::make_shared<std::optional<client::HistoryList>>();
  bus_.history(filter, [given](const client::HistoryList& list) { *given = list; });
  while (!*given && !console_.interrupted && steady_clock::now() < deadline_) {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now());
    for (const client::Notice& notice : bus_.run_once(std::clamp(left, milliseconds(0), milliseconds(100)))) {
      report_trouble(notice, arguments_, console_);
      if (!is_rejection(notice)) continue;
      ends_ = ExitFailed;
      return false;
    }
  }
  answer_ = *given;
  if (!answer_) {
    console_.err << "cancelctl: no answer from " << arguments_.session_endpoint << " within "
                 << elapsed_text(arguments_.timeout) << std::endl;
    ends_ = ExitUnknown;
  } else if (!answer_->refused.empty()) {
    console_.err << "cancelctl: the bus cannot read its store: " << printable(answer_->refused) << std::endl;
    ends_ = ExitUnknown;
  }
  return answer_ && answer_->refused.empty();
}

}  // namespace cancelbus::ctl
