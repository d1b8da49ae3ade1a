#include "service/io/store.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <random>

#include "service/io/checkpointer.hpp"
#include "service/io/clock.hpp"
#include "service/io/event_table.hpp"
#include "service/io/history_table.hpp"
#include "service/io/leader_table.hpp"
#include "service/io/mass_cancel_table.hpp"
#include "service/io/sqlite.hpp"
#include "service/io/store_file.hpp"
#include "service/io/store_rows.hpp"
#include "service/io/store_schema.hpp"

namespace cancelbus::io {

namespace {

constexpr core::Duration CheckInterval = std::chrono::seconds(1);
constexpr core::Duration RunTimeInterval = std::chrono::minutes(1);
constexpr std::chrono::milliseconds LongestLock{10};
/// What stays of a log that grew longer, once all of it is copied.
constexpr int LongestIdleLog = 16 * 1024 * 1024;
const char* const NotSynced = "normal";  ///< what meta says of a store whose commits may not outlive the machine

class SqliteStore : public Store {
 public:
  /// `file`: none for a store in memory.
  SqliteStore(StoreOptions options, std::optional<StoreFile> file, Sqlite db)
      : options_(std::move(options)), file_(std::move(file)), db_(std::move(db)) {}

  absl::Status prepare();
  void load(Done<core::Snapshot> done) override { done(read_snapshot()); }
  void commit(const Batch& batch, std::function<void(absl::Status)> done) override { done(write(batch)); }
  void read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                   Done<std::vector<std::string>> done) override {
    done(events_.read(topic, from_seq, count));
  }
  void first_kept(const std::string& topic, Done<uint64_t> done) override { done(events_.first_kept(topic)); }
  void read_history(const core::HistoryQuery& query, Done<core::HistoryPage> done) override {
    done(history_.read(query));
  }
  absl::Status check() override;
  StoreBytes bytes() override;
  const core::Term& term() const override { return term_; }
  void begin_again(const core::Term& seen, Done<core::Snapshot> done) override { done(begin_above(seen)); }

 private:
  absl::Status prepare_statements();
  absl::Status stop_waiting();
  absl::Status begin_term();
  absl::Status begin_boot();
  absl::StatusOr<core::Snapshot> begin_above(const core::Term& seen);
  absl::Status in_transaction(const std::function<absl::Status()>& write);
  std::string sync() const { return options_.full_sync ? "full" : NotSynced; }
  std::optional<std::string> meta(const std::string& key);
  absl::Status set_meta(const std::string& key, const std::string& value);
  absl::Status save_run_time(core::Tick tick);

  absl::StatusOr<core::Snapshot> read_snapshot();

  absl::Status write(const Batch& batch);
  absl::Status write_rows(const Batch& batch);
  absl::Status set_sync(bool full);

  absl::Status put(const core::CommandRecord& record);
  absl::Status put(const core::CommandForgotten& forgotten);
  absl::Status put(const core::PermitRecord& record);
  absl::Status put(const core::PermitForgotten& forgotten);
  absl::Status put(const core::HoldRecord& record);
  absl::Status put(const core::LoweredLimits& lowered) {
    return set_meta("lowered_limits", lowered_limits_text(lowered));
  }
  absl::Status put(const core::UnauthorizedCount& count);
  absl::Status put(const core::FactPosition& position);
  absl::Status put(const core::HistoryLine& line) { return history_.put(line, term_.term); }
  absl::Status put(const core::HistoryForgotten& forgotten);
  absl::Status put(const core::BackOnBook& back);
  absl::Status put(const core::MassCancelRecord& record) { return mass_cancels_.put(record, run_time_); }
  absl::Status put(const core::MassCancelOrder& order) { return mass_cancels_.put(order); }
  absl::Status put(const core::MassCancelOrderForgotten& forgotten) { return mass_cancels_.put(forgotten); }
  absl::Status put(const core::MassCancelForgotten& forgotten) { return mass_cancels_.put(forgotten); }
  absl::Status put(const core::DeadManRecord& record) { return mass_cancels_.put(record); }
  absl::Status put(const core::DeadManDisarmed& disarmed) { return mass_cancels_.put(disarmed); }
  absl::Status put(const EventRow& event) { return events_.insert(event, run_time_); }

