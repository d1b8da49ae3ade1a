// A turn's rows as statements of PostgreSQL, and the rows that a restart needs. Used by postgres_store.cpp.
#pragma once

#include <string>
#include <vector>

#include "service/core/records.hpp"
#include "service/io/postgres.hpp"
#include "service/io/store.hpp"

namespace cancelbus::io {

/// Those that each commit sends, for PgConnection::prepare().
std::vector<std::string> pg_batch_statements();

/// `run_time`: how long a bus has run on this store by now.
void append_rows(PgRequest& request, const Batch& batch, uint64_t term, core::Duration run_time);

PgStatement pg_set_meta(const std::string& key, const std::string& value);

/// Reads everything that a restart needs.
PgRequest pg_snapshot_request();
/// Without what only the store knows: the terms, same_boot, commits_lost.
core::Snapshot pg_snapshot(const PgReply& reply);

}  // namespace cancelbus::io
