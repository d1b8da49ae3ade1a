#include "service/io/lease.hpp"

#include <algorithm>

namespace cancelbus::io {

// ---- A takeover ----

bool is_as_seen(const Lease& read, const LeaseClaim& claim) {
  return read.term == claim.term && (!claim.renewals || read.renewals == *claim.renewals);
}

Lease next_lease(const Lease& read, const LeaseClaim& claim, std::string id, const DatabaseServer& here,
                 bool full_sync) {
  Lease next = read;
  next.term = std::max(read.term, claim.above) + 1;
  next.leader_id = std::move(id);
  ++next.renewals;
  next.released = false;
  const bool unsure_copy = read.term > 0 && !read.synchronous && read.server != here;
  next.commits_lost = claim.distrust || read.commits_lost || unsure_copy;
  next.server = here;
  next.synchronous = full_sync;
  return next;
}

// ---- LeaseFollower ----

void LeaseFollower::begin(core::Tick earliest) {
  is_free_ = false;
  earliest_ = earliest;
}

void LeaseFollower::take(const Look& look, core::Tick sent, core::Tick read) {
  const bool same = read_ && look.term == term_ && look.renewals == renewals_ && look.leader_id == leader_id_ &&
                    look.released == released_;
  if (!same) moved_ = read;
  read_ = true;
  term_ = look.term;
  renewals_ = look.renewals;
  leader_id_ = look.leader_id;
  released_ = look.released;
  is_free_ = sent >= earliest_ && (released_ || sent - moved_ >= lease_);
  follow(look, read);
}

void LeaseFollower::follow(const Look& look, core::Tick read) {
  core::Followed seen;
  for (const core::TaskId task : look.settled) {
    const auto before = followed_.settled.find(task);
    seen.settled.emplace(task, before == followed_.settled.end() ? read : before->second);
  }
  for (const auto& [limiter, until] : look.holds) {
    const auto before = followed_.holds.find(limiter);
    const bool known = before != followed_.holds.end() && before->second.until_wall == until;
    seen.holds.emplace(limiter, known ? before->second : core::Followed::Hold{until, read});
  }
  followed_ = std::move(seen);
}

// ---- LeaseHolder ----

LeaseHolder::Step LeaseHolder::ask(Ask what, core::Tick now) {
  sent_ = now;
  return {.send = what};
}

LeaseHolder::Step LeaseHolder::commit(core::Tick now) {
  batch_ = now;
  return connected_ ? ask(Ask::Commit, now) : Step{};
}

LeaseHolder::Step LeaseHolder::answered(Ask what, Reply reply, core::Tick sent, core::Tick now) {
  if (ended_) return {};
  if (what == Ask::Renewal) renewing_ = false;
  if (reply == Reply::Disconnected) return disconnected();
  if (reply == Reply::Fenced) return lost(Loss::Fenced);
  if (reply == Reply::Done) renewed_ = std::max(renewed_, sent);
  switch (what) {
    case Ask::Commit:
      return of_batch(reply, now);
    case Ask::Renewal:
      return {};
    case Ask::Confirmation:
      // WAL is replicated in order: what is done without a warning proves all before it.
      return reply == Reply::Done ? finished(true) : ask(Ask::Confirmation, now);
  }
  return {};
}

// That a batch is visible proves nothing: the backend that waited for the synchronous standby may have been terminated,
// or its wait canceled.
LeaseHolder::Step LeaseHolder::of_batch(Reply reply, core::Tick now) {
  switch (reply) {
    case Reply::Done:
      return finished(true);
    case Reply::Warned:
    case Reply::Stored:
      return ask(Ask::Confirmation, now);
    case Reply::Gap:
      return lost(Loss::CommitsLost);
    default:
      return finished(false);
  }
}

LeaseHolder::Step LeaseHolder::finished(bool committed) {
  batch_.reset();
  if (committed) ++leads_.batch;
  return {.committed = committed};
}

LeaseHolder::Step LeaseHolder::lost(Loss why) {
  ended_ = true;
  return {.lost = why};
}

LeaseHolder::Step LeaseHolder::disconnected() {
  renewing_ = false;
  return {.connect = std::exchange(connected_, false)};
}

LeaseHolder::Step LeaseHolder::connected(core::Tick now) {
  if (ended_) return {};
  connected_ = true;
  return batch_ ? ask(Ask::Commit, now) : Step{};
}

LeaseHolder::Step LeaseHolder::passed(core::Tick now, bool may_renew) {
  if (ended_) return {};
  if (now > renewed_ + lease_) return lost(Loss::NotRenewed);
  const bool due = may_renew && now >= sent_ + lease_ / RenewalsPerLease;
  if (!connected_ || !due || batch_ || std::exchange(renewing_, true)) return {};
  return ask(Ask::Renewal, now);
}

LeaseHolder::Health LeaseHolder::health(core::Tick now) const {
  if (!connected_) return Health::Disconnected;
  return batch_ && now >= *batch_ + Patience ? Health::Unanswered : Health::Good;
}

}  // namespace cancelbus::io
