#include "service/io/postgres_session.hpp"

#include <absl/strings/str_cat.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "service/io/postgres_schema.hpp"

namespace cancelbus::io {

namespace {

// What starts an operation of the connection, as an awaitable. Its handler can only be moved, and std::function copies.
template <typename Result>
asio::awaitable<Result> awaited(std::function<void(std::function<void(Result)>)> start) {
  const auto initiate = [start = std::move(start)](auto handler) {
    start([shared = std::make_shared<decltype(handler)>(std::move(handler))](Result result) {
      std::move (*shared)(std::move(result));
    });
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result)>(initiate, asio::use_awaitable);
}

asio::awaitable<absl::StatusOr<int64_t>> version_of(PgConnection& connection) {
  PgRequest request;
  request.push_back({"SELECT to_regclass('cancelbus.meta') IS NOT NULL"});
  const PgReply there = co_await pg_run(connection, std::move(request));
  if (!there.status.ok()) co_return there.status;
  if (!there.row(0, 0).flag()) co_return 0;
  PgRequest known;
  known.push_back({"SELECT value::bigint FROM meta WHERE key = 'version'"});
  const PgReply version = co_await pg_run(connection, std::move(known));
  if (!version.status.ok()) co_return version.status;
  if (version.rows(0) == 0) co_return 0;
  co_return version.row(0, 0).integer();
}

}  // namespace

asio::awaitable<PgReply> pg_run(PgConnection& connection, PgRequest request) {
  const std::function<void(PgConnection::Done)> start = [&connection, &request](PgConnection::Done done) {
    connection.run(request, std::move(done));
  };
  co_return co_await awaited<PgReply>(start);
}

asio::awaitable<absl::StatusOr<int64_t>> pg_open(PgConnection& connection, std::string uri) {
  const std::function<void(std::function<void(absl::Status)>)> start = [&connection, &uri](auto done) {
    connection.open(uri, std::move(done));
  };
  const absl::Status opened = co_await awaited<absl::Status>(start);
  if (!opened.ok()) co_return opened;
  PgRequest session;
  for (const std::string_view sql : PgSession) session.push_back({sql});
  const PgReply reply = co_await pg_run(connection, std::move(session));
  if (!reply.status.ok()) co_return reply.status;
  const auto version = co_await version_of(connection);
  if (!version.ok() || *version <= PgSchemaVersion) co_return version;
  co_return absl::FailedPreconditionError(absl::StrCat("the store's schema is of version ", *version,
                                                       ", made by a later cancel-bus; this one reads versions up to ",
                                                       PgSchemaVersion));
}

asio::awaitable<absl::Status> pg_migrate(PgConnection& connection, int64_t version) {
  while (version < PgSchemaVersion) {
    PgRequest migration;
    for (const std::string_view sql : pg_migration(version)) migration.push_back({sql});
    const PgReply reply = co_await pg_run(connection, std::move(migration));
    const auto now = co_await version_of(connection);
    if (!now.ok()) co_return now.status();
    // Another bus may have done the same at the same time.
    if (*now <= version) co_return reply.status;
    version = *now;
  }
  co_return absl::OkStatus();
}

}  // namespace cancelbus::io
