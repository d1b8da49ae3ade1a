// The database that two buses share: a primary server and a standby server, and what PostgreSQL guarantees of them.
//
// - A transaction that takes the lease's row runs alone, until its commit is known. Others wait for the row, for a
// second
//   at most.
// - A commit waits until the standby has it, if it is synchronous, and is visible only then. If that wait is canceled
// it
//   is visible, and warns; if its backend is terminated it is visible, and its session ends without an answer. Then it
//   may be on the primary alone.
// - What a server has written it keeps when it dies. A standby that is promoted goes on in another timeline with what
// it
//   has received, and the former primary comes back as its standby.
//
// The functions claim(), renew() and begin_batch() of service/io/postgres_schema.cpp are rewritten here, in claim(),
// renew() and commit().
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "service/io/lease.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/rows.hpp"

namespace cancelbus::simulation {

/// What a transaction has written.
struct DatabaseRecord {
  io::Lease lease;  ///< as it is afterwards
  uint64_t epoch = 0;
  std::shared_ptr<const io::Batch> batch;  ///< null: none
  uint64_t boot = 0;                       ///< of the bus's machine
  Duration run_time{};
};

class Database {
 public:
  using Reply = io::LeaseHolder::Reply;
  using Done = std::function<void(Reply)>;
  enum class Wait : uint8_t { Normal, Canceled, Terminated };

  struct State {
    Rows rows;
    io::Lease lease;
  };

  /// One of the two.
  class Server {
   public:
    Server(Database& database, std::string name) : database_(database), name_(std::move(name)) {}

    bool takes_writes() const { return up_ && primary_; }
    io::DatabaseServer identity() const { return {1, timeline_}; }
    /// As a transaction sees it.
    const State& visible() const { return state_; }

    void renew(const core::Term& leader, Done done, std::function<void()> cut);
    void commit(const core::Term& leader, uint64_t number, DatabaseRecord what, Done done, std::function<void()> cut);
    /// Fenced: the lease is not as it was read.
    void claim(const io::Lease& read, const io::Lease& next, Done done, std::function<void()> cut);
    void release(const core::Term& leader);

    /// A session, which ends when the server dies.
    void add_session(const std::shared_ptr<Line>& line);

   private:
    friend class Database;
    struct Transaction {
      std::function<std::variant<DatabaseRecord, Reply>(const State&)> run;
      Done done;
      std::function<void()> cut;
      uint64_t id = 0;
    };
    struct Running {
      Done done;
      std::function<void()> cut;
    };

    std::optional<Reply> fence(const State& state, const core::Term& leader) const;
    void submit(Transaction transaction);
    void next();
    void finish(Wait wait);
    void apply(const DatabaseRecord& record);
    void receive(std::shared_ptr<const DatabaseRecord> record);
    void die();
    void start();

    Database& database_;
    const std::string name_;
    bool up_ = true;
    bool primary_ = false;
    int64_t timeline_ = 1;
    State state_;
    std::vector<std::shared_ptr<const DatabaseRecord>> log_;  ///< of it, `applied_` are in the state
    size_t applied_ = 0;
    std::deque<Transaction> queue_;
    std::optional<Running> running_;  ///< waits for the standby to have the log's last record
    uint64_t last_id_ = 0;
    std::vector<std::weak_ptr<Line>> sessions_;
  };

  /// `between`: the way between the two servers.
  Database(World& world, Path& between, bool synchronous, Duration retention);

  Server& server(size_t index) { return *servers_[index]; }
  static constexpr size_t Servers = 2;
  bool synchronous() const { return synchronous_; }

  // Faults. One that cannot be now does nothing.
  void kill_primary(Duration down);
  void kill_standby(Duration down);
  /// The primary dies, and some time later the standby is promoted; the former comes back as a standby.
  void fail_over(Duration until_promotion, Duration until_back);
  /// The standby is promoted while the primary lives on, for so long.
  void promote_beside(Duration beside);
  /// The next waits for the standby end so. `Wait::Normal`: no more of that.
  void end_waits(Wait how, int count);
  Path& between() { return between_; }
  /// As it was.
  void heal();

  /// Every later leader will read it; in the order of the log.
  std::function<void(const DatabaseRecord&)> on_durable = [](const DatabaseRecord&) {};

 private:
  static constexpr Duration LockTimeout = 1s;
  static constexpr Duration AttachEvery = 200ms;

  Server& primary() { return *servers_[primary_]; }
  Server& standby() { return *servers_[1 - primary_]; }
  void promote();
  /// The former primary becomes a standby.
  void rebuild();
  void written(Server& by);
  void durable(size_t count, const Server& by);
  void waits(Server& server);
  // Replication.
  void attach();
  void attach_later();
  void stream();
  void received(size_t count);
  void end_stream();

  World& world_;
  Path& between_;
  const bool synchronous_;
  const Duration retention_;
  std::vector<std::unique_ptr<Server>> servers_;
  size_t primary_ = 0;
  bool failing_over_ = false;
  uint64_t failovers_ = 0;
  size_t durable_ = 0;  ///< records of the log that is in force
  uint64_t last_epoch_ = 77;
  Wait end_waits_ = Wait::Normal;
  int waits_to_end_ = 0;
  std::shared_ptr<Line> stream_;
  size_t streamed_ = 0;  ///< records that are on their way
};

/// A bus's connection to whichever server takes writes.
class DatabaseLink {
 public:
  /// `to`: the way to each server.
  DatabaseLink(Process& owner, const std::vector<Path*>& to, Database& database);
  ~DatabaseLink();
  DatabaseLink(const DatabaseLink&) = delete;
  DatabaseLink& operator=(const DatabaseLink&) = delete;

  /// Tries each server once.
  void open(std::function<void(bool)> done);
  bool is_open() const { return line_ != nullptr; }
  /// Brings an answer back.
  using Answer = std::function<void(std::function<void()>)>;
  /// `request` runs at the server. `lost` is called instead of its answer if the connection is lost before that.
  void run(std::function<void(Database::Server&, Answer, std::function<void()> cut)> request,
           std::function<void()> lost);

 private:
  static constexpr Duration ConnectTimeout = 2s;

  void attempt(size_t index);
  void connected(size_t index);
  void ended();

  Process& owner_;
  const std::vector<Path*> to_;
  Database& database_;
  std::shared_ptr<char> life_ = std::make_shared<char>();
  std::unique_ptr<Timer> timer_;
  std::function<void(bool)> opened_;
  std::shared_ptr<Line> line_;
  Database::Server* server_ = nullptr;
  uint64_t last_request_ = 0;
  std::map<uint64_t, std::function<void()>> waiting_;
};

}  // namespace cancelbus::simulation
