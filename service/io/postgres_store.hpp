// The bus's store on PostgreSQL, which two or more buses share: one of them leads.
//
// A commit is one round trip: libpq's pipeline sends begin_batch(), the rows, and a Sync, and PostgreSQL takes them as
// one transaction. begin_batch() locks the lease's row and raises an error unless the term is this bus's and the batch
// is the next, so an error undoes all. Rows go as prepared statements and not as one document: they are then bound by
// the same code as SQLite's, and PostgreSQL parses nothing.
//
// Nothing waits in here: what is not answered yet is `check()`'s trouble after half a second.
#pragma once

#include <absl/status/statusor.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "service/io/lease.hpp"
#include "service/io/store.hpp"

namespace cancelbus::io {

/// Connects, brings the schema to this version and claims the lease. Errors: Aborted when another bus has it, or got
/// it; FailedPrecondition when the database or its schema will not do; else Unavailable. All name the database. `lost`
/// is called at most once, when the bus must stop leading, and why; Aborted: another bus leads.
void open_postgres_store(boost::asio::io_context& context, const StoreOptions& options, const LeaseClaim& claim,
                         std::function<void(absl::Status)> lost, Store::Done<std::unique_ptr<Store>> done);

}  // namespace cancelbus::io
