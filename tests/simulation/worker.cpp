#include "tests/simulation/worker.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/keys.hpp"

namespace cancelbus::simulation {

namespace {

constexpr Duration HeartbeatEvery = 250ms;
constexpr Duration DrainSettles = 300ms;
constexpr Duration DrainGrace = 2s;

using worker::ClockReading;
using worker::ClockSchedule;
using worker::ExchangeClock;

Venue::HttpRequest carried(const btcturk::HttpRequest& request) {
  Venue::HttpRequest out;
  out.method = request.method;
  out.target = request.target;
  out.ip = OurAddress;
  for (const auto& [name, value] : request.headers) {
    if (name == "X-PCK") out.public_key = value;
    if (name == "X-Stamp") out.stamp = value;
    if (name == "X-Signature") out.signature = value;
  }
  return out;
}

}  // namespace

struct WorkerProcess::Life {
  /// Waits for a connection: a task, or the clock's turn.
  struct Waiting {
    std::function<void(RestConnection&)> take;
    std::function<void()> too_late;
    Tick until = Never;
  };

  explicit Life(WorkerProcess& worker);

  void on_message(const Frames& frames);
  void on_task(const wire::Task& task);
  void ask(const wire::Task& task);
  void write(const wire::Task& task, RestConnection& connection);
  btcturk::HttpRequest request_of(const wire::Task& task);
  static core::Answer read(const wire::Task& task, const btcturk::HttpReply& reply);
  void finish(const wire::Task& task, core::Answer answer);
  void repeat_outcomes();

  void want(Waiting waiting);
  void serve();

  void read_clock();
  void read_clock(RestConnection& connection);
  void clock_read();
  void doubt_clock();

  void beat();
  void send_ready();
  void drain();
  void end_if_drained();

