#include "service/io/postgres_reads.hpp"

#include <utility>
#include <variant>

#include "service/io/history_pager.hpp"
#include "service/io/postgres_session.hpp"
#include "service/io/store_rows.hpp"

namespace cancelbus::io {

namespace {

const std::string ReadEvents = "SELECT seq, payload FROM events WHERE topic = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
const std::string FirstKept = "SELECT MIN(seq) FROM events WHERE topic = $1";

const std::string Condition =
    "SELECT (SELECT SUM(pg_total_relation_size(c.oid))::bigint FROM pg_class c WHERE c.relkind = 'r' AND "
    "c.relnamespace = 'cancelbus'::regnamespace), (SELECT COUNT(*) FROM pg_stat_replication "
    "WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')), current_setting('synchronous_standby_names')";
const std::string Standbys =
    "SELECT name, (EXTRACT(EPOCH FROM now() - heard) * 1e9)::bigint FROM standbys "
    "WHERE heard > now() - interval '10 seconds' ORDER BY name";

/// What a read of the history found.
void take(HistoryPager& pager, const HistoryPager::Read& read, const PgReply& reply) {
  const auto all = [&reply](auto of) {
    std::vector<decltype(of(std::declval<PgRow&>()))> rows;
    for (int i = 0; i < reply.rows(0); ++i) {
      PgRow row = reply.row(0, i);
      rows.push_back(of(row));
    }
    return rows;
  };
  if (std::holds_alternative<HistoryPager::ReadCommands>(read)) {
    pager.take(all([](PgRow& row) { return read_history_command(row); }));
  } else if (std::holds_alternative<HistoryPager::ReadRows>(read)) {
    pager.take(all([](PgRow& row) { return read_history_row(row); }));
  } else {
    pager.take(reply.rows(0) == 0 ? std::string() : reply.row(0, 0).text());
  }
}

}  // namespace

void pg_read_events(PgConnection& connection, const std::string& topic, uint64_t from_seq, uint32_t count,
                    Store::Done<std::vector<std::string>> done) {
  PgRequest request{{ReadEvents}};
  request.back().parameters.bind(topic).bind(from_seq).bind(count);
  connection.run(request, [from_seq, done = std::move(done)](const PgReply& reply) {
    if (!reply.status.ok()) return done(reply.status);
    std::vector<std::string> payloads;
    for (int i = 0; i < reply.rows(0); ++i) {
      PgRow row = reply.row(0, i);
      if (static_cast<uint64_t>(row.integer()) != from_seq + payloads.size()) break;
      payloads.push_back(row.text());
    }
    done(std::move(payloads));
  });
}

void pg_first_kept(PgConnection& connection, const std::string& topic, Store::Done<uint64_t> done) {
  PgRequest request{{FirstKept}};
  request.back().parameters.bind(topic);
  connection.run(request, [done = std::move(done)](const PgReply& reply) {
    if (!reply.status.ok()) return done(reply.status);
    done(static_cast<uint64_t>(reply.row(0, 0).integer()));
  });
}

void pg_read_condition(PgConnection& connection, Store::Done<PgCondition> done) {
  connection.run({{Condition}, {Standbys}}, [done = std::move(done)](const PgReply& reply) {
    if (!reply.status.ok()) return done(reply.status);
    PgCondition found;
    PgRow row = reply.row(0, 0);
    found.bytes = static_cast<uint64_t>(row.integer());
    found.replication.servers = static_cast<uint32_t>(row.integer());
    found.replication.waits = !row.text().empty();
    for (int i = 0; i < reply.rows(1); ++i) {
      PgRow standby = reply.row(1, i);
      std::string name = standby.text();
      found.replication.standbys.push_back({std::move(name), core::Duration(standby.integer())});
    }
    done(std::move(found));
  });
}

asio::awaitable<void> pg_read_history(PgConnection& connection, core::HistoryQuery query,
                                      Store::Done<core::HistoryPage> done) {
  HistoryPager pager(std::move(query));
  while (const auto read = pager.next()) {
    const std::string sql = in_dialect(history_sql(*read), Dialect::OfPostgres);
    PgStatement statement{sql};
    std::visit([&](const auto& what) { bind_read(statement.parameters, what); }, *read);
    PgRequest request;
    request.push_back(std::move(statement));
    const PgReply reply = co_await pg_run(connection, std::move(request));
    if (!reply.status.ok()) co_return done(reply.status);
    take(pager, *read, reply);
  }
  done(std::move(pager).page());
}

}  // namespace cancelbus::io
