#include "service/io/postgres_store.hpp"

#include <absl/strings/str_cat.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <random>
#include <utility>

#include "service/io/clock.hpp"
#include "service/io/leader_table.hpp"
#include "service/io/postgres.hpp"
#include "service/io/postgres_batch.hpp"
#include "service/io/postgres_reads.hpp"
#include "service/io/postgres_schema.hpp"
#include "service/io/postgres_session.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::io {

namespace {

constexpr core::Duration RunTimeInterval = std::chrono::minutes(1);
constexpr core::Duration LookInterval = std::chrono::seconds(2);
constexpr core::Duration PruneInterval = std::chrono::seconds(10);
constexpr int64_t PrunedPerCommit = 1'000;
constexpr core::Duration ReconnectInterval = std::chrono::milliseconds(250);
const std::string BeginBatch = "SELECT begin_batch($1, $2, $3, $4)";
const std::string Renew = "SELECT renew($1, $2, $3)";
const std::string Prune = "SELECT prune_events($1, $2)";
const std::string Release =
    "UPDATE lease SET released = true, renewals = renewals + 1 WHERE term = $1 AND leader_id = $2";
const std::string Read =
    "SELECT term, leader_id, batch, renewals, released, system_identifier, timeline, synchronous, commits_lost, "
    "(SELECT s.system_identifier FROM pg_control_system() s), "
    "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint FROM lease";
const std::string Claim = "SELECT claim($1, $2, $3, $4, $5, $6, $7, $8, $9)";

uint64_t random_number() {
  std::random_device random;
  uint64_t number = 0;
  while (number == 0) number = (uint64_t{random()} << 32 | random()) >> 1;  // a BIGINT above 0
  return number;
}

/// The lease, and the server that it was read from.
std::pair<Lease, DatabaseServer> read_lease(PgRow row) {
  Lease lease;
  lease.term = static_cast<uint64_t>(row.integer());
  lease.leader_id = row.text();
  lease.batch = static_cast<uint64_t>(row.integer());
  lease.renewals = static_cast<uint64_t>(row.integer());
  lease.released = row.flag();
  lease.server.identifier = row.integer();
  lease.server.timeline = row.integer();
  lease.synchronous = row.flag();
  lease.commits_lost = row.flag();
  DatabaseServer here;
  here.identifier = row.integer();
  here.timeline = row.integer();
  return {std::move(lease), here};
}

LeaseHolder::Reply meaning(const PgReply& reply) {
  if (reply.status.ok()) return reply.warned ? LeaseHolder::Reply::Warned : LeaseHolder::Reply::Done;
  if (reply.sqlstate.empty()) return LeaseHolder::Reply::Disconnected;
  if (reply.sqlstate == PgStored) return LeaseHolder::Reply::Stored;
  if (reply.sqlstate == PgFenced) return LeaseHolder::Reply::Fenced;
  return reply.sqlstate == PgGap ? LeaseHolder::Reply::Gap : LeaseHolder::Reply::Refused;
}

/// What a later attempt will not cure: the role may not do it, or the database is not set up for it.
bool is_lasting(const std::string& sqlstate) { return sqlstate == PgNotReplicated || sqlstate.starts_with("42"); }

class PostgresStore : public Store {
 public:
  PostgresStore(asio::io_context& context, StoreOptions options, std::function<void(absl::Status)> lost)
      : context_(context), options_(std::move(options)), lost_(std::move(lost)), timer_(context) {}
  ~PostgresStore() override { timer_.cancel(); }

  asio::awaitable<absl::Status> claim(LeaseClaim claim);
  std::string name() const { return postgres_uri_text(options_.uri); }