  const StoreOptions options_;
  // In this order: the file is closed after all of SQLite's descriptors, see StoreFile::lock.
  std::optional<StoreFile> file_;
  Sqlite db_;
  std::unique_ptr<Checkpointer> checkpointer_;
  Statement begin_, commit_, rollback_, put_meta_, get_meta_;
  Statement upsert_command_, delete_command_, upsert_permit_, delete_permit_, upsert_hold_;
  Statement insert_back_, delete_back_, delete_meta_;
  EventTable events_;
  HistoryTable history_;
  MassCancelTable mass_cancels_;
  LeaderTable leader_;
  bool same_boot_ = false;
  bool commits_lost_ = false;
  bool syncs_ = true;
  std::string new_boot_;  ///< to be written with the first batch; empty: is written
  uint64_t epoch_ = 0;
  core::Term term_;                   ///< its batch: of the last commit
  core::Term stored_term_;            ///< before this start
  std::optional<core::Term> behind_;  ///< what the store lacks, until the first batch
  core::Tick opened_;
  core::Duration run_time_before_{};
  core::Duration run_time_{};  ///< at the present batch
  core::Tick next_run_time_;
  core::Tick run_time_saved_ = core::Tick::min();  ///< in the batch under way, or before
  core::Tick next_check_ = core::Tick::min();
  absl::Status checked_;
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
  if (auto status = sqlite_quick_check(db); !status.ok()) return status;
  if (auto status = migrate(db); !status.ok()) return status;
  if (auto status = sqlite_use_log(db, !file_); !status.ok()) return status;
  // The start of a term is synced in either case: how the store was kept must be known after it.
  if (auto status = sqlite_run(db, "PRAGMA synchronous=FULL"); !status.ok()) return status;
  if (auto status = prepare_statements(); !status.ok()) return status;
  if (auto status = begin_term(); !status.ok()) return status;
  return file_ ? stop_waiting() : absl::OkStatus();
}

absl::Status SqliteStore::prepare_statements() {
  const std::pair<Statement*, std::string> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&put_meta_, "INSERT OR REPLACE INTO meta(key, value) VALUES(?,?)"},
      {&get_meta_, "SELECT value FROM meta WHERE key=?"},
      {&upsert_command_, upsert(Commands, Dialect::OfSqlite)},
      {&delete_command_, erase(Commands, Dialect::OfSqlite)},
      {&upsert_permit_, upsert(Permits, Dialect::OfSqlite)},
      {&delete_permit_, erase(Permits, Dialect::OfSqlite)},
      {&upsert_hold_, upsert(Holds, Dialect::OfSqlite)},
      {&insert_back_, "INSERT OR REPLACE INTO back_on_book(order_id) VALUES(?)"},
      {&delete_back_, "DELETE FROM back_on_book WHERE order_id=?"},
      {&delete_meta_, "DELETE FROM meta WHERE key=?"},
  };
  bool prepared = events_.prepare(db_.get()) && history_.prepare(db_.get()) && mass_cancels_.prepare(db_.get()) &&
                  leader_.prepare(db_.get());
  for (auto it = std::begin(statements); prepared && it != std::end(statements); ++it) {
    prepared = it->first->prepare(db_.get(), it->second);
  }
  return prepared ? absl::OkStatus() : sqlite_error(db_.get(), "damaged: a table or a column is missing");
}

