#include "service/io/event_table.hpp"

#include <limits>
#include <string_view>
#include <utility>

namespace cancelbus::io {
namespace {

constexpr int PrunedPerCommit = 1'000;
constexpr core::Duration PruneInterval = std::chrono::seconds(10);

// Jumps from topic to topic, however many events each has.
const char* const SelectTopics = R"sql(
WITH RECURSIVE kept(topic) AS (
  SELECT MIN(topic) FROM events UNION ALL
  SELECT (SELECT MIN(topic) FROM events WHERE topic > kept.topic) FROM kept WHERE kept.topic IS NOT NULL)
SELECT topic, MAX(next_seq) FROM (
  SELECT topic, (SELECT MAX(seq) FROM events WHERE events.topic = kept.topic) + 1 AS next_seq FROM kept
    WHERE topic IS NOT NULL
  UNION ALL SELECT topic, next_seq FROM topics) GROUP BY topic)sql";

const char* const KeepTopic = R"sql(
INSERT INTO topics(topic, next_seq) SELECT topic, MAX(seq) + 1 FROM events WHERE topic=? GROUP BY topic
ON CONFLICT(topic) DO UPDATE SET next_seq = MAX(next_seq, excluded.next_seq))sql";

// Only the first events of a topic, so that what is kept has no gaps, whatever their rows say.
const char* const PruneTopic = R"sql(
DELETE FROM events WHERE topic=?1 AND seq<=?2 AND seq<?3 AND seq < COALESCE(
  (SELECT MIN(seq) FROM events WHERE topic=?1 AND run_time>=?4), ?2 + 1))sql";

// Acks of open commands, and the last reports of open mass cancels.
const char* const FirstNeeded = R"sql(
SELECT MIN(seq) FROM (
  SELECT MIN(ack_seq) AS seq FROM cancels WHERE sender_comp_id=?1 AND NOT ended AND ack_seq>0
  UNION ALL SELECT MIN(report_seq) FROM mass_cancels WHERE sender_comp_id=?1 AND NOT ended AND report_seq>0))sql";

const char* const OldestEvents = R"sql(
SELECT topic, MAX(seq) FROM (SELECT topic, seq FROM events WHERE run_time < ? ORDER BY run_time LIMIT ?)
GROUP BY topic)sql";

}  // namespace

bool EventTable::prepare(sqlite3* db) {
  db_ = db;
  return insert_.prepare(db, "INSERT INTO events(topic, seq, sending_time, payload, run_time) VALUES(?,?,?,?,?)") &&
         read_.prepare(db, "SELECT seq, payload FROM events WHERE topic=? AND seq>=? ORDER BY seq LIMIT ?") &&
         first_kept_.prepare(db, "SELECT MIN(seq) FROM events WHERE topic=?") && oldest_.prepare(db, OldestEvents) &&
         first_needed_.prepare(db, FirstNeeded) && keep_topic_.prepare(db, KeepTopic) && prune_.prepare(db, PruneTopic);
}

absl::Status EventTable::insert(const EventRow& event, core::Duration run_time) {
  insert_.bind(event.topic).bind(event.seq).bind(event.sending_time).bind_blob(event.payload);
  return sqlite_run(insert_.bind(run_time));
}

absl::StatusOr<std::vector<std::string>> EventTable::read(const std::string& topic, uint64_t from_seq, uint32_t count) {
  std::vector<std::string> payloads;
  int result = SQLITE_DONE;
  read_.bind(topic).bind(from_seq).bind(count);
  while ((result = read_.step()) == SQLITE_ROW) {
    if (static_cast<uint64_t>(read_.integer()) != from_seq + payloads.size()) break;
    payloads.push_back(read_.text());
  }
  const bool ok = result == SQLITE_ROW || result == SQLITE_DONE;
  const absl::Status status = ok ? absl::OkStatus() : sqlite_error(db_, "store: events");
  read_.reset();
  if (!ok) return status;
  return payloads;
}

absl::StatusOr<uint64_t> EventTable::first_kept(const std::string& topic) {
  first_kept_.bind(topic);
  const int result = first_kept_.step();
  const uint64_t seq = result == SQLITE_ROW ? static_cast<uint64_t>(first_kept_.integer()) : 0;
  const absl::Status status = result == SQLITE_ROW ? absl::OkStatus() : sqlite_error(db_, "store: events");
  first_kept_.reset();
  if (!status.ok()) return status;
  return seq;
}

absl::StatusOr<std::vector<core::TopicPosition>> EventTable::topics() {
  std::vector<core::TopicPosition> positions;
  Statement topics = sqlite_statement(db_, SelectTopics);
  int result = SQLITE_OK;
  while ((result = topics.step()) == SQLITE_ROW) {
    std::string topic = topics.text();
    positions.push_back({std::move(topic), static_cast<uint64_t>(topics.integer())});
  }
  if (result != SQLITE_DONE) return sqlite_error(db_, "store: topics");
  return positions;
}

absl::Status EventTable::prune(core::Tick now, core::Duration before) {
  if (now < next_prune_) return absl::OkStatus();
  std::vector<std::pair<std::string, int64_t>> oldest;
  oldest_.bind(before).bind(PrunedPerCommit);
  while (oldest_.step() == SQLITE_ROW) {
    std::string topic = oldest_.text();
    oldest.emplace_back(std::move(topic), oldest_.integer());
  }
  oldest_.reset();
  int deleted = 0;
  for (const auto& [topic, last] : oldest) {
    if (auto status = prune_topic(topic, last, before); !status.ok()) return status;
    deleted += sqlite3_changes(db_);
  }
  // Nothing to do, or an open command holds it back: no need to look at every commit.
  if (deleted == 0) next_prune_ = now + PruneInterval;
  return absl::OkStatus();
}

absl::Status EventTable::prune_topic(const std::string& topic, int64_t last, core::Duration before) {
  // Its last event may go, and where it stands must not.
  if (auto status = sqlite_run(keep_topic_.bind(topic)); !status.ok()) return status;
  return sqlite_run(prune_.bind(topic).bind(last).bind(first_needed(topic)).bind(before));
}

int64_t EventTable::first_needed(const std::string& topic) {
  int64_t seq = std::numeric_limits<int64_t>::max();
  constexpr std::string_view Prefix = "client.";
  if (!topic.starts_with(Prefix)) return seq;
  const std::string sender = topic.substr(Prefix.size(), topic.size() - Prefix.size() - 1);
  first_needed_.bind(sender);
  if (first_needed_.step() == SQLITE_ROW) seq = first_needed_.maybe_integer().value_or(seq);
  first_needed_.reset();
  return seq;
}

}  // namespace cancelbus::io
