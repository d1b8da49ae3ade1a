#include "service/io/postgres_store.hpp"

#include <absl/strings/str_cat.h>
#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <random>
#include <utility>

#include "service/io/clock.hpp"
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
/// A commit that is not answered for so long: no promise may wait for it.
constexpr core::Duration Patience = std::chrono::milliseconds(500);
constexpr core::Duration ReconnectInterval = std::chrono::milliseconds(250);
constexpr int RenewalsPerLease = 4;
const std::string BeginBatch = "SELECT begin_batch($1, $2, $3, $4)";
const std::string Renew = "SELECT renew($1, $2, $3)";
const std::string Prune = "SELECT prune_events($1, $2)";
const std::string Release =
    "UPDATE lease SET released = true, renewals = renewals + 1 WHERE term = $1 AND leader_id = $2";
const std::string Claim = "SELECT new_term, lost, old_id, stored FROM claim($1, $2, $3, $4, $5, $6, $7)";
const std::string Look =
    "SELECT (SELECT SUM(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE c.relkind = 'r' AND "
    "c.relnamespace = 'cancelbus'::regnamespace), (SELECT COUNT(*) FROM pg_stat_replication "
    "WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')), current_setting('synchronous_standby_names')";
const std::string Standbys =
    "SELECT name, (EXTRACT(EPOCH FROM now() - heard) * 1e9)::bigint FROM standbys "
    "WHERE heard > now() - interval '10 seconds' ORDER BY name";

uint64_t random_number() {
  std::random_device random;
  uint64_t number = 0;
  while (number == 0) number = (uint64_t{random()} << 32 | random()) >> 1;  // a BIGINT above 0
  return number;
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
  const core::Term& term() const override { return leads_; }
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
    core::Tick begun;
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
  void send_commit();
  void committed(PgReply reply, core::Tick sent);
  /// Whether the batch is stored and replicated, or what came before it: asks by a renewal.
  void confirm();
  void renew(std::function<void(PgReply, core::Tick)> done);
  void renewed(const PgReply& reply, core::Tick sent);
  void finish(absl::Status status);
  void disconnected(const absl::Status& why);
  void lose(const absl::Status& why);
  void tick();
  void arm();
  void look();

  asio::io_context& context_;
  const StoreOptions options_;
  std::function<void(absl::Status)> lost_;
  std::unique_ptr<PgConnection> connection_;
  std::unique_ptr<PgConnection> next_connection_;  ///< being opened
  TickTimer timer_;
  std::optional<Commit> commit_;
  absl::Status trouble_;              ///< of the connection
  core::Term stored_;                 ///< who led before, and how far
  core::Term leads_;                  ///< its batch: the latest that is stored
  std::optional<core::Term> behind_;  ///< what the store lacks, until the next snapshot is read
  bool claimed_commits_lost_ = false;
  bool same_boot_ = false;
  std::string new_boot_;  ///< to be written with the first batch; empty: is written
  core::Tick opened_;
  core::Duration run_time_before_{};
  core::Tick next_run_time_;
  core::Tick next_prune_ = core::Tick::min();
  core::Tick sent_ = core::Tick::min();     ///< the latest commit or renewal
  core::Tick renewed_ = core::Tick::min();  ///< when the latest was sent that is known to have worked
  bool renewing_ = false;
  bool ended_ = false;
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
  const std::string id = new_bus_id();
  PgStatement statement{Claim};
  statement.parameters.bind(claim.term).bind(claim.renewals).bind(id).bind(options_.full_sync);
  statement.parameters.bind(claim.distrust).bind(claim.above).bind(std::to_string(random_number()));
  PgRequest request;
  request.push_back(std::move(statement));
  const PgReply reply = co_await pg_run(*connection_, std::move(request));
  if (!reply.status.ok()) {
    co_return is_lasting(reply.sqlstate) ? absl::FailedPreconditionError(reply.status.message()) : reply.status;
  }
  if (reply.rows(0) == 0) co_return absl::AbortedError("another bus has the lease");
  leads_.leader_id = id;
  PgRow row = reply.row(0, 0);
  leads_.term = static_cast<uint64_t>(row.integer());
  claimed_commits_lost_ = row.flag();
  stored_ = {claim.term, row.text(), static_cast<uint64_t>(row.integer())};
  leads_.batch = stored_.batch;
  // The claim may be on one machine only: as with a commit, it counts once a later one says nothing of the kind.
  PgRequest again;
  again.push_back(fenced(Renew));
  again.push_back({"SELECT value::bigint FROM meta WHERE key = 'run_time'"});
  again.push_back({"SELECT value FROM meta WHERE key = 'boot_id'"});
  const PgReply confirmed = co_await pg_run(*connection_, std::move(again));
  if (!confirmed.status.ok()) co_return confirmed.status;
  if (confirmed.warned) co_return absl::UnavailableError("the database does not wait for its standby");
  renewed_ = sent_ = sent;
  run_time_before_ = core::Duration(confirmed.row(1, 0).integer());
  const std::string here = boot_id();
  same_boot_ = !here.empty() && confirmed.rows(2) > 0 && confirmed.row(2, 0).text() == here;
  // The permits hold ticks of the former leader's boot until the first batch brings them anew.
  if (!same_boot_) new_boot_ = here;
  co_return absl::OkStatus();
}

