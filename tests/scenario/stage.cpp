#include "tests/scenario/stage.hpp"

#include <algorithm>
#include <stdexcept>

namespace cancelbus::scenario {

using core::Duration;
using core::Tick;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration WorkerBeat = milliseconds(250);
constexpr Duration OtherBeat = seconds(1);
const std::string FeedPeer = "feed";

Duration next_multiple(Duration now, Duration step) { return (now / step + 1) * step; }

}  // namespace

Stage::Stage(Duration longest) : longest_(longest) { options_.check_invariants = true; }

std::vector<std::string> Stage::play(const std::string& line) {
  lines_.clear();
  Words words(line);
  const std::string subject = words.next();
  if (subject == "given") {
    given(words);
  } else {
    if (!gateway_) open();
    if (subject.starts_with("+")) {
      move(after(parse_duration(subject.substr(1))));
    } else if (subject == "at") {
      move(after(parse_duration(words.next()) - now_));
    } else if (subject == "stall") {
      now_ = after(parse_duration(words.next()));
      stalled_ = true;
    } else if (subject == "restart") {
      restart(words);
    } else if (subject == "stream") {
      stream(words);
    } else if (subject == "show") {
      show(words.next());
    } else if (subject == "store") {
      const std::string verb = words.next();
      if (verb == "synced") {
        store_.sync();
      } else {
        const bool writable = verb == "writable";
        turn(core::StoreHealth{writable, writable ? "" : "disk is full"});
      }
    } else if (subject == "placed") {
      placed(words);
    } else if (subject == "gone") {
      gone(words);
    } else if (subject == "wall") {
      // The wall clock of the bus's host is set.
      wall_error_ = parse_duration(words.next());
    } else if (subject == "drain") {
      turn(core::DrainRequested{});
    } else if (subject.starts_with("#")) {
      answer(task_id(subject), parse_answer(words));
    } else if (subject == "queries" || subject == "deletes" || subject == "sweeps") {
      const auto kind = subject == "deletes"  ? core::LimiterKind::Cancel
                        : subject == "sweeps" ? core::LimiterKind::OpenOrders
                                              : core::LimiterKind::Query;
      standing(kind, line.substr(subject.size()));
      return {};
    } else if (subject == "owners") {
      owners(words);
    } else if (subject.starts_with("4")) {
      fact(subject, words);
    } else if (subject.starts_with("w")) {
      worker(subject, words);
    } else {
      session(subject, words);
    }
  }
  words.expect_end();
  return std::move(lines_);
}

// ---- Commands ----

void Stage::given(Words& words) {
  if (gateway_) throw std::runtime_error("`given` must come first");
  options_.account = words.value("account", "");
  if (words.has("cancel_limits")) options_.cancel_limits = parse_rules(words.value("cancel_limits", ""));
  if (words.has("query_limits")) options_.query_limits = parse_rules(words.value("query_limits", ""));
  if (words.has("open_orders_limits")) options_.open_orders_limits = parse_rules(words.value("open_orders_limits", ""));
  if (words.has("urgent_reserve")) options_.urgent_reserve = parse_rules(words.value("urgent_reserve", ""));
  options_.pairs = split(words.value("pairs", ""), ',');
  if (!std::ranges::all_of(options_.pairs, core::is_pair)) throw std::runtime_error("not pairs");
  options_.sweep_interval = words.duration("sweep_interval", options_.sweep_interval);
  start_sweeps_ = words.flag("sweeps");
  options_.default_ttl = words.duration("default_ttl", options_.default_ttl);
  options_.final_wait = words.duration("final_wait", options_.final_wait);
  options_.edit_grace = words.duration("edit_grace", options_.edit_grace);
  options_.doubt_after = words.duration("doubt_after", options_.doubt_after);
  options_.lost_after = words.duration("lost_after", options_.lost_after);
  options_.worker_lease = words.duration("worker_lease", options_.worker_lease);
  options_.observe = words.flag("observe");
  options_.max_attempts = static_cast<uint32_t>(words.number("max_attempts", options_.max_attempts));
  options_.max_open = words.number("max_open", options_.max_open);
  options_.max_open_per_sender = words.number("max_open_per_sender", options_.max_open_per_sender);
  options_.max_remembered_per_sender = words.number("max_remembered_per_sender", options_.max_remembered_per_sender);
  options_.retention = words.duration("retention", options_.retention);
  start_workers_ = words.number("workers", start_workers_);
  start_credit_ = words.number("credit", start_credit_);
  start_timeout_ = words.duration("timeout", start_timeout_);
  start_stream_ = words.value("stream", start_stream_);
  options_.statuses_per_second = words.number("statuses", options_.statuses_per_second);
  confirms_ = words.flag("confirms");
  causes_ = words.flag("causes");
}