// The bus's loop comes next: no call waits any more, for another process that writes or for a checkpoint.
absl::Status SqliteStore::stop_waiting() {
  // But for the moments in which SQLite's own readers and checkpoints hold a lock.
  sqlite3_busy_timeout(db_.get(), static_cast<int>(LongestLock.count()));
  const std::string limit = absl::StrCat("PRAGMA journal_size_limit=", LongestIdleLog);
  if (auto status = sqlite_run(db_.get(), limit.c_str()); !status.ok()) return status;
  auto checkpointer = Checkpointer::open(options_.path);
  if (!checkpointer.ok()) return checkpointer.status();
  checkpointer_ = *std::move(checkpointer);
  const auto hook = [](void* to, sqlite3*, const char*, int frames) {
    static_cast<Checkpointer*>(to)->committed(frames);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_.get(), hook, checkpointer_.get());
  file_->watch_log();
  return absl::OkStatus();
}

absl::Status SqliteStore::begin_term() {
  return in_transaction([this] {
    const std::string boot = boot_id();
    same_boot_ = !boot.empty() && meta("boot_id") == boot;
    // The permits hold ticks of the former boot until the first batch brings them anew. Who dies before that must find
    // them as they were, and what may be missing still missing.
    if (!same_boot_) new_boot_ = boot;
    const auto epoch = meta("epoch");
    // Without full sync the last commits before a power cut may be gone, and their seqs would come again.
    const bool power_cut = epoch && !same_boot_ && meta("sync").value_or(sync()) == NotSynced;
    const auto leader = leader_.read();
    if (!leader.ok()) return leader.status();
    stored_term_ = *leader;
    const auto behind = meta("behind");
    behind_ = behind ? std::optional(term_of(*behind)) : std::nullopt;
    commits_lost_ = power_cut || behind_;
    epoch_ = epoch && !commits_lost_ ? std::stoull(*epoch) : random_epoch();
    term_ = {std::max(stored_term_.term, behind_ ? behind_->term : 0) + 1, new_leader_id(), stored_term_.batch};
    // The first batch of a boot is synced, and says how it goes on.
    const std::string kept = power_cut ? NotSynced : new_boot_.empty() ? sync() : "full";
    for (const auto& [key, value] :
         {std::pair<std::string, std::string>{"epoch", std::to_string(epoch_)}, {"sync", kept}}) {
      if (auto status = set_meta(key, value); !status.ok()) return status;
    }
    opened_ = now().tick;
    next_run_time_ = opened_ + RunTimeInterval;
    run_time_before_ = core::Duration(std::stoll(meta("run_time").value_or("0")));
    return leader_.put(term_);
  });
}

absl::StatusOr<core::Snapshot> SqliteStore::begin_above(const core::Term& seen) {
  if (auto status = set_sync(true); !status.ok()) return status;
  const auto mark = [&] {
    if (auto status = save_run_time(now().tick); !status.ok()) return status;
    return set_meta("behind", text_of(seen));
  };
  if (auto status = in_transaction(mark); !status.ok()) return status;
  if (auto status = begin_term(); !status.ok()) return status;
  return read_snapshot();
}

absl::Status SqliteStore::in_transaction(const std::function<absl::Status()>& write) {
  absl::Status status = sqlite_run(begin_);
  if (status.ok()) status = write();
  if (status.ok()) status = sqlite_run(commit_);
  // A full disk may have rolled back by itself already.
  if (!status.ok() && sqlite3_get_autocommit(db_.get()) == 0) sqlite_run(rollback_).IgnoreError();
  return status;
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
  return sqlite_run(put_meta_.bind(key).bind(value));
}

absl::Status SqliteStore::save_run_time(core::Tick tick) {
  return set_meta("run_time", std::to_string((run_time_before_ + (tick - opened_)).count()));
}

