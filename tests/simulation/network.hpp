// The network: ways between machines, and connections on them.
//
// A connection keeps order and loses nothing while it lives, as TCP does; what is under way when it breaks is lost. Two
// connections keep no order between them. What is sent are closures, to be run where they arrive.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

enum class End : uint8_t { Dialer, Listener };
constexpr End other(End end) { return end == End::Dialer ? End::Listener : End::Dialer; }

struct Weather {
  Duration least{};
  Duration jitter{};
  /// Now and then a message takes so much longer.
  double spikes = 0;
  Duration spike{};
};

class Line;

/// The way between two machines.
class Path {
 public:
  /// A connection on which nothing gets through for so long breaks: TCP_USER_TIMEOUT, and ZeroMQ's heartbeats.
  static constexpr Duration Patience = 5s;

  Path(World& world, std::string name, Weather weather)
      : world_(world), name_(std::move(name)), weather_(weather), patience_(world.agenda, [this] { cut(); }) {}

  const std::string& name() const { return name_; }
  World& world() const { return world_; }
  void set_weather(const Weather& weather) { weather_ = weather; }
  Duration delay();

  /// From now on nothing arrives at these ends, until release().
  void hold(bool to_dialer, bool to_listener);
  void release();
  bool held(End to) const { return held_[static_cast<size_t>(to)]; }
  bool open() const { return !held_[0] && !held_[1]; }
  /// Breaks every connection.
  void cut();

 private:
  friend class Line;
  void forget_ended();

  World& world_;
  std::string name_;
  Weather weather_;
  Alarm patience_;
  std::array<bool, 2> held_{};
  std::vector<std::shared_ptr<Line>> lines_;  ///< until both ends have left
};

/// One connection.
class Line : public std::enable_shared_from_this<Line> {
 public:
  using Deliver = std::function<void()>;

  /// It stands at once; the dialer has waited before. `ended`: what each end does when it learns that it is over, once.
  static std::shared_ptr<Line> open(Path& path);
  void on_ended(End end, std::function<void()> ended) { way(end).ended = std::move(ended); }

  explicit Line(Path& path);

  /// Arrives in order at the other end, or never.
  void send(End from, Deliver deliver);
  /// This end is gone. `lose`: also what it had sent and has not arrived; else it arrives before the news.
  void leave(End end, bool lose);
  /// This end holds the other for lost, and closes.
  void give_up(End end);
  /// Both ends lose it.
  void cut();
  bool has(End end) const { return !ways_[static_cast<size_t>(end)].gone; }

 private:
  friend class Path;
  struct Item {
    Time due;
    Deliver deliver;
  };
  /// Towards one end.
  struct Way {
    std::deque<Item> items;
    Time last{};
    bool gone = false;     ///< the peer is there no more
    bool closing = false;  ///< the news of the end is on its way
    std::function<void()> ended;
    std::unique_ptr<Alarm> alarm;
  };
  Way& way(End to) { return ways_[static_cast<size_t>(to)]; }
  void push(End to, Deliver deliver);
  void flow(End to);
  void announce_end(End to);
  void end_here(End end);

  Path& path_;
  std::array<Way, 2> ways_;
};

}  // namespace cancelbus::simulation
