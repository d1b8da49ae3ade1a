#include "service/io/store.hpp"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>

#include "service/io/clock.hpp"
#include "service/io/sqlite.hpp"
#include "service/io/store_rows.hpp"

namespace cancelbus::io {

namespace {

constexpr int64_t ApplicationId = 0x43424C53;  // "CBLS", in the file's header
constexpr int64_t SchemaVersion = 1;
constexpr int PrunedPerCommit = 1'000;
constexpr core::Duration PruneInterval = std::chrono::seconds(10);
const char* const NotSynced = "normal";  ///< what meta says of a store whose commits may not outlive the machine

/// Keeps a second bus out, for as long as it lives; the kernel lets go when the process dies.
class LockFile {
 public:
  static absl::StatusOr<LockFile> take(const std::string& path) {
    LockFile lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.descriptor_ < 0) return absl::UnavailableError(absl::StrCat(path, ": ", std::strerror(errno)));
    if (flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": another cancel-bus uses this store"));
    }
    return lock;
  }
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}
  LockFile(LockFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }

 private:
  int descriptor_;
};

class SqliteStore : public Store {
 public:
  SqliteStore(StoreOptions options, std::optional<LockFile> lock, Sqlite db)
      : options_(std::move(options)), lock_(std::move(lock)), db_(std::move(db)) {}

  absl::Status prepare();
  absl::StatusOr<core::Snapshot> load() override;
  void commit(const Batch& batch, std::function<void(absl::Status)> done) override { done(write(batch)); }
  absl::StatusOr<std::vector<std::string>> read_events(const std::string& topic, uint64_t from_seq,
                                                       uint32_t count) override;
  absl::StatusOr<uint64_t> first_kept(const std::string& topic) override;
  uint64_t size() override;

 private:
  absl::Status check_identity();
  absl::Status begin_term();
  absl::Status begin_boot();
  std::string sync() const { return options_.full_sync ? "full" : NotSynced; }
  int64_t pragma(const char* sql);
  std::optional<std::string> meta(const std::string& key);
  absl::Status set_meta(const std::string& key, const std::string& value);
  absl::Status write(const Batch& batch);
  absl::Status set_sync(bool full);
  absl::Status write_row(const Row& row);
  absl::Status prune();
  int64_t first_needed(const std::string& topic);

  absl::Status put(const core::CommandRecord& record);
  absl::Status put(const core::CommandForgotten& forgotten);
  absl::Status put(const core::PermitRecord& record);
  absl::Status put(const core::PermitForgotten& forgotten);
  absl::Status put(const core::HoldRecord& record);
  absl::Status put(const core::UnauthorizedCount& count);
  absl::Status put(const core::FactPosition& position);
  absl::Status put(const core::HistoryLine& line);
  absl::Status put(const core::HistoryForgotten& forgotten);
  absl::Status put(const EventRow& event);

  const StoreOptions options_;
  std::optional<LockFile> lock_;
  Sqlite db_;
  Statement upsert_command_, delete_command_, upsert_permit_, delete_permit_, upsert_hold_, put_meta_, get_meta_;
  Statement insert_line_, drop_line_, delete_history_;
  Statement insert_event_, upsert_topic_, oldest_events_, first_needed_, prune_events_, read_events_, first_kept_;
  core::Tick next_prune_ = core::Tick::min();
  bool same_boot_ = false;
  bool commits_lost_ = false;
  bool syncs_ = true;
  std::string new_boot_;  ///< to be written with the first batch; empty: is written
  uint64_t epoch_ = 0;
  uint64_t term_ = 0;
};

/// What the exchange has asked for outlives the machine however the store is kept: it is rare, and must be heeded.
bool asked_for(const Row& row) {
  return std::holds_alternative<core::HoldRecord>(row) || std::holds_alternative<core::UnauthorizedCount>(row);
}

uint64_t random_epoch() {
  std::random_device random;
  uint64_t epoch = 0;
  while (epoch == 0) epoch = (uint64_t{random()} << 32) | random();
  return epoch;
}