void Stage::open() {
  gateway_ = std::make_unique<core::Gateway>(options_, store_.start(true), instant());
  for (uint64_t i = 1; i <= start_workers_; ++i) {
    Words joins(start_sweeps_ ? "joins sweeps" : "joins");
    worker("w" + std::to_string(i), joins);
  }
  if (start_stream_ != "off") {
    Words login("login");
    stream(login);
  }
  if (start_stream_ == "live") {
    Words speaks("speaks");
    stream(speaks);
  }
  for (const char* name : {"alice", "bob"}) {
    Words hello("hello");
    session(name, hello);
  }
  lines_.clear();
}

Duration Stage::after(Duration time) const {
  if (time < Duration::zero()) throw std::runtime_error("time only moves forward");
  if (time > longest_ - now_) throw std::runtime_error("this is more time than may pass");
  return now_ + time;
}

void Stage::move(Duration target) {
  moving_ = true;
  while (now_ < target || stalled_) {
    const Tick deadline = gateway_->next_deadline(instant().tick);
    if (deadline <= instant().tick && !stalled_) throw Stuck("the gateway's next deadline never passes");
    const Duration beat_at = next_multiple(now_, WorkerBeat);
    const Duration next = std::min({beat_at, target, due_.empty() ? target : due_.front().first});
    now_ = stalled_ ? now_ : deadline - boot_ < next ? deadline - boot_ : next;
    if (now_ == beat_at || std::exchange(stalled_, false)) beat(now_ % OtherBeat == Duration::zero());
    answer_standing();
    run(core::DeadlinePassed{});
  }
  moving_ = false;
}

void Stage::restart(Words& words) {
  const bool power_cut = words.flag("power_cut");
  const bool same_boot = !words.flag("other_boot") && !power_cut;
  now_ = after(words.duration("down", Duration::zero()));
  options_.lost_after = words.duration("lost_after", options_.lost_after);
  options_.observe |= words.flag("observe");
  if (words.has("cancel_limits")) options_.cancel_limits = parse_rules(words.value("cancel_limits", ""));
  if (!same_boot) boot_ = Tick(seconds(5)) - now_;
  sessions_.clear();
  if (power_cut) store_.lose_what_is_not_synced();
  gateway_ = std::make_unique<core::Gateway>(options_, store_.start(same_boot, power_cut), instant());
  if (!owners_.empty()) run(core::OwnersSet{owners_});
  run(core::DeadlinePassed{});
}

void Stage::stream(Words& words) {
  const std::string verb = words.next();
  if (verb == "login") {
    stream_.silent = false;
    stream_.logged_in = true;
    ++stream_.logins;
    turn(report(true));
  } else if (verb == "logout") {
    stream_.logged_in = false;
    turn(report(true));
  } else if (verb == "silent") {
    stream_.silent = true;
  } else if (verb == "back") {
    stream_.silent = false;
    turn(report(true));
  } else if (verb == "speaks") {
    Words other("1");
    fact("451", other);
  } else {
    throw std::runtime_error("unknown word: " + verb);
  }
}

void Stage::fact(const std::string& type, Words& words) {
  core::OrderFact fact;
  fact.type = parse_fact_type(type);
  fact.order_id = std::stoll(words.next());
  fact.price = "100";
  fact.amount = words.value("of", "1");
  if (type == "451" || type == "452") fact.num_left = words.value("left", "1");
  fact.symbol = words.value("pair", "BTCTRY");
  fact.client_order_id = words.value("client", "");
  fact.side = parse_side(words.value("side", ""));
  const uint64_t seq = words.number("seq", stream_.seq + 1);
  stream_.seq = std::max(stream_.seq, seq);
  turn(
      core::StreamFact{FeedPeer, words.number("subscriber", stream_.subscriber), seq, fact, words.number("oldest", 0)});
}

