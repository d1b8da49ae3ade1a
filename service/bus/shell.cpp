#include "service/bus/shell.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "service/bus/stage_log.hpp"
#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/wire/event_codec.hpp"
#include "service/wire/recording.hpp"

namespace cancelbus::bus {

namespace {

const io::CurveKey* pointer_to(const std::optional<io::CurveKey>& key) { return key ? &*key : nullptr; }

std::vector<core::SenderWeight> weights(const Policy& policy) {
  std::vector<core::SenderWeight> out;
  for (const Entry& entry : policy.entries()) {
    if (!entry.may_cancel()) continue;
    for (const std::string& sender : entry.senders) out.push_back({sender, entry.weight});
  }
  return out;
}

}  // namespace

Shell::Shell(asio::io_context& context, Options& options, std::unique_ptr<io::Store> store,
             const core::Snapshot& snapshot)
    : key_(options.curve_key),
      options_(options),
      policy_file_(options_.policy_file),
      key_file_(options_.curve_key_file),
      zmq_(1),
      store_(std::move(store), metrics_.registry()),
      guard_(options_.policy, refusals_, [] { return io::fewer_descriptors_than(Guard::LastRoom); }),
      zap_(context, zmq_, [this](const io::ZapRequest& request) { return guard_.enters(request, io::now().tick); }),
      sessions_(context, zmq_, pointer_to(key_), options_.door, guard_, refusals_, metrics_),
      events_(context, zmq_, pointer_to(key_),
              {[this](const std::string& key, std::string_view frame) {
                 return guard_.may_say(key, frame, io::now().tick);
               },
               [this](const auto& failure) { guard_.handshake_failed(Door::Event, failure); }, [this] { turn(); }}),
      backend_(context, zmq_, pointer_to(key_), guard_, refusals_, metrics_),
      timer_(context),
      engine_(options_.gateway, snapshot, io::now(), store_,
              Engine::Edge{
                  .out = {[this](const core::Send& s) { send(s); },
                          [this](const io::EventRow& event) { publish(event); }, [this] { turn(); }},
                  .decided = [this](const core::Actions& actions) { note(actions); },
                  .bar_of = [this](const core::PeerId& peer, core::Instant now) { return sessions_.bar_of(peer, now); },
                  .sees = [this](const core::PeerId& peer,
                                 const std::string& sender) { return sessions_.sees(peer, sender); },
                  .bars = [this](core::Instant now) { return guard_.bars(now); },
                  .began_again = [this](const core::Term& seen) { note_older_store(seen); }}),
      monitor_(context, {.metrics = [this] { return metrics_text(); },
                         .unhealthy = [] { return std::string(); },
                         .unready = [this] { return engine_.trouble(); },
                         .ready = options_.gateway.observe ? "ok, observing: no cancel is sent" : "ok",
                         .not_leading = [] { return std::string(); },
                         .page = StatusPage::html(),
                         .status = [this] { return page_.json(engine_.status(io::now())); }}) {}

absl::Status Shell::open() {
  const auto named = [](const char* flag, const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat("--", flag, ": ", status.message()));
  };
  // First of all: without it libzmq would let everybody in.
  if (key_) {
    if (auto status = zap_.open(); !status.ok()) return status;
  }
  if (auto status = sessions_.bind(options_.session_endpoint); !status.ok()) return named("session_endpoint", status);
  if (auto status = events_.open(options_.event_endpoint); !status.ok()) return named("event_endpoint", status);
  if (auto status = backend_.bind(options_.backend_endpoint); !status.ok()) return named("backend_endpoint", status);
  if (auto status = monitor_.listen(options_.monitor_address); !status.ok()) return named("monitor_address", status);
  sessions_.on_ready([this] { turn(); });
  backend_.on_ready([this] { turn(); });
  sessions_.on_record([this](const core::PeerId& peer, const std::string& who) {
    recording_.ask(who, io::now().tick);
    sessions_.send(peer, wire::encode_recording(Recording::Lease));
  });
  turn();
  return absl::OkStatus();
}

std::string Shell::endpoints() const {
  return absl::StrCat("session ", sessions_.endpoint(), "\nevent ", events_.endpoint(), "\nbackend ",
                      backend_.endpoint(), "\nmonitor http://",
                      io::to_text(io::HostPort{options_.monitor_address.host, monitor_.port()}), "\n");
}

void Shell::reload() {
  if (!options_.policy) return io::log_info("nothing_to_reload");
  load_policy();
  load_key();
  turn();
}

void Shell::follow_files() {
  const core::Tick now = io::now().tick;
  if (!options_.policy || now < next_look_at_files_) return;
  next_look_at_files_ = now + LookAtFilesEvery;
  if (policy_file_.is_replaced(now)) load_policy();
  if (key_file_.is_replaced(now)) load_key();
}

void Shell::load_key() {
  absl::StatusOr<io::CurveKey> key;
  key_file_.is_read_now();
  io::with_own_descriptors([&] { key = io::read_curve_key_file("curve_key_file", key_file_.path()); });
  if (!key.ok()) {
    const std::string why(key.status().message());
    return io::log_error("curve_key_refused", {{"why", why}, {"in_force", "the one that was"}});
  }
  if (key->public_key == key_->public_key) return;
  *key_ = *std::move(key);
  io::log_info("curve_key_replaced", {{"public_key", key_->public_key}});
  sessions_.reopen();
  events_.reopen();
  backend_.reopen();
}

void Shell::load_policy() {
  absl::StatusOr<Policy> policy;
  io::with_own_descriptors([&] { policy = policy_file_.read(); });
  if (!policy.ok()) {
    const std::string why(policy.status().message());
    return io::log_error("policy_refused", {{"why", why}, {"in_force", "the one that was"}});
  }
  if (guard_.replace(*std::move(policy), io::now().tick)) events_.reopen();
  policy_replaced_ = true;
}

