// A page of the store's history, put together from one read after another. It reads nothing itself: it says what to
// read next and takes what was found, so that a store that answers at once and one that answers later page alike.
//
// Reading uses the keys that the tables have for the bus's own sake, so that asking costs a cancel nothing: commands of
// an order by their index, those of a sender or of all by the primary key, whose order is not that of time. A page
// looks at no more than so many rows, whatever is asked; the rest is on the next.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "service/core/history.hpp"

namespace cancelbus::io {

struct HistoryCommandRow {
  core::HistoryCommand shown;
  core::WallTime updated;
  uint64_t ack_seq = 0;
  uint64_t final_seq = 0;
};
template <typename Row>
HistoryCommandRow read_history_command(Row& row);
template <typename Row>
core::HistoryRow read_history_row(Row& row);

class HistoryPager {
 public:
  static constexpr uint32_t MostCommandsLookedAt = 1'000;
  static constexpr size_t MostCommands = 100;
  static constexpr uint32_t MostRows = 500;
  /// A page ends when it holds about so many.
  static constexpr size_t PageBytes = 40'000;

  /// The first so many commands from `from` on, by sender and cl_ord_id: of an order, else of a sender, else all.
  struct ReadCommands {
    core::OrderId order_id = 0;
    std::string sender = {};
    core::CommandKey from = {};
    uint32_t most = 0;
  };
  /// The payload of an event, empty if it is not kept.
  struct ReadEvent {
    std::string topic = {};
    uint64_t seq = 0;
  };
  /// The first so many lines of an order behind `after`, in the order in which they were written.
  struct ReadRows {
    core::OrderId order_id = 0;
    core::HistoryPlace after = {};
    uint32_t most = 0;
  };
  using Read = std::variant<ReadCommands, ReadEvent, ReadRows>;

  /// Commands by sender and cl_ord_id. The lines of an order come with the first of its commands on a page; of one
  /// order alone, with the first of all.
  explicit HistoryPager(core::HistoryQuery query);

  /// What to read; absent: the page is complete. Each must be answered by the take() of its kind.
  std::optional<Read> next();
  void take(std::vector<HistoryCommandRow> commands);
  void take(std::string payload);
  void take(std::vector<core::HistoryRow> rows);

  core::HistoryPage page() && { return std::move(page_); }

 private:
  /// What the command at hand waits for.
  enum class Step { Ack, Final, Rows, Done };

  std::optional<Read> next_of_command();
  bool skips(const HistoryCommandRow& command) const;
  void shown();
  void finished();
  ReadRows rows_read() const;

  const core::HistoryQuery query_;
  core::HistoryPage page_;
  std::optional<std::vector<HistoryCommandRow>> commands_;
  core::CommandKey last_;  ///< of these
  size_t at_ = 0;
  Step step_ = Step::Ack;
  bool complete_ = false;
  size_t bytes_ = 0;
  uint32_t rows_looked_at_ = 0;
  absl::flat_hash_set<core::OrderId> told_;  ///< orders whose lines are on this page, or on an earlier one
};

/// The statements of the three reads, with `?` for each parameter; bind_read() binds them. What is read must outlive
/// the statement's last step: its texts are not copied.
std::string history_sql(const HistoryPager::Read& read);
template <typename Binder>
void bind_read(Binder& statement, const HistoryPager::ReadCommands& read);
template <typename Binder>
void bind_read(Binder& statement, const HistoryPager::ReadEvent& read);
template <typename Binder>
void bind_read(Binder& statement, const HistoryPager::ReadRows& read);

}  // namespace cancelbus::io