void Stage::answer(core::TaskId task, core::Answer answer) {
  if (answer.arrival != core::Arrival::NeverSent) answer.sent = instant().wall;
  if (answer.arrival == core::Arrival::Answered) answer.answered = instant().wall;
  const std::string& holder = holder_.at(task);
  const bool more = answer.listing && answer.listing->part < answer.listing->parts;
  if (!more) workers_.at(holder).tasks.erase(task);
  turn(core::TaskEnded{holder, task, answer});
}

void Stage::standing(core::LimiterKind kind, const std::string& line) {
  Words words(line);
  if (words.empty()) {
    standing_.erase(kind);
    return;
  }
  if (!words.flag("book")) parse_answer(words);  // throws now rather than later
  words.flag("gone");
  standing_[kind] = line;
}

void Stage::answer_standing() {
  while (!due_.empty() && due_.front().first <= now_) {
    const core::TaskId task = due_.front().second;
    due_.pop_front();
    const Worker& holder = workers_.at(holder_.at(task));
    const auto line = standing_.find(kind_.at(task));
    if (line == standing_.end() || holder.silent || !holder.tasks.contains(task)) continue;
    Words words(line->second);
    if (words.flag("book")) {
      list_book(task);
      continue;
    }
    const core::Answer given = parse_answer(words);
    const core::OrderId order = order_of_.at(task);
    answer(task, given);
    if (words.flag("gone") && book_.contains(order)) {
      Words leaves(std::to_string(order));
      gone(leaves);
    }
  }
}

void Stage::worker(const std::string& name, Words& words) {
  const std::string verb = words.next();
  Worker& worker = workers_[name];
  if (verb == "joins") {
    worker = {};
    worker.id = ++last_worker_;
    worker.credit = static_cast<uint32_t>(words.number("credit", start_credit_));
    worker.timeout = words.duration("timeout", start_timeout_);
    worker.sweeps = words.flag("sweeps");
    read_clock(worker, words);
  } else if (verb == "silent") {
    worker.silent = true;
    return;
  } else if (verb == "back") {
    worker.silent = false;
  } else if (verb == "ending") {
    worker.ending = true;
    worker.credit = 0;
  } else if (verb == "claims") {
    worker.tasks.insert(task_id(words.next()));
  } else if (verb == "says") {
    const core::TaskId task = task_id(words.next());
    return turn(core::TaskEnded{name, task, parse_answer(words)});
  } else if (verb == "forgets") {
    worker.tasks.erase(task_id(words.next()));
  } else if (verb == "clock") {
    read_clock(worker, words);
  } else if (verb == "key") {
    ++worker.key;
  } else if (verb == "credit") {
    worker.credit = static_cast<uint32_t>(std::stoul(words.next()));
  } else {
    throw std::runtime_error("unknown word: " + verb);
  }
  turn(ready(name));
}

void Stage::read_clock(Worker& worker, Words& words) {
  worker.clockless = words.flag("none");
  worker.earlier = words.flag("earlier");
  worker.off = words.duration("off", Duration::zero());
  worker.uncertainty = words.duration("uncertain", milliseconds(1));
  ++worker.series;
}