void Shell::drain(std::function<void(bool)> done) {
  drained_ = std::move(done);
  drain_until_ = io::now().tick + options_.gateway.lost_after + core::Duration(DrainGrace);
  drain_requested_ = true;
  turn();
}

// ---- One turn ----

void Shell::turn() {
  read();
  if (!engine_.awaits_commit()) return decide();
  timer_.arm(io::now().tick + LookAtCommitEvery, [this] { turn(); });
}

// Before the clock: no answer is dated before it came, which would end its permit's tail early, and no deadline is
// judged before the news that waited.
void Shell::read() {
  follow_files();
  if (std::exchange(drain_requested_, false)) events_read_.push_back(core::DrainRequested{});
  if (std::exchange(policy_replaced_, false) && guard_.policy()) {
    another_policy_ = true;
    sessions_.judge_again(events_read_);
    events_read_.push_back(core::WeightsSet{weights(*guard_.policy())});
    events_read_.push_back(core::OwnersSet{guard_.policy()->prefixes()});
  }
  sessions_.read(events_read_);
  backend_.read(events_read_, records_read_);
  sessions_.retry();
  events_.retry();
  backend_.retry();
  events_.read_subscriptions();  // a new reader of bus. need not be told at once: a second is short
}

void Shell::decide() {
  const core::Instant now = io::now();
  turn_began_ = now.tick;
  engine_.turn(now, std::exchange(events_read_, {}));
  if (std::exchange(another_policy_, false)) {
    io::log_info("policy_loaded", {{"entries", guard_.policy()->entries().size()}});
  }
  log_store();
  publish_status(now);
  publish_records(now, std::exchange(records_read_, {}));
  arm(now);
  if (drained_) end_if_drained(now);
}

void Shell::end_if_drained(core::Instant now) {
  const bool complete = engine_.drained();
  if (!complete && now.tick < drain_until_) return;
  if (!engine_.outbox().empty()) io::log_error("not_committed", {{"why", engine_.outbox().trouble()}});
  std::exchange(drained_, nullptr)(complete);
}

void Shell::log_store() {
  const std::string& trouble = engine_.trouble();
  if (trouble.empty() == std::exchange(store_writable_, trouble.empty())) return;
  if (trouble.empty()) {
    io::log_info("store_writable");
  } else {
    io::log_error("store_refuses", {{"why", trouble}});
  }
}

void Shell::note_older_store(const core::Term& seen) {
  io::log_warn("older_store",
               {{"seen_term", seen.term},
                {"seen_leader", seen.leader_id},
                {"seen_batch", seen.batch},
                {"term", store_.term().term},
                {"leader", store_.term().leader_id},
                {"why", "a worker has seen what this store lacks: it is an older copy, or another store"},
                {"then", "a new epoch; no request until those that are not known count no more"}});
}

std::string Shell::metrics_text() { return metrics_.text(engine_.status(io::now()), engine_.gateway().counters()); }

void Shell::publish_status(core::Instant now) {
  if (now.tick < next_status_) return;
  next_status_ = now.tick + StatusInterval;
  core::BusStatus status = engine_.status(now);
  worker_log_.look(status.workers);
  status.doubts.clear();  // orders of others are no strategy's business, and each may read bus.
  events_.publish({"bus.", 0, {}, wire::encode_bus_status_event(status, engine_.epoch())});
  sessions_.sweep(now.tick);
  backend_.sweep(now.tick);
  refusals_.sweep(now.tick);
}

// Last in a turn: no cancel waits for it.
void Shell::publish_records(core::Instant now, const std::vector<std::string>& records) {
  if (recording_.due(now.tick)) backend_.send_to_all(wire::encode_record(recording_.left(now.tick)));
  for (const std::string& record : records) {
    if (!recording_.admits(record.size(), now.tick)) continue;
    events_.publish({"record.", 0, {}, wire::encode_recorded_event(record, now.wall, engine_.epoch(), engine_.term())});
  }
}

void Shell::arm(core::Instant now) {
  core::Tick at = std::min({engine_.next_deadline(now.tick), next_status_, recording_.next_deadline(),
                            sessions_.retry_at(), events_.retry_at(), backend_.retry_at()});
  if (drained_) at = std::min(at, drain_until_);
  timer_.arm(at, [this] { turn(); });
}

// ---- What leaves ----

void Shell::note(const core::Actions& actions) {
  log_stages(actions);
  stages_.count(actions);
}

void Shell::publish(const io::EventRow& event) {
  metrics_.published();
  page_.note(event);
  events_.publish(event);
}

void Shell::send(const core::Send& send) {
  // Applied means committed, and that before the turn has ended.
  const auto* receipt = std::get_if<core::SendReceipt>(&send);
  if (receipt != nullptr && receipt->status == core::ReceiptStatus::Applied) {
    stages_.observe_receipt(io::now().tick - turn_began_);
  }
  if (receipt != nullptr && receipt->status == core::ReceiptStatus::Refused) sessions_.note_refused(*receipt);
  engine_.frames(io::now(), send,
                 [this, peer = std::visit([](const auto& s) { return s.peer; }, send), backend = is_for_backend(send),
                  again = std::holds_alternative<core::SendRetransmission>(send)](const auto& frames) {
                   if (!frames.ok()) {
                     return io::log_error("store_unreadable", {{"why", std::string(frames.status().message())}});
                   }
                   if (again) metrics_.retransmitted(frames->size());
                   for (const std::string& frame : *frames) {
                     backend ? backend_.send(peer, frame) : sessions_.send(peer, frame);
                   }
                 });
}

}  // namespace cancelbus::bus
