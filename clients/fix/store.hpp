// What cancel-fix keeps on disk: per session the sequence numbers and messages of FIX, the reports that wait for a
// logon, the requests and what is known of their orders, and how far the bus's events were read.
//
// All in one SQLite file, because one fact must change in one commit: an event of the bus counts as read exactly if its
// report is in the session's messages or waits for them. Nothing that was decided leaves before its commit. An error of
// the database ends the process: what it answers afterwards could not be kept.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clients/fix/engine.hpp"
#include "clients/fix/message.hpp"
#include "service/io/sqlite.hpp"
#include "service/io/store_file.hpp"

namespace cancelbus::fix {

/// Where a request stands.
enum class Stage {
  Lookup = 0,   ///< waits for the registry: its order is not known yet, or its state is asked for
  Given = 1,    ///< goes to the bus, which has not said that it has it
  Pending = 2,  ///< the bus has it
  Ended = 3,    ///< reported for the last time
};

/// A request of a counterparty.
struct Request {
  std::string id = {};    ///< ClOrdID(11); of a status request a number of ours
  std::string type = {};  ///< F, q or H
  Stage stage = Stage::Given;
  int64_t order_id = 0;         ///< 0: not known
  std::string orig = {};        ///< 41 as given; of a status request the name that is looked for
  std::string account = {};     ///< 1 as given
  std::string symbol = {};      ///< 55 as given
  std::string side = {};        ///< 54 as given
  std::string extra = {};       ///< 530 of a mass cancel, 790 of a status request
  std::string cl_ord_id = {};   ///< 11 of a status request
  std::string ord_status = {};  ///< 39 of the last report
  Outgoing last = {};           ///< the last report; no type: none
};

/// What the registry said of an order when it was asked.
struct OrderFacts {
  int64_t order_id = 0;
  std::string symbol;
  std::string side;  ///< as FIX has it: 1, 2, or empty if not known
  std::string price;
  std::string quantity;
  std::string leaves;
  std::string client_order_id;
};

/// How far the events on a sender's topic were read.
struct Position {
  uint64_t epoch = 0;  ///< 0: none was read
  uint64_t next_seq = 0;
};

class Store;

/// The part of one session. Every change belongs to the transaction that is open.
class SessionStore final : public SequenceStore {
 public:
  SessionStore(Store& store, std::string name);

  void save(int seq, const std::string& message) override;
  std::vector<std::string> load(int from, int to) const override;
  int next_out() const override { return next_out_; }
  int next_in() const override { return next_in_; }
  void set_next_out(int seq) override;
  void set_next_in(int seq) override;
  long long created() const override { return created_; }
  void reset(long long now) override;

  const Position& position() const { return position_; }
  void set_position(const Position& position);
  /// Counts what has an ExecID and no event, from 1.
  uint64_t next_number();

  void put(const Request& request);
  std::optional<Request> find(const std::string& id) const;
  /// Those that have not ended, oldest first.
  std::vector<Request> undecided() const;
  /// The latest one about this order; none if there is none.
  std::optional<Request> about(int64_t order_id) const;

  void put(const OrderFacts& facts);
  std::optional<OrderFacts> facts(int64_t order_id) const;

  /// Reports that wait for a logon.
  void put_aside(const Outgoing& message);
  /// At most `count`, oldest first; they wait no longer.
  std::vector<Outgoing> take_waiting(int count);
  int64_t waiting() const { return waiting_; }

  /// Requests that ended before this, and what was known of their orders. Seconds since 1970.
  void forget(long long before);

 private:
  void write();

  Store& store_;
  std::string name_;
  int next_out_ = 1;
  int next_in_ = 1;
  long long created_ = 0;
  Position position_;
  uint64_t number_ = 0;
  int64_t waiting_ = 0;
};

class Store {
 public:
  /// Opens or makes `folder`/cancel-fix.db, for one process at a time. Errors name the file.
  static absl::StatusOr<std::unique_ptr<Store>> open(const std::string& folder);

  /// The part of this session, made if it is new. Lives as long as the store.
  SessionStore& session(const std::string& name);

  void begin();
  /// What was changed is on disk, as far as the system can tell.
  void commit();
  /// Whether its file is still where its path leads.
  absl::Status in_place() const { return file_.in_place(); }
  uint64_t bytes() const { return file_.bytes(); }

 private:
  friend class SessionStore;
  Store(io::StoreFile file, io::Sqlite db) : file_(std::move(file)), db_(std::move(db)) {}
  absl::Status prepare();
  /// Reset, and ready for binding.
  io::Statement& statement(const char* sql) const;
  void run(io::Statement& statement) const;

  io::StoreFile file_;
  io::Sqlite db_;
  bool open_ = false;
  mutable std::map<const char*, io::Statement> statements_;
  std::map<std::string, std::unique_ptr<SessionStore>> sessions_;
};

}  // namespace cancelbus::fix
