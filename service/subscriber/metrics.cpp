#include "service/subscriber/metrics.hpp"

#include <variant>

#include "service/core/names.hpp"
#include "service/io/metrics.hpp"
#include "service/io/monitor.hpp"

namespace cancelbus::subscriber {
namespace {

struct FrameName {
  std::string_view operator()(const btcturk::BannerFrame&) const { return "banner"; }
  std::string_view operator()(const btcturk::LoginResult&) const { return "login"; }
  std::string_view operator()(const btcturk::IgnoredFrame&) const { return "ignored"; }
  std::string_view operator()(const btcturk::UnknownFrame&) const { return "unknown"; }
  std::string_view operator()(const btcturk::IdZeroFrame&) const { return "id_zero"; }
  std::string_view operator()(const btcturk::MalformedFrame&) const { return "malformed"; }
  std::string_view operator()(const core::OrderFact& fact) const { return core::name_of(fact.type); }
};

}  // namespace

std::string_view frame_name(const btcturk::StreamFrame& frame) { return std::visit(FrameName{}, frame); }

Metrics::Metrics()
    : frames_(io::counters(registry_, "cancelbus_subscriber_frames_total", "Text frames of the stream, by type.")),
      facts_(
          io::counter(registry_, "cancelbus_subscriber_facts_total", "Facts about orders that the stream has told.")),
      facts_lost_(io::counter(registry_, "cancelbus_subscriber_facts_lost_total",
                              "Facts dropped because the bus has not confirmed the former ones.")),
      connects_(io::counter(registry_, "cancelbus_subscriber_connects_total", "Connections tried.")),
      logins_(io::counter(registry_, "cancelbus_subscriber_logins_total", "Logins that succeeded.")),
      connected_(io::gauge(registry_, "cancelbus_subscriber_connected", "1 while a connection to the stream stands.")),
      logged_in_(io::gauge(registry_, "cancelbus_subscriber_logged_in", "1 while it is logged in.")),
      unconfirmed_(
          io::gauge(registry_, "cancelbus_subscriber_unconfirmed", "Facts and states that the bus has not confirmed.")),
      bus_reached_(io::gauge(registry_, "cancelbus_subscriber_bus_reached",
                             "1 if the last word to the bus had a connection to go to.")),
      last_frame_age_(io::gauge(registry_, "cancelbus_subscriber_last_frame_age_seconds",
                                "Since any frame came, pings included; since the start if none has.")) {}

std::string Metrics::text(const btcturk::StreamSession& session, std::size_t unconfirmed, core::Duration last_frame_age,
                          bool bus_reached) {
  io::raise(facts_, session.counters().facts);
  io::raise(connects_, session.counters().connects);
  io::raise(logins_, session.state().logins);
  connected_.Set(session.state().connected);
  logged_in_.Set(session.state().logged_in);
  unconfirmed_.Set(static_cast<double>(unconfirmed));
  bus_reached_.Set(bus_reached);
  last_frame_age_.Set(io::seconds(last_frame_age));
  return io::prometheus_text(registry_);
}

}  // namespace cancelbus::subscriber