absl::Status SqliteStore::prepare() {
  sqlite3* db = db_.get();
  sqlite3_busy_timeout(db, static_cast<int>(options_.busy_timeout.count()));
  if (auto status = check_identity(); !status.ok()) return status;
  if (auto status = sqlite_run(db, "PRAGMA journal_mode=WAL"); !status.ok()) return status;
  // The start of a term is synced in either case: how the store was kept must be known after it.
  if (auto status = sqlite_run(db, "PRAGMA synchronous=FULL"); !status.ok()) return status;
  if (auto status = sqlite_run(db, StoreSchema); !status.ok()) return status;
  upsert_command_ = Statement(db, UpsertCommand);
  delete_command_ = Statement(db, "DELETE FROM cancels WHERE sender_comp_id=? AND cl_ord_id=?");
  upsert_permit_ = Statement(db, UpsertPermit);
  delete_permit_ = Statement(db, "DELETE FROM permits WHERE task_id=?");
  upsert_hold_ = Statement(db, UpsertHold);
  insert_line_ = Statement(db, InsertHistoryLine);
  drop_line_ = Statement(db, "DELETE FROM history WHERE order_id=? AND term=? AND line=?");
  delete_history_ = Statement(db, "DELETE FROM history WHERE order_id=?");
  put_meta_ = Statement(db, "INSERT OR REPLACE INTO meta VALUES(?,?)");
  get_meta_ = Statement(db, "SELECT value FROM meta WHERE key=?");
  insert_event_ = Statement(db, "INSERT INTO events VALUES(?,?,?,?)");
  upsert_topic_ = Statement(db, "INSERT OR REPLACE INTO topics VALUES(?,?)");
  oldest_events_ = Statement(db,
                             "SELECT topic, MAX(seq) FROM (SELECT topic, seq FROM events WHERE sending_time < ? "
                             "ORDER BY sending_time LIMIT ?) GROUP BY topic");
  first_needed_ = Statement(db, "SELECT MIN(ack_seq) FROM cancels WHERE sender_comp_id=? AND NOT ended AND ack_seq>0");
  prune_events_ = Statement(db, "DELETE FROM events WHERE topic=? AND seq<=? AND seq<? AND sending_time<?");
  read_events_ = Statement(db, "SELECT seq, payload FROM events WHERE topic=? AND seq>=? ORDER BY seq LIMIT ?");
  first_kept_ = Statement(db, "SELECT MIN(seq) FROM events WHERE topic=?");
  return begin_term();
}

absl::Status SqliteStore::check_identity() {
  const int64_t application = pragma("PRAGMA application_id");
  const int64_t version = pragma("PRAGMA user_version");
  const int64_t pages = pragma("PRAGMA page_count");
  if (sqlite3_errcode(db_.get()) != SQLITE_OK && sqlite3_errcode(db_.get()) != SQLITE_DONE) {
    return sqlite_error(db_.get(), "not a store of cancel-bus");
  }
  if (pages > 0 && application != ApplicationId) {
    return absl::FailedPreconditionError("this is a database, but not a store of cancel-bus");
  }
  if (pages > 0 && version != SchemaVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("schema version ", version, ", this cancel-bus reads version ", SchemaVersion));
  }
  Statement check(db_.get(), "PRAGMA quick_check(1)");
  if (check.step() != SQLITE_ROW || check.text() != "ok") return absl::DataLossError("damaged: quick_check failed");
  if (pages > 0) return absl::OkStatus();
  const std::string mark =
      absl::StrCat("PRAGMA application_id=", ApplicationId, "; PRAGMA user_version=", SchemaVersion);
  return sqlite_run(db_.get(), mark.c_str());
}

int64_t SqliteStore::pragma(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) return 0;
  const int64_t value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
  sqlite3_finalize(statement);
  return value;
}

absl::Status SqliteStore::begin_term() {
  if (auto status = sqlite_run(db_.get(), "BEGIN IMMEDIATE"); !status.ok()) return status;
  const std::string boot = boot_id();
  same_boot_ = !boot.empty() && meta("boot_id") == boot;
  // The permits hold ticks of the former boot until the first batch brings them anew. Who dies before that must find
  // them as they were, and what may be missing still missing.
  if (!same_boot_) new_boot_ = boot;
  const auto epoch = meta("epoch");
  // Without full sync the last commits before a power cut may be gone, and their seqs would come again.
  commits_lost_ = epoch && !same_boot_ && meta("sync").value_or(sync()) == NotSynced;
  epoch_ = epoch && !commits_lost_ ? std::stoull(*epoch) : random_epoch();
  term_ = std::stoull(meta("term").value_or("0")) + 1;
  // The first batch of a boot is synced, and says how it goes on.
  const std::string kept = commits_lost_ ? NotSynced : new_boot_.empty() ? sync() : "full";
  for (const auto& [key, value] : {std::pair<std::string, std::string>{"epoch", std::to_string(epoch_)},
                                   {"term", std::to_string(term_)},
                                   {"sync", kept}}) {
    if (auto status = set_meta(key, value); !status.ok()) return status;
  }
  return sqlite_run(db_.get(), "COMMIT");
}

absl::Status SqliteStore::begin_boot() {
  if (auto status = set_meta("boot_id", new_boot_); !status.ok()) return status;
  return set_meta("sync", sync());
}