asio::awaitable<void> PostgresStore::begin_above(core::Term seen, Done<core::Snapshot> done) {
  if (!trouble_.ok()) co_return done(trouble_);
  renewing_ = true;  // none of the old term may come behind the claim
  const LeaseClaim claim{leads_.term, std::nullopt, true, seen.term};
  const absl::Status taken = co_await take_lease(claim);
  renewing_ = false;
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
    snapshot.term = leads_.term;
    snapshot.leader_id = leads_.leader_id;
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
  statement.parameters.bind(leads_.term).bind(leads_.leader_id);
  if (batch) statement.parameters.bind(*batch);
  statement.parameters.bind(options_.full_sync);
  return statement;
}

PgRequest PostgresStore::request_of(const Batch& batch, Commit& commit) {
  const core::Tick tick = now().tick;
  const core::Duration run_time = run_time_before_ + (tick - opened_);
  PgRequest request;
  request.reserve(batch.size() + 4);
  request.push_back(fenced(BeginBatch, leads_.batch + 1));
  append_rows(request, batch, leads_.term, run_time);
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
  Commit& commit = commit_.emplace(Commit{{}, std::move(done), now().tick});
  commit.request = request_of(batch, commit);
  if (trouble_.ok()) send_commit();
}

void PostgresStore::send_commit() {
  sent_ = now().tick;
  connection_->run(commit_->request, [this, sent = sent_](PgReply reply) { committed(std::move(reply), sent); });
}

void PostgresStore::committed(PgReply reply, core::Tick sent) {
  if (!reply.status.ok() && reply.sqlstate.empty()) return disconnected(reply.status);
  if (reply.status.ok() && reply.warned) return confirm();
  if (reply.status.ok()) {
    renewed_ = std::max(renewed_, sent);
    const bool more =
        commit_->prunes && reply.results.size() > 1 && reply.row(reply.results.size() - 1, 0).integer() > 0;
    // Nothing to do, or an open command holds it back: no need to look at every commit.
    if (commit_->prunes && !more) next_prune_ = sent + PruneInterval;
    return finish(absl::OkStatus());
  }
  if (reply.sqlstate == PgStored) return confirm();
  if (reply.sqlstate == PgFenced) return lose(absl::AbortedError(reply.status.message()));
  if (reply.sqlstate == PgGap) return lose(absl::DataLossError(reply.status.message()));
  auto done = std::move(commit_->done);
  commit_.reset();
  done(reply.status);
}

void PostgresStore::confirm() {
  renew([this](const PgReply& reply, core::Tick sent) {
    if (!reply.status.ok() && reply.sqlstate.empty()) return disconnected(reply.status);
    if (reply.sqlstate == PgFenced) return lose(absl::AbortedError(reply.status.message()));
    if (!reply.status.ok() || reply.warned) return confirm();
    renewed_ = std::max(renewed_, sent);
    finish(absl::OkStatus());
  });
}

