// A standby's view of the store: whether another bus leads, by its lease; and permits and backoffs, so that their time
// runs by this machine's clock from when they were first seen, and not only from a takeover.
//
// It reads four times in a lease, and writes when it did, for people. What a look means is decided by LeaseFollower.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "service/core/records.hpp"
#include "service/io/leader_table.hpp"
#include "service/io/lease.hpp"
#include "service/io/postgres.hpp"
#include "service/io/postgres_store.hpp"
#include "service/io/store.hpp"

namespace cancelbus::io {

class PostgresWatch {
 public:
  struct Handlers {
    /// No bus leads any more. Then nothing is read until start() is called again.
    std::function<void(LeaseClaim)> free;
    /// Another bus leads; called once for each start().
    std::function<void()> follows = [] {};
    /// This bus cannot take over, for another reason than before: as pg_open() says, or FailedPrecondition for a
    /// database that requires no synchronous standby. The watch goes on.
    std::function<void(absl::Status)> failed;
  };
  PostgresWatch(asio::io_context& context, const StoreOptions& options, Handlers handlers);

  /// `earliest`: no call of `free` before.
  void start(core::Tick earliest = core::Tick::min());

  /// Of the bus that leads; 0 and empty if none has ever led, or nothing was read yet.
  uint64_t term() const { return lease_.term(); }
  const std::string& leader() const { return lease_.leader_id(); }
  /// Why this bus cannot take over, as of the last look: the store cannot be read, or a commit would be on one machine
  /// only. Empty: it can.
  const std::string& trouble() const { return trouble_; }
  core::Followed followed() const { return lease_.followed(); }

 private:
  asio::awaitable<void> follow();
  asio::awaitable<absl::Status> look();
  void tell(const absl::Status& status, bool another);
  PgRequest reads() const;
  /// True: the database requires a synchronous standby.
  bool take(const PgReply& reply, core::Tick sent);

  asio::io_context& context_;
  const StoreOptions options_;
  const std::string name_ = new_leader_id();
  const Handlers handlers_;
  std::unique_ptr<PgConnection> connection_;
  asio::steady_timer pause_;
  LeaseFollower lease_;
  bool told_ = false;  ///< that another bus leads
  std::string trouble_ = "the store was not read yet";
};

}  // namespace cancelbus::io