std::optional<std::string> SqliteStore::meta(const std::string& key) {
  std::optional<std::string> value;
  get_meta_.bind(key);
  if (get_meta_.step() == SQLITE_ROW) value = get_meta_.text();
  get_meta_.reset();
  return value;
}

absl::Status SqliteStore::set_meta(const std::string& key, const std::string& value) {
  return put_meta_.bind(key).bind(value).run();
}

absl::StatusOr<core::Snapshot> SqliteStore::load() {
  core::Snapshot snapshot;
  snapshot.epoch = epoch_;
  snapshot.term = term_;
  snapshot.same_boot = same_boot_;
  snapshot.commits_lost = commits_lost_;
  int result = SQLITE_OK;
  Statement commands(db_.get(), SelectCommands);
  while ((result = commands.step()) == SQLITE_ROW) snapshot.commands.push_back(read_command(commands));
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: cancels");
  Statement permits(db_.get(), SelectPermits);
  while ((result = permits.step()) == SQLITE_ROW) snapshot.permits.push_back(read_permit(permits));
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: permits");
  Statement holds(db_.get(), SelectHolds);
  while ((result = holds.step()) == SQLITE_ROW) snapshot.holds.push_back(read_hold(holds));
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: holds");
  Statement topics(db_.get(), "SELECT topic, next_seq FROM topics");
  while ((result = topics.step()) == SQLITE_ROW) {
    std::string topic = topics.text();
    snapshot.topics.push_back({std::move(topic), static_cast<uint64_t>(topics.integer())});
  }
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: topics");
  snapshot.unauthorized.in_a_row = static_cast<uint32_t>(std::stoul(meta("unauthorized_in_a_row").value_or("0")));
  snapshot.unauthorized.order_id = std::stoll(meta("unauthorized_order").value_or("0"));
  snapshot.facts.subscriber = std::stoull(meta("fact_subscriber").value_or("0"));
  snapshot.facts.seq = std::stoull(meta("fact_seq").value_or("0"));
  return snapshot;
}

absl::Status SqliteStore::write(const Batch& batch) {
  if (batch.empty()) return absl::OkStatus();
  absl::Status status = set_sync(options_.full_sync || !new_boot_.empty() || std::ranges::any_of(batch, asked_for));
  if (status.ok()) status = sqlite_run(db_.get(), "BEGIN IMMEDIATE");
  for (auto row = batch.begin(); status.ok() && row != batch.end(); ++row) status = write_row(*row);
  if (status.ok() && !new_boot_.empty()) status = begin_boot();
  if (status.ok()) status = prune();
  if (status.ok()) status = sqlite_run(db_.get(), "COMMIT");
  if (status.ok()) new_boot_.clear();
  // A full disk may have rolled back by itself already.
  if (!status.ok() && sqlite3_get_autocommit(db_.get()) == 0) sqlite_run(db_.get(), "ROLLBACK").IgnoreError();
  return status;
}

