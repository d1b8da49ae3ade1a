#include "service/io/postgres_watch.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "service/core/names.hpp"
#include "service/io/clock.hpp"
#include "service/io/postgres_session.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::io {

namespace {

constexpr int LooksPerLease = 4;

/// Nobody waits for the look to be on a second server.
const std::string LocalCommits = "SET synchronous_commit TO off";
const std::string Look =
    "INSERT INTO standbys VALUES($1, now()) ON CONFLICT (name) DO UPDATE SET heard = excluded.heard";

}  // namespace

PostgresWatch::PostgresWatch(asio::io_context& context, const StoreOptions& options, Handlers handlers)
    : context_(context), options_(options), handlers_(std::move(handlers)), pause_(context) {}

void PostgresWatch::start(core::Tick earliest) {
  is_free_ = told_ = false;
  earliest_ = earliest;
  spawn(context_, follow());
}

asio::awaitable<void> PostgresWatch::follow() {
  for (;;) {
    const absl::Status status = co_await look();
    const std::string before = std::exchange(trouble_, std::string(status.message()));
    const bool another = before != trouble_;
    tell(status, another);
    if (is_free_) break;
    pause_.expires_after(options_.lease / LooksPerLease);
    co_await pause_.async_wait(asio::use_awaitable);
  }
  handlers_.free({lease_.term, lease_.renewals, false});
}

void PostgresWatch::tell(const absl::Status& status, bool another) {
  if (!status.ok()) {
    connection_.reset();
    if (another) handlers_.failed(status);
  } else if (!is_free_ && !std::exchange(told_, true)) {
    handlers_.follows();
  }
}

PgRequest PostgresWatch::reads() const {
  PgRequest request{{"SELECT term, renewals, leader_id, released FROM lease"},
                    {"SELECT task_id FROM permits WHERE NOT open"},
                    {"SELECT limiter, until FROM holds"},
                    {Look}};
  request.back().parameters.bind(name_);
  return request;
}

asio::awaitable<absl::Status> PostgresWatch::look() {
  if (!connection_) {
    connection_ = std::make_unique<PgConnection>(context_, options_.lease);
    const auto version = co_await pg_open(*connection_, options_.uri);
    if (!version.ok()) co_return version.status();
    is_free_ = *version == 0 && now().tick >= earliest_;  // nobody has ever led
    if (*version == 0) co_return absl::OkStatus();
    PgRequest local{{LocalCommits}};
    const PgReply set = co_await pg_run(*connection_, std::move(local));
    if (!set.status.ok()) co_return set.status;
  }
  const core::Tick sent = now().tick;
  const PgReply reply = co_await pg_run(*connection_, reads());
  if (reply.status.ok()) take(reply, sent);
  co_return reply.status;
}

void PostgresWatch::take(const PgReply& reply, core::Tick sent) {
  const core::Tick read = now().tick;
  Lease lease;
  PgRow row = reply.row(0, 0);
  lease.term = static_cast<uint64_t>(row.integer());
  lease.renewals = static_cast<uint64_t>(row.integer());
  lease.leader = row.text();
  lease.released = row.flag();
  if (!std::exchange(read_, true) || lease != lease_) {
    lease_ = std::move(lease);
    moved_ = read;
  }
  is_free_ = sent >= earliest_ && (lease_.released || sent - moved_ >= options_.lease);
  follow(reply, read);
}

void PostgresWatch::follow(const PgReply& reply, core::Tick read) {
  core::Followed seen;
  for (int i = 0; i < reply.rows(1); ++i) {
    const auto task = static_cast<core::TaskId>(reply.row(1, i).integer());
    const auto before = followed_.settled.find(task);
    seen.settled.emplace(task, before == followed_.settled.end() ? read : before->second);
  }
  for (int i = 0; i < reply.rows(2); ++i) {
    PgRow row = reply.row(2, i);
    const auto limiter = core::enumerator_named<core::LimiterKind>(row.text());
    const core::WallTime until = row.time().value_or(core::WallTime{});
    if (!limiter) continue;
    const auto before = followed_.holds.find(*limiter);
    const bool known = before != followed_.holds.end() && before->second.until_wall == until;
    seen.holds.emplace(*limiter, known ? before->second : core::Followed::Hold{until, read});
  }
  followed_ = std::move(seen);
}

}  // namespace cancelbus::io
