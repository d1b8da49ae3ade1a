#include "tests/simulation/simulation.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "service/wire/enums.hpp"
#include "service/worker/clock_schedule.hpp"
#include "tests/simulation/describe.hpp"
#include "tests/simulation/keys.hpp"

namespace cancelbus::simulation {

namespace {

/// No order has it.
constexpr core::OrderId UnknownOrder = 99'000'000'000;

exchange_sim::Settings with_keys(exchange_sim::Settings settings) {
  settings.keys = key_pairs();
  return settings;
}

Referee::Rules rules_of(const Plan& plan) {
  Referee::Rules rules;
  rules.options = plan.options;
  rules.wrong_readings = plan.wrong_readings;
  rules.foreign_traffic = plan.other_program;
  for (const HandPlan& hand : plan.hands) rules.foreign_traffic |= hand.kind == HandPlan::Kind::ForeignDelete;
  for (const BlowPlan& blow : plan.blows) {
    rules.subscriber_deaths += blow.blow == Blow::KillSubscriber;
  }
  return rules;
}

/// By how much a wall clock is off then: seconds, or days.
Duration wall_error(const BlowPlan& blow) {
  const auto off = static_cast<int64_t>(blow.choice % 20'001) - 10'000;
  return blow.choice / 20'001 % 3 == 0 ? std::chrono::seconds(off * 20) : Duration(std::chrono::milliseconds(off));
}

/// Sets the wall clock of the process's machine, as an operator would.
void set_clock(Process& process, Duration off) {
  Clock clock = process.clock();
  clock.set_wall_error(off);
  process.set_clock(clock);
}

Registry::Rules orders_of(const Plan& plan) {
  Registry::Rules rules;
  rules.sweeps = plan.sweeps();
  rules.can_complete = rules.sweeps && !(plan.exchange.guesses.pair_required && plan.options.pairs.empty());
  rules.pairs = plan.options.pairs;
  rules.owners = core::Owners(plan.prefixes);
  return rules;
}

Masses::Rules masses_of(const Plan& plan) {
  Masses::Rules rules;
  rules.can_complete = orders_of(plan).can_complete;
  rules.forgets = plan.options.retention < 1h;
  rules.pairs = plan.options.pairs;
  rules.owners = core::Owners(plan.prefixes);
  return rules;
}

Readers::Rules reading_of(const Plan& plan) {
  return {plan.options.retention < 1h, !plan.store_synced || plan.old_copies};
}

/// A MassCancel or a KillSwitchRequest.
template <typename Scoped>
void set_scope(const core::MassCancelRequest& planned, Scoped& request) {
  request.set_scope(wire::to_wire(planned.whose));
  if (planned.whose == core::MassCancelRequest::Whose::Sender) request.set_owner(planned.scope.owner);
  request.set_symbol(planned.scope.symbol);
  if (planned.scope.side) request.set_side(wire::to_wire(*planned.scope.side));
  request.set_client_order_id_prefix(planned.scope.client_order_id_prefix);
}

}  // namespace

Simulation::Simulation(uint64_t seed, std::ostream* transcript)
    : world_(seed, transcript),
      plan_(make_plan(seed, world_.random)),
      venue_(world_, with_keys(plan_.exchange)),
      store_(plan_.options.retention, plan_.store_synced),
      judge_(world_, venue_, store_, rules_of(plan_), reading_of(plan_), orders_of(plan_), masses_of(plan_),
             plan_.wrong_readings || plan_.has(Blow::SetExchangeClock)),
      foreign_signer_(make_foreign_signer()) {
  if (transcript) *transcript << describe(plan_);
  build();
}

std::vector<Bus*> Simulation::buses() const {
  if (lone_) return {lone_.get()};
  return {&pair_->bus(0), &pair_->bus(1)};
}

Bus& Simulation::bus() const {
  if (lone_) return *lone_;
  return pair_->current();
}

Bus& Simulation::struck(const BlowPlan& blow) const {
  if (lone_) return *lone_;
  return blow.target % 3 == 0 ? pair_->bus(blow.target / 3 % Pair::Buses) : pair_->current();
}

std::vector<BusAddress> Simulation::build_buses(const std::string& peer, const Weather& weather) {
  std::vector<BusAddress> addresses;
  for (Bus* const each : buses()) {
    addresses.push_back({*each, paths_.emplace_back(world_, peer + "-" + each->name(), weather)});
  }
  return addresses;
}

void Simulation::build_pair() {
  std::array<std::vector<Path*>, Pair::Buses> to_servers;
  for (const size_t bus : {0, 1}) {
    for (const char* server : {"db-1", "db-2"}) {
      const std::string name = std::string(bus == 0 ? "bus-a" : "bus-b") + "-" + server;
      to_servers[bus].push_back(&paths_.emplace_back(world_, name, plan_.inside));
    }
  }
  Path& between = paths_.emplace_back(world_, "db-1-db-2", plan_.inside);
  pair_ = std::make_unique<Pair>(world_, std::array{plan_.clocks.front(), plan_.clocks.back()}, plan_.options,
                                 plan_.store_synced, to_servers, between, store_, judge_);
}

void Simulation::build() {
  const auto path = [this](const std::string& name, const Weather& weather) -> Path& {
    return paths_.emplace_back(world_, name, weather);
  };
  auto clock = plan_.clocks.begin();
  if (plan_.pair) {
    build_pair();
    ++clock;
  } else {
    lone_ = std::make_unique<LoneBus>(world_, *clock++, plan_.options, store_, judge_);
  }
  for (Bus* const each : buses()) each->set_owners(plan_.prefixes);
  judge_.registry().watches([this] { return bus().gateway(); });
  judge_.masses().watches([this] { return bus().gateway(); });
  auto to_buses = build_buses("stream", plan_.inside);
  subscriber_ = std::make_unique<SubscriberProcess>(world_, *clock++, std::move(to_buses),
                                                    path("stream-exchange", plan_.outside), venue_, judge_);
  for (int i = 1; i <= plan_.workers; ++i) {
    const std::string name = "w" + std::to_string(i);
    auto to = build_buses(name, plan_.inside);
    const WorkerSetup setup{plan_.connections, plan_.request_timeout, std::move(to),
                            path(name + "-exchange", plan_.outside), plan_.worker_sweeps[static_cast<size_t>(i) - 1]};
    workers_.push_back(std::make_unique<WorkerProcess>(world_, name, *clock++, setup, venue_, judge_));
  }
  for (const ClientPlan& client : plan_.clients) {
    client::SessionOptions options{client.sender, client.topics, client.open_commands};
    if (client.window)
      options.cancel_on_disconnect = std::chrono::duration_cast<std::chrono::milliseconds>(*client.window);
    clients_.push_back(std::make_unique<ClientProcess>(world_, client.name, *clock++, std::move(options),
                                                       build_buses(client.name, plan_.inside), judge_.readers()));
  }
}

void Simulation::begin() {
  const auto [earliest, latest] = std::ranges::minmax(plan_.clocks, {}, &Clock::wall_error);
  if (latest.wall_error() - earliest.wall_error() > 1s) world_.happened.add(Fault::WallClocksDiffer);
  const auto [slowest, fastest] = std::ranges::minmax(plan_.clocks, {}, &Clock::ppm);
  if (fastest.ppm() - slowest.ppm() > 100) world_.happened.add(Fault::ClocksDrift);
  if (plan_.first_orders.empty()) orders_ = venue_.place(plan_.orders);
  for (const PlacePlan& order : plan_.first_orders) orders_.push_back(venue_.place(order));
  if (plan_.many_orders > 0) venue_.place(plan_.many_orders);
  venue_.watched_by(judge_);
  const auto soon = [this](Process& process) {
    world_.agenda.after(world_.random.between(0ms, 300ms), [&process] { process.start(); });
  };
  for (Bus* const each : buses()) soon(*each);
  soon(*subscriber_);
  for (const auto& worker : workers_) soon(*worker);
  for (const auto& client : clients_) soon(*client);
  for (const std::string& fault : plan_.faults) {
    world_.agenda.after(400ms, [this, fault] { venue_.control("faults", fault); });
  }
  for (const CancelPlan& each : plan_.cancels) world_.agenda.after(each.at, [this, each] { cancel(each); });
  for (const MassPlan& each : plan_.masses) world_.agenda.after(each.at, [this, each] { mass_cancel(each); });
  for (const SwitchPlan& each : plan_.switches) world_.agenda.after(each.at, [this, each] { kill_switch(each); });
  for (const GoodbyePlan& each : plan_.goodbyes) world_.agenda.after(each.at, [this, each] { goodbye(each); });
  for (const HandPlan& each : plan_.hands) world_.agenda.after(each.at, [this, each] { act(each); });
  for (const PlacePlan& each : plan_.places) world_.agenda.after(each.at, [this, each] { place(each); });
  for (const WordPlan& each : plan_.words) world_.agenda.after(each.at, [this, each] { say(each); });
  for (const RetryPlan& each : plan_.retries) world_.agenda.after(each.at, [this, each] { retry(each); });
  for (const BlowPlan& each : plan_.blows) world_.agenda.after(each.at, [this, each] { strike(each); });
  world_.agenda.after(plan_.trouble, [this] { calm(); });
}

std::string Simulation::run() {
  begin();
  while (!over_ && !world_.failed()) world_.agenda.run_next(Never - Duration(1));
  count_faults_of_the_exchange();
  return world_.failure;
}

// ---- Work ----

void Simulation::cancel(const CancelPlan& cancel) {
  using google::protobuf::util::TimeUtil;
  v1::CancelOrder order;
  order.set_cl_ord_id(cancel.cl_ord_id);
  order.set_order_id(cancel.order < orders_.size() ? orders_[cancel.order] : UnknownOrder);
  order.set_priority(cancel.urgent ? v1::PRIORITY_URGENT : v1::PRIORITY_NORMAL);
  order.set_exact_quantities(cancel.exact);
  if (cancel.time_to_live) {
    *order.mutable_time_to_live() = TimeUtil::NanosecondsToDuration(cancel.time_to_live->count());
  }
  clients_[cancel.client]->cancel(std::move(order));
}

void Simulation::mass_cancel(const MassPlan& mass) {
  const core::MassCancelRequest& planned = mass.request;
  v1::MassCancel request;
  request.set_cl_ord_id(planned.cl_ord_id);
  set_scope(planned, request);
  request.set_priority(wire::to_wire(planned.priority));
  request.set_until_empty(planned.until_empty);
  request.set_dry_run(mass.dry_run);
  clients_[mass.client]->mass_cancel(std::move(request));
}

void Simulation::kill_switch(const SwitchPlan& plan) {
  v1::KillSwitchRequest request;
  request.set_action(plan.engage ? v1::KILL_SWITCH_ACTION_ENGAGE : v1::KILL_SWITCH_ACTION_RELEASE);
  set_scope(plan.request, request);
  request.set_reason("drill");
  request.set_force(plan.force);
  clients_[plan.client]->kill_switch(std::move(request));
}

void Simulation::goodbye(const GoodbyePlan& plan) {
  ClientProcess& client = *clients_[plan.client];
  client.goodbye(plan.keep_orders, [this, &client] { restart(client, 1s); });
}

void Simulation::act(const HandPlan& hand) {
  const std::string id = "{\"id\":" + std::to_string(orders_[hand.order]);
  const auto control = [&](Fault fault, const char* what, const std::string& body) {
    if (venue_.control(what, id + body)) world_.happened.add(fault);
  };
  switch (hand.kind) {
    case HandPlan::Kind::Fill:
      return control(Fault::Fill, "fill", "}");
    case HandPlan::Kind::PartialFill:
      return control(Fault::PartialFill, "fill", R"(,"amount":"0.002"})");
    case HandPlan::Kind::Edit:
    case HandPlan::Kind::EditAcrossGap:
      return edit(id, hand);
    case HandPlan::Kind::Cancel:
      return control(Fault::CancelByHand, "cancel", "}");
    case HandPlan::Kind::ForeignDelete:
      return foreign_delete(orders_[hand.order]);
  }
}

void Simulation::place(const PlacePlan& order) {
  const core::OrderId id = venue_.place(order);
  if (order.end == PlacePlan::End::None) return;
  world_.agenda.after(order.ends_at - order.at, [this, id, end = order.end] { becomes(id, end); });
}

void Simulation::becomes(core::OrderId order, PlacePlan::End end) {
  const std::string id = "{\"id\":" + std::to_string(order);
  switch (end) {
    case PlacePlan::End::None:
      return;
    case PlacePlan::End::Fill:
      return (void)venue_.control("fill", id + "}");
    case PlacePlan::End::Cancel:
      return (void)venue_.control("cancel", id + "}");
    case PlacePlan::End::Edit:
      return edit(id, {.kind = HandPlan::Kind::Edit, .gap_ms = 30});
    case PlacePlan::End::EditAcrossGap:
      return edit(id, {.kind = HandPlan::Kind::EditAcrossGap, .gap_ms = 200});
  }
}

void Simulation::edit(const std::string& order, const HandPlan& hand) {
  const std::string body = R"(,"price":"9","gap_ms":)" + std::to_string(hand.gap_ms) + "}";
  if (!venue_.control("edit", order + body)) return;
  world_.happened.add(Fault::Edit);
  if (hand.kind != HandPlan::Kind::EditAcrossGap) return;
  world_.agenda.after(std::chrono::milliseconds(hand.gap_ms) / 2,
                      [this] { venue_.control("stream", R"({"close":"frame"})"); });
}

void Simulation::say(const WordPlan& word) {
  const CancelPlan& cancel = plan_.cancels[word.cancel];
  const exchange_sim::Order* order =
      cancel.order < orders_.size() ? venue_.model().book().find(orders_[cancel.order]) : nullptr;
  v1::OrdStatus truth = v1::ORD_STATUS_REJECTED;
  if (order) {
    truth = exchange_sim::is_open(order->status)                   ? v1::ORD_STATUS_NEW
            : order->status == exchange_sim::OrderStatus::Canceled ? v1::ORD_STATUS_CANCELED
                                                                   : v1::ORD_STATUS_FILLED;
  }
  v1::ResolveRequest request;
  request.set_sender_comp_id(plan_.clients[cancel.client].sender);
  request.set_cl_ord_id(cancel.cl_ord_id);
  request.set_as(word.mistake ? wire::to_wire(*word.mistake) : truth);
  request.set_reason("looked at the book");
  world_.happened.add(request.as() == truth ? Fault::Override : Fault::MistakenOverride);
  clients_.back()->resolve(std::move(request));
}

void Simulation::retry(const RetryPlan& wanted) {
  const CancelPlan& cancel = plan_.cancels[wanted.cancel];
  v1::RetryRequest request;
  request.set_sender_comp_id(plan_.clients[cancel.client].sender);
  request.set_cl_ord_id(cancel.cl_ord_id);
  clients_.back()->retry(std::move(request));
}

void Simulation::foreign_delete(core::OrderId order) {
  int64_t stamp = exchange_sim::unix_ms(venue_.model().seen().clock(venue_.now()));
  if (stamp == std::exchange(last_foreign_stamp_, stamp)) ++stamp;
  Venue::HttpRequest request;
  const btcturk::HttpRequest made = btcturk::cancel_request(foreign_signer_, order, stamp);
  request.method = made.method;
  request.target = made.target;
  request.public_key = ForeignKey;
  request.stamp = std::to_string(stamp);
  request.signature = foreign_signer_.sign_rest(stamp);
  request.ip = ForeignAddress;
  world_.happened.add(Fault::AnotherProgram);
  venue_.request(std::move(request), [](const Venue::HttpAnswer*) {});
  world_.tell("foreign", "deletes ", order_name(order));
}

// ---- Troubles ----

void Simulation::strike(const BlowPlan& blow) {
  world_.tell("BLOW", blow_name(blow.blow));
  world_.happened.add(blow.blow);
  const auto one_of = [&](auto& from) -> auto& { return *from[blow.target % from.size()]; };
  switch (blow.blow) {
    case Blow::KillWorker:
      return restart(one_of(workers_), blow.length);
    case Blow::FreezeWorker:
      return freeze(one_of(workers_), blow.length);
    case Blow::DrainWorker:
      one_of(workers_).drain();
      return world_.agenda.after(blow.length, [&worker = one_of(workers_)] { worker.start(); });
    case Blow::StopWriting:
      one_of(workers_).set_writes(false);
      return world_.agenda.after(blow.length, [&worker = one_of(workers_)] { worker.set_writes(true); });
    case Blow::KillSubscriber:
      return restart(*subscriber_, blow.length);
    case Blow::FreezeSubscriber:
      return freeze(*subscriber_, blow.length);
    case Blow::KillClient:
      return restart(one_of(clients_), blow.length);
    case Blow::FreezeClient:
      return freeze(one_of(clients_), blow.length);
    case Blow::HoldPath:
      return hold(blow);
    case Blow::CutPath:
      return paths_[blow.target % paths_.size()].cut();
    case Blow::CloseStream: {
      static constexpr const char* Ways[] = {"frame", "no_frame", "reset"};
      venue_.control("stream", std::string(R"({"close":")") + Ways[blow.choice % 3] + "\"}");
      return;
    }
    case Blow::MuteStream:
      venue_.control("stream", R"({"mute":true})");
      return;
    case Blow::SilenceStream:
      venue_.control("stream", R"({"silence":true})");
      return;
    case Blow::RubbishOnStream:
      venue_.control("stream", blow.choice % 2 ? R"({"text":"[452,"})" : R"({"frame":[777,{"id":1}]})");
      return;
    case Blow::SetExchangeClock: {
      const auto off = static_cast<int64_t>(blow.choice % 41) - 20;
      judge_.referee().exchange_clock_set();
      world_.happened.add(exchange_sim::Fault::ClockOff);
      venue_.control("faults", R"({"clock_off":{"seconds":)" + std::to_string(off) + "}}");
      return;
    }
    case Blow::SetBusClock:
      return set_clock(struck(blow), wall_error(blow));
    case Blow::SetAnyClock: {
      std::vector<Process*> hosts;
      for (Bus* const each : buses()) hosts.push_back(each);
      hosts.push_back(subscriber_.get());
      for (const auto& worker : workers_) hosts.push_back(worker.get());
      return set_clock(*hosts[blow.target % hosts.size()], wall_error(blow));
    }
    default:
      return strike_bus(blow);
  }
}

void Simulation::strike_bus(const BlowPlan& blow) {
  Bus& bus = struck(blow);
  switch (blow.blow) {
    case Blow::KillBus:
      return restart(bus, blow.length);
    case Blow::KillBusInTurn:
      bus.kill_after(static_cast<int>(blow.choice % 9));
      // It may have died by then, or not.
      return world_.agenda.after(blow.length, [this, &bus] { restart(bus, 100ms); });
    case Blow::StopBusInTurn:
      return bus.stop_after(static_cast<int>(blow.choice % 9), blow.length);
    case Blow::RebootBus:
      bus.reboot(clock_of_next_boot(bus, blow));
      return world_.agenda.after(blow.length, [&bus] { bus.start(); });
    case Blow::FreezeBus:
      return freeze(bus, blow.length);
    case Blow::DrainBus:
      // An orderly restart forgets how often the keys were refused: the runbook has it wait until they are good again.
      if (judge_.referee().refused() > 0) return;
      bus.drain();
      return world_.agenda.after(blow.length, [&bus] { bus.start(); });
    case Blow::DropReplies:
      bus.drop(static_cast<double>(blow.choice % 100 + 1) / 100, blow.target % 2 == 0);
      return world_.agenda.after(blow.length, [&bus] { bus.drop(0, false); });
    default:
      return lone_ ? strike_lone(blow) : strike_database(blow);
  }
}

void Simulation::strike_lone(const BlowPlan& blow) {
  switch (blow.blow) {
    case Blow::CutPower:
      lone_->cut_power(clock_of_next_boot(*lone_, blow));
      return world_.agenda.after(blow.length, [this] { lone_->start(); });
    case Blow::PutBackCopy:
      store_.keep_copy();
      return world_.agenda.after(blow.length, [this, down = std::chrono::milliseconds(10 + blow.choice % 90)] {
        // Nothing else shows that it is older, and of a store that is taken for the latest nothing is promised.
        const bool shown = std::ranges::any_of(workers_, [this](const auto& worker) {
          const std::optional<core::Term> seen = worker->seen();
          return seen && store_.shows_copy(*seen);
        });
        if (!shown) return world_.tell("store", "the copy is not put back: no worker has heard of anything later");
        lone_->kill();
        store_.put_back_copy();
        world_.agenda.after(down, [this] { lone_->start(); });
      });
    case Blow::FillDisk:
      store_.set_full(true);
      return world_.agenda.after(blow.length, [this] { store_.set_full(false); });
    case Blow::MisplaceStore:
      store_.set_misplaced(true);
      return world_.agenda.after(blow.length, [this] { store_.set_misplaced(false); });
    default:
      return;
  }
}

void Simulation::strike_database(const BlowPlan& blow) {
  Database& database = pair_->database();
  const auto some = std::chrono::milliseconds(blow.choice % 3'000);
  const int waits = static_cast<int>(blow.choice % 4) + 1;
  switch (blow.blow) {
    case Blow::KillPrimary:
      return database.kill_primary(blow.length);
    case Blow::KillStandbyServer:
      return database.kill_standby(blow.length);
    case Blow::FailOver:
      return database.fail_over(some, blow.length);
    case Blow::PromoteBeside:
      return database.promote_beside(blow.length);
    case Blow::CancelWaits:
      return database.end_waits(Database::Wait::Canceled, waits);
    case Blow::EndWaits:
      return database.end_waits(Database::Wait::Terminated, waits);
    case Blow::FailOverBehind:
      database.between().hold(true, true);
      database.end_waits(blow.target % 2 == 0 ? Database::Wait::Canceled : Database::Wait::Terminated, waits);
      // Mostly soon enough for the leader to go on in its term.
      return world_.agenda.after(std::min<Duration>(blow.length, 1s), [this, &database, some, back = blow.length] {
        database.fail_over(some / 3, back);
        database.end_waits(Database::Wait::Normal, 0);
        database.between().release();
      });
    case Blow::StopLeader: {
      // Not for so long that its peers give it up.
      const auto length = std::chrono::milliseconds(2'600 + blow.target % 2'800);
      if (blow.target % 4 == 0) return pair_->current().stop_after(static_cast<int>(blow.choice % 9), length);
      return pair_->current().stop_before_task(length);
    }
    case Blow::HoldBusFromDatabase:
      return hold_paths(struck(blow).name(), {"db-"}, blow);
    case Blow::HoldBusFromWorkers:
      return hold_paths(struck(blow).name(), {"w", "stream"}, blow);
    case Blow::HoldBusFromClients:
      return hold_paths(struck(blow).name(), {"client", "operator"}, blow);
    case Blow::HoldReplication:
      return hold_paths("db-1-db-2", {"db-"}, blow);
    case Blow::IsolateBus:
      return hold_paths(struck(blow).name(), {"db-", "w", "stream", "client", "operator"}, blow);
    default:
      return;
  }
}

Clock Simulation::clock_of_next_boot(const Bus& bus, const BlowPlan& blow) const {
  return Clock(world_.now(), static_cast<int64_t>(blow.choice % 801) - 400, bus.clock().wall_error(),
               std::chrono::minutes(1 + blow.target % 120));
}

void Simulation::restart(Process& process, Duration down) {
  process.kill();
  world_.agenda.after(down, [&process] { process.start(); });
}

void Simulation::freeze(Process& process, Duration length) {
  process.freeze();
  world_.agenda.after(length, [&process] { process.wake(); });
}

void Simulation::hold(const BlowPlan& blow) {
  Path& path = paths_[blow.target % paths_.size()];
  const uint64_t which = blow.choice % 4;
  path.hold(which != 1, which != 2);
  world_.agenda.after(blow.length, [&path] { path.release(); });
}

void Simulation::hold_paths(const std::string& from, const std::vector<std::string>& to, const BlowPlan& blow) {
  const uint64_t which = blow.choice % 4;
  for (Path& path : paths_) {
    const bool there = path.name().find(from) != std::string::npos;
    const bool wanted = there && std::ranges::any_of(to, [&](const std::string& peer) {
                          return path.name().starts_with(peer) || path.name().find("-" + peer) != std::string::npos;
                        });
    if (!wanted) continue;
    path.hold(which != 1, which != 2);
    world_.agenda.after(blow.length, [&path] { path.release(); });
  }
}

// ---- The end ----

void Simulation::calm() {
  world_.tell("calm", "the troubles end");
  store_.set_full(false);
  store_.set_misplaced(false);
  for (Bus* const each : buses()) each->drop(0, false);
  if (pair_) pair_->database().heal();
  if (plan_.has(Blow::SetExchangeClock)) judge_.referee().exchange_clock_set();
  for (Path& path : paths_) path.release();
  for (const auto& worker : workers_) worker->set_writes(true);
  for (size_t i = 0; i < exchange_sim::kFaults; ++i) {
    venue_.control("faults", "{\"" + std::string(exchange_sim::fault_infos()[i].name) + "\":null}");
  }
  look();
}

void Simulation::all_well() {
  const auto well = [](Process& process) {
    process.wake();
    process.start();
  };
  for (Bus* const each : buses()) well(*each);
  well(*subscriber_);
  for (const auto& worker : workers_) well(*worker);
  for (const auto& client : clients_) well(*client);
}

void Simulation::look() {
  // The last blows, and drains, may end a process later still.
  all_well();
  if (settled() && swept() && all_heard()) return world_.agenda.after(afterwards(), [this] { end(); });
  drain_blocked_bus();
  // What is lowered comes back a tenth a period, once it is used up.
  const core::Gateway* gateway = bus().gateway();
  const bool lowered = gateway && std::ranges::any_of(gateway->status(bus().now()).windows, [](const auto& window) {
                         return window.rule.limit < window.configured_limit;
                       });
  const Duration patience = plan_.longest_wait + (lowered ? 2 * Patience : Patience);
  if (world_.now() > Time(plan_.trouble + patience)) {
    return world_.fail("promise 2: not settled long after the troubles: ", undecided());
  }
  world_.agenda.after(1s, [this] { look(); });
}

// What the runbook says of keys that were refused too often, once they are good again: a restart in order. One is
// enough. Workers that have misread the exchange's clock read it again first.
void Simulation::drain_blocked_bus() {
  if (world_.now() < Time(plan_.trouble) + worker::ClockSchedule::CalmPause) return;
  const core::Gateway* gateway = bus().gateway();
  if (!gateway || gateway->status(bus().now()).unauthorized_in_a_row < core::WorkerPool::MostUnauthorized) return;
  if (judge_.referee().refused() < core::WorkerPool::MostUnauthorized) {
    return world_.fail("the bus says that its keys were refused too often, and they were refused ",
                       judge_.referee().refused(), " times");
  }
  if (std::exchange(drained_for_keys_, world_.now()) == Never) return bus().drain();
  if (world_.now() - drained_for_keys_ > 20s)
    world_.fail("the bus was restarted in order, and its keys are refused still");
}

bool Simulation::swept() const { return judge_.registry().settled(Time(plan_.trouble)); }

bool Simulation::settled() {
  for (const auto& client : clients_) {
    const size_t waiting = judge_.readers().waiting(client->name());
    if (client->undecided() == waiting) continue;
    world_.fail("promise 2: ", client->name(), " says that it waits for ", client->undecided(), " commands, and it is ",
                waiting);
  }
  return judge_.ledger().settled() && judge_.masses().settled() &&
         std::ranges::all_of(clients_, [this](const auto& client) {
           return judge_.readers().waiting(client->name()) == 0 || judge_.readers().only_stuck(client->name());
         });
}

Duration Simulation::afterwards() const {
  const auto open = [](const auto& entry) { return !entry.second.ended(); };
  return std::ranges::any_of(judge_.ledger().commands(), open) ? AfterwardsIfStuck : Afterwards;
}

bool Simulation::all_heard() const {
  return bus().committed_all() && judge_.readers().read_to_the_end(store_).empty() &&
         judge_.referee().owed_to_the_bus().empty();
}

std::string Simulation::undecided() const {
  std::string text;
  for (const auto& [key, command] : judge_.ledger().commands()) {
    if (!command.ended() && !command.stuck) text += " " + key.cl_ord_id + " of " + order_name(command.order.order_id);
  }
  text += judge_.masses().open();
  for (const auto& client : clients_) {
    if (client->undecided() > 0) text += "; " + client->name() + " waits for " + std::to_string(client->undecided());
  }
  return text;
}

void Simulation::count_faults_of_the_exchange() {
  // No answer of ours shows it.
  if (venue_.model().seen().counters.other_program > 0) world_.happened.add(exchange_sim::Fault::OtherProgram);
  for (const exchange_sim::FaultInfo& info : exchange_sim::fault_infos()) {
    if (venue_.model().seen().faults.applied(info.fault) > 0) world_.happened.add(info.fault);
  }
  for (const GuessPlan& guess : plan_.guesses) {
    if (venue_.model().seen().counters.guesses.contains(guess.name)) world_.happened.add(guess.fault);
  }
}

void Simulation::end() {
  all_well();
  if (bus().gateway() == nullptr) return look();
  // Of a stuck command queries go on: an outcome that is just on its way is waited for.
  constexpr int MostWaits = 20;
  if (!all_heard() && ++waits_at_the_end_ <= MostWaits) return world_.agenda.after(100ms, [this] { end(); });
  // News have come since; the next sweep takes them in.
  if (!swept()) return look();
  // An engaged kill switch cancels again what a later list shows.
  if (!settled() && judge_.masses().any_engaged()) return look();
  over_ = true;
  if (!settled()) return world_.fail("promise 2: what was settled is open again: ", undecided());
  judge_.referee().at_the_end();
  judge_.registry().at_the_end();
  judge_.masses().at_the_end();
  if (const auto behind = judge_.readers().read_to_the_end(store_); !behind.empty()) world_.fail("promise 5: ", behind);
  const core::BusStatus status = bus().gateway()->status(bus().now());
  size_t stuck = 0;
  for (const auto& [key, command] : judge_.ledger().commands()) stuck += !command.ended();
  if (status.undecided != stuck) world_.fail("the bus holds ", status.undecided, " undecided commands");
  for (const core::QueueStatus& queue : status.queues) world_.fail("something of ", queue.sender, " is queued still");
  world_.tell("end", "all is settled");
}

}  // namespace cancelbus::simulation
