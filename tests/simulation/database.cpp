#include "tests/simulation/database.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::simulation {

// ---- A server ----

std::optional<Database::Reply> Database::Server::fence(const State& state, const core::Term& leader) const {
  const bool leads = state.lease.term == leader.term && state.lease.leader_id == leader.leader_id;
  return leads ? std::nullopt : std::optional(Reply::Fenced);
}

void Database::Server::renew(const core::Term& leader, Done done, std::function<void()> cut) {
  submit({[this, leader](const State& state) -> std::variant<DatabaseRecord, Reply> {
            if (const auto fenced = fence(state, leader)) return *fenced;
            DatabaseRecord record{state.lease, state.rows.epoch, nullptr, 0, {}};
            ++record.lease.renewals;
            return record;
          },
          std::move(done), std::move(cut), 0});
}

void Database::Server::commit(const core::Term& leader, uint64_t number, DatabaseRecord what, Done done,
                              std::function<void()> cut) {
  submit({[this, leader, number, what = std::move(what)](const State& state) -> std::variant<DatabaseRecord, Reply> {
            if (const auto fenced = fence(state, leader)) {
              database_.world_.happened.add(Fault::CommitFenced);
              return *fenced;
            }
            if (number == state.lease.batch) return Reply::Stored;
            if (number != state.lease.batch + 1) return Reply::Gap;
            DatabaseRecord record = what;
            record.epoch = state.rows.epoch;
            record.lease = state.lease;
            record.lease.batch = number;
            ++record.lease.renewals;
            record.lease.commits_lost = false;
            return record;
          },
          std::move(done), std::move(cut), 0});
}

void Database::Server::claim(const io::Lease& read, const io::Lease& next, Done done, std::function<void()> cut) {
  submit({[this, read, next](const State& state) -> std::variant<DatabaseRecord, Reply> {
            if (state.lease.term != read.term || state.lease.renewals != read.renewals) return Reply::Fenced;
            DatabaseRecord record{state.lease, state.rows.epoch, nullptr, 0, {}};
            record.lease.term = next.term;
            record.lease.leader_id = next.leader_id;
            ++record.lease.renewals;
            record.lease.released = false;
            record.lease.server = next.server;
            record.lease.synchronous = next.synchronous;
            record.lease.commits_lost = next.commits_lost;
            if (next.commits_lost || read.term == 0) record.epoch = ++database_.last_epoch_;
            return record;
          },
          std::move(done), std::move(cut), 0});
}

void Database::Server::release(const core::Term& leader) {
  submit({[this, leader](const State& state) -> std::variant<DatabaseRecord, Reply> {
            if (const auto fenced = fence(state, leader)) return *fenced;
            DatabaseRecord record{state.lease, state.rows.epoch, nullptr, 0, {}};
            ++record.lease.renewals;
            record.lease.released = true;
            return record;
          },
          [](Reply) {}, [] {}, 0});
}

void Database::Server::add_session(const std::shared_ptr<Line>& line) {
  std::erase_if(sessions_, [](const auto& session) { return session.expired(); });
  sessions_.push_back(line);
}

void Database::Server::submit(Transaction transaction) {
  const uint64_t id = transaction.id = ++last_id_;
  queue_.push_back(std::move(transaction));
  database_.world_.agenda.after(LockTimeout, [this, id] {
    const auto it = std::ranges::find(queue_, id, &Transaction::id);
    if (it == queue_.end()) return;
    const Done done = std::move(it->done);
    queue_.erase(it);
    done(Reply::Refused);
  });
  next();
}

void Database::Server::next() {
  while (!running_ && !queue_.empty()) {
    Transaction transaction = std::move(queue_.front());
    queue_.pop_front();
    auto result = transaction.run(state_);
    if (const auto* reply = std::get_if<Reply>(&result)) {
      transaction.done(*reply);
      continue;
    }
    log_.push_back(std::make_shared<const DatabaseRecord>(std::get<DatabaseRecord>(std::move(result))));
    running_ = {std::move(transaction.done), std::move(transaction.cut)};
    database_.written(*this);
  }
}

void Database::Server::finish(Wait wait) {
  const Running running = *std::exchange(running_, std::nullopt);
  apply(*log_.at(applied_));
  if (wait == Wait::Terminated) {
    running.cut();
  } else {
    running.done(wait == Wait::Canceled ? Reply::Warned : Reply::Done);
  }
  next();
}

void Database::Server::apply(const DatabaseRecord& record) {
  ++applied_;
  state_.lease = record.lease;
  Rows& rows = state_.rows;
  rows.epoch = record.epoch;
  if (!record.batch) return;
  rows.apply(*record.batch, record.run_time);
  rows.boot = record.boot;
  rows.run_time = record.run_time;
  rows.prune(record.run_time - database_.retention_);
}

