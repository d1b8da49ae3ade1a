// A bus's store on the database that two buses share: the real LeaseHolder, where service/io/postgres_store.cpp has it.
//
// What is modelled is the I/O around it, in the same order: a claim is confirmed by a renewal, a lost connection is
// made anew every quarter of a second, and the lease is looked after eight times in its length.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/io/lease.hpp"
#include "service/io/store.hpp"
#include "tests/simulation/database.hpp"

namespace cancelbus::simulation {

class SharedStore : public io::Store {
 public:
  struct Setup {
    std::vector<Path*> to_servers;
    bool full_sync = true;
    Duration lease = 2s;
    uint64_t boot = 0;  ///< of the bus's machine; no two have the same
  };
  struct Edge {
    /// Before each commit; false: the process has died before it.
    std::function<bool()> may_write;
    std::function<void(io::LeaseHolder::Loss)> lost;
  };

  SharedStore(Process& owner, Database& database, Setup setup, Edge edge);

  /// `id`: of the term. False: another bus has the lease, or it cannot be had now.
  void claim(io::LeaseClaim claim, std::function<void(bool)> done);

  void load(Done<core::Snapshot> done) override;
  void commit(const io::Batch& batch, std::function<void(absl::Status)> done) override;
  void read_events(const std::string& topic, uint64_t from_seq, uint32_t count,
                   Done<std::vector<std::string>> done) override;
  void first_kept(const std::string& topic, Done<uint64_t> done) override;
  void read_history(const core::HistoryQuery&, Done<core::HistoryPage> done) override {
    done(absl::UnimplementedError("this store keeps no history"));
  }
  absl::Status check() override;
  io::StoreBytes bytes() override { return {}; }
  const core::Term& term() const override { return holder_->leads(); }
  void begin_again(const core::Term& seen, Done<core::Snapshot> done) override;
  void close(std::function<void()> done) override;

  /// What the latest load() has read.
  const Rows& loaded() const { return loaded_; }

 private:
  static constexpr Duration ReconnectInterval = 250ms;

  struct Commit {
    DatabaseRecord record;
    std::function<void(absl::Status)> done;
  };

  using Request = std::function<void(Database::Server&, Database::Done, std::function<void()> cut)>;
  void ask(Request request, Database::Done done);
  void read_lease(const io::LeaseClaim& claim, std::function<void(bool)> done);
  void write_lease(const io::LeaseClaim& claim, const io::Lease& read, const io::DatabaseServer& here,
                   std::function<void(bool)> done);
  void taken(const io::Lease& read, const io::Lease& next, Tick sent, std::function<void(bool)> done);
  void act(const io::LeaseHolder::Step& step);
  void send(io::LeaseHolder::Ask what);
  void finish(absl::Status status);
  void reconnect();
  void passed();
  Duration run_time() const { return run_time_before_ + (owner_.now().tick - opened_); }

  Process& owner_;
  Database& database_;
  const Setup setup_;
  Edge edge_;
  std::shared_ptr<char> life_ = std::make_shared<char>();
  std::unique_ptr<DatabaseLink> link_;
  Timer timer_, reconnects_;
  std::optional<io::LeaseHolder> holder_;
  std::optional<Commit> commit_;
  bool claiming_ = false;
  core::Term stored_;
  std::optional<core::Term> behind_;
  bool commits_lost_ = false;
  bool same_boot_ = false;
  Tick opened_;
  Duration run_time_before_{};
  Rows loaded_;
};

}  // namespace cancelbus::simulation
