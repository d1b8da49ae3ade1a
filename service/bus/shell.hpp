// The bus's shell: sockets in, engine, sockets out. It decides nothing.
//
// One turn: drain both ROUTERs, read the clock, give the engine what came. Who may say or hear what is the doors'
// matter: session_door.hpp, backend_door.hpp, publisher.hpp.
#pragma once

#include <absl/status/status.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "service/bus/backend_door.hpp"
#include "service/bus/engine.hpp"
#include "service/bus/guard.hpp"
#include "service/bus/measured_store.hpp"
#include "service/bus/metrics.hpp"
#include "service/bus/options.hpp"
#include "service/bus/publisher.hpp"
#include "service/bus/recording.hpp"
#include "service/bus/refusals.hpp"
#include "service/bus/session_door.hpp"
#include "service/bus/stage_metrics.hpp"
#include "service/bus/status_page.hpp"
#include "service/bus/worker_log.hpp"
#include "service/io/clock.hpp"
#include "service/io/descriptors.hpp"
#include "service/io/monitor.hpp"
#include "service/io/store.hpp"
#include "service/io/zap.hpp"

namespace cancelbus::bus {

namespace asio = boost::asio;

class Shell {
 public:
  /// What a bus with room for a few strategies opens. `tests/integration/test_few_descriptors.py` compares the first
  /// with what a bus has open.
  static constexpr std::array<io::DescriptorNeed, 4> DescriptorNeeds{
      {{48, "the bus's own files and sockets"},
       io::MonitorNeed,
       {Guard::LastRoom, "operators, workers and the subscriber"},
       {64, "32 strategies, of two connections each"}}};

  /// `options` must outlive it. Its CURVE key is replaced when the file's is.
  Shell(asio::io_context& context, Options& options, std::unique_ptr<io::Store> store, const core::Snapshot& snapshot);

  /// Binds everything. An error names the flag.
  absl::Status open();

  /// Where it listens, one `name url` a line; after open().
  std::string endpoints() const;
  io::HostPort monitor_address() const { return {options_.monitor_address.host, monitor_.port()}; }

  /// Reads policy and key again, whether their files have changed or not. If anything is wrong with one, what is in
  /// force stays, and the log says why.
  void reload();

  /// Give out no more tasks; `done` when none is with a worker.
  /// Tells whether all that was decided is on disk: a store that refuses is not waited for longer than requests live.
  void drain(std::function<void(bool complete)> done);
  /// After the drain.
  void close_store(std::function<void()> done) { store_.close(std::move(done)); }

 private:
  static constexpr core::Duration LookAtFilesEvery = std::chrono::seconds(1);
  static constexpr core::Duration StatusInterval = std::chrono::seconds(1);
  /// How often it is looked whether a commit that is not answered has become trouble.
  static constexpr core::Duration LookAtCommitEvery = std::chrono::milliseconds(50);
  static constexpr core::Duration DrainGrace = std::chrono::seconds(2);

  void turn();
  void read();
  void decide();
  void follow_files();
  void load_policy();
  void load_key();
  void log_store();
  void note_older_store(const core::Term& seen);
  std::string metrics_text();
  void publish_status(core::Instant now);
  void publish_records(core::Instant now, const std::vector<std::string>& records);
  void arm(core::Instant now);
  void end_if_drained(core::Instant now);

  void note(const core::Actions& actions);
  void send(const core::Send& send);
  void publish(const io::EventRow& event);

  std::optional<io::CurveKey>& key_;  // as the doors read it, each time they open
  const Options& options_;
  PolicyFile policy_file_;
  WatchedFile key_file_;
  zmq::context_t zmq_;
  Metrics metrics_;
  StageMetrics stages_{metrics_.registry()};
  MeasuredStore store_;
  StatusPage page_;
  Refusals refusals_{metrics_.registry()};
  Recording recording_{metrics_.registry()};
  Guard guard_;
  io::ZapHandler zap_;
  SessionDoor sessions_;
  Publisher events_;
  BackendDoor backend_;
  io::TickTimer timer_;
  Engine engine_;
  WorkerLog worker_log_;
  io::Monitor monitor_;
  core::Tick turn_began_;
  core::Tick next_status_;
  core::Tick next_look_at_files_;
  bool store_writable_ = true;
  bool drain_requested_ = false;
  bool policy_replaced_ = true;
  bool another_policy_ = false;
  std::vector<core::Event> events_read_;   ///< and not decided on yet
  std::vector<std::string> records_read_;  ///< and not published yet
  std::function<void(bool)> drained_;
  core::Tick drain_until_ = core::Never;
};

}  // namespace cancelbus::bus
