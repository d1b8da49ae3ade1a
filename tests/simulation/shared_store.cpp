#include "tests/simulation/shared_store.hpp"

#include <utility>

namespace cancelbus::simulation {

using io::LeaseHolder;

namespace {

core::Term leader_of(const LeaseHolder& holder) { return {holder.leads().term, holder.leads().leader_id, 0}; }

absl::Status lost_connection() { return absl::UnavailableError("no connection to the database"); }

}  // namespace

SharedStore::SharedStore(Process& owner, Database& database, Setup setup, Edge edge)
    : owner_(owner),
      database_(database),
      setup_(std::move(setup)),
      edge_(std::move(edge)),
      link_(std::make_unique<DatabaseLink>(owner, setup_.to_servers, database)),
      timer_(owner, [this] { passed(); }),
      reconnects_(owner, [this] { reconnect(); }) {}

void SharedStore::ask(Request request, Database::Done done) {
  link_->run(
      [request = std::move(request), done](Database::Server& server, const DatabaseLink::Answer& answer,
                                           std::function<void()> cut) {
        request(
            server, [answer, done](Database::Reply reply) { answer([done, reply] { done(reply); }); }, std::move(cut));
      },
      [done] { done(Database::Reply::Disconnected); });
}

// ---- Opening ----

void SharedStore::claim(io::LeaseClaim claim, std::function<void(bool)> done) {
  link_->open([this, claim, done = std::move(done)](bool open) {
    if (!open) return done(false);
    read_lease(claim, [this, done](bool taken) {
      if (taken) passed();
      done(taken);
    });
  });
}

void SharedStore::read_lease(const io::LeaseClaim& claim, std::function<void(bool)> done) {
  link_->run(
      [this, claim, done](Database::Server& server, const DatabaseLink::Answer& answer, const std::function<void()>&) {
        answer([this, claim, done, read = server.visible().lease, here = server.identity()] {
          if (!io::is_as_seen(read, claim)) return done(false);
          write_lease(claim, read, here, done);
        });
      },
      [done] { done(false); });
}

void SharedStore::write_lease(const io::LeaseClaim& claim, const io::Lease& read, const io::DatabaseServer& here,
                              std::function<void(bool)> done) {
  const Tick sent = owner_.now().tick;
  const std::string id = owner_.name() + "-" + std::to_string(owner_.world().random.number() % 1'000'000);
  const io::Lease next = io::next_lease(read, claim, id, here, setup_.full_sync);
  ask([read, next](Database::Server& server, Database::Done answered,
                   std::function<void()> cut) { server.claim(read, next, std::move(answered), std::move(cut)); },
      [this, read, next, sent, done = std::move(done)](Database::Reply reply) {
        const bool ours = reply == Database::Reply::Done || reply == Database::Reply::Warned;
        if (!ours) return done(false);
        taken(read, next, sent, done);
      });
}

void SharedStore::taken(const io::Lease& read, const io::Lease& next, Tick sent, std::function<void(bool)> done) {
  commits_lost_ = next.commits_lost;
  stored_ = {read.term, read.leader_id, read.batch};
  holder_.emplace(core::Term{next.term, next.leader_id, read.batch}, setup_.lease, sent);
  ask([leader = leader_of(*holder_)](Database::Server& server, Database::Done answered,
                                     std::function<void()> cut) { server.renew(leader, answered, std::move(cut)); },
      [done = std::move(done)](Database::Reply reply) { done(reply == Database::Reply::Done); });
}

void SharedStore::load(Done<core::Snapshot> done) {
  link_->run(
      [this, done](Database::Server& server, const DatabaseLink::Answer& answer, const std::function<void()>&) {
        answer([this, done, rows = server.visible().rows] {
          loaded_ = rows;
          core::Snapshot snapshot = rows.snapshot();
          snapshot.term = holder_->leads().term;
          snapshot.leader_id = holder_->leads().leader_id;
          snapshot.stored_term = stored_;
          snapshot.behind = std::exchange(behind_, std::nullopt);
          same_boot_ = rows.boot == setup_.boot;
          snapshot.same_boot = same_boot_;
          snapshot.commits_lost = commits_lost_;
          opened_ = owner_.now().tick;
          run_time_before_ = snapshot.run_time;
          done(std::move(snapshot));
        });
      },
      [done] { done(lost_connection()); });
}

void SharedStore::begin_again(const core::Term& seen, Done<core::Snapshot> done) {
  if (!holder_->is_connected()) return done(lost_connection());
  claiming_ = true;
  const io::LeaseClaim claim{holder_->leads().term, std::nullopt, true, seen.term};
  read_lease(claim, [this, seen, done = std::move(done)](bool taken) {
    claiming_ = false;
    if (!taken) return done(lost_connection());
    behind_ = seen;
    load(done);
  });
}

// ---- Commits ----

void SharedStore::commit(const io::Batch& batch, std::function<void(absl::Status)> done) {
  if (batch.empty()) return done(absl::OkStatus());
  if (!edge_.may_write()) return;
  commit_ = {{{}, 0, std::make_shared<const io::Batch>(batch), setup_.boot, run_time()}, std::move(done)};
  act(holder_->commit(owner_.now().tick));
}

void SharedStore::send(LeaseHolder::Ask what) {
  Request request;
  const core::Term leader = leader_of(*holder_);
  if (what == LeaseHolder::Ask::Commit) {
    request = [leader, number = holder_->next_batch(), record = commit_->record](
                  Database::Server& server, Database::Done done, std::function<void()> cut) {
      server.commit(leader, number, record, std::move(done), std::move(cut));
    };
  } else {
    request = [leader](Database::Server& server, Database::Done done, std::function<void()> cut) {
      server.renew(leader, std::move(done), std::move(cut));
    };
  }
  ask(std::move(request), [this, what, sent = owner_.now().tick](Database::Reply reply) {
    if (reply == Database::Reply::Stored) owner_.world().happened.add(Fault::OutcomeUnknown);
    act(holder_->answered(what, reply, sent, owner_.now().tick));
  });
}

void SharedStore::act(const LeaseHolder::Step& step) {
  if (step.lost) return edge_.lost(*step.lost);
  if (step.connect) reconnect();
  if (step.send) send(*step.send);
  if (step.committed) finish(*step.committed ? absl::OkStatus() : absl::UnavailableError("the database refuses"));
}

void SharedStore::finish(absl::Status status) {
  const auto done = std::move(commit_->done);
  commit_.reset();
  done(std::move(status));
}

absl::Status SharedStore::check() {
  switch (holder_->health(owner_.now().tick)) {
    case LeaseHolder::Health::Good:
      return absl::OkStatus();
    case LeaseHolder::Health::Disconnected:
      return lost_connection();
    case LeaseHolder::Health::Unanswered:
      break;
  }
  return absl::UnavailableError("the database has not answered a commit for half a second");
}

// ---- The lease ----

void SharedStore::passed() {
  timer_.set(owner_.now().tick + setup_.lease / (2 * LeaseHolder::RenewalsPerLease));
  act(holder_->passed(owner_.now().tick, !claiming_));
}

void SharedStore::reconnect() {
  link_ = std::make_unique<DatabaseLink>(owner_, setup_.to_servers, database_);
  link_->open([this](bool open) {
    if (!open) return reconnects_.set(owner_.now().tick + ReconnectInterval);
    act(holder_->connected(owner_.now().tick));
  });
}

void SharedStore::close(std::function<void()> done) {
  holder_->end();
  timer_.clear();
  if (!holder_->is_connected()) return done();
  link_->run(
      [leader = leader_of(*holder_), done](Database::Server& server, const DatabaseLink::Answer& answer,
                                           const std::function<void()>&) {
        server.release(leader);
        answer(done);
      },
      done);
}

void SharedStore::read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                              Done<std::vector<std::string>> done) {
  link_->run(
      [topic, from_seq, count, done](Database::Server& server, const DatabaseLink::Answer& answer,
                                     const std::function<void()>&) {
        answer([done, events = server.visible().rows.read_events(topic, from_seq, count)] { done(events); });
      },
      [done] { done(lost_connection()); });
}

void SharedStore::first_kept(const std::string& topic, Done<uint64_t> done) {
  link_->run(
      [topic, done](Database::Server& server, const DatabaseLink::Answer& answer, const std::function<void()>&) {
        answer([done, first = server.visible().rows.first_kept(topic)] { done(first); });
      },
      [done] { done(lost_connection()); });
}

}  // namespace cancelbus::simulation
