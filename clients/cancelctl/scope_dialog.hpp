// What cancel-all, kill and release do alike with one connection: they preview a scope, ask, wait for news, and draw
// how far it is.
//
// Used by those commands.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "clients/cancelctl/commands.hpp"

namespace cancelbus::ctl {

class ScopeDialog {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using OnNotice = std::function<void(const client::Notice&)>;
  /// For one answer.
  static constexpr std::chrono::seconds Patience{30};

  /// All outlive it.
  ScopeDialog(const Arguments& arguments, client::Client& bus, Console& console, OnNotice on_notice);

  /// Waits for news for a moment, and passes them on.
  void turn();
  /// Before a turn: a BusStatus comes each second.
  void ask_status_each_second();
  /// Until then, --timeout, an interrupt, or a rejection by the bus.
  bool goes_on(Time until = Time::max()) const;
  static Time answer_due() { return std::chrono::steady_clock::now() + Patience; }
  bool is_rejected() const { return rejected_; }

  /// Shows what a mass cancel would do now. Returns 0, or the exit code of a refusal or of no answer. With --dry-run 3
  /// if orders may be missing.
  int preview(const client::MassCancelOptions& options);
  /// After preview().
  uint32_t expected() const { return expected_; }
  /// Returns 0 if the answer is yes, else the exit code.
  int ask(const std::string& question);
  /// Says so, and what that means. Returns the exit code.
  int no_answer(std::string_view meaning);
  int refuse(const std::string& why);

  /// Progress is a line that is drawn again in place.
  bool draws() const;
  void show(const std::string& line);
  void clear();

 private:
  void print(const v1::MassCancelPreview& preview);

  const Arguments& arguments_;
  client::Client& bus_;
  Console& console_;
  const OnNotice on_notice_;
  const Time deadline_;
  Time ask_status_at_{};
  uint32_t expected_ = 0;
  bool rejected_ = false;
  std::string shown_;
};

/// As "130 s".
std::string seconds_text(double time);
/// What of the budget for cancels is used, as "; 8/10 in 1 s; 120/300 in 60 s".
std::string cancel_budget_text(const v1::BusStatus& status);

}  // namespace cancelbus::ctl
