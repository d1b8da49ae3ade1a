#include <algorithm>
#include <cmath>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds WaitForNews{100};
/// For the first answer.
constexpr seconds Patience{30};
constexpr int BarWidth = 20;

std::string seconds_text(double time) { return std::to_string(std::lround(std::max(0.0, time))) + " s"; }

class CancelAllCommand {
 public:
  CancelAllCommand(const Arguments& arguments, Client& bus, Console& console)
      : arguments_(arguments), bus_(bus), console_(console), deadline_(steady_clock::now() + arguments.timeout) {}

  int run() {
    const bool preview_first = arguments_.dry_run || !arguments_.yes;
    if (preview_first) {
      if (const auto ends = preview(); arguments_.dry_run || ends != ExitProven) return ends;
      if (const auto ends = ask(); ends != ExitProven) return ends;
    }
    MassCancel mass = bus_.mass_cancel(options());
    const auto first_answer = std::min(deadline_, steady_clock::now() + Patience);
    while (!mass.received() && goes_on(first_answer)) turn();
    if (!mass.received()) return no_answer();
    while (!mass.end() && goes_on(deadline_)) {
      turn();
      if (mass.report()) show_progress(*mass.report());
    }
    clear_progress();
    return conclude(mass);
  }

  void operator()(const v1::Receipt& receipt) {
    if (arguments_.json) console_.out << JsonLine("receipt", wall_now()).add("receipt", receipt).str();
  }
  void operator()(const v1::MassCancelReport& report) {
    const bool last =
        report.status() == v1::MASS_CANCEL_STATUS_COMPLETED || report.status() == v1::MASS_CANCEL_STATUS_REJECTED;
    if (arguments_.json) {
      console_.out << JsonLine("mass_cancel_report", wall_now()).add("mass_cancel_report", report).str();
    } else if (!draws() && !last) {
      console_.out << client::text(report) << "\n";
    }
  }
  void operator()(const v1::BusStatus& status) { status_ = status; }
  template <typename OtherNotice>
  void operator()(const OtherNotice&) {}

 private:
  using Deadline = steady_clock::time_point;

  bool goes_on(Deadline until) const { return !console_.interrupted && !rejected_ && steady_clock::now() < until; }
  bool draws() const { return !arguments_.json && (console_.terminal || console_.progress); }

  MassCancelOptions options() const {
    MassCancelOptions options;
    // A strategy's key may cancel its own orders by its own name, and an operator's those of any.
    const bool own = !arguments_.owner.empty() && arguments_.owner == arguments_.sender;
    options.scope = own                         ? v1::MASS_CANCEL_SCOPE_OWN
                    : !arguments_.owner.empty() ? v1::MASS_CANCEL_SCOPE_SENDER
                    : arguments_.unowned        ? v1::MASS_CANCEL_SCOPE_UNOWNED
                                                : v1::MASS_CANCEL_SCOPE_ALL;
    if (!own) options.owner = arguments_.owner;
    options.symbol = arguments_.symbol;
    options.side = arguments_.side;
    options.client_order_id_prefix = arguments_.prefix;
    options.urgent = arguments_.urgent;
    options.until_empty = arguments_.until_empty;
    return options;
  }

  void turn() {
    if (steady_clock::now() >= ask_status_at_ && draws()) {
      bus_.ask_status();
      ask_status_at_ = steady_clock::now() + seconds(1);
    }
    for (const Notice& notice : bus_.run_once(WaitForNews)) {
      report_trouble(notice, arguments_, console_);
      rejected_ = rejected_ || is_rejection(notice);
      std::visit(*this, notice);
    }
    console_.out.flush();
  }

  int preview() {
    std::optional<MassCancelPreview> answer;
    bus_.preview_mass_cancel(options(), [&answer](const MassCancelPreview& given) { answer = given; });
    const auto until = std::min(deadline_, steady_clock::now() + Patience);
    while (!answer && goes_on(until)) turn();
    if (!answer) return no_answer();
    if (const auto* refused = std::get_if<Refused>(&*answer)) return refuse(refused->receipt);
    const auto* preview = std::get_if<v1::MassCancelPreview>(&*answer);
    if (preview == nullptr) return no_answer();
    expected_ = preview->total_affected();
    if (arguments_.json) {
      console_.out << JsonLine("mass_cancel_preview", wall_now()).add("mass_cancel_preview", *preview).str();
    } else {
      print(*preview);
    }
    return preview->has_complete_as_of() || !arguments_.dry_run ? ExitProven : ExitUnknown;
  }

