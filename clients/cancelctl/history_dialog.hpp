// Asking the bus for history, and waiting for the whole answer.
//
// Used by find and explain. One question at a time; all of them within the timeout together.
#pragma once

#include <chrono>
#include <optional>

#include "clients/cancelctl/commands.hpp"

namespace cancelbus::ctl {

class HistoryDialog {
 public:
  HistoryDialog(const Arguments& arguments, client::Client& bus, Console& console)
      : arguments_(arguments),
        bus_(bus),
        console_(console),
        deadline_(std::chrono::steady_clock::now() + arguments.timeout) {}

  /// False if there is no answer: what is wrong is on `err`, and ends() is the exit code.
  bool ask(const client::HistoryFilter& filter);
  /// Of the latest question, if ask() was true.
  const client::HistoryList& answer() const { return *answer_; }
  int ends() const { return ends_; }

 private:
  const Arguments& arguments_;
  client::Client& bus_;
  Console& console_;
  const std::chrono::steady_clock::time_point deadline_;
  std::optional<client::HistoryList> answer_;
  int ends_ = 0;
};

}  // namespace cancelbus::ctl
