// A session of the store on PostgreSQL: connected, of a server that will do, and with the schema of this version.
//
// Coroutines, for steps that wait for each other. A connection that is destroyed takes those that wait for it along.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "service/io/postgres.hpp"

namespace cancelbus::io {

asio::awaitable<PgReply> pg_run(PgConnection& connection, PgRequest request);

/// Connects. FailedPrecondition: the server is too old, does not keep UTF-8, or its schema is of a later version;
/// Unavailable: everything else. Returns the version of the schema, 0 if there is none.
asio::awaitable<absl::StatusOr<int64_t>> pg_open(PgConnection& connection, std::string uri);

/// Brings the schema from this version to PgSchemaVersion.
asio::awaitable<absl::Status> pg_migrate(PgConnection& connection, int64_t version);

}  // namespace cancelbus::io
