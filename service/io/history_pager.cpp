#include "service/io/history_pager.hpp"

#include <limits>
#include <utility>

#include "service/core/names.hpp"
#include "service/io/postgres_values.hpp"
#include "service/io/sqlite.hpp"

namespace cancelbus::io {
namespace {

// Behind every line of a command.
constexpr uint64_t LastTerm = std::numeric_limits<int64_t>::max();

core::HistoryPlace behind(const core::CommandKey& key) { return {key, LastTerm, 0}; }

size_t size_of(const core::HistoryRow& row) {
  return 60 + row.what.size() + row.status.size() + row.text.size() + row.worker.size() + row.amount.size() +
         row.left_amount.size();
}

/// The line says what an operator did with a command, which it names.
bool names_anothers(const core::HistoryRow& row, const std::string& sender) {
  using What = core::HistoryLine::What;
  const bool of_operator = row.what == core::name_of(What::Resolve) || row.what == core::name_of(What::Retry);
  return of_operator && !row.text.starts_with("of " + sender + "/");
}

bool wanted(const core::HistoryRow& row, const core::HistoryQuery& query) {
  if (query.own_only && names_anothers(row, query.sender)) return false;
  return (!query.from || row.at >= *query.from) && (!query.to || row.at <= *query.to);
}

bool wanted(const core::HistoryCommand& command, core::WallTime updated, const core::HistoryQuery& query) {
  const core::CommandKey& key = command.key;
  if (!query.sender.empty() && key.sender != query.sender) return false;
  if (!query.cl_ord_id.empty() && key.cl_ord_id != query.cl_ord_id) return false;
  if (query.order_id != 0 && command.order_id != query.order_id) return false;
  if (query.from && command.ended && updated < *query.from) return false;
  return !query.to || !command.received || *command.received <= *query.to;
}

}  // namespace

template <typename Row>
HistoryCommandRow read_history_command(Row& row) {
  HistoryCommandRow command;
  core::HistoryCommand& shown = command.shown;
  shown.key.sender = row.text();
  shown.key.cl_ord_id = row.text();
  shown.order_id = row.integer();
  shown.symbol = row.text();
  shown.priority = core::enumerator_named<core::Priority>(row.text()).value_or(core::Priority::Normal);
  shown.received = row.time();
  shown.expires = row.time();
  shown.ended = row.flag();
  command.updated = row.time().value_or(core::WallTime{});
  command.ack_seq = static_cast<uint64_t>(row.integer());
  command.final_seq = static_cast<uint64_t>(row.integer());
  return command;
}

template <typename Row>
core::HistoryRow read_history_row(Row& statement) {
  core::HistoryRow row;
  row.at = statement.time().value_or(core::WallTime{});
  row.term = static_cast<uint64_t>(statement.integer());
  row.line = static_cast<uint32_t>(statement.integer());
  row.what = statement.text();
  row.status = statement.text();
  row.text = statement.text();
  row.task = static_cast<uint64_t>(statement.integer());
  row.attempt = static_cast<uint32_t>(statement.integer());
  row.stamp_ms = statement.integer();
  row.worker = statement.text();
  row.http_status = static_cast<int>(statement.integer());
  row.exchange_code = static_cast<int>(statement.integer());
  row.amount = statement.text();
  row.left_amount = statement.text();
  return row;
}

HistoryPager::HistoryPager(core::HistoryQuery query) : query_(std::move(query)) {
  // The lines of the one order came with its first command.
  const bool begun = !query_.after.key.sender.empty() && query_.after.term == LastTerm;
  if (query_.order_id != 0 && begun) told_.insert(query_.order_id);
}

std::optional<HistoryPager::Read> HistoryPager::next() {
  if (!commands_) {
    core::CommandKey from = query_.after.key;
    const bool one = query_.order_id == 0 && !query_.sender.empty() && !query_.cl_ord_id.empty();
    if (one) from.cl_ord_id = query_.cl_ord_id;
    return ReadCommands{query_.order_id, query_.sender, from, one ? 1 : MostCommandsLookedAt};
  }
  while (!complete_ && at_ < commands_->size()) {
    if (step_ == Step::Ack && skips((*commands_)[at_])) {
      ++at_;
      continue;
    }
    if (auto read = next_of_command()) return read;
  }
  if (!complete_ && commands_->size() == MostCommandsLookedAt) page_.next = behind(last_);
  complete_ = true;
  return std::nullopt;
}

std::optional<HistoryPager::Read> HistoryPager::next_of_command() {
  const HistoryCommandRow& command = (*commands_)[at_];
  const auto event = [&command](uint64_t seq) { return ReadEvent{"client." + command.shown.key.sender + ".", seq}; };
  if (step_ == Step::Ack) {
    if (command.ack_seq != 0) return event(command.ack_seq);
    step_ = Step::Final;
  }
  if (step_ == Step::Final) {
    if (command.final_seq != 0) return event(command.final_seq);
    shown();
  }
  if (step_ == Step::Rows) return rows_read();
  finished();
  return std::nullopt;
}

bool HistoryPager::skips(const HistoryCommandRow& command) const {
  const core::CommandKey& key = command.shown.key;
  const bool done = key < query_.after.key || (key == query_.after.key && query_.after.term == LastTerm);
  return done || !wanted(command.shown, command.updated, query_);
}

/// The command has its events, and becomes part of the page.
void HistoryPager::shown() {
  core::HistoryCommand& command = page_.commands.emplace_back(std::move((*commands_)[at_].shown));
  bytes_ += 100 + command.key.sender.size() + command.key.cl_ord_id.size() + command.symbol.size() +
            command.ack.size() + command.final.size();
  step_ = told_.insert(command.order_id).second ? Step::Rows : Step::Done;
}

void HistoryPager::finished() {
  const bool full = page_.commands.size() >= MostCommands || bytes_ >= PageBytes || rows_looked_at_ >= MostRows;
  if (full) page_.next = behind(page_.commands.back().key);
  complete_ = full;
  ++at_;
  step_ = Step::Ack;
}

HistoryPager::ReadRows HistoryPager::rows_read() const {
  const core::HistoryCommand& command = page_.commands.back();
  const bool resumed = command.key == query_.after.key;
  return {command.order_id, resumed ? query_.after : core::HistoryPlace{command.key, 0, 0}, MostRows - rows_looked_at_};
}

void HistoryPager::take(std::vector<HistoryCommandRow> commands) {
  commands_ = std::move(commands);
  if (!commands_->empty()) last_ = commands_->back().shown.key;
}

void HistoryPager::take(std::string payload) {
  core::HistoryCommand& command = (*commands_)[at_].shown;
  if (step_ == Step::Ack) {
    command.ack = std::move(payload);
    step_ = Step::Final;
  } else {
    command.final = std::move(payload);
    shown();
  }
}

void HistoryPager::take(std::vector<core::HistoryRow> rows) {
  const ReadRows asked = rows_read();
  core::HistoryCommand& command = page_.commands.back();
  core::HistoryPlace after = asked.after;
  uint32_t looked_at = 0;
  for (auto row = rows.begin(); row != rows.end() && bytes_ < PageBytes; ++row) {
    ++looked_at;
    after = {command.key, row->term, row->line};
    if (!wanted(*row, query_)) continue;
    bytes_ += size_of(*row);
    command.rows.push_back(std::move(*row));
  }
  rows_looked_at_ += looked_at;
  const bool whole = looked_at == rows.size() && looked_at < asked.most && bytes_ < PageBytes;
  if (whole) {
    step_ = Step::Done;
  } else {
    page_.next = after;
    complete_ = true;
  }
}

namespace {

const std::string SelectCommand =
    "SELECT sender_comp_id, cl_ord_id, order_id, symbol, priority, received, expires, ended, updated, ack_seq, "
    "final_seq FROM cancels ";

const char* const SelectRows =
    "SELECT at, term, line, what, status, text, task_id, attempt, stamp, worker, http_status, exchange_code, amount, "
    "left_amount FROM history WHERE order_id=? AND (term, line) > (?, ?) ORDER BY term, line LIMIT ?";

}  // namespace

std::string history_sql(const HistoryPager::Read& read) {
  const auto* commands = std::get_if<HistoryPager::ReadCommands>(&read);
  if (commands == nullptr) {
    const bool event = std::holds_alternative<HistoryPager::ReadEvent>(read);
    return event ? "SELECT payload FROM events WHERE topic=? AND seq=?" : SelectRows;
  }
  if (commands->order_id == 0 && !commands->sender.empty()) {
    return SelectCommand + "WHERE sender_comp_id=? AND cl_ord_id >= ? ORDER BY cl_ord_id LIMIT ?";
  }
  return SelectCommand + "WHERE " + (commands->order_id != 0 ? "order_id=? AND " : "") +
         "(sender_comp_id, cl_ord_id) >= (?, ?) ORDER BY sender_comp_id, cl_ord_id LIMIT ?";
}

template <typename Binder>
void bind_read(Binder& statement, const HistoryPager::ReadCommands& commands) {
  const bool of_order = commands.order_id != 0;
  if (of_order) statement.bind(commands.order_id);
  statement.bind(of_order || commands.sender.empty() ? commands.from.sender : commands.sender);
  statement.bind(commands.from.cl_ord_id).bind(commands.most);
}

template <typename Binder>
void bind_read(Binder& statement, const HistoryPager::ReadEvent& event) {
  statement.bind(event.topic).bind(event.seq);
}

template <typename Binder>
void bind_read(Binder& statement, const HistoryPager::ReadRows& rows) {
  statement.bind(rows.order_id).bind(rows.after.term).bind(rows.after.line).bind(rows.most);
}

template HistoryCommandRow read_history_command(Statement&);
template HistoryCommandRow read_history_command(PgRow&);
template core::HistoryRow read_history_row(Statement&);
template core::HistoryRow read_history_row(PgRow&);
template void bind_read(Statement&, const HistoryPager::ReadCommands&);
template void bind_read(Statement&, const HistoryPager::ReadEvent&);
template void bind_read(Statement&, const HistoryPager::ReadRows&);
template void bind_read(PgParameters&, const HistoryPager::ReadCommands&);
template void bind_read(PgParameters&, const HistoryPager::ReadEvent&);
template void bind_read(PgParameters&, const HistoryPager::ReadRows&);

}  // namespace cancelbus::io
