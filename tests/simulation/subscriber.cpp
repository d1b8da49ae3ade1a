#include "tests/simulation/subscriber.hpp"

#include <algorithm>
#include <chrono>

#include "service/base/retry_after.hpp"
#include "tests/simulation/keys.hpp"

namespace cancelbus::simulation {

namespace {

namespace event = btcturk::stream_event;
namespace action = btcturk::stream_action;

constexpr Duration HeartbeatEvery = 1s;
constexpr Duration ConnectTimeout = 5s;
constexpr int64_t Nonce = 3000;

int64_t unix_milliseconds(core::WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

}  // namespace

struct SubscriberProcess::Life {
  explicit Life(SubscriberProcess& subscriber);
  ~Life();

  // The WebSocket.
  void connect();
  void handshaken(const std::optional<Venue::HttpAnswer>& refusal);
  void open_stream();
  void close();
  void ended(const std::string& text, int status = 0, std::optional<Duration> retry_after = {});

  // What the session says.
  void step(const btcturk::StreamEvent& event);
  void act(const action::Connect&) { connect(); }
  void act(const action::SendLogin&);
  void act(const action::Close&) { close(); }
  void act(const action::Publish& publish);
  void act(const action::Deliver& deliver);

  // What the bus is told.
  void on_message(const Frames& frames);
  std::string state_message(uint64_t seq) const;
  void send_news();
  void on_time();
  void arm();