absl::StatusOr<core::Snapshot> SqliteStore::read_snapshot() {
  core::Snapshot snapshot;
  snapshot.epoch = epoch_;
  snapshot.term = term_.term;
  snapshot.leader_id = term_.leader_id;
  snapshot.stored_term = stored_term_;
  snapshot.same_boot = same_boot_;
  snapshot.commits_lost = commits_lost_;
  snapshot.behind = behind_;
  int result = SQLITE_OK;
  Statement commands = sqlite_statement(db_.get(), select(Commands));
  while ((result = commands.step()) == SQLITE_ROW) {
    snapshot.commands.push_back(read_command(commands));
    // Saved once a minute, it may lie behind what a bus that died has written since.
    run_time_before_ = std::max(run_time_before_, snapshot.commands.back().run_time);
  }
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: cancels");
  Statement permits = sqlite_statement(db_.get(), select(Permits));
  while ((result = permits.step()) == SQLITE_ROW) snapshot.permits.push_back(read_permit(permits));
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: permits");
  Statement holds = sqlite_statement(db_.get(), select(Holds));
  while ((result = holds.step()) == SQLITE_ROW) snapshot.holds.push_back(read_hold(holds));
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: holds");
  for (const core::HoldRecord& hold : snapshot.holds) run_time_before_ = std::max(run_time_before_, hold.run_time);
  snapshot.run_time = run_time_before_;
  Statement back = sqlite_statement(db_.get(), "SELECT order_id FROM back_on_book");
  while ((result = back.step()) == SQLITE_ROW) snapshot.back_on_book.push_back(back.integer());
  if (result != SQLITE_DONE) return sqlite_error(db_.get(), "store: back_on_book");
  if (auto status = mass_cancels_.read(snapshot); !status.ok()) return status;
  auto topics = events_.topics();
  if (!topics.ok()) return topics.status();
  snapshot.topics = *std::move(topics);
  snapshot.lowered = read_lowered_limits(meta("lowered_limits").value_or(""));
  snapshot.unauthorized.in_a_row = static_cast<uint32_t>(std::stoul(meta("unauthorized_in_a_row").value_or("0")));
  snapshot.unauthorized.order_id = std::stoll(meta("unauthorized_order").value_or("0"));
  if (const auto facts = meta("facts")) {
    snapshot.facts.subscriber = std::stoull(*facts);
    snapshot.facts.seq = std::stoull(facts->substr(facts->find(' ') + 1));
  }
  return snapshot;
}

absl::Status SqliteStore::write(const Batch& batch) {
  if (batch.empty()) return absl::OkStatus();
  if (checkpointer_) checkpointer_->help(db_.get());
  absl::Status status = set_sync(options_.full_sync || !new_boot_.empty() || std::ranges::any_of(batch, asked_for));
  if (status.ok()) status = in_transaction([&] { return write_rows(batch); });
  if (!status.ok()) return status;
  ++term_.batch;
  new_boot_.clear();
  behind_.reset();
  if (run_time_saved_ >= next_run_time_) next_run_time_ = run_time_saved_ + RunTimeInterval;
  return status;
}

absl::Status SqliteStore::write_rows(const Batch& batch) {
  absl::Status status;
  const core::Tick tick = now().tick;
  run_time_ = run_time_before_ + (tick - opened_);
  const core::FactPosition* facts = nullptr;  // of several the last
  for (auto row = batch.begin(); status.ok() && row != batch.end(); ++row) {
    if (const auto* position = std::get_if<core::FactPosition>(&*row)) {
      facts = position;
    } else {
      status = std::visit([this](const auto& r) { return put(r); }, *row);
    }
  }
  if (status.ok() && facts != nullptr) status = put(*facts);
  if (status.ok() && !new_boot_.empty()) status = begin_boot();
  if (status.ok() && behind_) status = sqlite_run(delete_meta_.bind("behind"));
  if (status.ok()) status = leader_.count(term_.batch + 1);
  if (status.ok() && tick >= next_run_time_) {
    status = save_run_time(tick);
    run_time_saved_ = tick;
  }
  return status.ok() ? events_.prune(tick, run_time_ - options_.retention) : status;
}

