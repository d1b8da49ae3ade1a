#include "clients/cancelctl/scope_dialog.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {

using namespace client;
using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds WaitForNews{100};

}  // namespace

ScopeDialog::ScopeDialog(const Arguments& arguments, Client& bus, Console& console, OnNotice on_notice)
    : arguments_(arguments),
      bus_(bus),
      console_(console),
      on_notice_(std::move(on_notice)),
      deadline_(steady_clock::now() + arguments.timeout) {}

void ScopeDialog::turn() {
  for (const Notice& notice : bus_.run_once(WaitForNews)) {
    report_trouble(notice, arguments_, console_);
    rejected_ = rejected_ || is_rejection(notice);
    on_notice_(notice);
  }
  console_.out.flush();
}

void ScopeDialog::ask_status_each_second() {
  const auto now = steady_clock::now();
  if (now < ask_status_at_) return;
  bus_.ask_status();
  ask_status_at_ = now + std::chrono::seconds(1);
}

bool ScopeDialog::goes_on(Time until) const {
  return !console_.interrupted && !rejected_ && steady_clock::now() < std::min(until, deadline_);
}

int ScopeDialog::preview(const MassCancelOptions& options) {
  std::optional<MassCancelPreview> answer;
  bus_.preview_mass_cancel(options, [&answer](const MassCancelPreview& given) { answer = given; });
  const auto until = answer_due();
  while (!answer && goes_on(until)) turn();
  if (!answer) return no_answer("nothing was canceled");
  if (const auto* refused = std::get_if<Refused>(&*answer)) return refuse(describe(refused->receipt));
  const auto* preview = std::get_if<v1::MassCancelPreview>(&*answer);
  if (preview == nullptr) return no_answer("nothing was canceled");
  expected_ = preview->total_affected();
  if (arguments_.json) {
    console_.out << JsonLine("mass_cancel_preview", wall_now()).add("mass_cancel_preview", *preview).str();
  } else {
    print(*preview);
  }
  return preview->has_complete_as_of() || !arguments_.dry_run ? ExitProven : ExitUnknown;
}

void ScopeDialog::print(const v1::MassCancelPreview& preview) {
  for (const auto& of : preview.orders()) {
    console_.out << "  " << of.orders() << " of " << (of.owner().empty() ? "no known owner" : printable(of.owner()))
                 << " in " << printable(of.symbol()) << "\n";
  }
  const double takes = static_cast<double>(preview.estimated_duration().seconds()) +
                       static_cast<double>(preview.estimated_duration().nanos()) / 1e9;
  console_.out << preview.total_affected() << " orders, at least " << seconds_text(takes) << " at the account's limits";
  if (preview.has_complete_as_of()) {
    console_.out << ", known as of " << time_text(wall_time(preview.complete_as_of()));
  }
  if (!preview.text().empty()) console_.out << "; " << console_.paint(Tone::Doubt, printable(preview.text()));
  console_.out << std::endl;
}

int ScopeDialog::ask(const std::string& question) {
  if (!console_.ask) {
    console_.err << "cancelctl: nothing was canceled: there is no terminal to ask on; give --yes" << std::endl;
    return ExitUsage;
  }
  console_.err << question << " [y/N] " << std::flush;
  const std::string answer = console_.ask();
  if (answer == "y" || answer == "Y" || answer == "yes") return ExitProven;
  console_.err << "cancelctl: nothing was canceled" << std::endl;
  return ExitFailed;
}

int ScopeDialog::no_answer(std::string_view meaning) {
  if (rejected_) return ExitFailed;
  console_.err << "cancelctl: no answer from " << arguments_.session_endpoint << "; " << meaning << std::endl;
  return ExitUnknown;
}

int ScopeDialog::refuse(const std::string& why) {
  clear();
  console_.err << "cancelctl: " << why << std::endl;
  return ExitFailed;
}

bool ScopeDialog::draws() const { return !arguments_.json && (console_.terminal || console_.progress); }

void ScopeDialog::show(const std::string& line) {
  if (!draws() || line == shown_) return;
  console_.err << "\r\x1b[K" << line << std::flush;
  shown_ = line;
}

void ScopeDialog::clear() {
  if (!std::exchange(shown_, "").empty()) console_.err << "\r\x1b[K" << std::flush;
}

std::string seconds_text(double time) { return std::to_string(std::lround(std::max(0.0, time))) + " s"; }

std::string cancel_budget_text(const v1::BusStatus& status) {
  std::string text;
  for (const auto& window : status.windows()) {
    if (window.limiter() != "cancel") continue;
    text += "; " + std::to_string(window.used()) + "/" + std::to_string(window.limit()) + " in " +
            std::to_string(window.period().seconds()) + " s";
  }
  return text;
}

}  // namespace cancelbus::ctl
