#include "service/io/leader_table.hpp"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <unistd.h>

#include <random>
#include <utility>
#include <vector>

namespace cancelbus::io {

std::string new_leader_id() {
  constexpr size_t LongestHost = 40;
  char host[256] = {};
  if (::gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  const std::string name = std::string(host).substr(0, LongestHost);
  std::random_device random;
  const uint64_t id = (uint64_t{random()} << 32) | random();
  return absl::StrCat(name.empty() ? "bus" : name, "-", absl::Hex(id, absl::kZeroPad16));
}

std::string text_of(const core::Term& term) { return absl::StrCat(term.term, " ", term.batch, " ", term.leader_id); }

core::Term term_of(std::string_view text) {
  // The leader's name comes from a worker, and may hold anything.
  const std::vector<std::string> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), absl::MaxSplits(' ', 2));
  core::Term term;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &term.term) || !absl::SimpleAtoi(parts[1], &term.batch))
    return {};
  term.leader_id = parts[2];
  return term;
}

bool LeaderTable::prepare(sqlite3* db) {
  return read_.prepare(db, "SELECT term, leader_id, batch FROM leader") &&
         put_.prepare(db, "INSERT OR REPLACE INTO leader(one, term, leader_id, batch) VALUES(1,?,?,?)") &&
         count_.prepare(db, "UPDATE leader SET batch=?");
}

absl::StatusOr<core::Term> LeaderTable::read() {
  if (!read_.next()) return sqlite_error(read_.database(), "damaged: who led is missing");
  core::Term leader;
  leader.term = static_cast<uint64_t>(read_.integer());
  leader.leader_id = read_.text();
  leader.batch = static_cast<uint64_t>(read_.integer());
  read_.reset();
  return leader;
}

absl::Status LeaderTable::put(const core::Term& leader) {
  return sqlite_run(put_.bind(leader.term).bind(leader.leader_id).bind(leader.batch));
}

absl::Status LeaderTable::count(uint64_t batch) { return sqlite_run(count_.bind(batch)); }

}  // namespace cancelbus::io
