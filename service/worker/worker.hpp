// The worker's shell: one task in, one request to the exchange, one outcome out.
//
// It never decides, never asks the exchange twice for one task, and forgets a task once the bus has confirmed its
// outcome; until then it repeats it. A stamp is judged last, right before the first byte is written: so a task that sat
// in a buffer, or in a process that was stopped, does no harm, and nor does a stamp of a wrong estimate.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <zmq.hpp>

#include "service/backend/buses.hpp"
#include "service/backend/recorder.hpp"
#include "service/io/api_key_files.hpp"
#include "service/io/clock.hpp"
#include "service/io/monitor.hpp"
#include "service/wire/backend_codec.hpp"
#include "service/worker/clock_schedule.hpp"
#include "service/worker/connections.hpp"
#include "service/worker/exchange_clock.hpp"
#include "service/worker/metrics.hpp"
#include "service/worker/options.hpp"
#include "service/worker/task_book.hpp"

namespace cancelbus::worker {

namespace asio = boost::asio;

class Worker {
 public:
  /// `on_done` is called once, when a drain has ended. The io_context then runs out of work by itself.
  Worker(asio::io_context& context, zmq::context_t& zmq, Options options, std::function<void()> on_done);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  absl::Status start();
  /// Takes no more tasks, finishes those held, waits for their confirmation as long as a request may take and a little
  /// more, then ends.
  void drain();

 private:
  void take_replies();
  void on_reply(wire::BackendReply reply);
  void on_task(wire::Task task);
  bool is_over(const wire::Task& task) const;
  core::Answer never_sent(const wire::Task& task);
  void on_confirm(const wire::Confirm& confirm);

  asio::awaitable<void> work(wire::Task task);
  /// `outcome`: of the request as it was tried last.
  asio::awaitable<core::Answer> ask(const wire::Task& task, const base::HttpRequest& request, io::HttpOutcome& outcome);
  void finish(const wire::Task& task, const core::Answer& answer);

  asio::awaitable<void> keep_clock();
  asio::awaitable<void> read_clock_now();
  void clock_read(std::span<const ClockReading> series);
  void clock_not_read(const absl::Status& status);
  void doubt_clock();

  absl::StatusOr<bool> use_key(const io::ApiKeyPair& pair);

  void send_ready();
  void heartbeat();
  void send_outcomes();
  uint32_t credit() const;
  std::string why_unready() const;
  std::string clock_trouble() const;
  std::string metrics_text();
  void end_if_drained();
  void end();

  asio::io_context& context_;
  Options options_;
  std::function<void()> on_done_;
  core::WorkerReady self_;
  Connections connections_;
  TaskBook book_;
  ExchangeClock clock_;
  ClockSchedule clock_schedule_;
  Metrics metrics_;
  std::unique_ptr<backend::Buses> buses_;
  io::Monitor monitor_;
  io::ApiKeyWatch key_watch_;
  backend::Recorder recorder_;
  io::TickTimer heartbeat_timer_;
  io::TickTimer repeat_timer_;
  io::TickTimer drain_timer_;
  asio::steady_timer clock_timer_;
  bool bus_reached_ = false;    // the last Ready had a connection to go to
  std::string refused_;         // how the exchange refused the key, until it accepts it again
  absl::Status clock_trouble_;  // why the exchange's clock could not be read last
  bool draining_ = false;
  bool drain_settled_ = false;
  bool ended_ = false;
};

}  // namespace cancelbus::worker
