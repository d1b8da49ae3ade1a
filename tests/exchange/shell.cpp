#include "tests/exchange/shell.hpp"

#include <utility>

namespace exchange_sim {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

void Shell::attach(RestDoor& rest, StreamDoor& stream) {
  rest_ = &rest;
  stream_ = &stream;
}

Instant Shell::now() const {
  return wall_start_ + std::chrono::floor<Micros>(std::chrono::steady_clock::now() - steady_start_);
}

void Shell::request(RequestId id, HttpRequest request) {
  exchange_.request(now(), id, std::move(request));
  flush();
}

void Shell::abandoned(RequestId id) {
  exchange_.abandoned(now(), id);
  flush();
}

std::optional<HttpAnswer> Shell::handshake(std::string_view ip) {
  auto refusal = exchange_.handshake(now(), ip);
  flush();
  return refusal;
}

std::string Shell::date() const { return http_date(exchange_.seen().clock(now())); }

void Shell::stream_opened(StreamId id) {
  exchange_.stream_opened(now(), id);
  flush();
}

void Shell::stream_text(StreamId id, std::string_view message) {
  exchange_.stream_text(now(), id, message);
  flush();
}

void Shell::stream_pong(StreamId id) {
  exchange_.stream_pong(now(), id);
  flush();
}

void Shell::stream_closed(StreamId id) {
  exchange_.stream_closed(now(), id);
  flush();
}

void Shell::flush() {
  for (Output& output : exchange_.take_outputs()) {
    std::visit(
        Overloaded{[&](Reply& o) { rest_->reply(o.request, o.answer); },
                   [&](ResetConnection& o) { rest_->reset(o.request); },
                   [&](SendFrame& o) { stream_->send(o.stream, std::move(o.text)); },
                   [&](SendPing& o) { stream_->ping(o.stream); }, [&](SilenceStream& o) { stream_->silence(o.stream); },
                   [&](EndStream& o) { stream_->end(o.stream, o.how); }},
        output);
  }
  arm();
}

void Shell::arm() {
  const auto next = exchange_.next_deadline();
  if (next == armed_) return;
  armed_ = next;
  if (!next) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(steady_start_ + (*next - wall_start_));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    armed_.reset();
    exchange_.advance(now());
    flush();
  });
}

}  // namespace exchange_sim
