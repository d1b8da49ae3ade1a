// A worker as a process: credit, heartbeats, one request per task, outcomes repeated until they are confirmed.
//
// Its memory (TaskBook), its idea of the exchange's clock, its signatures and its reading of answers are the real ones;
// what is modelled is the shell that moves between them. Its order of doing things follows service/worker/worker.cpp.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "service/btcturk/rest.hpp"
#include "service/core/term.hpp"
#include "service/wire/backend_codec.hpp"
#include "service/worker/clock_schedule.hpp"
#include "service/worker/exchange_clock.hpp"
#include "service/worker/task_book.hpp"
#include "tests/simulation/rest_connection.hpp"
#include "tests/simulation/socket.hpp"

namespace cancelbus::simulation {

struct WorkerSetup {
  int connections = 4;
  Duration request_timeout = 5s;
  std::vector<BusAddress> buses;
  Path& to_exchange;
  bool sweeps = false;  ///< it knows the task that lists open orders
};

/// Watches what workers do.
class WorkerWatch {
 public:
  virtual ~WorkerWatch() = default;
  /// Right before the first byte of a request with this stamp. `reading_ms`: what the worker takes for the exchange's
  /// time.
  virtual void writing(const std::string& worker, int64_t stamp_ms, int64_t reading_ms) = 0;
  /// A request for the exchange's time leaves.
  virtual void asking_time(const std::string& worker) = 0;
  /// It has another reading of the exchange's clock, for which it had begun to ask at `began`.
  virtual void clock_read(const std::string& worker, Time began) = 0;
  virtual void task_ended(const std::string& worker, core::TaskId task) = 0;
  virtual void worker_died(const std::string& worker) = 0;
};

class WorkerProcess : public Process {
 public:
  WorkerProcess(World& world, std::string name, Clock clock, WorkerSetup setup, Venue& venue, WorkerWatch& watch);
  ~WorkerProcess() override;

  /// SIGTERM: finishes what it holds, then ends.
  void drain();
  /// False: it goes on taking tasks, and writes none of them.
  void set_writes(bool writes) { writes_ = writes; }
  /// The highest term and batch that it has heard of; absent while it is down, too.
  std::optional<core::Term> seen() const;

 protected:
  void on_start() override;
  void on_kill() override;
  void on_given_up() override;

 private:
  struct Life;

  WorkerSetup setup_;
  Venue& venue_;
  WorkerWatch& watch_;
  bool writes_ = true;
  std::unique_ptr<Life> life_;
};

}  // namespace cancelbus::simulation
