#include "service/core/causes.hpp"

#include <algorithm>
#include <utility>

#include "service/core/backoff.hpp"

namespace cancelbus::core {

namespace {

const char* const Requests = "cancels and queries";

/// The sooner a command could go on by itself, the later.
int rank(CauseKind kind) {
  static constexpr CauseKind Order[] = {CauseKind::Store,       CauseKind::Draining,        CauseKind::NoLeader,
                                        CauseKind::KeysRefused, CauseKind::Clock,           CauseKind::NoWorker,
                                        CauseKind::Backoff,     CauseKind::ExchangeFailing, CauseKind::LimitLowered};
  return static_cast<int>(std::ranges::find(Order, kind) - std::begin(Order));
}

bool same(const Cause& a, const Cause& b) { return a.kind == b.kind && a.limiter == b.limiter; }

}  // namespace

void Causes::ended(const Answer& answer) {
  const Source source{answer.http_status, answer.exchange_code, answer.text};
  if (let_in(answer.verdict)) failed_ = 0;
  if (answer.verdict == Verdict::Doubtful || answer.verdict == Verdict::WrongRequest) {
    ++failed_;
    failure_ = source;
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
  if (failed_ >= Failing) {
    add(found, CauseKind::ExchangeFailing, "", failure_,
        "the last " + std::to_string(failed_) + " requests got no usable answer: " + failure_.text);
  }
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
  }
  wait_ = {};
}

void Causes::add_lowered(std::vector<Entry>& found, const Conditions& conditions) const {
  for (const LimiterKind kind : {LimiterKind::Cancel, LimiterKind::Query}) {
    const std::string& limits = conditions.lowered[static_cast<size_t>(kind)];
    if (limits.empty()) continue;
    add(found, CauseKind::LimitLowered, "", limits + ": another program spends this budget");
    found.back().cause.limiter = kind;
  }
}

void Causes::add(std::vector<Entry>& found, CauseKind kind, std::string stops, std::string text) const {
  add(found, kind, std::move(stops), Source{}, std::move(text));
}

void Causes::add(std::vector<Entry>& found, CauseKind kind, std::string stops, const Source& source,
                 std::string text) const {
  Entry entry;
  entry.cause.kind = kind;
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

Cause Causes::as_of(const Entry& entry, Instant now) {
  Cause cause = entry.cause;
  cause.since = now.wall - (now.tick - entry.since);
  if (entry.until != Never) cause.remaining = std::max(Duration::zero(), entry.until - now.tick);
  return cause;
}

}  // namespace cancelbus::core
