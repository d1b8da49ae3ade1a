#include "service/core/causes.hpp"

#include <algorithm>
#include <utility>

#include "service/core/backoff.hpp"

namespace cancelbus::core {

namespace {

const char* const Requests = "cancels and queries";
/// How the text of a backoff begins that no answer of the exchange has ordered. It is stored with the backoff.
const char* const OlderStore = "the store lacks what was sent in term ";

/// The sooner a command could go on by itself, the later.
int rank(CauseKind kind) {
  static constexpr CauseKind Order[] = {CauseKind::Store,       CauseKind::Draining,        CauseKind::NoLeader,
                                        CauseKind::KeysRefused, CauseKind::Clock,           CauseKind::NoWorker,
                                        CauseKind::Backoff,     CauseKind::ExchangeFailing, CauseKind::LimitLowered,
                                        CauseKind::Stream,      CauseKind::KeyBarred,       CauseKind::FewerWorkers,
                                        CauseKind::Queue};
  return static_cast<int>(std::ranges::find(Order, kind) - std::begin(Order));
}

std::string_view runbook_of(CauseKind kind) {
  switch (kind) {
    case CauseKind::NoWorker:
      return "CancelbusNoWorker";
    case CauseKind::Backoff:
    case CauseKind::LimitLowered:
      return "CancelbusThrottled";
    case CauseKind::KeysRefused:
      return "CancelbusKeyRefused";
    case CauseKind::Clock:
      return "clock";
    case CauseKind::Store:
      return "CancelbusStoreRefuses";
    case CauseKind::NoLeader:
      return "CancelbusNoBus";
    case CauseKind::ExchangeFailing:
      return "CancelbusExchangeFailing";
    case CauseKind::Draining:
      return "A bus that ends";
    case CauseKind::Stream:
      return "CancelbusStreamDown";
    case CauseKind::KeyBarred:
      return "A barred key";
    case CauseKind::FewerWorkers:
      return "CancelbusFewerWorkers";
    case CauseKind::Queue:
      return "CancelbusBudgetSpent";
  }
  return "";
}

bool same(const Cause& a, const Cause& b) { return a.kind == b.kind && a.limiter == b.limiter; }

}  // namespace

void Causes::ended(std::optional<LimiterKind> kind, const Answer& answer, Tick now) {
  const Source source{answer.http_status, answer.exchange_code, answer.text};
  for (Failures* const failures : {&failures_, &failed_cancels_}) {
    if (failures == &failed_cancels_ && kind != LimiterKind::Cancel) continue;
    if (let_in(answer.verdict)) failures->count = 0;
    if (answer.verdict == Verdict::Doubtful || answer.verdict == Verdict::WrongRequest) {
      *failures = {failures->count + 1, source, now};
    }
  }
  if (answer.verdict == Verdict::Unauthorized) refusal_ = source;
  if (asked_wait(answer)) wait_ = source;
}

void Causes::look(const Conditions& conditions, Tick now, std::vector<CauseChange>& changes) {
  std::vector<Entry> found;
  if (conditions.store) add(found, CauseKind::Store, "commands, cancels and queries", *conditions.store);
  if (conditions.draining) add(found, CauseKind::Draining, Requests, "the bus was asked to end");
  add_workers(found, conditions.workers, now);
  add_backoffs(found, conditions, now);
  add_lowered(found, conditions);
  if (now - failed_cancels_.at >= CancelsFailFor) failed_cancels_.count = 0;
  const bool cancels = failed_cancels_.count > failures_.count;
  const Failures& failures = cancels ? failed_cancels_ : failures_;
  if (failures.count >= Failing) {
    add(found, CauseKind::ExchangeFailing, "", failures.last,
        "the last " + std::to_string(failures.count) + (cancels ? " cancels" : " requests") +
            " got no usable answer: " + failures.last.text);
  }
  if (!conditions.stream.empty() && now >= connected_from_) {
    add(found, CauseKind::Stream, "finals by the stream", conditions.stream + "; finals come by query");
    if (conditions.muted) found.back().cause.runbook = "CancelbusStreamMuted";
  }
  add_bars(found, conditions, now);
  add_fewer(found, conditions, now);
  add_queue(found, conditions);
  std::ranges::stable_sort(found, {}, [](const Entry& entry) { return rank(entry.cause.kind); });
  const Instant at{now, {}};
  for (Entry& entry : found) {
    const auto before = std::ranges::find_if(entries_, [&](const Entry& e) { return same(e.cause, entry.cause); });
    entry.since = before == entries_.end() ? now : before->since;
    if (before == entries_.end()) changes.push_back({as_of(entry, at), true});
  }
  for (const Entry& entry : entries_) {
    const bool holds = std::ranges::any_of(found, [&](const Entry& e) { return same(e.cause, entry.cause); });
    if (!holds) changes.push_back({as_of(entry, at), false});
  }
  entries_ = std::move(found);
}

void Causes::add_workers(std::vector<Entry>& found, const Availability& workers, Tick now) const {
  if (workers.available > 0 && !workers.near_block) return;
  if (!workers.unauthorized.empty() || workers.near_block) {
    add(found, CauseKind::KeysRefused, Requests, refusal_,
        workers.unauthorized.empty() ? "so many requests were refused in a row that more would block the address"
                                     : workers.unauthorized);
  }
  if (!workers.clock.empty()) add(found, CauseKind::Clock, Requests, workers.clock);
  if (workers.available > 0 || !workers.unauthorized.empty() || !workers.clock.empty()) return;
  // After a start of the bus workers have a moment to find it.
  if (workers.heard == 0 && now < missed_from_) return;
  add(found, CauseKind::NoWorker, Requests, workers.other.empty() ? "no worker is connected" : workers.other);
}

void Causes::add_backoffs(std::vector<Entry>& found, const Conditions& conditions, Tick now) {
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query}) {
    const auto i = static_cast<size_t>(kind);
    const Conditions::Backoff& backoff = conditions.backoffs[i];
    // After a restart the answer that ordered it is not known.
    if (std::exchange(waits_until_[i], backoff.until) != backoff.until) waits_[i] = wait_;
    if (backoff.until <= now) continue;
    add(found, CauseKind::Backoff, kind == LimiterKind::Cancel ? "cancels" : "queries", waits_[i], backoff.text);
    found.back().cause.limiter = kind;
    found.back().until = backoff.until;
    if (backoff.text.starts_with(OlderStore)) found.back().cause.runbook = "An older store";
  }
  wait_ = {};
}