  WorkerProcess& process;
  btcturk::Signer signer = make_signer();
  core::WorkerReady self;
  worker::TaskBook book;
  core::HighestTerm highest;
  uint64_t heard_term = 0;  ///< the highest that a bus has named, whatever `highest` makes of it
  ExchangeClock clock;
  std::deque<std::unique_ptr<RestConnection>> connections;
  std::deque<Waiting> waiting;
  Timer patience, heartbeat, repeats, clock_due, drained;
  std::vector<ClockReading> series;
  ClockSchedule schedule;
  bool reading_clock = false, clock_failed = false;
  Time clock_began{};  ///< when the series under way began
  bool draining = false;
  bool drain_settled = false;
  Sockets backend;
};

WorkerProcess::WorkerProcess(World& world, std::string name, Clock clock, WorkerSetup setup, Venue& venue,
                             WorkerWatch& watch)
    : Process(world, std::move(name), clock), setup_(std::move(setup)), venue_(venue), watch_(watch) {}

WorkerProcess::~WorkerProcess() = default;

void WorkerProcess::on_start() { life_ = std::make_unique<Life>(*this); }
void WorkerProcess::on_kill() {
  watch_.worker_died(name());
  life_.reset();
}
void WorkerProcess::on_given_up() { life_->backend.given_up(); }
void WorkerProcess::drain() {
  if (!alive()) return;
  asked_to_end();
  deliver([this] { life_->drain(); });
}

std::optional<core::Term> WorkerProcess::seen() const { return life_ ? life_->highest.seen() : std::nullopt; }

WorkerProcess::Life::Life(WorkerProcess& worker)
    : process(worker),
      patience(worker, [this] { serve(); }),
      heartbeat(worker, [this] { beat(); }),
      repeats(worker, [this] { repeat_outcomes(); }),
      clock_due(worker, [this] { read_clock(); }),
      drained(worker,
              [this] {
                if (drain_settled) return process.world().agenda.after(Duration::zero(), [p = &process] { p->end(); });
                drain_settled = true;
                drained.set(process.now().tick + process.setup_.request_timeout + DrainGrace);
                end_if_drained();
              }),
      backend(worker, worker.setup_.buses, Door::Backend, [this](const Frames& f) { on_message(f); }) {
  self.worker = worker.world().random.number() | 1;
  self.name = worker.name();
  self.request_timeout = worker.setup_.request_timeout;
  self.sweeps = worker.setup_.sweeps;
  for (int i = 0; i < worker.setup_.connections; ++i) {
    connections.push_back(std::make_unique<RestConnection>(worker, worker.setup_.to_exchange, worker.venue_, [this] {
      send_ready();
      serve();
    }));
  }
  read_clock();
  beat();
}

// ---- What the bus says ----

void WorkerProcess::Life::on_message(const Frames& frames) {
  const auto reply = wire::decode_backend_reply(frames.front());
  if (!reply.ok()) return process.world().fail("the bus's frame: ", std::string(reply.status().message()));
  if (std::holds_alternative<wire::Task>(*reply)) {
    on_task(std::get<wire::Task>(*reply));
  } else if (const auto* confirm = std::get_if<wire::Confirm>(&*reply)) {
    heard_term = std::max(heard_term, confirm->term->term);
    const bool leads = highest.take(*confirm->term);
    for (const core::TaskId task : confirm->tasks) {
      if (leads || book.term_of(task) == confirm->term->term) book.confirm(task);
    }
    end_if_drained();
  } else if (std::holds_alternative<wire::Drain>(*reply)) {
    drain();
  }
}

void WorkerProcess::Life::on_task(const wire::Task& task) {
  if (task.kind == core::LimiterKind::OpenOrders && !self.sweeps) {
    return process.world().fail("a worker that does not know it is given a request for open orders");
  }
  heard_term = std::max(heard_term, task.term->term);
  if (!book.take(task.task, task.term->term)) return process.tell("ignores task ", task_name(task.task));
  if (!highest.take(*task.term)) {
    process.world().happened.add(Fault::TaskOfOlderTerm);
    return finish(task, btcturk::never_written("another bus leads"));
  }
  send_ready();
  ask(task);
}

// ---- A task ----

void WorkerProcess::Life::ask(const wire::Task& task) {
  if (!clock.known()) return finish(task, btcturk::never_written("the exchange's clock is not known yet"));
  if (!process.writes_) return finish(task, btcturk::never_written("cannot write"));
  want({[this, task](RestConnection& connection) { write(task, connection); },
        [this, task] { finish(task, btcturk::never_written("no connection to the exchange")); },
        clock.stale_at(task.stamp_ms, process.now().tick)});
}

void WorkerProcess::Life::write(const wire::Task& task, RestConnection& connection) {
  const Instant now = process.now();
  if (task.term->term < highest.seen()->term) return finish(task, btcturk::never_written("another bus leads"));
  if (clock.is_void(task.stamp_ms, now.tick)) {
    return finish(task, btcturk::stale_stamp(clock.behind(task.stamp_ms, now.tick)));
  }
  if (task.term->term < heard_term) {
    process.world().fail("promise 11: ", process.name(), " writes task ", task_name(task.task), " of term ",
                         task.term->term, " after it has heard of ", heard_term);
  }
  process.tell("writes task ", task_name(task.task));
  process.watch_.writing(process.name(), task.stamp_ms, clock.time(now.tick).count());
  const auto request = request_of(task);
  connection.request(carried(request), process.setup_.request_timeout,
                     [this, task, sent = now.wall](const Venue::HttpAnswer* got, const std::string& why) {
                       if (!got) {
                         core::Answer none = btcturk::no_response(why);
                         none.sent = sent;
                         return finish(task, std::move(none));
                       }
                       const std::string header = exchange_sim::retry_after_header(*got);
                       const btcturk::HttpReply reply{static_cast<int>(got->status), header, got->body, got->date};
                       core::Answer answer = read(task, reply);
                       if (task.kind != core::LimiterKind::OpenOrders) {
                         process.world().happened.add(task.kind == core::LimiterKind::Cancel, *got, answer);
                       }
                       answer.sent = sent;
                       answer.answered = process.now().wall;
                       finish(task, std::move(answer));
                     });
}

btcturk::HttpRequest WorkerProcess::Life::request_of(const wire::Task& task) {
  switch (task.kind) {
    case core::LimiterKind::Cancel:
      return btcturk::cancel_request(signer, task.order.order_id, task.stamp_ms);
    case core::LimiterKind::Query:
      return btcturk::query_request(signer, task.order.order_id, task.stamp_ms);
    case core::LimiterKind::OpenOrders:
      break;
  }
  return btcturk::open_orders_request(signer, task.order.symbol, task.stamp_ms);
}

core::Answer WorkerProcess::Life::read(const wire::Task& task, const btcturk::HttpReply& reply) {
  switch (task.kind) {
    case core::LimiterKind::Cancel:
      return btcturk::read_cancel_reply(reply);
    case core::LimiterKind::Query:
      return btcturk::read_query_reply(reply, task.order.order_id);
    case core::LimiterKind::OpenOrders:
      break;
  }
  return btcturk::read_open_orders_reply(reply, task.order.symbol);
}

void WorkerProcess::Life::finish(const wire::Task& task, core::Answer answer) {
  process.tell("ends task ", task_name(task.task), ": ", describe(answer));
  process.watch_.task_ended(process.name(), task.task);
  const core::Verdict verdict = answer.verdict;
  if (verdict == core::Verdict::NeverWritten) process.world().happened.add(Fault::NeverWritten);
  book.finish(task.task, wire::encode_outcome(task.task, answer), process.now().tick);
  repeat_outcomes();
  if (verdict == core::Verdict::Unauthorized || verdict == core::Verdict::StaleStamp) doubt_clock();
}

void WorkerProcess::Life::repeat_outcomes() {
  for (std::string& frame : book.take_due(process.now().tick)) backend.send(std::move(frame));
  repeats.set(book.next_due());
}

// ---- Connections ----

void WorkerProcess::Life::want(Waiting wanted) {
  waiting.push_back(std::move(wanted));
  serve();
}

void WorkerProcess::Life::serve() {
  const Tick now = process.now().tick;
  for (const auto& connection : connections) {
    while (!waiting.empty() && connection->idle()) {
      const Waiting first = std::move(waiting.front());
      waiting.pop_front();
      first.take(*connection);
    }
  }
  std::vector<Waiting> late;
  Tick next = Never;
  for (auto it = waiting.begin(); it != waiting.end();) {
    if (it->until <= now) {
      late.push_back(std::move(*it));
      it = waiting.erase(it);
    } else {
      next = std::min(next, (it++)->until);
    }
  }
  patience.set(next);
  for (const Waiting& each : late) each.too_late();
}

// ---- The exchange's clock ----

void WorkerProcess::Life::read_clock() {
  if (reading_clock) return;
  if (process.now().tick < schedule.due()) return clock_due.set(schedule.due());
  reading_clock = true;
  series.clear();
  want({[this](RestConnection& connection) {
          schedule.begin(process.now().tick);
          clock_began = process.world().now();
          read_clock(connection);
        },
        [] {}, Never});
}

void WorkerProcess::Life::read_clock(RestConnection& connection) {
  const bool more = series.size() < ClockSchedule::ReadingsInASeries && connection.idle();
  if (!more || !schedule.ask(process.now().tick)) return clock_read();
  ClockReading reading;
  reading.asked = process.now().tick;
  process.watch_.asking_time(process.name());
  connection.request(carried(btcturk::server_time_request()), process.setup_.request_timeout,
                     [this, &connection, reading](const Venue::HttpAnswer* got, const std::string&) mutable {
                       if (!got) return clock_read();
                       reading.had = process.now().tick;
                       const auto time = btcturk::read_server_time({static_cast<int>(got->status), {}, got->body});
                       if (!time.ok()) return clock_read();
                       reading.exchange = *time;
                       series.push_back(reading);
                       read_clock(connection);
                     });
}

void WorkerProcess::Life::clock_read() {
  reading_clock = false;
  if (series.empty()) {
    schedule.failed(process.now().tick);
    clock_failed = true;
  } else {
    schedule.taken(clock.take(series));
    process.watch_.clock_read(process.name(), clock_began);
    send_ready();
  }
  clock_due.set(schedule.due());
}

void WorkerProcess::Life::doubt_clock() {
  schedule.doubt();
  read_clock();
}

// ---- What the bus is told ----

void WorkerProcess::Life::beat() {
  send_ready();
  heartbeat.set(process.now().tick + HeartbeatEvery);
}

void WorkerProcess::Life::send_ready() {
  if (!clock.known() && !clock_failed) return;
  const bool connected = std::ranges::any_of(connections, [](const auto& c) { return c->established(); });
  self.credit = draining || !connected ? 0 : static_cast<uint32_t>(connections.size());
  self.tasks = book.tasks();
  self.clock = clock.sample(process.now());
  self.seen = highest.seen();
  backend.send(wire::encode_ready(self));
}

void WorkerProcess::Life::drain() {
  if (std::exchange(draining, true)) return;
  process.tell("drains");
  send_ready();
  drained.set(process.now().tick + DrainSettles);
}

void WorkerProcess::Life::end_if_drained() {
  if (drain_settled && book.empty()) drained.set(process.now().tick);
}

}  // namespace cancelbus::simulation
