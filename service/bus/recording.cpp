#include "service/bus/recording.hpp"

#include "service/io/log.hpp"
#include "service/io/metrics.hpp"

namespace cancelbus::bus {

Recording::Recording(prometheus::Registry& registry)
    : on_(io::gauge(registry, "cancelbus_recording", "1 while an operator records what comes from the exchange")),
      published_(io::counter(registry, "cancelbus_records_total", "Things that came from it, published on record.")),
      dropped_(io::counter(registry, "cancelbus_records_dropped_total",
                           "The same that came while no operator recorded, or beyond what may be published")) {}

void Recording::ask(const std::string& who, core::Tick now) {
  if (next_ask_ == core::Never) {
    io::log_info("recording", {{"who", who}});
    next_ask_ = now;
  }
  on_.Set(1);
  until_ = now + Lease;
}

bool Recording::due(core::Tick now) {
  if (now < next_ask_) return false;
  if (now >= until_) {
    next_ask_ = core::Never;
    on_.Set(0);
    io::log_info("recording_ended");
    return false;
  }
  next_ask_ = now + AskEvery;
  bytes_left_ = MostBytes;
  return true;
}

bool Recording::admits(size_t bytes, core::Tick now) {
  const bool admitted = now < until_ && bytes <= bytes_left_;
  if (admitted) bytes_left_ -= bytes;
  (admitted ? published_ : dropped_).Increment();
  return admitted;
}

}  // namespace cancelbus::bus