  void load(Done<core::Snapshot> done) override;
  void commit(const Batch& batch, std::function<void(absl::Status)> done) override;
  void read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                   Done<std::vector<std::string>> done) override {
    pg_read_events(*connection_, topic, from_seq, count, std::move(done));
  }
  void first_kept(const std::string& topic, Done<uint64_t> done) override {
    pg_first_kept(*connection_, topic, std::move(done));
  }
  void read_history(const core::HistoryQuery& query, Done<core::HistoryPage> done) override {
    spawn(context_, pg_read_history(*connection_, query, std::move(done)));
  }
  absl::Status check() override;
  StoreBytes bytes() override { return bytes_; }
  std::optional<Replication> replication() const override;
  const core::Term& term() const override { return holder_->leads(); }
  void begin_again(const core::Term& seen, Done<core::Snapshot> done) override {
    spawn(context_, begin_above(seen, std::move(done)));
  }
  void close(std::function<void()> done) override;

 private:
  struct Life {};
  /// A batch on its way, from commit() to its `done`.
  struct Commit {
    PgRequest request;
    std::function<void(absl::Status)> done;
    bool prunes = false;
    bool saves_run_time = false;
  };

  static asio::awaitable<absl::Status> begin_session(PgConnection& connection, std::string uri, bool migrate);
  asio::awaitable<absl::Status> take_lease(LeaseClaim claim);
  asio::awaitable<void> begin_above(core::Term seen, Done<core::Snapshot> done);
  asio::awaitable<void> reconnect();
  void prepare();

  PgStatement fenced(const std::string& sql, std::optional<uint64_t> batch = {}) const;
  PgRequest request_of(const Batch& batch, Commit& commit);
  void act(const LeaseHolder::Step& step, const absl::Status& why);
  void send(LeaseHolder::Ask ask);
  void answered(LeaseHolder::Ask ask, const PgReply& reply, core::Tick sent);
  /// Of a batch that is stored: whether there is more to prune soon.
  void note_pruned(const PgReply& reply, core::Tick sent);
  void finish(absl::Status status);
  std::string why_not_renewed();
  void lose(LeaseHolder::Loss loss, const absl::Status& why);
  void tick();
  void arm();
  void look();

  asio::io_context& context_;
  const StoreOptions options_;
  std::function<void(absl::Status)> lost_;
  absl::Status renewal_;  ///< of the latest commit or renewal that was answered
  std::unique_ptr<PgConnection> connection_;
  std::unique_ptr<PgConnection> next_connection_;  ///< being opened
  TickTimer timer_;
  std::optional<Commit> commit_;
  absl::Status trouble_;               ///< of the connection
  core::Term stored_;                  ///< who led before, and how far
  std::optional<LeaseHolder> holder_;  ///< from the claim on
  std::optional<core::Term> behind_;   ///< what the store lacks, until the next snapshot is read
  bool claimed_commits_lost_ = false;
  bool same_boot_ = false;
  std::string new_boot_;  ///< to be written with the first batch; empty: is written
  core::Tick opened_;
  core::Duration run_time_before_{};
  core::Tick next_run_time_;
  core::Tick next_prune_ = core::Tick::min();
  bool ended_ = false;
  bool claiming_ = false;  ///< nothing of the old term may come behind the claim
  StoreBytes bytes_;
  Replication replication_;
  core::Tick next_look_ = core::Tick::min();
  /// A coroutine that waits for time and not for a connection finds it expired.
  std::shared_ptr<Life> life_ = std::make_shared<Life>();
};

// ---- Opening ----

