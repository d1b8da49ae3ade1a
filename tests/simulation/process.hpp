// A process of the simulated world: it can be started, killed, stopped and resumed.
//
// Its own state lives in what on_start() makes and on_kill() throws away, so that nothing survives a death by mistake.
// While it is stopped everything that happens to it waits, in order, timers included.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "tests/simulation/world.hpp"

namespace cancelbus::simulation {

class Process {
 public:
  /// Its peers give it up after so long without a sign of life.
  static constexpr Duration GivenUp = 5'500ms;

  Process(World& world, std::string name, Clock clock)
      : world_(world), name_(std::move(name)), clock_(clock), given_up_(world.agenda, [this] { on_given_up(); }) {}
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const std::string& name() const { return name_; }
  bool alive() const { return alive_; }
  bool frozen() const { return frozen_; }
  /// When it was resumed last.
  Time woken_at() const { return woken_at_; }

  void start() {
    if (alive_) return;
    tell("starts");
    alive_ = true;
    may_end_ = false;
    on_start();
  }
  /// kill -9.
  void kill() {
    if (!alive_) return;
    tell("dies");
    alive_ = frozen_ = false;
    given_up_.clear();
    waiting_.clear();
    on_kill();
  }
  /// SIGTERM has come: from now on it may end by itself.
  void asked_to_end() { may_end_ = true; }
  /// exit(). What nothing has asked for is a fault.
  void end() {
    if (alive_ && !may_end_) world_.fail("promise 7: ", name_, " ends by itself, and nothing has asked it to");
    kill();
  }
  /// SIGSTOP.
  void freeze() {
    if (!alive_ || frozen_) return;
    tell("is stopped");
    frozen_ = true;
    given_up_.set(world_.now() + GivenUp);
  }
  /// SIGCONT.
  void wake() {
    if (!frozen_) return;
    tell("goes on");
    frozen_ = false;
    woken_at_ = world_.now();
    given_up_.clear();
    while (alive_ && !frozen_ && !waiting_.empty()) {
      const auto event = std::move(waiting_.front());
      waiting_.pop_front();
      event();
    }
  }

  /// Runs it now, or when the process goes on; never if it dies before.
  void deliver(std::function<void()> event) {
    if (!alive_) return;
    if (frozen_) {
      waiting_.push_back(std::move(event));
    } else {
      event();
    }
  }

  World& world() const { return world_; }
  Instant now() const { return clock_.read(world_.now()); }
  Time when(Tick tick) const { return clock_.when(tick); }
  const Clock& clock() const { return clock_; }
  void set_clock(const Clock& clock) { clock_ = clock; }

  template <typename... Parts>
  void tell(const Parts&... parts) const {
    world_.tell(name_, parts...);
  }

 protected:
  virtual void on_start() = 0;
  virtual void on_kill() = 0;
  /// Stopped for so long that its peers hold it for lost.
  virtual void on_given_up() {}

 private:
  World& world_;
  std::string name_;
  Clock clock_;
  bool alive_ = false;
  bool frozen_ = false;
  Time woken_at_{};
  bool may_end_ = false;
  std::deque<std::function<void()>> waiting_;
  Alarm given_up_;
};

/// An alarm by the process's own clock, which waits while the process is stopped.
class Timer {
 public:
  Timer(Process& process, std::function<void()> ring)
      : process_(process),
        life_(std::make_shared<char>()),
        alarm_(process.world().agenda, [this, ring = std::move(ring)] {
          process_.deliver([ring, life = std::weak_ptr(life_)] {
            if (!life.expired()) ring();
          });
        }) {}

  void set(Tick tick) { alarm_.set(process_.when(tick)); }
  void clear() { alarm_.clear(); }

 private:
  Process& process_;
  std::shared_ptr<char> life_;
  Alarm alarm_;
};

}  // namespace cancelbus::simulation
