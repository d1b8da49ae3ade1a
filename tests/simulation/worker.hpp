// A worker as a process: credit, heartbeats, one request per task, outcomes repeated until they are confirmed.
//
// Its memory (TaskBook), its idea of the exchange's clock, its signatures and its reading of answers are the real ones;
// what is modelled is the shell that moves between them. Its order of doing things follows service/worker/worker.cpp.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "service/btcturk/rest.hpp"
#include "service/wire/backend_codec.hpp"
#include "service/worker/exchange_clock.hpp"
#include "service/worker/task_book.hpp"
#include "tests/simulation/rest_connection.hpp"
#include "tests/simulation/socket.hpp"

namespace cancelbus::simulation {

struct WorkerSetup {
  int connections = 4;
  Duration request_timeout = 5s;
  Path& to_bus;
  Path& to_exchange;
};

class WorkerProcess : public Process {
 public:
  /// Called right before the first byte of a request with this stamp.
  using OnWrite = std::function<void(int64_t stamp_ms)>;

  WorkerProcess(World& world, std::string name, Clock clock, WorkerSetup setup, Bus& bus, Venue& venue,
                OnWrite on_write);
  ~WorkerProcess() override;

  /// SIGTERM: finishes what it holds, then ends.
  void drain();

 protected:
  void on_start() override;
  void on_kill() override;
  void on_given_up() override;

 private:
  struct Life;

  WorkerSetup setup_;
  Bus& bus_;
  Venue& venue_;
  OnWrite on_write_;
  std::unique_ptr<Life> life_;
};

}  // namespace cancelbus::simulation
