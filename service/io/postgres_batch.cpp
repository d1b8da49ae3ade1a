#include "service/io/postgres_batch.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "service/io/mass_cancel_rows.hpp"
#include "service/io/store_rows.hpp"

namespace cancelbus::io {

namespace {

constexpr Dialect Postgres = Dialect::OfPostgres;

struct Sql {
  const std::string put_meta = "INSERT INTO meta VALUES($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
  const std::string upsert_command = upsert(Commands, Postgres), delete_command = erase(Commands, Postgres);
  const std::string upsert_permit = upsert(Permits, Postgres), delete_permit = erase(Permits, Postgres);
  const std::string upsert_hold = upsert(Holds, Postgres);
  const std::string insert_event =
      "INSERT INTO events(topic, seq, sending_time, payload, run_time) VALUES($1, $2, $3, $4, $5)";
  const std::string insert_history = insert(History, Postgres), drop_history = erase(History, Postgres);
  const std::string forget_history = "DELETE FROM history WHERE order_id = $1";
  const std::string insert_back = "INSERT INTO back_on_book(order_id) VALUES($1) ON CONFLICT DO NOTHING";
  const std::string delete_back = "DELETE FROM back_on_book WHERE order_id = $1";
  const std::string upsert_mass = upsert(MassCancels, Postgres), delete_mass = erase(MassCancels, Postgres);
  const std::string upsert_order = upsert(MassCancelOrders, Postgres), delete_order = erase(MassCancelOrders, Postgres);
  const std::string delete_orders = "DELETE FROM mass_cancel_orders WHERE sender_comp_id = $1 AND cl_ord_id = $2";
  const std::string upsert_dead_man = upsert(DeadMen, Postgres), delete_dead_man = erase(DeadMen, Postgres);
};

const Sql& sql() {
  static const Sql statements;
  return statements;
}

/// One row of a batch, as the statements that write it.
class Append {
 public:
  Append(PgRequest& request, uint64_t term, core::Duration run_time)
      : request_(request), term_(term), run_time_(run_time) {}

  void operator()(const core::CommandRecord& r) { bind_command(add(sql().upsert_command), r, run_time_); }
  void operator()(const core::CommandForgotten& r) { bind_key(sql().delete_command, r.key); }
  void operator()(const core::PermitRecord& r) { bind_permit(add(sql().upsert_permit), r); }
  void operator()(const core::PermitForgotten& r) { add(sql().delete_permit).bind(r.task); }
  void operator()(const core::HoldRecord& r) { bind_hold(add(sql().upsert_hold), r, run_time_); }
  void operator()(const core::LoweredLimits& r) { set_meta("lowered_limits", lowered_limits_text(r)); }
  void operator()(const core::UnauthorizedCount& r) {
    set_meta("unauthorized_in_a_row", std::to_string(r.in_a_row));
    set_meta("unauthorized_order", std::to_string(r.order_id));
  }
  void operator()(const core::FactPosition& r) { set_meta("facts", absl::StrCat(r.subscriber, " ", r.seq)); }
  void operator()(const core::HistoryLine& r) {
    bind_history_line(add(sql().insert_history), r, term_);
    if (r.drops != 0) add(sql().drop_history).bind(r.order_id).bind(term_).bind(r.drops);
  }
  void operator()(const core::HistoryForgotten& r) {
    add(sql().delete_back).bind(r.order_id);
    add(sql().forget_history).bind(r.order_id);
  }
  void operator()(const core::BackOnBook& r) { add(r.so ? sql().insert_back : sql().delete_back).bind(r.order_id); }
  void operator()(const core::MassCancelRecord& r) { bind_mass_cancel(add(sql().upsert_mass), r, run_time_); }
  void operator()(const core::MassCancelOrder& r) { bind_mass_cancel_order(add(sql().upsert_order), r); }
  void operator()(const core::MassCancelOrderForgotten& r) { bind_key(sql().delete_order, r.mass).bind(r.order_id); }
  void operator()(const core::MassCancelForgotten& r) {
    bind_key(sql().delete_orders, r.key);
    bind_key(sql().delete_mass, r.key);
  }
  void operator()(const core::DeadManRecord& r) { bind_dead_man(add(sql().upsert_dead_man), r); }
  void operator()(const core::DeadManDisarmed& r) { add(sql().delete_dead_man).bind(r.sender); }
  void operator()(const EventRow& r) {
    add(sql().insert_event).bind(r.topic).bind(r.seq).bind(r.sending_time).bind_blob(r.payload).bind(run_time_);
  }

 private:
  PgParameters& add(const std::string& statement) { return request_.emplace_back(PgStatement{statement}).parameters; }
  PgParameters& bind_key(const std::string& statement, const core::CommandKey& key) {
    return add(statement).bind(key.sender).bind(key.cl_ord_id);
  }
  void set_meta(const std::string& key, const std::string& value) { request_.push_back(pg_set_meta(key, value)); }