std::string Causes::older_store(const Term& seen) {
  return OlderStore + to_text(seen) + ", which a worker has seen; nothing is sent until that counts no more";
}

void Causes::add_lowered(std::vector<Entry>& found, const Conditions& conditions) const {
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query}) {
    const std::string& limits = conditions.lowered[static_cast<size_t>(kind)];
    if (limits.empty()) continue;
    add(found, CauseKind::LimitLowered, "", limits + ": another program spends this budget");
    found.back().cause.limiter = kind;
  }
}

void Causes::add_bars(std::vector<Entry>& found, const Conditions& conditions, Tick now) const {
  if (conditions.bars.empty()) return;
  const EventBar& first = conditions.bars[0];
  std::string text = "the key of " + first.name + " is barred from events: " + first.text;
  const size_t more = conditions.bars.size() - 1;
  if (more > 0) text += "; and " + std::to_string(more) + (more == 1 ? " more key" : " more keys");
  add(found, CauseKind::KeyBarred, "events of barred keys", std::move(text));
  found.back().until = now;
  for (const EventBar& bar : conditions.bars) found.back().until = std::max(found.back().until, now + bar.remaining);
}

void Causes::add_fewer(std::vector<Entry>& found, const Conditions& conditions, Tick now) {
  const Availability& workers = conditions.workers;
  if (workers.available >= most_workers_ || now - most_workers_at_ > WorkersRemembered) {
    most_workers_ = workers.available;
    most_workers_at_ = now;
  }
  if (workers.available == 0 || workers.near_block) return;  // another cause says so
  const bool given = conditions.expected > 0;
  if (given && now < connected_from_) return;
  // Without the flag a worker that has ended in order is not missed.
  const size_t expected = given ? conditions.expected : workers.missing.empty() ? 0 : most_workers_;
  if (workers.available >= expected) return;
  add(found, CauseKind::FewerWorkers, "",
      std::to_string(workers.available) + " of " + std::to_string(expected) + (given ? " expected" : "") +
          " workers may work" + (workers.missing.empty() ? "" : "; " + workers.missing));
}

void Causes::add_queue(std::vector<Entry>& found, const Conditions& conditions) const {
  // What stops cancels says already why they wait.
  const bool stopped = std::ranges::any_of(found, [](const Entry& e) {
    return holds_commands_up(e.cause.kind) && !e.cause.stops.empty() && e.cause.limiter != LimiterKind::Query;
  });
  if (stopped) return;
  const bool before = std::ranges::any_of(entries_, [](const Entry& e) { return e.cause.kind == CauseKind::Queue; });
  if (conditions.queued == 0 || conditions.empty_in < (before ? ShortQueue : LongQueue)) return;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(conditions.empty_in).count();
  add(found, CauseKind::Queue, "",
      std::to_string(conditions.queued) + (conditions.queued == 1 ? " order waits" : " orders wait") +
          " for budget; empty in " + std::to_string(seconds) + " s at the earliest");
}

void Causes::add(std::vector<Entry>& found, CauseKind kind, std::string stops, std::string text) const {
  add(found, kind, std::move(stops), Source{}, std::move(text));
}

void Causes::add(std::vector<Entry>& found, CauseKind kind, std::string stops, const Source& source,
                 std::string text) const {
  Entry entry;
  entry.cause.kind = kind;
  entry.cause.runbook = runbook_of(kind);
  entry.cause.stops = std::move(stops);
  entry.cause.text = std::move(text);
  entry.cause.http_status = source.http_status;
  entry.cause.exchange_code = source.exchange_code;
  found.push_back(std::move(entry));
}

std::vector<Cause> Causes::list(Instant now) const {
  std::vector<Cause> out;
  for (const Entry& entry : entries_) out.push_back(as_of(entry, now));
  return out;
}

std::vector<Cause> Causes::holding_up(Instant now) const {
  std::vector<Cause> out = list(now);
  std::erase_if(out, [](const Cause& cause) { return !holds_commands_up(cause.kind); });
  return out;
}

Cause Causes::as_of(const Entry& entry, Instant now) {
  Cause cause = entry.cause;
  cause.since = now.wall - (now.tick - entry.since);
  if (entry.until != Never) cause.remaining = std::max(Duration::zero(), entry.until - now.tick);
  return cause;
}

}  // namespace cancelbus::core
