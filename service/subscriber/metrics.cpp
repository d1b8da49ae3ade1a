#include "service/subscriber/metrics.hpp"

#include <chrono>
#include <variant>

#include "service/io/monitor.hpp"

namespace cancelbus::subscriber {
namespace {

struct FrameName {
  const char* operator()(const btcturk::BannerFrame&) const { return "banner"; }
  const char* operator()(const btcturk::LoginResult&) const { return "login"; }
  const char* operator()(const btcturk::IgnoredFrame&) const { return "ignored"; }
  const char* operator()(const btcturk::UnknownFrame&) const { return "unknown"; }
  const char* operator()(const btcturk::IdZeroFrame&) const { return "id_zero"; }
  const char* operator()(const btcturk::MalformedFrame&) const { return "malformed"; }
  const char* operator()(const core::OrderFact& fact) const {
    switch (fact.type) {
      case core::FactType::Inserted451:
        return "451";
      case core::FactType::Deleted452:
        return "452";
      case core::FactType::Matched441:
        return "441";
      case core::FactType::Trade423:
        return "423";
    }
    return "unknown";
  }
};

void raise(prometheus::Counter& counter, uint64_t to) { counter.Increment(static_cast<double>(to) - counter.Value()); }

}  // namespace

const char* frame_name(const btcturk::StreamFrame& frame) { return std::visit(FrameName{}, frame); }

Metrics::Metrics()
    : frames_(prometheus::BuildCounter()
                  .Name("cancelbus_subscriber_frames_total")
                  .Help("Text frames of the stream, by type.")
                  .Register(registry_)),
      facts_(counter("facts_total", "Facts about orders that the stream has told.")),
      facts_lost_(counter("facts_lost_total", "Facts dropped because the bus has not confirmed the former ones.")),
      connects_(counter("connects_total", "Connections tried.")),
      logins_(counter("logins_total", "Logins that succeeded.")),
      connected_(gauge("connected", "1 while a connection to the stream stands.")),
      logged_in_(gauge("logged_in", "1 while it is logged in.")),
      unconfirmed_(gauge("unconfirmed", "Facts and states that the bus has not confirmed.")),
      bus_reached_(gauge("bus_reached", "1 if the last word to the bus had a connection to go to.")),
      last_frame_age_(
          gauge("last_frame_age_seconds", "Since any frame came, pings included; since the start if none has.")) {}

prometheus::Counter& Metrics::counter(const char* name, const char* help) {
  return prometheus::BuildCounter()
      .Name(std::string("cancelbus_subscriber_") + name)
      .Help(help)
      .Register(registry_)
      .Add({});
}

prometheus::Gauge& Metrics::gauge(const char* name, const char* help) {
  return prometheus::BuildGauge()
      .Name(std::string("cancelbus_subscriber_") + name)
      .Help(help)
      .Register(registry_)
      .Add({});
}

std::string Metrics::text(const btcturk::StreamSession& session, std::size_t unconfirmed, core::Duration last_frame_age,
                          bool bus_reached) {
  raise(facts_, session.counters().facts);
  raise(connects_, session.counters().connects);
  raise(logins_, session.state().logins);
  connected_.Set(session.state().connected);
  logged_in_.Set(session.state().logged_in);
  unconfirmed_.Set(static_cast<double>(unconfirmed));
  bus_reached_.Set(bus_reached);
  last_frame_age_.Set(std::chrono::duration<double>(last_frame_age).count());
  return io::prometheus_text(registry_);
}

}  // namespace cancelbus::subscriber