  PgRequest& request_;
  const uint64_t term_;
  const core::Duration run_time_;
};

// Jumps from topic to topic, however many events each has.
constexpr std::string_view SelectTopics = R"sql(
WITH RECURSIVE kept(topic) AS (
  SELECT MIN(topic) FROM events UNION ALL
  SELECT (SELECT MIN(topic) FROM events WHERE events.topic > kept.topic) FROM kept WHERE kept.topic IS NOT NULL)
SELECT topic, MAX(next_seq) FROM (
  SELECT topic, (SELECT MAX(seq) FROM events WHERE events.topic = kept.topic) + 1 AS next_seq FROM kept
    WHERE topic IS NOT NULL
  UNION ALL SELECT topic, next_seq FROM topics) t GROUP BY topic)sql";

const std::string SelectCommands = select(Commands), SelectPermits = select(Permits) + " ORDER BY task_id",
                  SelectHolds = select(Holds), SelectMass = select(MassCancels), SelectDeadMen = select(DeadMen);

/// In the order of the request.
enum Part { CommandsPart, PermitsPart, HoldsPart, BackPart, MassPart, OrdersPart, DeadMenPart, TopicsPart, MetaPart };

template <typename T, typename Read>
std::vector<T> read_all(const PgReply& reply, Part part, Read read) {
  std::vector<T> all;
  const int rows = reply.rows(part);
  all.reserve(static_cast<size_t>(rows));
  for (int i = 0; i < rows; ++i) {
    PgRow row = reply.row(part, i);
    all.push_back(read(row));
  }
  return all;
}

}  // namespace

std::vector<std::string> pg_batch_statements() {
  const Sql& s = sql();
  return {s.put_meta,     s.upsert_command, s.delete_command, s.upsert_permit, s.delete_permit,   s.upsert_hold,
          s.insert_event, s.insert_history, s.drop_history,   s.upsert_mass,   s.forget_history,  s.delete_back,
          s.upsert_order, s.delete_order,   s.delete_orders,  s.delete_mass,   s.upsert_dead_man, s.insert_back};
}

void append_rows(PgRequest& request, const Batch& batch, uint64_t term, core::Duration run_time) {
  Append append(request, term, run_time);
  const core::FactPosition* facts = nullptr;  // of several the last
  for (const Row& row : batch) {
    if (const auto* position = std::get_if<core::FactPosition>(&row)) {
      facts = position;
    } else {
      std::visit(append, row);
    }
  }
  if (facts != nullptr) append(*facts);
}

PgStatement pg_set_meta(const std::string& key, const std::string& value) {
  PgStatement statement{sql().put_meta};
  statement.parameters.bind(key).bind(value);
  return statement;
}

PgRequest pg_snapshot_request() {
  return {
      {SelectCommands},         {SelectPermits}, {SelectHolds},  {"SELECT order_id FROM back_on_book"}, {SelectMass},
      {SelectMassCancelOrders}, {SelectDeadMen}, {SelectTopics}, {"SELECT key, value FROM meta"}};
}

core::Snapshot pg_snapshot(const PgReply& reply) {
  core::Snapshot snapshot;
  std::map<std::string, std::string> meta;
  for (int i = 0; i < reply.rows(MetaPart); ++i) {
    PgRow row = reply.row(MetaPart, i);
    std::string key = row.text();
    meta[std::move(key)] = row.text();
  }
  const auto number = [&meta](const char* key) { return meta.contains(key) ? std::stoull(meta[key]) : 0; };
  snapshot.epoch = number("epoch");
  snapshot.commands = read_all<core::CommandRecord>(reply, CommandsPart, [](PgRow& row) { return read_command(row); });
  snapshot.permits = read_all<core::PermitRecord>(reply, PermitsPart, [](PgRow& row) { return read_permit(row); });
  snapshot.holds = read_all<core::HoldRecord>(reply, HoldsPart, [](PgRow& row) { return read_hold(row); });
  snapshot.back_on_book = read_all<core::OrderId>(reply, BackPart, [](PgRow& row) { return row.integer(); });
  snapshot.mass_cancels =
      read_all<core::MassCancelRecord>(reply, MassPart, [](PgRow& row) { return read_mass_cancel(row); });
  snapshot.mass_cancel_orders =
      read_all<core::MassCancelOrder>(reply, OrdersPart, [](PgRow& row) { return read_mass_cancel_order(row); });
  snapshot.dead_men = read_all<core::DeadManRecord>(reply, DeadMenPart, [](PgRow& row) { return read_dead_man(row); });
  snapshot.topics = read_all<core::TopicPosition>(reply, TopicsPart, [](PgRow& row) {
    std::string topic = row.text();
    return core::TopicPosition{std::move(topic), static_cast<uint64_t>(row.integer())};
  });
  // Saved once a minute, it may lie behind what a bus that died has written since.
  snapshot.run_time = core::Duration(static_cast<int64_t>(number("run_time")));
  for (const auto& command : snapshot.commands) snapshot.run_time = std::max(snapshot.run_time, command.run_time);
  for (const auto& hold : snapshot.holds) snapshot.run_time = std::max(snapshot.run_time, hold.run_time);
  snapshot.lowered = read_lowered_limits(meta["lowered_limits"]);
  snapshot.unauthorized.in_a_row = static_cast<uint32_t>(number("unauthorized_in_a_row"));
  snapshot.unauthorized.order_id = static_cast<core::OrderId>(number("unauthorized_order"));
  if (const std::string& facts = meta["facts"]; !facts.empty()) {
    snapshot.facts.subscriber = std::stoull(facts);
    snapshot.facts.seq = std::stoull(facts.substr(facts.find(' ') + 1));
  }
  return snapshot;
}

}  // namespace cancelbus::io
