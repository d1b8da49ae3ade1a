// The bus as a process: the real engine (gateway, outbox, frames) on a simulated store and network.
//
// What is modelled is only the shell around it, its sockets. It can be told to die, or to stop, after any number of
// further writes and sends, in the middle of a turn.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "service/bus/engine.hpp"
#include "tests/simulation/network.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/store.hpp"

namespace cancelbus::simulation {

using Frames = std::vector<std::string>;
/// Which of the bus's sockets.
enum class Door : uint8_t { Session, Backend, Events };

/// Watches what the bus does; the promises are checked here.
class BusWatch {
 public:
  virtual ~BusWatch() = default;
  virtual void bus_started() = 0;
  /// An event that waited; in a turn they are told before the first is stepped.
  virtual void stepping(const core::Event& event) = 0;
  /// Nothing more waits: deadlines come next.
  virtual void judging_deadlines() = 0;
  virtual void committed(const io::Batch& batch) = 0;
  virtual void sending(const core::Send& send) = 0;
  /// A turn's decisions, before they are committed, at this tick of the bus.
  virtual void decided(const core::Actions& actions, Tick now) = 0;
  virtual void store_writable(bool writable) = 0;
  virtual void answering(const v1::HeartbeatReply& reply) = 0;
  virtual void publishing(const io::EventRow& event) = 0;
  /// It ends because it was asked to, and says that it is done.
  virtual void bus_drained() = 0;
};

/// What all buses have in common. How one comes by its store, and to lead, is for LoneBus and PairedBus.
class Bus : public Process {
 public:
  Bus(World& world, const std::string& name, Clock clock, core::GatewayOptions options, BusWatch& watch)
      : Process(world, name, clock), options_(std::move(options)), watch_(watch) {}

  /// A connection comes in. Empty: nothing listens. Frames for the dialer leave through `to_dialer`.
  core::PeerId accept(Door door, std::shared_ptr<Line> line, std::function<void(const Frames&)> to_dialer);
  void receive(Door door, const core::PeerId& peer, std::string frame);
  /// The frames of a SUB socket's subscription.
  void subscribe(const core::PeerId& peer, std::string prefix);

  /// kill -9 after so many more writes and sends.
  void kill_after(int operations) { operations_left_ = operations; }
  /// SIGSTOP after so many more writes and sends, or a disk that takes so long.
  void stop_after(int operations, Duration length);
  /// Likewise, right before the next task leaves whose permit is committed.
  void stop_before_task(Duration length) { stop_before_task_ = length; }
  virtual void drain();
  /// The next start is on a machine that was rebooted.
  virtual void reboot(Clock clock);
  /// This share of replies and events to clients is dropped, as when they do not read; with `backend` also of what
  /// goes to workers and subscriber.
  void drop(double share, bool backend) {
    dropped_ = share;
    backend_dropped_ = backend ? share : 0;
  }

  /// Whose orders are whose, from the next start on.
  void set_owners(std::vector<core::OwnerPrefix> prefixes) { owners_.prefixes = std::move(prefixes); }
  /// Null while it does not lead.
  const core::Gateway* gateway() const { return life_ ? &life_->engine.gateway() : nullptr; }
  bool store_in_trouble() const { return life_ && !life_->engine.trouble().empty(); }
  /// What it has decided is in the store.
  bool committed_all() const { return life_ && life_->engine.outbox().empty(); }

 protected:
  void on_start() override;
  void on_kill() override;
  /// Each turn that decides, before its first event is stepped.
  virtual void about_to_decide() {}
  void on_given_up() override;

