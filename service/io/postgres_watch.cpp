#include "service/io/postgres_watch.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "service/core/names.hpp"
#include "service/io/clock.hpp"
#include "service/io/postgres_session.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::io {

namespace {

/// The look need not be on a second server.
const std::string LocalCommits = "SET synchronous_commit TO off";
const std::string Heard =
    "INSERT INTO standbys VALUES($1, now()) ON CONFLICT (name) DO UPDATE SET heard = excluded.heard";

}  // namespace

PostgresWatch::PostgresWatch(asio::io_context& context, const StoreOptions& options, Handlers handlers)
    : context_(context), options_(options), handlers_(std::move(handlers)), pause_(context), lease_(options.lease) {}

void PostgresWatch::start(core::Tick earliest) {
  told_ = false;
  lease_.begin(earliest);
  spawn(context_, follow());
}

asio::awaitable<void> PostgresWatch::follow() {
  for (;;) {
    const absl::Status status = co_await look();
    const std::string before = std::exchange(trouble_, std::string(status.message()));
    const bool another = before != trouble_;
    tell(status, another);
    if (lease_.is_free()) break;
    pause_.expires_after(options_.lease / LeaseFollower::LooksPerLease);
    co_await pause_.async_wait(asio::use_awaitable);
  }
  handlers_.free(lease_.claim());
}

void PostgresWatch::tell(const absl::Status& status, bool another) {
  if (!status.ok()) {
    connection_.reset();
    if (another) handlers_.failed(status);
  } else if (!lease_.is_free() && !std::exchange(told_, true)) {
    handlers_.follows();
  }
}

PgRequest PostgresWatch::reads() const {
  PgRequest request{
      {"SELECT term, renewals, leader_id, released, current_setting('synchronous_standby_names') FROM lease"},
      {"SELECT task_id FROM permits WHERE NOT open"},
      {"SELECT limiter, until FROM holds"},
      {Heard}};
  request.back().parameters.bind(name_);
  return request;
}

asio::awaitable<absl::Status> PostgresWatch::look() {
  if (!connection_) {
    connection_ = std::make_unique<PgConnection>(context_, options_.lease);
    const auto version = co_await pg_open(*connection_, options_.uri);
    if (!version.ok()) co_return version.status();
    if (*version == 0) {
      lease_.take_none(now().tick);
      co_return absl::OkStatus();
    }
    PgRequest local{{LocalCommits}};
    const PgReply set = co_await pg_run(*connection_, std::move(local));
    if (!set.status.ok()) co_return set.status;
  }
  const core::Tick sent = now().tick;
  const PgReply reply = co_await pg_run(*connection_, reads());
  if (!reply.status.ok()) co_return reply.status;
  // As the schema's functions demand of a bus that leads.
  if (take(reply, sent) || !options_.full_sync) co_return absl::OkStatus();
  co_return absl::FailedPreconditionError(
      "synchronous_standby_names of the database is empty, so a commit would be on one machine only: name its standby "
      "there, or start with --store_sync=normal");
}

bool PostgresWatch::take(const PgReply& reply, core::Tick sent) {
  LeaseFollower::Look look;
  PgRow row = reply.row(0, 0);
  look.term = static_cast<uint64_t>(row.integer());
  look.renewals = static_cast<uint64_t>(row.integer());
  look.leader_id = row.text();
  look.released = row.flag();
  const bool replicates = !row.text().empty();
  for (int i = 0; i < reply.rows(1); ++i) look.settled.push_back(static_cast<core::TaskId>(reply.row(1, i).integer()));
  for (int i = 0; i < reply.rows(2); ++i) {
    PgRow hold = reply.row(2, i);
    const auto limiter = core::enumerator_named<core::LimiterKind>(hold.text());
    const core::WallTime until = hold.time().value_or(core::WallTime{});
    if (limiter) look.holds.emplace_back(*limiter, until);
  }
  lease_.take(look, sent, now().tick);
  return replicates;
}

}  // namespace cancelbus::io
