// One of a worker's connections to the exchange's REST address: one request at a time, reopened when it ends.
//
// As with the real one, when the worker gives up waiting it resets the connection, and what has not arrived by then
// never does.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/simulation/network.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/venue.hpp"

namespace cancelbus::simulation {

class RestConnection {
 public:
  /// The answer, or why none came.
  using OnOutcome = std::function<void(const Venue::HttpAnswer*, const std::string& why)>;

  /// `on_change`: it was opened, lost, or is free again.
  RestConnection(Process& owner, Path& path, Venue& venue, std::function<void()> on_change);
  ~RestConnection();
  RestConnection(const RestConnection&) = delete;
  RestConnection& operator=(const RestConnection&) = delete;

  bool established() const { return line_ != nullptr; }
  bool idle() const { return line_ && !outcome_; }
  /// It must be idle.
  void request(Venue::HttpRequest request, Duration timeout, OnOutcome on_outcome);

 private:
  static constexpr Duration FirstPause = 100ms;
  static constexpr Duration LongestPause = 2s;

  /// What the exchange knows of the connection.
  struct Far {
    uint64_t request = 0;  ///< under way there
  };

  void open();
  void close();
  void answered(const Venue::HttpAnswer& answer);
  void fail(const std::string& why);

  Process& owner_;
  Path& path_;
  Venue& venue_;
  std::function<void()> on_change_;
  std::shared_ptr<char> life_ = std::make_shared<char>();
  std::shared_ptr<Line> line_;
  std::shared_ptr<Far> far_;
  OnOutcome outcome_;
  Timer opens_;
  Timer timeout_;
  Duration pause_{};
};

}  // namespace cancelbus::simulation