asio::awaitable<absl::Status> PostgresStore::begin_session(PgConnection& connection, std::string uri, bool migrate) {
  const auto version = co_await pg_open(connection, std::move(uri));
  if (!version.ok()) co_return version.status();
  if (migrate) {
    const absl::Status migrated = co_await pg_migrate(connection, *version);
    if (!migrated.ok()) co_return migrated;
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> PostgresStore::claim(LeaseClaim claim) {
  connection_ = std::make_unique<PgConnection>(context_, 5 * options_.lease);  // a claim may wait for a standby
  const absl::Status opened = co_await begin_session(*connection_, options_.uri, true);
  if (!opened.ok()) co_return opened;
  const absl::Status taken = co_await take_lease(claim);
  if (!taken.ok()) co_return taken;
  prepare();
  opened_ = now().tick;
  next_run_time_ = opened_ + RunTimeInterval;
  arm();
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> PostgresStore::take_lease(LeaseClaim claim) {
  const core::Tick sent = now().tick;
  PgRequest read;
  read.push_back({Read});
  const PgReply found = co_await pg_run(*connection_, std::move(read));
  if (!found.status.ok()) co_return found.status;
  const auto [seen, here] = read_lease(found.row(0, 0));
  if (!is_as_seen(seen, claim)) co_return absl::AbortedError("another bus has the lease");
  const Lease next = next_lease(seen, claim, new_leader_id(), here, options_.full_sync);
  PgStatement statement{Claim};
  statement.parameters.bind(seen.term).bind(seen.renewals).bind(next.term).bind(next.leader_id);
  statement.parameters.bind(next.server.identifier).bind(next.server.timeline).bind(next.synchronous);
  statement.parameters.bind(next.commits_lost).bind(std::to_string(random_number()));
  PgRequest request;
  request.push_back(std::move(statement));
  const PgReply reply = co_await pg_run(*connection_, std::move(request));
  if (!reply.status.ok()) {
    co_return is_lasting(reply.sqlstate) ? absl::FailedPreconditionError(reply.status.message()) : reply.status;
  }
  if (!reply.row(0, 0).flag()) co_return absl::AbortedError("another bus got the lease");
  claimed_commits_lost_ = next.commits_lost;
  stored_ = {seen.term, seen.leader_id, seen.batch};
  holder_.emplace(core::Term{next.term, next.leader_id, seen.batch}, options_.lease, sent);
  // The claim may be on one machine only: as with a commit, it counts once a later one says nothing of the kind.
  PgRequest again;
  again.push_back(fenced(Renew));
  again.push_back({"SELECT value::bigint FROM meta WHERE key = 'run_time'"});
  again.push_back({"SELECT value FROM meta WHERE key = 'boot_id'"});
  const PgReply confirmed = co_await pg_run(*connection_, std::move(again));
  if (!confirmed.status.ok()) co_return confirmed.status;
  if (confirmed.warned) co_return absl::UnavailableError("the database does not wait for its standby");
  run_time_before_ = core::Duration(confirmed.row(1, 0).integer());
  const std::string boot = boot_id();
  same_boot_ = !boot.empty() && confirmed.rows(2) > 0 && confirmed.row(2, 0).text() == boot;
  // The permits hold ticks of the former leader's boot until the first batch brings them anew.
  if (!same_boot_) new_boot_ = boot;
  co_return absl::OkStatus();
}

asio::awaitable<void> PostgresStore::begin_above(core::Term seen, Done<core::Snapshot> done) {
  if (!holder_->is_connected()) co_return done(trouble_);
  claiming_ = true;
  const LeaseClaim claim{holder_->leads().term, std::nullopt, true, seen.term};
  const absl::Status taken = co_await take_lease(claim);
  claiming_ = false;
  if (!taken.ok()) co_return done(taken);
  opened_ = now().tick;
  behind_ = seen;
  load(std::move(done));
}

void PostgresStore::prepare() {
  std::vector<std::string> statements = pg_batch_statements();
  for (const std::string* sql : {&BeginBatch, &Renew, &Prune}) statements.push_back(*sql);
  connection_->prepare(statements, [](const PgReply&) {});
}

void PostgresStore::load(Done<core::Snapshot> done) {
  connection_->run(pg_snapshot_request(), [this, done = std::move(done)](const PgReply& reply) {
    if (!reply.status.ok()) return done(reply.status);
    core::Snapshot snapshot = pg_snapshot(reply);
    snapshot.term = holder_->leads().term;
    snapshot.leader_id = holder_->leads().leader_id;
    snapshot.stored_term = stored_;
    snapshot.behind = std::exchange(behind_, std::nullopt);
    snapshot.same_boot = same_boot_;
    snapshot.commits_lost = claimed_commits_lost_;
    run_time_before_ = snapshot.run_time;
    done(std::move(snapshot));
  });
}

// ---- Commits ----

PgStatement PostgresStore::fenced(const std::string& sql, std::optional<uint64_t> batch) const {
  PgStatement statement{sql};
  statement.parameters.bind(holder_->leads().term).bind(holder_->leads().leader_id);
  if (batch) statement.parameters.bind(*batch);
  statement.parameters.bind(options_.full_sync);
  return statement;
}

PgRequest PostgresStore::request_of(const Batch& batch, Commit& commit) {
  const core::Tick tick = now().tick;
  const core::Duration run_time = run_time_before_ + (tick - opened_);
  PgRequest request;
  request.reserve(batch.size() + 4);
  request.push_back(fenced(BeginBatch, holder_->next_batch()));
  append_rows(request, batch, holder_->leads().term, run_time);
  if (!new_boot_.empty()) request.push_back(pg_set_meta("boot_id", new_boot_));
  commit.saves_run_time = tick >= next_run_time_;
  if (commit.saves_run_time) request.push_back(pg_set_meta("run_time", std::to_string(run_time.count())));
  commit.prunes = tick >= next_prune_;
  if (commit.prunes) {
    request.push_back({Prune});
    request.back().parameters.bind(run_time - options_.retention).bind(PrunedPerCommit);
  }
  return request;
}

void PostgresStore::commit(const Batch& batch, std::function<void(absl::Status)> done) {
  if (batch.empty()) return done(absl::OkStatus());
  Commit& commit = commit_.emplace(Commit{{}, std::move(done)});
  commit.request = request_of(batch, commit);
  act(holder_->commit(now().tick), absl::OkStatus());
}

void PostgresStore::send(LeaseHolder::Ask ask) {
  PgRequest renewal;
  if (ask != LeaseHolder::Ask::Commit) renewal.push_back(fenced(Renew));
  connection_->run(ask == LeaseHolder::Ask::Commit ? commit_->request : renewal,
                   [this, ask, sent = now().tick](const PgReply& reply) { answered(ask, reply, sent); });
}

std::string PostgresStore::why_not_renewed() {
  if (const absl::Status now = check(); !now.ok()) return std::string(now.message());
  return renewal_.ok() ? "the database has not answered" : std::string(renewal_.message());
}

void PostgresStore::answered(LeaseHolder::Ask ask, const PgReply& reply, core::Tick sent) {
  renewal_ = reply.status;
  if (ask == LeaseHolder::Ask::Commit && reply.status.ok()) note_pruned(reply, sent);
  act(holder_->answered(ask, meaning(reply), sent, now().tick), reply.status);
}

void PostgresStore::act(const LeaseHolder::Step& step, const absl::Status& why) {
  if (step.lost) return lose(*step.lost, why);
  if (step.connect) {
    trouble_ = absl::UnavailableError(absl::StrCat("no connection to the database: ", std::string(why.message())));
    spawn(context_, reconnect());
  }
  if (step.send) send(*step.send);
  if (step.committed) finish(*step.committed ? absl::OkStatus() : why);
}

// Nothing to do, or an open command holds it back: no need to look at every commit.
void PostgresStore::note_pruned(const PgReply& reply, core::Tick sent) {
  const bool more = commit_->prunes && reply.results.size() > 1 && reply.row(reply.results.size() - 1, 0).integer() > 0;
  if (commit_->prunes && !more) next_prune_ = sent + PruneInterval;
}

void PostgresStore::finish(absl::Status status) {
  if (status.ok()) {
    new_boot_.clear();
    if (commit_->saves_run_time) next_run_time_ = now().tick + RunTimeInterval;
  }
  auto done = std::move(commit_->done);
  commit_.reset();
  done(std::move(status));
}

absl::Status PostgresStore::check() {
  switch (holder_->health(now().tick)) {
    case LeaseHolder::Health::Good:
      return absl::OkStatus();
    case LeaseHolder::Health::Disconnected:
      return trouble_;
    case LeaseHolder::Health::Unanswered:
      break;
  }
  return absl::UnavailableError(
      "the database has not answered a commit for half a second; it may wait for its standby");
}

// ---- The lease ----

void PostgresStore::tick() {
  if (ended_) return;
  act(holder_->passed(now().tick, !claiming_), absl::OkStatus());
  if (ended_) return;
  look();
  arm();
}

void PostgresStore::arm() {
  timer_.arm(now().tick + options_.lease / (2 * LeaseHolder::RenewalsPerLease), [this] { tick(); });
}

void PostgresStore::look() {
  const core::Tick at = now().tick;
  if (!holder_->is_connected() || commit_ || at < next_look_) return;
  next_look_ = at + LookInterval;
  pg_read_condition(*connection_, [this](absl::StatusOr<PgCondition> found) {
    if (!found.ok()) return;
    bytes_.total = found->bytes;
    replication_ = std::move(found->replication);
  });
}

std::optional<Replication> PostgresStore::replication() const {
  Replication replication = replication_;
  replication.renewed_ago = now().tick - holder_->renewed();
  return replication;
}

void PostgresStore::lose(LeaseHolder::Loss loss, const absl::Status& why) {
  absl::Status status;
  switch (loss) {
    case LeaseHolder::Loss::Fenced:
      status = absl::AbortedError(why.message());
      break;
    case LeaseHolder::Loss::CommitsLost:
      status = absl::DataLossError(why.message());
      break;
    case LeaseHolder::Loss::NotRenewed:
      status = absl::UnavailableError(absl::StrCat("the lease could not be renewed in time: ", why_not_renewed()));
      break;
  }
  ended_ = true;
  timer_.cancel();
  if (lost_) std::exchange(lost_, nullptr)(status);
}

// ---- The connection ----

asio::awaitable<void> PostgresStore::reconnect() {
  const std::weak_ptr<Life> life = life_;
  for (;;) {
    next_connection_ = std::make_unique<PgConnection>(context_, options_.lease);
    const absl::Status opened = co_await begin_session(*next_connection_, options_.uri, false);
    if (opened.ok()) break;
    asio::steady_timer pause(context_, ReconnectInterval);
    co_await pause.async_wait(asio::use_awaitable);
    if (life.expired()) co_return;
  }
  connection_ = std::move(next_connection_);
  prepare();
  trouble_ = absl::OkStatus();
  act(holder_->connected(now().tick), absl::OkStatus());
}

void PostgresStore::close(std::function<void()> done) {
  ended_ = true;
  timer_.cancel();
  holder_->end();
  if (!holder_->is_connected()) return done();
  PgRequest request{{Release}};
  request.back().parameters.bind(holder_->leads().term).bind(holder_->leads().leader_id);
  connection_->run(request, [done = std::move(done)](const PgReply&) { done(); });
}

}  // namespace

void open_postgres_store(asio::io_context& context, const StoreOptions& options, const LeaseClaim& claim,
                         std::function<void(absl::Status)> lost, Store::Done<std::unique_ptr<Store>> done) {
  auto store = std::make_unique<PostgresStore>(context, options, std::move(lost));
  const auto open = [](std::unique_ptr<PostgresStore> opened, LeaseClaim with,
                       Store::Done<std::unique_ptr<Store>> then) -> asio::awaitable<void> {
    const absl::Status status = co_await opened->claim(with);
    if (status.ok()) co_return then(std::move(opened));
    then(absl::Status(status.code(), opened->name() + ": " + std::string(status.message())));
  };
  spawn(context, open(std::move(store), claim, std::move(done)));
}

}  // namespace cancelbus::io
