// What is asked of the store's history, and what it holds: commands, and what happened to their orders.
//
// The core passes a question on, and an edge has the store answer it (io/history_table.hpp). Nothing here is decided
// on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::core {

/// Where a page ended: behind this line of this command's order; line 0: before the command's first line.
struct HistoryPlace {
  CommandKey key = {};
  uint64_t term = 0;
  uint32_t line = 0;
  auto operator<=>(const HistoryPlace&) const = default;
};

/// Which commands; what is empty or absent does not narrow it.
struct HistoryQuery {
  OrderId order_id = 0;
  std::string sender = {};
  std::string cl_ord_id = {};
  /// Commands that were undecided at some moment between, and lines between; both included.
  std::optional<WallTime> from = {};
  std::optional<WallTime> to = {};
  HistoryPlace after = {};
  /// Lines that name commands of others than `sender` are left out.
  bool own_only = false;
};

/// Something that happened to an order, as HistoryLine says it, in the store's words.
struct HistoryRow {
  WallTime at = {};
  uint64_t term = 0;
  uint32_t line = 0;
  std::string what = {};
  std::string status = {};
  std::string text = {};
  TaskId task = 0;
  uint32_t attempt = 0;
  int64_t stamp_ms = 0;
  std::string worker = {};
  int http_status = 0;
  int exchange_code = 0;
  std::string amount = {};
  std::string left_amount = {};
};

/// A command that the store knows.
struct HistoryCommand {
  CommandKey key;
  OrderId order_id = 0;
  std::string symbol = {};
  Priority priority = Priority::Normal;
  std::optional<WallTime> received = {};
  std::optional<WallTime> expires = {};
  bool ended = false;
  /// Events as they were published, encoded; empty: not yet, or no longer kept.
  std::string ack = {};
  std::string final = {};
  /// Of its order, in the order in which they were written; a part of them, if a page ends or begins here.
  std::vector<HistoryRow> rows = {};
};

struct HistoryPage {
  std::vector<HistoryCommand> commands = {};
  std::optional<HistoryPlace> next = {};  ///< absent: there is no further page
};

}  // namespace cancelbus::core
