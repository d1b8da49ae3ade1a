// What `cancelctl top` shows: the bus's latest status and the last finals, as lines that fit a terminal.
//
// Used by the top command. Pure. One tone for a whole line, so that it can be wrapped to the terminal's width.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "clients/cancelctl/paint.hpp"

namespace cancelbus::ctl {

struct Size {
  size_t columns = 80;
  size_t rows = 24;
};

class TopView {
 public:
  static constexpr size_t MaxFinals = 100;
  static constexpr int MaxSenders = 8;
  static constexpr int MaxWorkers = 8;

  /// `endpoint` names the bus; `finals_of` whose finals are heard, as "all senders".
  TopView(std::string endpoint, std::string finals_of)
      : endpoint_(std::move(endpoint)), finals_of_(std::move(finals_of)) {}

  void on(const v1::BusStatus& status) { status_ = status; }
  /// Anything but a final changes nothing.
  void on(const v1::Event& event);
  void finals_of(const std::string& whose) { finals_of_ = whose; }
  /// What is wrong, shown on top until it is empty.
  void trouble(const std::string& sentence) { trouble_ = sentence; }

  bool has_status() const { return status_.has_as_of(); }
  const v1::BusStatus& status() const { return status_; }
  /// Newest first.
  const std::deque<v1::Event>& finals() const { return finals_; }

  /// At most `size.rows` lines of at most `size.columns` characters, without line ends.
  std::vector<std::string> lines(Size size, const Paint& paint) const;

 private:
  struct Line {
    std::string text;
    Tone tone = Tone::Plain;
  };

  void add_head(std::vector<Line>& lines) const;
  void add_budget(std::vector<Line>& lines, size_t columns) const;
  void add_queue(std::vector<Line>& lines) const;
  void add_workers(std::vector<Line>& lines) const;
  void add_state(std::vector<Line>& lines) const;
  void add_finals(std::vector<Line>& lines) const;

  std::string endpoint_;
  std::string finals_of_;
  std::string trouble_;
  v1::BusStatus status_;
  std::deque<v1::Event> finals_;
};

}  // namespace cancelbus::ctl