  SubscriberProcess& process;
  btcturk::Signer signer = make_signer();
  uint64_t id;
  btcturk::StreamSession session;
  subscriber::Outbox outbox;
  core::HighestTerm highest;
  std::shared_ptr<char> life = std::make_shared<char>();
  std::shared_ptr<Line> line;
  std::shared_ptr<uint64_t> stream = std::make_shared<uint64_t>(0);  ///< as the exchange knows it; 0: not open
  Timer timer;
  Timer connect_timeout;
  Tick next_heartbeat;
  Sockets backend;
};

SubscriberProcess::SubscriberProcess(World& world, Clock clock, std::vector<BusAddress> buses, Path& to_exchange,
                                     Venue& venue, SubscriberWatch& watch)
    : Process(world, "stream", clock),
      buses_(std::move(buses)),
      to_exchange_(to_exchange),
      venue_(venue),
      watch_(watch) {}

SubscriberProcess::~SubscriberProcess() = default;

void SubscriberProcess::on_start() { life_ = std::make_unique<Life>(*this); }
void SubscriberProcess::on_kill() {
  watch_.subscriber_died();
  life_.reset();
}
void SubscriberProcess::on_given_up() { life_->backend.given_up(); }

SubscriberProcess::Life::Life(SubscriberProcess& subscriber)
    : process(subscriber),
      id(subscriber.world().random.number() | 1),
      session({}, subscriber.world().random.number()),
      timer(subscriber, [this] { on_time(); }),
      connect_timeout(subscriber, [this] { ended("timeout"); }),
      next_heartbeat(subscriber.now().tick + HeartbeatEvery),
      backend(subscriber, subscriber.buses_, Door::Backend, [this](const Frames& frames) { on_message(frames); }) {
  outbox.add_state([this](uint64_t seq) { return state_message(seq); });
  step(event::Start{});
}

SubscriberProcess::Life::~Life() {
  if (line) line->leave(End::Dialer, process.world().random.chance(0.5));
}

// ---- The WebSocket ----

void SubscriberProcess::Life::connect() {
  connect_timeout.set(process.now().tick + ConnectTimeout);
  line = Line::open(process.to_exchange_);
  stream = std::make_shared<uint64_t>(0);
  line->on_ended(End::Listener, [&venue = process.venue_, stream = stream] { venue.stream_closed(*stream); });
  line->on_ended(End::Dialer, [this, alive = std::weak_ptr(life), line = line.get()] {
    if (alive.expired()) return;
    process.deliver([this, alive, line] {
      if (!alive.expired() && this->line.get() == line) ended("connection lost");
    });
  });
  line->send(End::Dialer, [this, alive = std::weak_ptr(life), weak = std::weak_ptr(line), &venue = process.venue_] {
    const auto refusal = venue.handshake("10.0.0.1");
    const auto on = weak.lock();
    if (!on) return;
    on->send(End::Listener, [this, alive, on = on.get(), refusal] {
      if (alive.expired()) return;
      process.deliver([this, alive, on, refusal] {
        if (!alive.expired() && line.get() == on) handshaken(refusal);
      });
    });
    if (!refusal && !alive.expired() && line == on) open_stream();
  });
}

void SubscriberProcess::Life::open_stream() {
  // Runs at the exchange, which from now on sends on this connection.
  const auto post = [this, alive = std::weak_ptr(life), weak = std::weak_ptr(line)](btcturk::StreamEvent event) {
    const auto on = weak.lock();
    if (!on) return;
    on->send(End::Listener, [this, alive, on = on.get(), event = std::move(event)] {
      if (alive.expired()) return;
      process.deliver([this, alive, on, event] {
        if (!alive.expired() && line.get() == on) step(event);
      });
    });
  };
  Venue::Stream there;
  there.on_text = [post](const std::string& text) { post(event::Received{btcturk::read_frame(text)}); };
  there.on_ping = [post, &venue = process.venue_, stream = stream] {
    post(event::Alive{});
    venue.stream_pong(*stream);
  };
  there.on_end = [weak = std::weak_ptr(line)] {
    if (const auto on = weak.lock()) on->leave(End::Listener, false);
  };
  *stream = process.venue_.open_stream(std::move(there));
}

void SubscriberProcess::Life::handshaken(const std::optional<Venue::HttpAnswer>& refusal) {
  connect_timeout.clear();
  if (!refusal) return step(event::Connected{});
  const auto wait = base::read_retry_after(exchange_sim::retry_after_header(*refusal), refusal->date);
  ended("refused", static_cast<int>(refusal->status), wait);
}

void SubscriberProcess::Life::close() {
  process.world().agenda.after(Duration::zero(), [this, alive = std::weak_ptr(life), line = line.get()] {
    if (!alive.expired() && this->line.get() == line) ended("closed");
  });
}

void SubscriberProcess::Life::ended(const std::string& text, int status, std::optional<Duration> retry_after) {
  if (!line) return;
  connect_timeout.clear();
  line->leave(End::Dialer, true);
  line.reset();
  step(event::Closed{text, status, retry_after});
}

// ---- What the session says ----

void SubscriberProcess::Life::step(const btcturk::StreamEvent& event) {
  for (const auto& told : session.step(process.now().tick, event)) {
    std::visit([this](const auto& a) { act(a); }, told);
  }
  send_news();
}

void SubscriberProcess::Life::act(const action::SendLogin&) {
  const std::string login = btcturk::login_frame(signer, unix_milliseconds(process.now().wall), Nonce);
  line->send(End::Dialer, [&venue = process.venue_, stream = stream, login] { venue.stream_text(*stream, login); });
}

void SubscriberProcess::Life::act(const action::Publish& publish) {
  process.tell(publish.state.text);
  outbox.add_state([this](uint64_t seq) { return state_message(seq); });
}

void SubscriberProcess::Life::act(const action::Deliver& deliver) {
  outbox.add_fact([&](uint64_t seq) {
    process.watch_.fact_came(id, seq);
    return wire::encode_order_fact({{}, id, seq, deliver.fact}, process.now().wall);
  });
}

// ---- What the bus is told ----

void SubscriberProcess::Life::on_message(const Frames& frames) {
  const auto reply = wire::decode_backend_reply(frames.front());
  if (!reply.ok()) return process.world().fail("the bus's frame: ", std::string(reply.status().message()));
  if (const auto* confirm = std::get_if<wire::Confirm>(&*reply)) {
    if (highest.take(*confirm->term)) outbox.confirm(confirm->fact_seq, process.now().tick);
  } else if (std::holds_alternative<wire::Relogin>(*reply)) {
    step(event::Relogin{});
  }
  send_news();
}

std::string SubscriberProcess::Life::state_message(uint64_t seq) const {
  const btcturk::StreamState& state = session.state();
  return wire::encode_stream_state({{}, id, seq, state.connected, state.logged_in, state.logins, state.text});
}

void SubscriberProcess::Life::send_news() {
  const Tick now = process.now().tick;
  while (const std::string* message = outbox.next(now)) {
    if (!backend.send(wire::with_oldest_unconfirmed(*message, outbox.oldest()))) {
      outbox.blocked(now);
      break;
    }
    outbox.sent(now);
  }
  arm();
}

void SubscriberProcess::Life::on_time() {
  const Tick now = process.now().tick;
  if (now >= next_heartbeat) {
    if (outbox.empty()) backend.send(state_message(0));
    next_heartbeat = now + HeartbeatEvery;
  }
  step(event::TimePassed{});
}

void SubscriberProcess::Life::arm() {
  timer.set(std::min({session.next_deadline(), outbox.next_deadline(), next_heartbeat}));
}

}  // namespace cancelbus::simulation
