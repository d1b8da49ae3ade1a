#include "service/subscriber/subscriber.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "service/io/log.hpp"
#include "service/wire/recording.hpp"

namespace cancelbus::subscriber {
namespace {

using namespace std::chrono_literals;
namespace event = btcturk::stream_event;
namespace action = btcturk::stream_action;

constexpr core::Duration HeartbeatEvery = 1s;
/// After stop(), for the close frame and the last confirmations.
constexpr core::Duration StopGrace = 1500ms;
/// A timer that comes so late means that this process stood still, not that the exchange was silent.
constexpr core::Duration Stalled = 200ms;
constexpr core::Duration StallGrace = 50ms;

int64_t unix_milliseconds(core::WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

}  // namespace

Subscriber::Subscriber(asio::io_context& context, zmq::context_t& zmq, Options options, std::function<void()> on_done,
                       const Outbox::Limits& limits)
    : context_(context),
      options_(std::move(options)),
      on_done_(std::move(on_done)),
      subscriber_id_(backend::random_id()),
      session_({.silence_timeout = options_.silence_timeout}, backend::random_id()),
      outbox_(limits),
      stream_(context, options_.tls, {.url = options_.stream_url, .ip_family = options_.exchange_ip_family}, *this),
      buses_(context, zmq, options_.curve),
      monitor_(context,
               {[this] { return metrics_.text(session_, outbox_.size(), io::now().tick - last_frame_, bus_reached_); },
                [] { return std::string(); }, [this] { return why_unready(); }}),
      key_watch_(context, options_.key_files, [this](const io::ApiKeyPair& pair) { return use_key(pair); }),
      recorder_(
          "subscriber", options_.signer, io::now().tick,
          [this](const base::Recorded& recorded) { return !ended_ && buses_.send(wire::encode_recorded(recorded)); }),
      timer_(context),
      last_frame_(io::now().tick) {}

absl::Status Subscriber::start() {
  if (auto status = backend::open(options_, monitor_, buses_); !status.ok()) return status;
  io::log_info("started", {{"subscriber_id", subscriber_id_},
                           {"backend", absl::StrJoin(options_.backend_endpoints, ",")},
                           {"stream", options_.stream_url.authority}});
  buses_.on_ready([this] { take_replies(); });
  key_watch_.start();
  next_heartbeat_ = io::now().tick + HeartbeatEvery;
  tell_state();
  step(event::Start{});
  return absl::OkStatus();
}

void Subscriber::stop() {
  if (stop_by_ != core::Never) return;
  stop_by_ = io::now().tick + StopGrace;
  step(event::Stop{});
}

// ---- What the stream does ----

void Subscriber::on_open(const io::WebsocketPeer& peer) {
  peer_ = absl::StrCat(peer.address, ", ", peer.tls);
  last_frame_ = io::now().tick;
  oddity_logged_ = false;
  record("connected", peer.tls);
  step(event::Connected{});
}

void Subscriber::on_message(std::string_view text) {
  last_frame_ = io::now().tick;
  btcturk::StreamFrame frame = btcturk::read_frame(text);
  note_frame(frame);
  const auto* login = std::get_if<btcturk::LoginResult>(&frame);
  const bool refused = login != nullptr && !login->ok;
  step(event::Received{std::move(frame)});
  record("frame", text);
  if (refused) key_watch_.key_refused();
}

void Subscriber::on_control() {
  last_frame_ = io::now().tick;
  step(event::Alive{});
}

void Subscriber::on_closed(const io::WebsocketEnd& end) {
  step(event::Closed{end.text, end.http_status, end.retry_after});
  const auto wait = end.retry_after.value_or(core::Duration());
  record("closed", end.retry_after ? absl::StrCat(end.text, "; it asks to wait ", wait / 1s, " s") : end.text,
         end.http_status);
}

absl::StatusOr<bool> Subscriber::use_key(const io::ApiKeyPair& pair) {
  auto replaced = backend::replace_key(options_.signer, pair);
  if (!replaced.value_or(false)) return replaced;
  step(event::KeyReplaced{});
  return true;
}

void Subscriber::note_frame(const btcturk::StreamFrame& frame) {
  metrics_.count(frame);
  if (const auto* banner = std::get_if<btcturk::BannerFrame>(&frame)) {
    io::log_debug("banner", {{"current", banner->current}, {"min", banner->min}});
  }
  if (oddity_logged_) return;
  if (const auto* unknown = std::get_if<btcturk::UnknownFrame>(&frame)) {
    io::log_warn("unknown_frame", {{"type", unknown->type}});
    oddity_logged_ = true;
  } else if (const auto* malformed = std::get_if<btcturk::MalformedFrame>(&frame)) {
    io::log_warn("malformed_frame", {{"why", malformed->why}});
    oddity_logged_ = true;
  }
}

// ---- What the session says ----

void Subscriber::step(const btcturk::StreamEvent& event) {
  for (const auto& told : session_.step(io::now().tick, event)) {
    std::visit([this](const auto& a) { act(a); }, told);
  }
  send_news();
}

void Subscriber::act(const action::Connect&) { stream_.connect(); }

void Subscriber::act(const action::SendLogin&) {
  stream_.send(btcturk::login_frame(options_.signer, unix_milliseconds(io::now().wall), options_.login_nonce));
  record("login_sent", "");
}

void Subscriber::act(const action::Close&) { stream_.close(); }

void Subscriber::act(const action::Publish& action) {
  const btcturk::StreamState& state = action.state;
  if (state.connected) {
    io::log_info("stream_state", {{"connected", true},
                                  {"logged_in", state.logged_in},
                                  {"logins", state.logins},
                                  {"text", state.text},
                                  {"peer", peer_}});
  } else {
    io::log_warn("stream_state", {{"connected", false}, {"logins", state.logins}, {"text", state.text}});
  }
  tell_state();
}

void Subscriber::act(const action::Deliver& action) {
  const core::OrderFact& fact = action.fact;
  // Once one is missing all are dropped, until a new login says so: what comes after a gap must not look complete.
  const bool kept = lost_facts_ == 0 && outbox_.add_fact([&](uint64_t seq) {
    return wire::encode_order_fact({{}, subscriber_id_, seq, fact}, io::now().wall);
  });
  if (kept) return;
  if (lost_facts_++ == 0) io::log_error("facts_lost", {{"unconfirmed", outbox_.size()}});
  metrics_.count_lost_fact();
}

// ---- What the bus is told ----

void Subscriber::record(const char* kind, std::string_view text, int status) {
  const core::Instant now = io::now();
  if (recorder_.counts(now.tick)) recorder_.tell({.kind = kind, .status = status, .text = std::string(text)}, now);
}

void Subscriber::take_replies() {
  io::Frames frames;
  while (!ended_ && buses_.receive(frames)) {
    const auto reply = wire::decode_backend_reply(frames.size() == 1 ? frames.front() : std::string());
    if (reply.ok()) {
      on_reply(*reply);
    } else {
      io::log_warn("backend_message_ignored", {{"why", std::string(reply.status().message())}});
    }
  }
  send_news();
}

void Subscriber::on_reply(const wire::BackendReply& reply) {
  if (const auto* confirm = std::get_if<wire::Confirm>(&reply)) {
    // The bus that leads does not know what another one has taken.
    if (!buses_.believes(confirm->term, "confirm")) return;
    outbox_.confirm(confirm->fact_seq, io::now().tick);
    if (lost_facts_ == 0 || !outbox_.relieved()) return;
    io::log_warn("facts_were_lost", {{"count", lost_facts_}, {"text", "logging in again, so that the bus knows"}});
    lost_facts_ = 0;
    step(event::Relogin{});
  } else if (std::holds_alternative<wire::Relogin>(reply)) {
    io::log_warn("relogin_requested");
    step(event::Relogin{});
  } else if (const auto* record = std::get_if<wire::Record>(&reply)) {
    recorder_.on_record(record->lease, io::now());
  }
}

void Subscriber::tell_state() {
  outbox_.add_state([this](uint64_t seq) { return state_message(seq); });
}

std::string Subscriber::state_message(uint64_t seq) const {
  const btcturk::StreamState& state = session_.state();
  return wire::encode_stream_state(
      {{}, subscriber_id_, seq, state.connected, state.logged_in, state.logins, state.text});
}

void Subscriber::send_news() {
  if (ended_) return;
  const core::Tick now = io::now().tick;
  while (const std::string* message = outbox_.next(now)) {
    if (!tell_bus(wire::with_oldest_unconfirmed(*message, outbox_.oldest()))) {
      outbox_.blocked(now);
      break;
    }
    outbox_.sent(now);
  }
  end_if_stopped();
  arm();
}

// Only when nothing is unconfirmed: a state must not overtake the facts that came before it.
void Subscriber::heartbeat() {
  if (outbox_.empty()) tell_bus(state_message(0));
}

bool Subscriber::tell_bus(const std::string& message) {
  bus_reached_ = buses_.send(message);
  return bus_reached_;
}

// ---- Time ----

void Subscriber::arm() {
  if (ended_ || stalled_) return;
  const core::Tick due = std::min({session_.next_deadline(), outbox_.next_deadline(), next_heartbeat_, stop_by_});
  armed_for_ = std::max(due, io::now().tick);
  timer_.arm(armed_for_, [this] { on_timer(); });
}

void Subscriber::on_timer() {
  const core::Tick now = io::now().tick;
  if (!stalled_ && now - armed_for_ > Stalled) {
    // First hear what waited meanwhile, then judge.
    stalled_ = true;
    return timer_.arm(now + StallGrace, [this] { on_timer(); });
  }
  stalled_ = false;
  if (now >= next_heartbeat_) {
    heartbeat();
    recorder_.look(now);
    next_heartbeat_ = now + HeartbeatEvery;
  }
  step(event::TimePassed{});
}

std::string Subscriber::why_unready() const {
  if (!session_.state().logged_in) return absl::StrCat("not logged in: ", session_.state().text);
  return bus_reached_ ? "" : "no connection to the bus, or it does not accept this subscriber's key";
}

void Subscriber::end_if_stopped() {
  if (stop_by_ == core::Never) return;
  const bool told = session_.stopped() && outbox_.empty();
  if (!told && io::now().tick < stop_by_) return;
  ended_ = true;
  timer_.cancel();
  stream_.abort();
  monitor_.close();
  key_watch_.stop();
  io::log_info("stopped", {{"unconfirmed", outbox_.size()}});
  on_done_();
}

}  // namespace cancelbus::subscriber
