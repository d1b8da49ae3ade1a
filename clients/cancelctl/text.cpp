#include "clients/cancelctl/text.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cstdio>

namespace cancelbus::ctl {
namespace {

using client::reason_text;
using client::short_name;
using google::protobuf::util::TimeUtil;
using namespace std::chrono_literals;

std::string order_name(int64_t order_id, const std::string& cl_ord_id) {
  std::string name = "order " + std::to_string(order_id);
  return cl_ord_id.empty() ? name : name + " (" + printable(cl_ord_id) + ")";
}

uint64_t queued(const v1::BusStatus& status) {
  uint64_t orders = 0;
  for (const auto& q : status.queues()) orders += q.urgent() + uint64_t{q.normal()};
  return orders;
}

std::string content(const v1::Event& event) {
  switch (event.event_case()) {
    case v1::Event::kCancelAck:
      return order_name(event.cancel_ack().order_id(), event.cancel_ack().cl_ord_id()) + " " +
             describe(event.cancel_ack());
    case v1::Event::kCancelFinal:
      return order_name(event.cancel_final().order_id(), event.cancel_final().cl_ord_id()) + " " +
             describe(event.cancel_final());
    case v1::Event::kCancelStatus:
      return order_name(event.cancel_status().order_id(), event.cancel_status().cl_ord_id()) + " " +
             describe(event.cancel_status());
    case v1::Event::kBusStatus:
      return describe(event.bus_status());
    case v1::Event::kMassCancelReport:
      return "mass cancel " + printable(event.mass_cancel_report().cl_ord_id()) + " " +
             client::text(event.mass_cancel_report());
    case v1::Event::kRecorded:
      return "recorded by " + printable(event.recorded().source());
    case v1::Event::EVENT_NOT_SET:
      return "an event that this version does not know";
  }
  return "";
}

}  // namespace

WallTime wall_now() { return std::chrono::system_clock::now(); }

WallTime wall_time(const google::protobuf::Timestamp& time) {
  constexpr int64_t Most = 4'000'000'000;  // seconds: the year 2096
  return WallTime(std::chrono::seconds(std::clamp<int64_t>(time.seconds(), 0, Most)) +
                  std::chrono::nanoseconds(std::clamp(time.nanos(), 0, 999'999'999)));
}

std::string time_text(WallTime time) {
  return TimeUtil::ToString(TimeUtil::NanosecondsToTimestamp(time.time_since_epoch().count()));
}

std::string elapsed_text(std::chrono::nanoseconds time) {
  const double ms = std::chrono::duration<double, std::milli>(time).count();
  char text[32];
  if (ms < 1000) {
    std::snprintf(text, sizeof text, "%.1f ms", ms);
  } else {
    std::snprintf(text, sizeof text, "%.1f s", ms / 1000);
  }
  return text;
}

std::string span_text(std::chrono::nanoseconds time) {
  using namespace std::chrono;
  const auto in = [time](auto unit, const char* name) {
    return std::to_string(duration_cast<decltype(unit)>(time).count()) + name;
  };
  if (time <= nanoseconds::zero()) return "0 s";
  if (time < seconds(1)) return in(milliseconds(), " ms");
  if (time < seconds(10)) return std::to_string(time / seconds(1)) + "." + std::to_string(time / 100ms % 10) + " s";
  if (time < minutes(2)) return in(seconds(), " s");
  if (time < hours(2)) return in(minutes(), " min");
  return time < days(2) ? in(hours(), " h") : in(days(), " d");
}

std::string span_text(const google::protobuf::Duration& span) {
  constexpr int64_t Most = 4'000'000'000;  // seconds
  return span_text(std::chrono::seconds(std::clamp<int64_t>(span.seconds(), 0, Most)) +
                   std::chrono::nanoseconds(std::clamp(span.nanos(), 0, 999'999'999)));
}

std::string bytes_text(uint64_t bytes) {
  const char* const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1'000) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (value /= 1'000; value >= 999.95 && unit < 5; ++unit) value /= 1'000;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, units[unit]);
  return text;
}

std::string describe(const v1::CancelStatus& status) {
  const std::string stage = "stage " + short_name(status.stage(), "CANCEL_STAGE_");
  return status.text().empty() ? stage : stage + ": " + printable(status.text());
}

std::string describe(const v1::BusStatus& status) {
  std::string text;
  for (const auto& w : status.windows()) {
    text += printable(w.limiter()) + " " + std::to_string(w.used()) + "/" + std::to_string(w.limit()) + " in " +
            TimeUtil::ToString(w.period()) + ", ";
  }
  // A bus of an earlier version says nothing of causes.
  if (!status.headline().empty()) text = printable(status.headline()) + "; " + text;
  if (const int engaged = status.kill_switches_size(); engaged > 0) {
    text = std::to_string(engaged) + " kill switches ENGAGED; " + text;
  }
  const std::string empty = status.has_queue_empty_in() ? ", empty in " + span_text(status.queue_empty_in()) : "";
  return text + std::to_string(queued(status)) + " queued" + empty + ", " +
         std::to_string(status.commands_undecided()) + " undecided, " + std::to_string(status.workers_size()) +
         " workers, stream " + (status.stream().live() ? "live" : "not live");
}

std::string describe(const v1::Reject& reject) {
  const std::string field = reject.field().empty() ? "a message" : "field " + printable(reject.field());
  return "the bus rejected " + field + ", " + reason_text(reject.reason(), reject.text());
}

std::string describe(const v1::Resolved& resolved) {
  const std::string name = printable(resolved.sender_comp_id() + "/" + resolved.cl_ord_id());
  const std::string text = resolved.text().empty() ? "" : ": " + printable(resolved.text());
  switch (resolved.status()) {
    case v1::RESOLVE_STATUS_SETTLED:
      return name + " settled" + text;
    case v1::RESOLVE_STATUS_PENDING:
      return name + " not settled yet" + text;
    case v1::RESOLVE_STATUS_REFUSED:
      return name + " not settled" + text;
    default:
      return name + " " + short_name(resolved.status(), "RESOLVE_STATUS_") + text;
  }
}

std::string event_line(const v1::Event& event) {
  std::string line = TimeUtil::ToString(event.sending_time()) + " " + printable(event.topic());
  if (event.seq() != 0) line += " #" + std::to_string(event.seq());
  return line + " " + content(event) + (event.poss_dup() ? " [repeated]" : "");
}

}  // namespace cancelbus::ctl
