// What is known of each command that `cancelctl cancel` gave, and the exit code that follows.
//
// Used by the cancel command. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "clients/cancelctl/arguments.hpp"
#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {

constexpr int ExitProven = 0;
constexpr int ExitFailed = 1;
constexpr int ExitUsage = 2;
constexpr int ExitUnknown = 3;

class Tally {
 public:
  enum class Verdict { Unknown, Proven, Failed };
  struct Command {
    std::string cl_ord_id;
    int64_t order_id = 0;
    WallTime submitted;
    Verdict verdict = Verdict::Unknown;
    /// Nothing more is waited for.
    bool settled = false;
    /// One word for the summary.
    std::string outcome = "unknown";
    /// What was heard of it last.
    std::string last = "no receipt from the bus";
  };

  explicit Tally(Wait wait) : wait_(wait) {}

  void add(const std::string& cl_ord_id, int64_t order_id, WallTime submitted);

  void on(const v1::Receipt& receipt);
  void on(const v1::CancelAck& ack);
  void on(const v1::CancelFinal& final);
  void on(const v1::CancelStatus& status);

  /// Null if it is not ours.
  const Command* find(const std::string& cl_ord_id) const;
  /// In the order given.
  const std::vector<Command>& commands() const { return commands_; }
  size_t settled() const { return settled_; }
  bool all_settled() const { return settled_ == commands_.size(); }
  int exit_code() const;
  /// Of those that are neither proven nor failed; null if there is none.
  const Command* first_unknown() const;
  /// As "3 asked: 2 canceled, 1 filled".
  std::string summary() const;

 private:
  Command* mine(const std::string& cl_ord_id);
  void settle(Command& command, Verdict verdict, std::string outcome);

  Wait wait_;
  std::vector<Command> commands_;
  std::map<std::string, size_t> by_id_;
  size_t settled_ = 0;
};

}  // namespace cancelbus::ctl
