#include "tests/exchange/streams.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <utility>

#include "tests/exchange/frames.hpp"
#include "tests/exchange/payloads.hpp"
#include "tests/exchange/rest_api.hpp"
#include "tests/exchange/signature.hpp"

namespace exchange_sim {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLeastNonce = 100;
constexpr std::int64_t kMostNonce = 60'000;

bool is_order_message(int type) { return type == 441 || type == 451 || type == 452; }

// The inner object of a [114, {...}] message, or nothing.
std::optional<json::object> login_body(std::string_view message) {
  boost::system::error_code error;
  const json::value parsed = json::parse({message.data(), message.size()}, error);
  if (error || !parsed.is_array() || parsed.as_array().size() != 2) return std::nullopt;
  const json::array& frame = parsed.as_array();
  if (!frame[0].is_int64() || frame[0].as_int64() != 114 || !frame[1].is_object()) return std::nullopt;
  return frame[1].as_object();
}

std::optional<std::int64_t> integer(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->as_int64();
}

std::string text_of(const json::object& body, std::string_view name) {
  const json::value* value = body.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}

}  // namespace

Streams::Streams(World& world, const Auth& auth)
    : world_(world), auth_(auth), connects_(world.settings.connect_limits, world.settings.window, {.ip = true}) {}

std::optional<HttpAnswer> Streams::handshake(Instant now, std::string_view ip) {
  auto& counts = world_.counters.stream;
  ++counts["connects"];
  if (const auto refusal = connects_.arrive(now, "", ip)) {
    ++counts["handshakes_refused_429"];
    return too_many_requests(*refusal);
  }
  if (const FaultRule* rule = world_.faults.draw(Fault::RefuseHandshake, world_.random)) {
    ++counts["handshakes_refused_by_fault"];
    const std::chrono::seconds wait{rule->answer.retry_after_s.value_or(0)};
    HttpAnswer refusal = too_many_requests({Policy::Ip, Limit{15, std::chrono::seconds{60}}, wait});
    refusal.retry_after = rule->answer.retry_after;
    refusal.retry_after_date_s = rule->answer.retry_after_date_s;
    set_date(refusal, world_.clock(now));
    return refusal;
  }
  return std::nullopt;
}

void Streams::opened(Instant now, StreamId id) {
  streams_[id] = Stream{};
  deliver(now, id, stream_payload("banner_991"));
  ping_later(now, id);
}

void Streams::text(Instant now, StreamId id, std::string_view message) {
  if (find(id) == nullptr) return;
  if (login_body(message)) {
    login(now, id, message);
  } else {
    ++world_.counters.stream["other_messages"];
  }
}

void Streams::login(Instant now, StreamId id, std::string_view message) {
  auto& counts = world_.counters.stream;
  std::string fault = login_fault(now, message);
  if (fault.empty()) {
    if (const FaultRule* rule = world_.faults.draw(Fault::RefuseLogin, world_.random)) fault = rule->message;
  }
  if (!fault.empty()) {
    ++counts["logins_refused"];
    deliver(now, id, frames::login_refused(fault));
    return;
  }
  ++counts["logins"];
  Stream& stream = *find(id);
  stream.logged_in = true;
  deliver(now, id, frames::login_ok());
  after_login(now, id, stream);
}

std::string Streams::login_fault(Instant now, std::string_view message) const {
  const json::object body = login_body(message).value();
  const auto timestamp = integer(body, "timestamp");
  const auto nonce = integer(body, "nonce");
  if (integer(body, "type") != 114) return "Bad Request - type must be the number 114";
  if (!timestamp) return "Bad Request - timestamp must be a number of milliseconds";
  if (!nonce || *nonce < kLeastNonce || *nonce > kMostNonce) return "Unauthorized - Invalid Nonce";
  const KeyPair* pair = auth_.find(text_of(body, "publicKey"));
  if (pair == nullptr) return "Unauthorized - Invalid Public key";
  const std::string signature = sign(pair->secret, pair->public_key + std::to_string(*nonce));
  if (signature != text_of(body, "signature")) return "Unauthorized - Invalid Signature";
  const std::int64_t age_ms = std::abs(unix_ms(world_.clock(now)) - *timestamp);
  if (world_.settings.login_window && age_ms > *nonce) return "Unauthorized - Invalid Timestamp";
  return "";
}

void Streams::after_login(Instant now, StreamId id, Stream& stream) {
  stream.muted = world_.faults.draw(Fault::Mute45x, world_.random) != nullptr;
  if (const FaultRule* rule = world_.faults.draw(Fault::SilentSocket, world_.random)) {
    world_.agenda.at(now + rule->delay, [this, id](Instant) { silence(id); });
  }
  if (const FaultRule* rule = world_.faults.draw(Fault::CloseWithoutFrame, world_.random)) {
    world_.agenda.at(now + rule->delay, [this, id](Instant) {
      if (find(id) != nullptr) world_.outputs.push_back(EndStream{id, Ending::NoFrame});
    });
  }
}

void Streams::ping_later(Instant now, StreamId id) {
  world_.agenda.at(now + world_.settings.ping_interval, [this, id](Instant due) {
    const Stream* stream = find(id);
    if (stream == nullptr || stream->silent) return;
    ++world_.counters.stream["pings"];
    world_.outputs.push_back(SendPing{id});
    ping_later(due, id);
  });
}

void Streams::fan_out(Instant now, int type, const std::string& frame) {
  for (const auto& [id, stream] : streams_) {
    if (!stream.logged_in || (stream.muted && is_order_message(type))) continue;
    ++world_.counters.frames_sent[std::to_string(type)];
    deliver(now, id, frame);
  }
}

void Streams::deliver(Instant now, StreamId id, const std::string& frame) {
  Stream& stream = *find(id);
  Instant due = now;
  if (const FaultRule* rule = world_.faults.draw(Fault::StreamLatency, world_.random)) {
    due += rule->delay + world_.random.up_to(rule->jitter);
  }
  due = std::max(due, stream.last_delivery);
  stream.last_delivery = due;
  if (due <= now) {
    send(id, frame);
  } else {
    world_.agenda.at(due, [this, id, frame](Instant) { send(id, frame); });
  }
}

void Streams::send(StreamId id, const std::string& frame) {
  const Stream* stream = find(id);
  if (stream != nullptr && !stream->silent) world_.outputs.push_back(SendFrame{id, frame});
}

void Streams::silence(StreamId id) {
  Stream* stream = find(id);
  if (stream == nullptr || stream->silent) return;
  stream->silent = true;
  world_.outputs.push_back(SilenceStream{id});
}

void Streams::closed(StreamId id) { streams_.erase(id); }

std::size_t Streams::inject(Instant now, const std::string& text) {
  for (const auto& entry : streams_) deliver(now, entry.first, text);
  return streams_.size();
}

std::size_t Streams::mute_all(bool muted) {
  for (auto& entry : streams_) entry.second.muted = muted;
  return streams_.size();
}

std::size_t Streams::silence_all() {
  for (const auto& entry : streams_) silence(entry.first);
  return streams_.size();
}

std::size_t Streams::end_all(Ending how) {
  for (const auto& entry : streams_) world_.outputs.push_back(EndStream{entry.first, how});
  return streams_.size();
}

std::size_t Streams::logged_in_count() const {
  const auto logged_in = [](const auto& entry) { return entry.second.logged_in; };
  return static_cast<std::size_t>(std::count_if(streams_.begin(), streams_.end(), logged_in));
}

Streams::Stream* Streams::find(StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : &found->second;
}

}  // namespace exchange_sim