void PostgresStore::finish(absl::Status status) {
  ++leads_.batch;
  new_boot_.clear();
  if (commit_->saves_run_time) next_run_time_ = now().tick + RunTimeInterval;
  auto done = std::move(commit_->done);
  commit_.reset();
  done(std::move(status));
}

absl::Status PostgresStore::check() {
  if (!trouble_.ok()) return trouble_;
  if (!commit_ || now().tick < commit_->begun + Patience) return absl::OkStatus();
  return absl::UnavailableError(
      "the database has not answered a commit for half a second; it may wait for its standby");
}

// ---- The lease ----

void PostgresStore::renew(std::function<void(PgReply, core::Tick)> done) {
  sent_ = now().tick;
  PgRequest request;
  request.push_back(fenced(Renew));
  connection_->run(request, [sent = sent_, done = std::move(done)](PgReply reply) { done(std::move(reply), sent); });
}

void PostgresStore::renewed(const PgReply& reply, core::Tick sent) {
  renewing_ = false;
  if (reply.status.ok() && !reply.warned) {
    renewed_ = std::max(renewed_, sent);
  } else if (reply.sqlstate == PgFenced) {
    lose(absl::AbortedError(reply.status.message()));
  } else if (!reply.status.ok() && reply.sqlstate.empty()) {
    disconnected(reply.status);
  }
}

void PostgresStore::tick() {
  if (ended_) return;
  const core::Tick at = now().tick;
  if (at > renewed_ + options_.lease) {
    return lose(absl::UnavailableError(
        absl::StrCat("the lease could not be renewed in time: ", std::string(check().message()))));
  }
  const bool due = at >= sent_ + options_.lease / RenewalsPerLease;
  if (trouble_.ok() && due && !commit_ && !std::exchange(renewing_, true)) {
    renew([this](const PgReply& reply, core::Tick sent) { renewed(reply, sent); });
  }
  look();
  arm();
}

void PostgresStore::arm() {
  timer_.arm(now().tick + options_.lease / (2 * RenewalsPerLease), [this] { tick(); });
}

void PostgresStore::look() {
  const core::Tick at = now().tick;
  if (!trouble_.ok() || commit_ || at < next_look_) return;
  next_look_ = at + LookInterval;
  connection_->run({{Look}, {Standbys}}, [this](const PgReply& reply) {
    if (!reply.status.ok()) return;
    PgRow row = reply.row(0, 0);
    bytes_.total = static_cast<uint64_t>(row.integer());
    replication_.servers = static_cast<uint32_t>(row.integer());
    replication_.waits = !row.text().empty();
    replication_.standbys.clear();
    for (int i = 0; i < reply.rows(1); ++i) {
      PgRow standby = reply.row(1, i);
      std::string name = standby.text();
      replication_.standbys.push_back({std::move(name), core::Duration(standby.integer())});
    }
  });
}

std::optional<Replication> PostgresStore::replication() const {
  Replication replication = replication_;
  replication.renewed_ago = now().tick - renewed_;
  return replication;
}

void PostgresStore::lose(const absl::Status& why) {
  ended_ = true;
  timer_.cancel();
  if (lost_) std::exchange(lost_, nullptr)(why);
}

// ---- The connection ----

void PostgresStore::disconnected(const absl::Status& why) {
  if (!trouble_.ok()) return;
  trouble_ = absl::UnavailableError(absl::StrCat("no connection to the database: ", std::string(why.message())));
  renewing_ = false;
  spawn(context_, reconnect());
}

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
  if (commit_) send_commit();
}

void PostgresStore::close(std::function<void()> done) {
  ended_ = true;
  timer_.cancel();
  if (!trouble_.ok()) return done();
  PgRequest request{{Release}};
  request.back().parameters.bind(leads_.term).bind(leads_.leader_id);
  connection_->run(request, [done = std::move(done)](const PgReply&) { done(); });
}

}  // namespace

std::string new_bus_id() {
  char host[48] = "";
  ::gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, "-", absl::Hex(random_number() & 0xFFFFFFFF, absl::kZeroPad8));
}

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