void Stage::session(const std::string& peer, Words& words) {
  const std::string verb = words.next();
  if (verb == "hello") {
    sessions_[peer] = words.value("as", peer);
    const auto topics = split(words.value("topics", ""), ',');
    core::Hello hello{peer, sessions_[peer], topics, words.flag("open")};
    if (words.has("dead_man")) hello.cancel_on_disconnect = words.duration("dead_man", {});
    turn(hello);
  } else if (verb == "cancel") {
    cancel(peer, words);
  } else if (verb == "garbles") {
    turn(core::CommandMalformed{peer, words.next(), "order_id: must be 1 or above"});
  } else if (verb == "heartbeat") {
    turn(core::SessionHeartbeat{peer});
  } else if (verb == "status") {
    turn(core::StatusRequest{peer});
  } else if (verb == "asks") {
    const std::string topic = words.next();
    const uint64_t from = std::stoull(words.next());
    const auto count = static_cast<uint32_t>(words.number("count", 500));
    turn(core::RetransmitRequest{peer, words.number("epoch", store_.epoch()), topic, from, count});
  } else if (verb == "orders") {
    ask_orders(peer, words);
  } else if (verb == "lists") {
    ask_commands(peer, words);
  } else if (verb == "resolves") {
    const auto command = split(words.next(), '/');
    const core::OrdStatus as = parse_ord_status(words.next());
    turn(core::ResolveRequest{peer, {command.at(0), command.at(1)}, as, words.value("reason", "")});
  } else if (verb == "retries") {
    const auto command = split(words.next(), '/');
    turn(core::RetryRequest{peer, {command.at(0), command.at(1)}});
  } else if (verb == "mass") {
    mass_cancel(peer, words);
  } else if (verb == "kill" || verb == "release") {
    kill_switch(peer, verb == "kill", words);
  } else if (verb == "goodbye") {
    turn(core::GoodbyeReceived{peer, words.flag("keep")});
  } else if (verb == "leaves") {
    sessions_.erase(peer);
  } else {
    throw std::runtime_error("unknown word: " + verb);
  }
}

void Stage::cancel(const std::string& peer, Words& words) {
  core::CancelOrder order;
  order.cl_ord_id = words.next();
  order.order_id = std::stoll(words.next());
  order.account = words.value("account", "");
  order.symbol = "BTCTRY";
  if (words.has("ttl")) order.time_to_live = words.duration("ttl", {});
  if (words.flag("urgent")) order.priority = core::Priority::Urgent;
  order.exact_quantities = words.flag("exact");
  const bool own_only = words.flag("own");
  turn(core::CommandReceived{peer, order, false, own_only});
}

// ---- The world ----

core::Instant Stage::instant() const { return {boot_ + now_, Start + now_ + wall_error_}; }

void Stage::turn(const core::Event& event) {
  run(event);
  if (std::exchange(stalled_, false)) beat(true);
  run(core::DeadlinePassed{});
}

void Stage::run(const core::Event& event) noexcept {
  const core::Actions actions = gateway_->step(instant(), event);
  store_.commit(actions.records);
  show_causes(actions.causes);
  for (const core::SwitchChange& change : actions.switches) say(to_text(change));
  for (const core::SweepEnd& end : actions.sweeps) say(to_text(end));
  for (const core::Send& send : actions.sends) {
    std::visit([this](const auto& s) { show_send(s); }, send);
  }
  for (const core::Record& record : actions.records) {
    if (const auto* publication = std::get_if<core::Publication>(&record)) say(to_text(*publication, Start));
  }
}

void Stage::beat(bool everyone) {
  for (const auto& [name, worker] : workers_) {
    if (!worker.silent) run(ready(name));
  }
  if (!everyone) return;
  if (!stream_.silent) run(report(false));
  for (const auto& [peer, sender] : sessions_) {
    // What it is answered is not worth a line.
    const core::Actions actions = gateway_->step(instant(), core::SessionHeartbeat{peer});
    store_.commit(actions.records);
    show_causes(actions.causes);
  }
}

core::WorkerReady Stage::ready(const std::string& name) const {
  const Worker& worker = workers_.at(name);
  std::optional<core::ClockSample> clock;
  if (!worker.clockless) {
    core::ClockSample& sample = clock.emplace();
    sample.series = worker.series;
    sample.uncertainty = worker.uncertainty;
    if (!worker.earlier) sample.exchange_time = Start + now_ + worker.off;
  }
  return {name,  worker.id,      name,       worker.credit, {worker.tasks.begin(), worker.tasks.end()},
          clock, worker.timeout, worker.key, worker.ending, worker.sweeps};
}

core::StreamReport Stage::report(bool change) {
  const uint64_t seq = change ? ++stream_.seq : 0;
  return {FeedPeer, stream_.subscriber, seq, stream_.logged_in, stream_.logged_in, stream_.logins, ""};
}

core::TaskId Stage::task_id(const std::string& ordinal) const {
  const size_t index = std::stoul(ordinal.substr(1)) - 1;
  if (index >= tasks_.size()) throw std::runtime_error("request " + ordinal + " was not given out");
  return tasks_[index];
}

}  // namespace cancelbus::scenario
