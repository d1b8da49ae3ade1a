#include "clients/fix/metrics.hpp"

#include <array>

#include "service/io/metrics.hpp"
#include "service/io/monitor.hpp"

namespace cancelbus::fix {
namespace {

/// A counterparty makes up types as it likes: others share one label.
std::string label_of(const std::string& type) {
  constexpr std::array Known = {"0", "1", "2", "3", "4", "5", "A", "F", "H", "q", "8", "9", "r", "j"};
  for (const char* known : Known) {
    if (type == known) return type;
  }
  return "other";
}

}  // namespace

Metrics::Metrics()
    : in_(io::counters(registry_, "cancelbus_fix_received_total", "FIX messages of counterparties, by type.")),
      out_(io::counters(registry_, "cancelbus_fix_sent_total", "FIX messages to counterparties, by type.")),
      refused_(io::counters(registry_, "cancelbus_fix_refused_connections_total",
                            "Connections that were closed before a logon, by reason.")),
      garbled_(io::counter(registry_, "cancelbus_fix_garbled_total", "Times that bytes were no FIX message.")),
      logged_on_(io::gauges(registry_, "cancelbus_fix_logged_on", "1 while the session is logged on.")),
      bus_reached_(io::gauges(registry_, "cancelbus_fix_bus_reached", "1 while the bus answers the session's sender.")),
      waiting_(io::gauges(registry_, "cancelbus_fix_waiting", "Reports that wait for a logon.")),
      undecided_(io::gauges(registry_, "cancelbus_fix_undecided", "Requests whose last report has not come.")),
      store_bytes_(io::gauge(registry_, "cancelbus_fix_store_bytes", "Size of the message store.")) {}

void Metrics::count_in(const std::string& session, const std::string& type) {
  in_.Add({{"session", session}, {"type", label_of(type)}}).Increment();
}

void Metrics::count_out(const std::string& session, const std::string& type) {
  out_.Add({{"session", session}, {"type", label_of(type)}}).Increment();
}

void Metrics::set(const std::string& session, const OfSession& values) {
  logged_on_.Add({{"session", session}}).Set(values.logged_on);
  bus_reached_.Add({{"session", session}}).Set(values.bus_reached);
  waiting_.Add({{"session", session}}).Set(static_cast<double>(values.waiting));
  undecided_.Add({{"session", session}}).Set(static_cast<double>(values.undecided));
}

std::string Metrics::text(uint64_t store_bytes) {
  store_bytes_.Set(static_cast<double>(store_bytes));
  return io::prometheus_text(registry_);
}

}  // namespace cancelbus::fix