  /// A commit that was answered later has been: a turn waits for it.
  void resumed() {
    if (life_ && !dead_) arm(now().tick);
  }
  /// Whether something listens here.
  virtual bool listens(Door) const { return true; }
  /// It does not lead, and something came. Else frames wait for the next turn.
  virtual void turn_away() {}
  /// What led is about to be thrown away.
  virtual bool leads_no_more() const { return false; }
  /// The process dies where it is, in the middle of something.
  virtual void on_death() {}
  virtual uint64_t boot_step() const { return 1; }
  /// In order, once all is decided.
  virtual void end_in_order();
  /// From what the store holds on.
  void lead(io::Store& store, const core::Snapshot& snapshot);
  /// All of its connections end, and nothing is left of what led.
  void lead_no_more();
  void close_connections();
  /// False: the process has died before this write or send. It may have been stopped before it.
  bool spend();
  bool dead() const { return dead_; }
  BusWatch& watch() { return watch_; }

  uint64_t boot_ = 1;
  std::deque<std::pair<core::PeerId, std::string>> session_frames_;
  std::deque<std::pair<core::PeerId, std::string>> backend_frames_;
  void stop(Duration length);
  /// A reply to a session that the bus makes before it leads.
  void reply(const core::PeerId& peer, const std::string& frame) { to_peer(peer, {frame}); }

 private:
  /// From news to the turn that takes it.
  static constexpr Duration LongestTurnWait = 200us;
  /// While a commit is under way that is due any moment.
  static constexpr Duration LookAtCommitEvery = 50ms;
  /// More turns within one millisecond mean that the bus spins.
  static constexpr int MaxTurnsInAMillisecond = 100;

  struct Peer {
    Door door;
    std::shared_ptr<Line> line;
    std::function<void(const Frames&)> to_dialer;
    std::vector<std::string> prefixes;
  };
  struct Life {
    Life(Bus& bus, io::Store& store, const core::Snapshot& snapshot);
    bus::Engine engine;
    Timer turns;
    Tick next_turn = Never;
    bool writable = true;
    std::vector<core::Event> waiting;  ///< for a commit that is under way
    std::shared_ptr<char> alive = std::make_shared<char>();
  };

  void turn(std::vector<core::Event> events);
  void arm(Tick at);
  void count_turn();
  void begun_again(const core::Term& seen);
  void deciding(const std::vector<core::Event>& events);
  void take_session(std::vector<core::Event>& events, const core::PeerId& peer, const std::string& frame);
  void take_backend(std::vector<core::Event>& events, const core::PeerId& peer, const std::string& frame);
  void tell_store();
  void send(const core::Send& send);
  void publish(const io::EventRow& event);
  void to_peer(const core::PeerId& id, const Frames& frames);

  core::GatewayOptions options_;
  core::OwnersSet owners_;
  bool owners_told_ = false;  ///< to this life
  BusWatch& watch_;
  std::unique_ptr<Life> life_;
  std::map<core::PeerId, Peer> peers_;
  uint64_t last_peer_ = 0;
  int operations_left_ = -1;         ///< until it dies; -1: without end
  int operations_before_stop_ = -1;  ///< likewise, until it is stopped
  Duration stop_length_{};
  std::optional<Duration> stop_before_task_;
  bool dead_ = false;  ///< in the middle of a turn
  double dropped_ = 0;
  double backend_dropped_ = 0;
  int64_t turns_of_ms_ = 0;
  int turns_ = 0;
};

/// A bus with a store of its own.
class LoneBus : public Bus {
 public:
  LoneBus(World& world, Clock clock, core::GatewayOptions options, Store& store, BusWatch& watch);

  void reboot(Clock clock) override;
  /// Likewise, and it had no time to write what it held.
  void cut_power(Clock clock);

 protected:
  void on_start() override;
  void on_kill() override;
  void about_to_decide() override;

 private:
  /// From the request to the answer of a store that answers later.
  static constexpr Duration LongestRead = 20ms;

  void answer(std::function<void()> read);

  Store& store_;
  /// Reads that the store answers later, in their order; those of a former life find it expired.
  std::shared_ptr<std::deque<std::function<void()>>> reads_;
};

}  // namespace cancelbus::simulation