void Database::Server::receive(std::shared_ptr<const DatabaseRecord> record) {
  log_.push_back(std::move(record));
  apply(*log_.back());
  database_.durable(log_.size(), *this);
}

void Database::Server::die() {
  if (!up_) return;
  database_.world_.tell(name_, "dies");
  up_ = false;
  queue_.clear();
  running_.reset();
  for (const auto& session : std::exchange(sessions_, {})) {
    if (const auto line = session.lock()) line->leave(End::Listener, database_.world_.random.chance(0.5));
  }
}

// What was written is there, also what its wait for the standby had not ended.
void Database::Server::start() {
  if (up_) return;
  database_.world_.tell(name_, "starts as ", primary_ ? "primary" : "standby");
  up_ = true;
  while (applied_ < log_.size()) apply(*log_[applied_]);
}

// ---- The two of them ----

Database::Database(World& world, Path& between, bool synchronous, Duration retention)
    : world_(world), between_(between), synchronous_(synchronous), retention_(retention) {
  for (const char* name : {"db-1", "db-2"}) servers_.push_back(std::make_unique<Server>(*this, name));
  primary().primary_ = true;
  attach_later();
}

void Database::written(Server& by) {
  stream();
  if (!synchronous_) {
    if (&by == &primary()) durable(by.log_.size(), by);
    return by.finish(Wait::Normal);
  }
  waits(by);
}

void Database::waits(Server& server) {
  if (waits_to_end_ == 0) return;
  --waits_to_end_;
  const size_t record = server.log_.size();
  world_.agenda.after(world_.random.between(0ms, 2ms), [this, &server, record, how = end_waits_] {
    if (!server.running_ || server.log_.size() != record) return;
    world_.tell(server.name_, "a wait for the standby is ", how == Wait::Canceled ? "canceled" : "ended");
    world_.happened.add(how == Wait::Canceled ? Fault::WaitCanceled : Fault::BackendTerminated);
    server.finish(how);
  });
}

void Database::durable(size_t count, const Server& by) {
  while (durable_ < count) on_durable(*by.log_[durable_++]);
}

void Database::kill_primary(Duration down) {
  if (failing_over_) return;
  Server& server = primary();
  server.die();
  end_stream();
  world_.agenda.after(down, [this, &server] {
    if (failing_over_) return;  // it comes back when that is over
    server.start();
    attach_later();
  });
}

void Database::kill_standby(Duration down) {
  if (failing_over_) return;
  Server& server = standby();
  server.die();
  end_stream();
  world_.agenda.after(down, [this, &server] {
    if (failing_over_) return;  // it comes back when that is over
    server.start();
    attach_later();
  });
}

void Database::fail_over(Duration until_promotion, Duration until_back) {
  if (failing_over_ || !standby().up_) return;
  failing_over_ = true;
  primary().die();
  end_stream();
  world_.agenda.after(until_promotion, [this, until_back, failover = ++failovers_] {
    if (!failing_over_ || failover != failovers_) return;
    promote();
    world_.agenda.after(until_back, [this, failover] {
      if (failover == failovers_) rebuild();
    });
  });
}

void Database::promote_beside(Duration beside) {
  if (failing_over_ || !synchronous_ || !standby().up_ || !primary().up_) return;
  failing_over_ = true;
  end_stream();
  promote();
  world_.agenda.after(beside, [this, failover = ++failovers_] {
    if (failover == failovers_) rebuild();
  });
}

void Database::promote() {
  primary_ = 1 - primary_;
  Server& server = primary();
  server.start();
  server.primary_ = true;
  ++server.timeline_;
  world_.tell(server.name_, "is promoted, with ", server.log_.size(), " of ", durable_, " records");
  if (server.log_.size() < standby().log_.size()) world_.happened.add(Fault::PromotedBehind);
  if (server.log_.size() < durable_ && synchronous_) world_.fail("the model of the database has lost a record");
  durable_ = std::min(durable_, server.log_.size());
}

void Database::rebuild() {
  if (!failing_over_) return;
  failing_over_ = false;
  Server& server = standby();
  server.die();
  server.primary_ = false;
  server.timeline_ = primary().timeline_;
  server.state_ = primary().state_;
  server.log_.assign(primary().log_.begin(), primary().log_.begin() + static_cast<std::ptrdiff_t>(primary().applied_));
  server.applied_ = server.log_.size();
  server.start();
  durable(server.log_.size(), server);
  attach_later();
}

