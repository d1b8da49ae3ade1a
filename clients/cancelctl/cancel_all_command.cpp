#include <algorithm>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/scope.hpp"
#include "clients/cancelctl/scope_dialog.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;

constexpr int BarWidth = 20;

class CancelAllCommand {
 public:
  CancelAllCommand(const Arguments& arguments, Client& bus, Console& console)
      : arguments_(arguments),
        bus_(bus),
        console_(console),
        dialog_(arguments, bus, console, [this](const Notice& notice) { std::visit(*this, notice); }) {}

  int run() {
    const bool preview_first = arguments_.dry_run || !arguments_.yes;
    if (preview_first) {
      if (const auto ends = dialog_.preview(options()); arguments_.dry_run || ends != ExitProven) return ends;
      if (const auto ends = dialog_.ask(question()); ends != ExitProven) return ends;
    }
    MassCancel mass = bus_.mass_cancel(options());
    const auto first_answer = ScopeDialog::answer_due();
    while (!mass.received() && dialog_.goes_on(first_answer)) turn();
    if (!mass.received()) return dialog_.no_answer("what the bus has received goes on");
    while (!mass.end() && dialog_.goes_on()) {
      turn();
      if (mass.report()) show_progress(*mass.report());
    }
    dialog_.clear();
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
    } else if (!dialog_.draws() && !last) {
      console_.out << client::text(report) << "\n";
    }
  }
  void operator()(const v1::BusStatus& status) { status_ = status; }
  template <typename OtherNotice>
  void operator()(const OtherNotice&) {}

 private:
  MassCancelOptions options() const {
    MassCancelOptions options;
    scope_of(arguments_).set(options);
    options.urgent = arguments_.urgent;
    options.until_empty = arguments_.until_empty;
    return options;
  }

  std::string question() const {
    const std::string later = arguments_.until_empty ? ", and every order that appears until none is left" : "";
    return "Cancel these " + std::to_string(dialog_.expected()) + " orders" + later + "?";
  }

  void turn() {
    if (dialog_.draws()) dialog_.ask_status_each_second();
    dialog_.turn();
  }

  int conclude(const MassCancel& mass) {
    if (!mass.end()) {
      if (dialog_.is_rejected()) return ExitFailed;
      console_.err << "cancelctl: not proven yet; it goes on at the bus as " << arguments_.sender << "/"
                   << mass.cl_ord_id() << std::endl;
      return ExitUnknown;
    }
    if (const auto* refused = std::get_if<Refused>(mass.end())) return dialog_.refuse(describe(refused->receipt));
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
    if (!dialog_.draws()) return;
    const uint32_t gone = report.canceled() + report.filled();
    const int full = report.total_affected() == 0
                         ? 0
                         : static_cast<int>(uint64_t{gone} * BarWidth / std::max(1u, report.total_affected()));
    std::string line = "[" + std::string(static_cast<size_t>(full), '#') +
                       std::string(static_cast<size_t>(BarWidth - full), '.') + "] " + std::to_string(gone) + " of " +
                       std::to_string(report.total_affected()) + " gone";
    if (report.in_doubt() > 0) line += ", " + std::to_string(report.in_doubt()) + " in doubt";
    if (report.not_affected_total() > 0) line += ", " + std::to_string(report.not_affected_total()) + " not affected";
    line += cancel_budget_text(status_);
    if (report.has_estimated_completion()) {
      const std::chrono::duration<double> left = wall_time(report.estimated_completion()) - wall_now();
      line += "; " + seconds_text(left.count()) + " left";
    } else if (!report.text().empty()) {
      line += "; " + printable(report.text());
    }
    dialog_.show(line);
  }

  const Arguments& arguments_;
  Client& bus_;
  Console& console_;
  ScopeDialog dialog_;
  v1::BusStatus status_;
};

}  // namespace

int run_cancel_all(const Arguments& arguments, Client& bus, Console& console) {
  return CancelAllCommand(arguments, bus, console).run();
}

}  // namespace cancelbus::ctl
