// One command's history, as the bus answers it or read from the bus's store.
//
// Used by explain and find. For read_history() the store's schema is the contract: it reads the tables `cancels`,
// `events`, `history` and `meta` by column name, and nothing of service/. It opens the file for reading only, so it
// works while the bus runs and when it does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {

/// A row of `history`: something that happened to the order. Absent numbers are 0, absent words empty.
struct HistoryLine {
  WallTime at;
  /// Start of the bus in which it was written.
  int64_t term = 0;
  /// DELETE, QUERY, ANSWER, READ, FACT, WORKER_SILENT, WORKER_BACK, STATUS, RESOLVE, RETRY or
  /// CONTRADICTION.
  std::string what;
  /// ANSWER: the verdict. READ: what was read. FACT: the frame's type. STATUS: the stage. RESOLVE: the word.
  std::string status;
  std::string text;
  uint64_t task = 0;
  int64_t attempt = 0;
  int64_t stamp_ms = 0;
  std::string worker;
  int64_t http_status = 0;
  int64_t exchange_code = 0;
  std::string amount;
  std::string left_amount;
};

struct CommandHistory {
  std::string sender;
  std::string cl_ord_id;
  int64_t order_id = 0;
  std::string symbol;
  std::string priority;
  std::optional<WallTime> received;
  std::optional<WallTime> expires;
  bool ended = false;
  /// As they were published; absent: not yet, or no longer kept.
  std::optional<v1::Event> ack;
  std::optional<v1::Event> final;
  /// Other commands of the order that the store still knows, as SENDER/CL_ORD_ID.
  std::vector<std::string> others;
  /// Of the order, oldest first.
  std::vector<HistoryLine> lines;
};

struct HistoryError {
  /// Names the file.
  std::string sentence;
  /// The store can be read, and knows no such command.
  bool unknown_command = false;
};

/// As the bus answers it; without the others of its order.
CommandHistory history_of(const v1::HistoryCommand& command);

/// Null and `error` if it cannot be read.
std::optional<CommandHistory> read_history(const std::string& store, const std::string& sender,
                                           const std::string& cl_ord_id, HistoryError& error);

/// What happened, for people: one line each, in order.
std::string history_text(const CommandHistory& history);
/// The same as --json lines.
std::string history_json(const CommandHistory& history);

}  // namespace cancelbus::ctl
