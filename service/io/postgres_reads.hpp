// What the bus reads of its store on PostgreSQL while it runs: events to send again, the history, and the store's
// condition. Each is answered as the calls of store.hpp are.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "service/io/postgres.hpp"
#include "service/io/store.hpp"

namespace cancelbus::io {

void pg_read_events(PgConnection& connection, const std::string& topic, uint64_t from_seq, uint32_t count,
                    Store::Done<std::vector<std::string>> done);
void pg_first_kept(PgConnection& connection, const std::string& topic, Store::Done<uint64_t> done);

/// What is told of the store and of who has a part in it.
struct PgCondition {
  uint64_t bytes = 0;       ///< of all tables
  Replication replication;  ///< but for when the lease was renewed
};
void pg_read_condition(PgConnection& connection, Store::Done<PgCondition> done);

/// One query after another. A connection that is destroyed takes it along.
asio::awaitable<void> pg_read_history(PgConnection& connection, core::HistoryQuery query,
                                      Store::Done<core::HistoryPage> done);

}  // namespace cancelbus::io
