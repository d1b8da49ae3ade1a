#include "tests/exchange/exchange.hpp"

#include <utility>

namespace exchange_sim {

Exchange::Exchange(Settings settings)
    : world_(std::move(settings)),
      auth_(world_.settings.keys, world_.settings.guesses.repeated_stamp_refused),
      streams_(world_, auth_),
      market_(world_, streams_),
      rest_(world_, market_, auth_),
      control_(world_, auth_, market_, streams_, rest_) {}

void Exchange::request(Instant now, RequestId id, HttpRequest request) {
  advance(now);
  if (request.target.starts_with(Control::kPrefix)) {
    world_.outputs.push_back(Reply{id, control_.handle(now, request)});
  } else {
    rest_.request(now, id, std::move(request));
  }
  advance(now);
}

void Exchange::abandoned(Instant now, RequestId id) {
  advance(now);
  rest_.abandoned(now, id);
}

std::optional<HttpAnswer> Exchange::handshake(Instant now, std::string_view ip) {
  advance(now);
  return streams_.handshake(now, ip);
}

void Exchange::stream_opened(Instant now, StreamId id) {
  advance(now);
  streams_.opened(now, id);
}

void Exchange::stream_text(Instant now, StreamId id, std::string_view message) {
  advance(now);
  streams_.text(now, id, message);
  advance(now);
}

void Exchange::stream_pong(Instant now, StreamId) {
  advance(now);
  streams_.pong();
}

void Exchange::stream_closed(Instant now, StreamId id) {
  advance(now);
  streams_.closed(id);
}

void Exchange::advance(Instant now) { world_.agenda.run_until(now); }

std::vector<Output> Exchange::take_outputs() { return std::exchange(world_.outputs, {}); }

}  // namespace exchange_sim