absl::Status SqliteStore::set_sync(bool full) {
  if (syncs_ == full) return absl::OkStatus();
  const absl::Status status = sqlite_run(db_.get(), full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  if (status.ok()) syncs_ = full;
  return status;
}

absl::Status SqliteStore::write_row(const Row& row) {
  return std::visit([this](const auto& r) { return put(r); }, row);
}

absl::Status SqliteStore::put(const core::CommandRecord& record) {
  bind_command(upsert_command_, record);
  return upsert_command_.run();
}

absl::Status SqliteStore::put(const core::CommandForgotten& forgotten) {
  return delete_command_.bind(forgotten.key.sender).bind(forgotten.key.cl_ord_id).run();
}

absl::Status SqliteStore::put(const core::PermitRecord& record) {
  bind_permit(upsert_permit_, record);
  return upsert_permit_.run();
}

absl::Status SqliteStore::put(const core::PermitForgotten& forgotten) {
  return delete_permit_.bind(forgotten.task).run();
}

absl::Status SqliteStore::put(const core::HoldRecord& record) {
  bind_hold(upsert_hold_, record);
  return upsert_hold_.run();
}

absl::Status SqliteStore::put(const core::UnauthorizedCount& count) {
  if (auto status = set_meta("unauthorized_in_a_row", std::to_string(count.in_a_row)); !status.ok()) return status;
  return set_meta("unauthorized_order", std::to_string(count.order_id));
}

absl::Status SqliteStore::put(const core::FactPosition& position) {
  const std::string subscriber = std::to_string(position.subscriber), seq = std::to_string(position.seq);
  if (auto status = set_meta("fact_subscriber", subscriber); !status.ok()) return status;
  return set_meta("fact_seq", seq);
}

absl::Status SqliteStore::put(const core::HistoryLine& line) {
  bind_history_line(insert_line_, line, term_);
  if (auto status = insert_line_.run(); !status.ok() || line.drops == 0) return status;
  return drop_line_.bind(line.order_id).bind(term_).bind(line.drops).run();
}

absl::Status SqliteStore::put(const core::HistoryForgotten& forgotten) {
  return delete_history_.bind(forgotten.order_id).run();
}

absl::Status SqliteStore::put(const EventRow& event) {
  auto status = insert_event_.bind(event.topic).bind(event.seq).bind(event.sending_time).bind_blob(event.payload).run();
  if (!status.ok()) return status;
  return upsert_topic_.bind(event.topic).bind(event.seq + 1).run();
}

absl::Status SqliteStore::prune() {
  const core::Instant at = now();
  if (at.tick < next_prune_) return absl::OkStatus();
  const core::WallTime before = at.wall - options_.retention;
  std::vector<std::pair<std::string, int64_t>> oldest;
  oldest_events_.bind(before).bind(PrunedPerCommit);
  while (oldest_events_.step() == SQLITE_ROW) {
    std::string topic = oldest_events_.text();
    oldest.emplace_back(std::move(topic), oldest_events_.integer());
  }
  oldest_events_.reset();
  int deleted = 0;
  for (const auto& [topic, last] : oldest) {
    auto status = prune_events_.bind(topic).bind(last).bind(first_needed(topic)).bind(before).run();
    if (!status.ok()) return status;
    deleted += sqlite3_changes(db_.get());
  }
  // Nothing to do, or an open command holds it back: no need to look at every commit.
  if (deleted == 0) next_prune_ = at.tick + PruneInterval;
  return absl::OkStatus();
}

int64_t SqliteStore::first_needed(const std::string& topic) {
  // The events of an open command stay, and with them what follows on their topic: what is kept has no gaps.
  int64_t seq = std::numeric_limits<int64_t>::max();
  constexpr std::string_view Prefix = "client.";
  if (!topic.starts_with(Prefix)) return seq;
  const std::string sender = topic.substr(Prefix.size(), topic.size() - Prefix.size() - 1);
  first_needed_.bind(sender);
  if (first_needed_.step() == SQLITE_ROW) seq = first_needed_.maybe_integer().value_or(seq);
  first_needed_.reset();
  return seq;
}

absl::StatusOr<std::vector<std::string>> SqliteStore::read_events(const std::string& topic, uint64_t from_seq,
                                                                  uint32_t count) {
  std::vector<std::string> payloads;
  int result = SQLITE_DONE;
  read_events_.bind(topic).bind(from_seq).bind(count);
  while ((result = read_events_.step()) == SQLITE_ROW) {
    if (static_cast<uint64_t>(read_events_.integer()) != from_seq + payloads.size()) break;
    payloads.push_back(read_events_.text());
  }
  const bool ok = result == SQLITE_ROW || result == SQLITE_DONE;
  const absl::Status status = ok ? absl::OkStatus() : sqlite_error(db_.get(), "store: events");
  read_events_.reset();
  if (!ok) return status;
  return payloads;
}

absl::StatusOr<uint64_t> SqliteStore::first_kept(const std::string& topic) {
  first_kept_.bind(topic);
  const int result = first_kept_.step();
  const uint64_t seq = result == SQLITE_ROW ? static_cast<uint64_t>(first_kept_.integer()) : 0;
  const absl::Status status = result == SQLITE_ROW ? absl::OkStatus() : sqlite_error(db_.get(), "store: events");
  first_kept_.reset();
  if (!status.ok()) return status;
  return seq;
}

uint64_t SqliteStore::size() { return static_cast<uint64_t>(pragma("PRAGMA page_count") * pragma("PRAGMA page_size")); }

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> open_store(const StoreOptions& options) {
  const bool in_memory = options.path.empty();
  std::optional<LockFile> lock;
  if (!in_memory) {
    const std::filesystem::path folder = std::filesystem::path(options.path).parent_path();
    std::error_code ignored;
    if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
      return absl::NotFoundError(absl::StrCat(options.path, ": its folder is not there"));
    }
    auto taken = LockFile::take(options.path + ".lock");
    if (!taken.ok()) return taken.status();
    lock.emplace(*std::move(taken));
  }
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(in_memory ? ":memory:" : options.path.c_str(), &raw,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Sqlite db(raw);
  if (result != SQLITE_OK) return sqlite_error(raw, options.path);
  auto store = std::make_unique<SqliteStore>(options, std::move(lock), std::move(db));
  if (const absl::Status status = store->prepare(); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(options.path, ": ", std::string(status.message())));
  }
  return store;
}

}  // namespace cancelbus::io