absl::Status SqliteStore::set_sync(bool full) {
  if (syncs_ == full) return absl::OkStatus();
  const absl::Status status = sqlite_run(db_.get(), full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  if (status.ok()) syncs_ = full;
  return status;
}

absl::Status SqliteStore::put(const core::CommandRecord& record) {
  bind_command(upsert_command_, record, run_time_);
  return sqlite_run(upsert_command_);
}

absl::Status SqliteStore::put(const core::CommandForgotten& forgotten) {
  return sqlite_run(delete_command_.bind(forgotten.key.sender).bind(forgotten.key.cl_ord_id));
}

absl::Status SqliteStore::put(const core::PermitRecord& record) {
  bind_permit(upsert_permit_, record);
  return sqlite_run(upsert_permit_);
}

absl::Status SqliteStore::put(const core::PermitForgotten& forgotten) {
  return sqlite_run(delete_permit_.bind(forgotten.task));
}

absl::Status SqliteStore::put(const core::HoldRecord& record) {
  bind_hold(upsert_hold_, record, run_time_);
  return sqlite_run(upsert_hold_);
}

absl::Status SqliteStore::put(const core::UnauthorizedCount& count) {
  if (auto status = set_meta("unauthorized_in_a_row", std::to_string(count.in_a_row)); !status.ok()) return status;
  return set_meta("unauthorized_order", std::to_string(count.order_id));
}

absl::Status SqliteStore::put(const core::FactPosition& position) {
  return set_meta("facts", absl::StrCat(position.subscriber, " ", position.seq));
}

absl::Status SqliteStore::put(const core::HistoryForgotten& forgotten) {
  if (auto status = put(core::BackOnBook{forgotten.order_id, false}); !status.ok()) return status;
  return history_.forget(forgotten.order_id);
}

absl::Status SqliteStore::put(const core::BackOnBook& back) {
  return sqlite_run((back.so ? insert_back_ : delete_back_).bind(back.order_id));
}

absl::Status SqliteStore::check() {
  const core::Tick tick = now().tick;
  if (!file_ || tick < next_check_) return checked_;
  next_check_ = tick + CheckInterval;
  checked_ = file_->in_place();
  // An idle bus writes nothing else, and learns here that it could not.
  if (!checked_.ok() || tick < next_run_time_) return checked_;
  const absl::Status saved = save_run_time(tick);
  if (saved.ok()) next_run_time_ = tick + RunTimeInterval;
  // A program that writes for a moment is not worth a word; the next turn tries again.
  if (!saved.ok() && sqlite3_errcode(db_.get()) != SQLITE_BUSY) checked_ = saved;
  return checked_;
}

StoreBytes SqliteStore::bytes() {
  if (!file_) {
    Statement pages =
        sqlite_statement(db_.get(), "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    return {pages.step() == SQLITE_ROW ? static_cast<uint64_t>(pages.integer()) : 0, 0};
  }
  const uint64_t log = file_->log_bytes();
  return {file_->bytes() + log, log};
}

absl::Status named(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", std::string(status.message())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> open_store(const StoreOptions& options) {
  std::optional<StoreFile> file;
  if (!options.path.empty()) {
    auto locked = StoreFile::lock(options.path);
    if (!locked.ok()) return locked.status();
    file.emplace(*std::move(locked));
  }
  auto db = sqlite_open(options.path);
  if (!db.ok()) return db.status();
  auto store = std::make_unique<SqliteStore>(options, std::move(file), *std::move(db));
  if (const absl::Status status = store->prepare(); !status.ok()) return named(options.path, status);
  return store;
}

absl::Status downgrade_store(const StoreOptions& options, int64_t version) {
  if (std::error_code error; !std::filesystem::exists(options.path, error)) {
    return absl::NotFoundError(absl::StrCat(options.path, ": there is no such file"));
  }
  const auto file = StoreFile::lock(options.path);
  if (!file.ok()) return file.status();
  auto db = sqlite_open(options.path);
  if (!db.ok()) return db.status();
  sqlite3_busy_timeout(db->get(), static_cast<int>(options.busy_timeout.count()));
  const absl::Status status = migrate_back(db->get(), version);
  return status.ok() ? status : named(options.path, status);
}

}  // namespace cancelbus::io
