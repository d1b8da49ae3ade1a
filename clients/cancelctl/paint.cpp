#include "clients/cancelctl/paint.hpp"

#include "cancelbus/mass_cancel.hpp"

namespace cancelbus::ctl {

std::string Paint::operator()(Tone tone, std::string_view text) const {
  static constexpr const char* Codes[] = {"", "\x1b[32m", "\x1b[33m", "\x1b[31m"};
  if (!on_ || tone == Tone::Plain || text.empty()) return std::string(text);
  return Codes[static_cast<size_t>(tone)] + std::string(text) + "\x1b[0m";
}

bool wants_color(const Arguments& arguments, bool on_terminal, const Environment& env) {
  if (arguments.json || arguments.color == Color::Never) return false;
  if (arguments.color == Color::Always) return true;
  const auto value = [&env](const char* name) {
    const char* text = env(name);
    return std::string_view(text ? text : "");
  };
  const std::string_view term = value("TERM");
  return on_terminal && value("NO_COLOR").empty() && !term.empty() && term != "dumb";
}

Tone tone_of(const v1::CancelAck& ack) {
  if (ack.status() == v1::CANCEL_ACK_STATUS_IN_DOUBT) return Tone::Doubt;
  return ack.status() == v1::CANCEL_ACK_STATUS_REJECTED ? Tone::Bad : Tone::Plain;
}

Tone tone_of(const v1::CancelFinal& final) {
  const bool gone = final.ord_status() == v1::ORD_STATUS_CANCELED || final.ord_status() == v1::ORD_STATUS_FILLED;
  return gone ? Tone::Good : Tone::Bad;
}

Tone tone_of(const v1::CancelStatus& status) {
  const bool bad = status.stage() == v1::CANCEL_STAGE_STUCK || status.stage() == v1::CANCEL_STAGE_BACK_ON_BOOK;
  if (bad) return Tone::Bad;
  const bool doubt = status.stage() == v1::CANCEL_STAGE_IN_DOUBT || status.stage() == v1::CANCEL_STAGE_RESENDING;
  return doubt ? Tone::Doubt : Tone::Plain;
}

Tone tone_of(const v1::BusStatus& status) {
  const bool no_worker = std::all_of(status.workers().begin(), status.workers().end(),
                                     [](const auto& worker) { return worker.has_silent_since(); });
  if (!status.store_writable() || no_worker) return Tone::Bad;
  return status.stream().live() && status.cause().empty() ? Tone::Plain : Tone::Doubt;
}

Tone tone_of(const v1::MassCancelReport& report) {
  if (report.status() == v1::MASS_CANCEL_STATUS_REJECTED) return Tone::Bad;
  if (report.status() != v1::MASS_CANCEL_STATUS_COMPLETED) return report.in_doubt() > 0 ? Tone::Doubt : Tone::Plain;
  return client::all_gone(report) ? Tone::Good : Tone::Doubt;
}

Tone tone_of(const v1::Event& event) {
  switch (event.event_case()) {
    case v1::Event::kCancelAck:
      return tone_of(event.cancel_ack());
    case v1::Event::kCancelFinal:
      return tone_of(event.cancel_final());
    case v1::Event::kCancelStatus:
      return tone_of(event.cancel_status());
    case v1::Event::kBusStatus:
      return tone_of(event.bus_status());
    case v1::Event::kMassCancelReport:
      return tone_of(event.mass_cancel_report());
    case v1::Event::kRecorded:
    case v1::Event::EVENT_NOT_SET:
      break;
  }
  return Tone::Plain;
}

}  // namespace cancelbus::ctl