void Database::end_waits(Wait how, int count) {
  end_waits_ = how;
  waits_to_end_ = how == Wait::Normal || !synchronous_ ? 0 : count;
}

void Database::heal() {
  end_waits(Wait::Normal, 0);
  between_.release();
  if (failing_over_ && !primary().up_) promote();
  rebuild();
  primary().start();
  standby().start();
  attach_later();
}

// ---- Replication ----

void Database::attach_later() {
  world_.agenda.after(AttachEvery, [this] { attach(); });
}

void Database::attach() {
  if (stream_ || failing_over_ || !primary().up_ || !standby().up_) return;
  if (!between_.open()) return attach_later();
  stream_ = Line::open(between_);
  stream_->on_ended(End::Dialer, [this, line = stream_.get()] {
    if (stream_.get() != line) return;
    end_stream();
    attach_later();
  });
  streamed_ = standby().log_.size();
  received(streamed_);
  stream();
}

void Database::stream() {
  if (!stream_) return;
  for (; streamed_ < primary().log_.size(); ++streamed_) {
    stream_->send(End::Listener, [this, line = stream_.get(), record = primary().log_[streamed_]] {
      if (stream_.get() != line) return;
      standby().receive(record);
      stream_->send(End::Dialer, [this, line, count = standby().log_.size()] {
        if (stream_.get() == line) received(count);
      });
    });
  }
}

void Database::received(size_t count) {
  Server& server = primary();
  if (server.running_ && count >= server.log_.size()) server.finish(Wait::Normal);
}

void Database::end_stream() {
  if (!stream_) return;
  const auto line = std::exchange(stream_, nullptr);
  line->leave(End::Dialer, true);
  line->leave(End::Listener, true);
}

// ---- A connection ----

DatabaseLink::DatabaseLink(Process& owner, const std::vector<Path*>& to, Database& database)
    : owner_(owner), to_(to), database_(database) {}

DatabaseLink::~DatabaseLink() {
  if (line_) line_->leave(End::Dialer, owner_.world().random.chance(0.5));
}

void DatabaseLink::open(std::function<void(bool)> done) {
  opened_ = std::move(done);
  attempt(0);
}

void DatabaseLink::attempt(size_t index) {
  if (index == to_.size()) return std::exchange(opened_, nullptr)(false);
  const Duration wait = to_[index]->open() ? to_[index]->delay() * 2 : ConnectTimeout;
  timer_ = std::make_unique<Timer>(owner_, [this, index] {
    const auto timer = std::move(timer_);
    if (to_[index]->open() && database_.server(index).takes_writes()) return connected(index);
    attempt(index + 1);
  });
  timer_->set(owner_.now().tick + wait);
}

void DatabaseLink::connected(size_t index) {
  server_ = &database_.server(index);
  line_ = Line::open(*to_[index]);
  server_->add_session(line_);
  line_->on_ended(End::Dialer, [this, life = std::weak_ptr(life_)] {
    if (life.expired()) return;
    owner_.deliver([this, life] {
      if (!life.expired()) ended();
    });
  });
  std::exchange(opened_, nullptr)(true);
}

void DatabaseLink::ended() {
  if (!line_) return;
  line_.reset();
  const std::weak_ptr<char> life = life_;
  for (const auto& [id, lost] : std::exchange(waiting_, {})) {
    if (life.expired()) return;
    lost();
  }
}

void DatabaseLink::run(std::function<void(Database::Server&, Answer, std::function<void()>)> request,
                       std::function<void()> lost) {
  const std::weak_ptr<char> life = life_;
  if (!line_ || !line_->has(End::Dialer)) {
    return owner_.world().agenda.after(Duration::zero(), [this, life, lost = std::move(lost)] {
      if (life.expired()) return;
      owner_.deliver([life, lost] {
        if (!life.expired()) lost();
      });
    });
  }
  const uint64_t id = ++last_request_;
  waiting_.emplace(id, std::move(lost));
  const std::weak_ptr<Line> weak = line_;
  const Answer answer = [this, life, weak, id](std::function<void()> then) {
    const auto line = weak.lock();
    if (!line || !line->has(End::Listener)) return;
    line->send(End::Listener, [this, life, id, then = std::move(then)] {
      if (life.expired()) return;
      owner_.deliver([this, life, id, then] {
        if (life.expired() || waiting_.erase(id) == 0) return;
        then();
      });
    });
  };
  const auto cut = [weak] {
    if (const auto line = weak.lock()) line->cut();
  };
  line_->send(End::Dialer,
              [server = server_, request = std::move(request), answer, cut] { request(*server, answer, cut); });
}

}  // namespace cancelbus::simulation
