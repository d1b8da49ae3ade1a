// The world around one gateway, in virtual time: sessions, workers that hold tasks and beat, a stream, a store.
//
// It decides nothing about cancels: requests are answered and frames come only when a scenario says so. What goes on by
// itself is what would blur a transcript: the heartbeats of workers and sessions, the stream's report every second.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "service/core/gateway.hpp"
#include "tests/scenario/memory_store.hpp"
#include "tests/scenario/words.hpp"

namespace cancelbus::scenario {

/// The gateway's fault, not the transcript's: its next deadline never passes.
struct Stuck : std::logic_error {
  using std::logic_error::logic_error;
};

class Stage {
 public:
  static constexpr core::WallTime Start{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)};
  /// From giving out a request to its standing answer.
  static constexpr core::Duration Latency = std::chrono::milliseconds(10);

  /// `longest`: how far time may move in all.
  explicit Stage(core::Duration longest = core::Duration::max());

  /// Does one command of a transcript and returns what it brought forth. Throws Stuck, or another std::exception for a
  /// bad command; what else the gateway throws ends the process.
  std::vector<std::string> play(const std::string& line);

 private:
  struct Worker {
    core::WorkerId id = 0;
    uint32_t credit = 4;
    core::Duration timeout{};
    uint64_t series = 0;     ///< of readings of the exchange's clock
    bool clockless = false;  ///< it has none
    bool earlier = false;    ///< of a version that does not report exchange_time
    core::Duration off{};    ///< how far its reading is ahead of the truth
    core::Duration uncertainty{};
    uint64_t key = 1;
    std::set<core::TaskId> tasks;
    bool silent = false;
    bool ending = false;
    bool sweeps = false;  ///< knows the task that lists open orders
  };
  struct Stream {
    uint64_t subscriber = 501;
    uint64_t seq = 0;
    uint64_t logins = 0;
    bool logged_in = false;
    bool silent = true;
  };

  // Commands.
  void given(Words& words);
  void open();
  /// The moment so much later, if time may pass as far.
  core::Duration after(core::Duration time) const;
  void move(core::Duration target);
  void restart(Words& words);
  void stream(Words& words);
  void fact(const std::string& type, Words& words);
  void answer(core::TaskId task, core::Answer answer);
  void standing(core::LimiterKind kind, const std::string& line);
  void answer_standing();
  /// As the exchange's book stands.
  void list_book(core::TaskId task);
  void worker(const std::string& name, Words& words);
  static void read_clock(Worker& worker, Words& words);
  void session(const std::string& name, Words& words);
  void mass_cancel(const std::string& peer, Words& words);
  /// scope=, symbol=, side=, prefix=
  static core::MassCancelRequest scope_of(Words& words);
  void kill_switch(const std::string& peer, bool engage, Words& words);
  /// An order enters the exchange's book, or leaves it.
  void placed(Words& words);
  void gone(Words& words);
  void cancel(const std::string& peer, Words& words);
  void show(const std::string& what);
  void show_orders();
  void show_switches();
  void owners(Words& words);
  void ask_orders(const std::string& peer, Words& words);
  void ask_commands(const std::string& peer, Words& words);

  // The world.
  core::Instant instant() const;
  void turn(const core::Event& event);
  void run(const core::Event& event) noexcept;
  void beat(bool everyone);
  core::WorkerReady ready(const std::string& name) const;
  core::StreamReport report(bool change);
  core::TaskId task_id(const std::string& ordinal) const;

  // What it shows.
  void say(const std::string& line);
  void show_causes(const std::vector<core::CauseChange>& changes);
  void show_send(const core::SendWelcome& send);
  void show_send(const core::SendReceipt& send);
  void show_send(const core::SendRetransmission& send);
  void show_send(const core::SendRetransmitReject& send);
  void show_send(const core::SendHeartbeat& send);
  void show_send(const core::SendHelloRequired& send);
  void show_send(const core::SendStatus& send);
  void show_send(const core::SendResolved& send);
  void show_send(const core::SendRetry& send);
  void show_send(const core::SendOpenOrders& send);
  void show_send(const core::SendCommands& send);
  void show_send(const core::SendHistory& send);
  void show_send(const core::SendMassCancelPreview& send);
  void show_send(const core::SendKillSwitch& send);
  void show_send(const core::SendGoodbye& send);
  void show_send(const core::SendTask& send);
  void show_send(const core::SendConfirm& send);
  void show_send(const core::SendRelogin& send);

  core::Duration longest_;
  core::GatewayOptions options_;
  testing::MemoryStore store_;
  std::unique_ptr<core::Gateway> gateway_;
  core::Duration now_{};
  core::Duration wall_error_{};  ///< of the bus's host
  core::Tick boot_{std::chrono::hours(1)};

  std::map<std::string, Worker> workers_;
  core::WorkerId last_worker_ = 0;
  std::map<std::string, std::string> sessions_;  ///< peer to sender
  Stream stream_;
  std::vector<core::TaskId> tasks_;  ///< by ordinal - 1
  std::map<core::TaskId, std::string> holder_;

  // Requests that are answered by themselves, a little after they were given out.
  std::map<core::LimiterKind, std::string> standing_;
  std::deque<std::pair<core::Duration, core::TaskId>> due_;
  std::map<core::TaskId, core::LimiterKind> kind_;
  std::map<core::TaskId, core::OrderId> order_of_;

  // The exchange's open orders, for sweeps.
  std::map<core::OrderId, core::OpenOrder> book_;

  // As given at the start.
  uint64_t start_workers_ = 1;
  uint64_t start_credit_ = 4;
  bool start_sweeps_ = false;
  core::Duration start_timeout_ = std::chrono::seconds(5);
  std::string start_stream_ = "live";
  std::vector<core::OwnerPrefix> owners_;  ///< as the policy says, also after a restart

  std::vector<std::string> lines_;
  bool moving_ = false;    ///< lines are prefixed with their time
  bool stalled_ = false;   ///< heartbeats wait to be read
  bool confirms_ = false;  ///< confirmations are shown
  bool causes_ = false;    ///< causes are shown as they begin and end
};

}  // namespace cancelbus::scenario