  void print(const v1::MassCancelPreview& preview) {
    for (const auto& of : preview.orders()) {
      console_.out << "  " << of.orders() << " of " << (of.owner().empty() ? "no known owner" : printable(of.owner()))
                   << " in " << printable(of.symbol()) << "\n";
    }
    const double takes = static_cast<double>(preview.estimated_duration().seconds()) +
                         static_cast<double>(preview.estimated_duration().nanos()) / 1e9;
    console_.out << preview.total_affected() << " orders, at least " << seconds_text(takes)
                 << " at the account's limits";
    if (preview.has_complete_as_of()) {
      console_.out << ", known as of " << time_text(wall_time(preview.complete_as_of()));
    }
    if (!preview.text().empty()) console_.out << "; " << console_.paint(Tone::Doubt, printable(preview.text()));
    console_.out << std::endl;
  }

  int ask() {
    if (!console_.ask) {
      console_.err << "cancelctl: nothing was canceled: there is no terminal to ask on; give --yes" << std::endl;
      return ExitUsage;
    }
    const std::string later = arguments_.until_empty ? ", and every order that appears until none is left" : "";
    console_.err << "Cancel these " << expected_ << " orders" << later << "? [y/N] " << std::flush;
    const std::string answer = console_.ask();
    if (answer == "y" || answer == "Y" || answer == "yes") return ExitProven;
    console_.err << "cancelctl: nothing was canceled" << std::endl;
    return ExitFailed;
  }

  int refuse(const v1::Receipt& receipt) {
    clear_progress();
    console_.err << "cancelctl: " << describe(receipt) << std::endl;
    return ExitFailed;
  }

  int no_answer() {
    if (rejected_) return ExitFailed;
    console_.err << "cancelctl: no answer from " << arguments_.session_endpoint << "; what the bus has received goes on"
                 << std::endl;
    return ExitUnknown;
  }

  int conclude(const MassCancel& mass) {
    if (!mass.end()) {
      if (rejected_) return ExitFailed;
      console_.err << "cancelctl: not proven yet; it goes on at the bus as " << arguments_.sender << "/"
                   << mass.cl_ord_id() << std::endl;
      return ExitUnknown;
    }
    if (const auto* refused = std::get_if<Refused>(mass.end())) return refuse(refused->receipt);
    const auto* report = std::get_if<v1::MassCancelReport>(mass.end());
    if (report == nullptr) {
      console_.err << "cancelctl: " << client::text(*mass.end()) << std::endl;
      return ExitUnknown;
    }
    if (!arguments_.json) {
      for (const auto& order : report->not_affected()) {
        console_.out << "order " << order.order_id() << " not affected: " << printable(order.text()) << "\n";
      }
      console_.out << console_.paint(tone_of(*report), client::text(*report)) << std::endl;
    }
    if (report->status() == v1::MASS_CANCEL_STATUS_REJECTED) return ExitFailed;
    return arguments_.until_empty || client::all_gone(*report) ? ExitProven : ExitUnknown;
  }

  // As "[#######.............] 350 of 1000 gone, 3 in doubt; cancel 8/10 in 1s, 120/300 in 60s; 130 s left".
  void show_progress(const v1::MassCancelReport& report) {
    if (!draws()) return;
    const uint32_t gone = report.canceled() + report.filled();
    const int full = report.total_affected() == 0
                         ? 0
                         : static_cast<int>(uint64_t{gone} * BarWidth / std::max(1u, report.total_affected()));
    std::string line = "[" + std::string(static_cast<size_t>(full), '#') +
                       std::string(static_cast<size_t>(BarWidth - full), '.') + "] " + std::to_string(gone) + " of " +
                       std::to_string(report.total_affected()) + " gone";
    if (report.in_doubt() > 0) line += ", " + std::to_string(report.in_doubt()) + " in doubt";
    if (report.not_affected_total() > 0) line += ", " + std::to_string(report.not_affected_total()) + " not affected";
    for (const auto& window : status_.windows()) {
      if (window.limiter() != "cancel") continue;
      line += "; " + std::to_string(window.used()) + "/" + std::to_string(window.limit()) + " in " +
              std::to_string(window.period().seconds()) + " s";
    }
    if (report.has_estimated_completion()) {
      const std::chrono::duration<double> left = wall_time(report.estimated_completion()) - wall_now();
      line += "; " + seconds_text(left.count()) + " left";
    } else if (!report.text().empty()) {
      line += "; " + printable(report.text());
    }
    if (line == shown_) return;
    console_.err << "\r\x1b[K" << line << std::flush;
    shown_ = line;
  }

  void clear_progress() {
    if (!std::exchange(shown_, "").empty()) console_.err << "\r\x1b[K" << std::flush;
  }

  const Arguments& arguments_;
  Client& bus_;
  Console& console_;
  const Deadline deadline_;
  Deadline ask_status_at_{};
  v1::BusStatus status_;
  uint32_t expected_ = 0;
  bool rejected_ = false;
  std::string shown_;
};

}  // namespace

int run_cancel_all(const Arguments& arguments, Client& bus, Console& console) {
  return CancelAllCommand(arguments, bus, console).run();
}

}  // namespace cancelbus::ctl
