#include "tests/simulation/client.hpp"

#include <utility>

namespace cancelbus::simulation {

namespace {

client::Time session_time(Tick tick) { return client::Time(tick.time_since_epoch()); }
Tick tick_of(client::Time time) { return time == client::Never ? Never : Tick(time.time_since_epoch()); }

}  // namespace

struct ClientProcess::Life {
  explicit Life(ClientProcess& client);

  client::Time now() const { return session_time(process.now().tick); }
  /// What the session wants: frames out, notices to the strategy, the next alarm.
  void flush();

  ClientProcess& process;
  std::shared_ptr<char> life = std::make_shared<char>();
  client::Session session;
  std::function<void()> left;  ///< to be called when the goodbye is answered
  bool cut_off = false;        ///< a frame found no connection: the next one is a new session with the bus
  void connect();
  /// To the next bus that may lead. Hello follows when there is a connection.
  void move();

  size_t bus = 0;
  Timer timer;
  std::unique_ptr<Socket> dealer, sub;
};

ClientProcess::ClientProcess(World& world, std::string name, Clock clock, client::SessionOptions options,
                             std::vector<BusAddress> buses, ClientWatch& watch)
    : Process(world, std::move(name), clock), options_(std::move(options)), buses_(std::move(buses)), watch_(watch) {}

ClientProcess::~ClientProcess() = default;

void ClientProcess::on_start() {
  watch_.client_started(name(), options_);
  life_ = std::make_unique<Life>(*this);
}

void ClientProcess::on_kill() {
  watch_.client_died(name());
  life_.reset();
}

void ClientProcess::on_given_up() {
  life_->dealer->given_up();
  life_->sub->given_up();
}

void ClientProcess::cancel(v1::CancelOrder order) {
  deliver([this, order = std::move(order)] {
    if (!life_->session.cancel(order, life_->now())) return;
    watch_.canceling(name(), order);
    life_->flush();
  });
}

void ClientProcess::mass_cancel(v1::MassCancel request) {
  deliver([this, request = std::move(request)] {
    if (!life_->session.mass_cancel(request, life_->now())) return;
    watch_.mass_canceling(name(), request);
    life_->flush();
  });
}

void ClientProcess::kill_switch(v1::KillSwitchRequest request) {
  deliver([this, request = std::move(request)] {
    tell(request.action() == v1::KILL_SWITCH_ACTION_ENGAGE ? "engages" : "releases", " a kill switch");
    life_->session.kill_switch(request);
    life_->flush();
  });
}

void ClientProcess::goodbye(bool keep_orders, std::function<void()> left) {
  deliver([this, keep_orders, left = std::move(left)] {
    if (!life_->session.goodbye(keep_orders)) return;
    tell("says goodbye");
    life_->left = left;
    life_->flush();
  });
}

void ClientProcess::resolve(v1::ResolveRequest request) {
  deliver([this, request = std::move(request)] {
    tell("resolves ", request.cl_ord_id());
    life_->session.resolve(request, life_->now());
    life_->flush();
  });
}

void ClientProcess::retry(v1::RetryRequest request) {
  deliver([this, request = std::move(request)] {
    tell("retries ", request.cl_ord_id());
    v1::SessionRequest frame;
    *frame.mutable_retry() = request;
    life_->session.inquire(std::move(frame));
    life_->flush();
  });
}

size_t ClientProcess::undecided() const { return life_ ? life_->session.undecided() : 0; }

ClientProcess::Life::Life(ClientProcess& client)
    : process(client), session(client.options_), timer(client, [this] {
        session.on_time(now());
        flush();
      }) {
  connect();
  session.start(now());
  flush();
}

void ClientProcess::Life::connect() {
  const BusAddress& at = process.buses_[bus];
  dealer = std::make_unique<Socket>(
      process, at.path, at.bus, Door::Session,
      [this](const Frames& frames) {
        session.on_reply(frames.front(), now());
        flush();
      },
      [this] {
        if (!std::exchange(cut_off, false)) return;
        session.on_reconnected(now());
        flush();
      });
  sub = std::make_unique<Socket>(
      process, at.path, at.bus, Door::Events,
      [this](const Frames& frames) {
        session.on_event(frames[0], frames[1], now());
        flush();
      },
      [this] {
        for (const std::string& prefix : session.subscriptions()) sub->send(prefix);
      });
}

// Not in the middle of what the old sockets do.
void ClientProcess::Life::move() {
  process.world().agenda.after(Duration::zero(), [this, alive = std::weak_ptr(life)] {
    if (alive.expired()) return;
    process.deliver([this, alive] {
      if (alive.expired()) return;
      bus = (bus + 1) % process.buses_.size();
      cut_off = true;
      connect();
    });
  });
}

void ClientProcess::Life::flush() {
  for (const v1::SessionRequest& frame : session.take_frames()) {
    if (!dealer->send(frame.SerializeAsString())) cut_off = true;
  }
  for (const client::Notice& notice : session.take_notices()) {
    process.watch_.told(process.name(), notice);
    if (std::holds_alternative<v1::GoodbyeReply>(notice)) process.world().agenda.after(Duration::zero(), left);
  }
  if (session.take_next_bus() && process.buses_.size() > 1) move();
  timer.set(tick_of(session.next_deadline()));
}

}  // namespace cancelbus::simulation
