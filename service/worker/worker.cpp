#include "service/worker/worker.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>
#include <variant>

#include "service/core/names.hpp"
#include "service/io/log.hpp"
#include "service/io/spawn.hpp"
#include "service/wire/recording.hpp"
#include "service/worker/exchange.hpp"

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration HeartbeatEvery = 250ms;
constexpr core::Duration ConnectTimeout = 5s;
/// Tasks that the bus gave out before it learned of the drain arrive within this, and are done.
constexpr core::Duration DrainSettles = 300ms;
/// Beyond the longest request, for the confirmations.
constexpr core::Duration DrainGrace = 2s;

/// Only a request whose key, signature and stamp were found good is answered so.
bool proves_authorized(core::Verdict verdict) {
  return verdict == core::Verdict::Accepted || verdict == core::Verdict::UnknownOrder || verdict == core::Verdict::Read;
}

int64_t microseconds(core::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

Worker::Worker(asio::io_context& context, zmq::context_t& zmq, Options options, std::function<void()> on_done)
    : context_(context),
      options_(std::move(options)),
      on_done_(std::move(on_done)),
      connections_(
          context,
          {options_.rest_url, options_.tls, ConnectTimeout, options_.request_timeout, options_.exchange_ip_family},
          options_.connections, [this] { send_ready(); }),
      buses_(std::make_unique<backend::Buses>(context, zmq, options_.curve)),
      monitor_(context,
               {[this] { return metrics_text(); }, [] { return std::string(); }, [this] { return why_unready(); }}),
      key_watch_(context, options_.key_files, [this](const io::ApiKeyPair& pair) { return use_key(pair); }),
      recorder_(
          "worker", options_.signer, io::now().tick,
          [this](const base::Recorded& recorded) { return !ended_ && buses_->send(wire::encode_recorded(recorded)); }),
      heartbeat_timer_(context),
      repeat_timer_(context),
      drain_timer_(context),
      clock_timer_(context) {
  self_.worker = backend::random_id();
  self_.name = backend::process_name();
  self_.request_timeout = options_.request_timeout;
  self_.sweeps = true;
}

absl::Status Worker::start() {
  if (auto status = backend::open(options_, monitor_, *buses_); !status.ok()) return status;
  io::log_info("started", {{"worker", self_.name},
                           {"worker_id", self_.worker},
                           {"backend", absl::StrJoin(options_.backend_endpoints, ",")},
                           {"exchange", options_.rest_url.authority},
                           {"connections", options_.connections}});
  buses_->on_ready([this] { take_replies(); });
  connections_.start();
  key_watch_.start();
  io::spawn(context_, keep_clock());
  heartbeat();
  return absl::OkStatus();
}

// ---- What the bus says ----

void Worker::take_replies() {
  io::Frames frames;
  while (!ended_ && buses_->receive(frames)) {
    if (frames.size() != 1) {
      io::log_warn("backend_frames_ignored", {{"frames", frames.size()}});
      continue;
    }
    auto reply = wire::decode_backend_reply(frames.front());
    if (reply.ok()) {
      on_reply(*std::move(reply));
    } else {
      io::log_warn("backend_message_ignored", {{"why", std::string(reply.status().message())}});
    }
  }
}

void Worker::on_reply(wire::BackendReply reply) {
  if (auto* task = std::get_if<wire::Task>(&reply)) {
    on_task(std::move(*task));
  } else if (const auto* confirm = std::get_if<wire::Confirm>(&reply)) {
    on_confirm(*confirm);
  } else if (const auto* record = std::get_if<wire::Record>(&reply)) {
    recorder_.on_record(record->lease, io::now());
  } else if (std::holds_alternative<wire::Drain>(reply)) {
    drain();
  }
}

void Worker::on_task(wire::Task task) {
  if (!book_.take(task.task, task.term ? task.term->term : 0)) {
    io::log_warn("task_ignored", {{"task", task.task}, {"held", book_.size()}});
    return;
  }
  io::log_info("task_taken", {{"task", task.task},
                              {"kind", core::lower_name_of(task.kind)},
                              {"order_id", task.order.order_id},
                              {"symbol", task.order.symbol},
                              {"cl_ord_id", task.order.cl_ord_id},
                              {"attempt", task.attempt},
                              {"stamp", task.stamp_ms},
                              {"traceparent", task.order.traceparent}});
  if (!buses_->believes(task.term, "task")) return finish(task, never_sent(task));
  send_ready();
  io::spawn(context_, work(std::move(task)));
}

bool Worker::is_over(const wire::Task& task) const {
  return task.term && buses_ && buses_->seen() && task.term->term < buses_->seen()->term;
}

// The bus that leads no more has its permit back and its command in the queue, as after any request that was not
// written.
core::Answer Worker::never_sent(const wire::Task& task) {
  metrics_.refused();
  return btcturk::never_written(
      absl::StrCat("not sent: term ", to_text(*task.term), " is over, and term ", to_text(*buses_->seen()), " leads"));
}

void Worker::on_confirm(const wire::Confirm& confirm) {
  const bool leads = buses_->believes(confirm.term, "confirm");
  for (const core::TaskId task : confirm.tasks) {
    // What another bus does not know means nothing to the one that leads, or to the one that gave the task.
    if (!leads && book_.term_of(task) != confirm.term->term) continue;
    if (book_.confirm(task)) io::log_debug("task_confirmed", {{"task", task}});
  }
  end_if_drained();
}

// ---- A task ----

asio::awaitable<void> Worker::work(wire::Task task) {
  base::HttpRequest request = request_for(options_.signer, task);
  request.keep_head = recorder_.wants(io::now().tick);
  io::HttpOutcome outcome;
  const core::Answer answer = co_await ask(task, request, outcome);
  finish(task, answer);
  record(recorder_, request, outcome, task.task);
}

asio::awaitable<core::Answer> Worker::ask(const wire::Task& task, const base::HttpRequest& request,
                                          io::HttpOutcome& outcome) {
  const auto stamp_is_void = [&] { return clock_.is_void(task.stamp_ms, io::now().tick); };
  // The bus gives no work before it knows this clock, so an unknown one means that the task is not for this process.
  if (!clock_.known()) co_return btcturk::never_written("the exchange's clock is not known yet");
  std::string why = "no connection to the exchange";
  while (!stamp_is_void()) {
    if (is_over(task)) co_return never_sent(task);
    auto lease = co_await connections_.acquire(clock_.stale_at(task.stamp_ms, io::now().tick));
    if (!lease) co_return btcturk::never_written(why);
    bool refused = false;
    std::function<bool()> still_good = [&] {
      refused = stamp_is_void() || is_over(task);
      return !refused;
    };
    outcome = co_await lease->client().request(request, std::move(still_good));
    if (outcome.end != io::HttpOutcome::End::NeverWritten) co_return answer_to(task, outcome);
    if (!refused) why = outcome.error;
  }
  co_return btcturk::stale_stamp(clock_.behind(task.stamp_ms, io::now().tick));
}

void Worker::finish(const wire::Task& task, const core::Answer& answer) {
  metrics_.count(task.kind, answer);
  const bool answered = answer.sent && answer.answered;
  io::log_info("task_ended", {{"task", task.task},
                              {"kind", core::lower_name_of(task.kind)},
                              {"order_id", task.order.order_id},
                              {"cl_ord_id", task.order.cl_ord_id},
                              {"verdict", core::lower_name_of(answer.verdict)},
                              {"http_status", answer.http_status},
                              {"exchange_code", answer.exchange_code},
                              {"text", answer.text},
                              {"microseconds", answered ? microseconds(*answer.answered - *answer.sent) : 0},
                              {"traceparent", task.order.traceparent}});
  book_.finish(task.task, wire::encode_outcome(task.task, answer), io::now().tick);
  if (ended_) return;
  send_outcomes();
  if (answer.verdict == core::Verdict::Unauthorized || answer.verdict == core::Verdict::StaleStamp) doubt_clock();
  if (answer.verdict == core::Verdict::Unauthorized) {
    refused_ = absl::StrCat("the exchange refuses the key: HTTP ", answer.http_status, " ", answer.text);
  } else if (proves_authorized(answer.verdict)) {
    refused_.clear();
  }
  // After the outcome: the bus is to hear of the refusal first, and of another key then.
  if (answer.verdict == core::Verdict::Unauthorized) key_watch_.key_refused();
}

// ---- The key ----

absl::StatusOr<bool> Worker::use_key(const io::ApiKeyPair& pair) {
  auto replaced = backend::replace_key(options_.signer, pair);
  if (!replaced.value_or(false)) return replaced;
  ++self_.key_series;
  send_ready();
  return true;
}

// ---- The exchange's clock ----

asio::awaitable<void> Worker::keep_clock() {
  while (!ended_) {
    const core::Duration wait = clock_schedule_.due() - io::now().tick;
    if (wait <= core::Duration::zero()) {
      co_await read_clock_now();
      continue;
    }
    clock_timer_.expires_after(wait);
    boost::system::error_code ignored;
    co_await clock_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> Worker::read_clock_now() {
  auto lease = co_await connections_.acquire(core::Never);
  if (!lease) co_return;
  clock_schedule_.begin(io::now().tick);
  const auto series = co_await read_clock(lease->client(), clock_schedule_, &recorder_);
  if (ended_) co_return;
  if (series.ok()) {
    clock_read(*series);
  } else {
    clock_not_read(series.status());
  }
}

void Worker::clock_read(std::span<const ClockReading> series) {
  clock_schedule_.taken(clock_.take(series));
  clock_trouble_ = absl::OkStatus();
  const auto sample = clock_.sample(io::now());
  io::log_info("clock_read", {{"series", sample->series},
                              {"offset_microseconds", microseconds(sample->offset)},
                              {"round_trip_microseconds", microseconds(sample->round_trip)}});
  send_ready();
}

void Worker::clock_not_read(const absl::Status& status) {
  clock_schedule_.failed(io::now().tick);
  // It is tried once a second: the same once more is not worth a line.
  if (status == clock_trouble_) return;
  clock_trouble_ = status;
  io::log_warn("clock_not_read", {{"why", std::string(status.message())}});
  send_ready();
}

void Worker::doubt_clock() {
  clock_schedule_.doubt();
  clock_timer_.cancel();
}

// ---- What the bus is told ----

uint32_t Worker::credit() const {
  // Without any connection a task could only wait here, and its permit with it.
  return draining_ || connections_.established() == 0 ? 0 : options_.connections;
}

void Worker::send_ready() {
  // Until its first series is complete or has failed it says nothing, so that a start is no cause of its own.
  if (ended_ || (!clock_.known() && clock_trouble_.ok())) return;
  self_.credit = credit();
  self_.ending = draining_;
  self_.tasks = book_.tasks();
  self_.clock = clock_.sample(io::now());
  self_.seen = buses_->seen();
  bus_reached_ = buses_->send(wire::encode_ready(self_));
}

void Worker::heartbeat() {
  send_ready();
  recorder_.look(io::now().tick);
  heartbeat_timer_.arm(io::now().tick + HeartbeatEvery, [this] {
    if (!ended_) heartbeat();
  });
}

void Worker::send_outcomes() {
  for (const std::string& frame : book_.take_due(io::now().tick)) buses_->send(frame);
  repeat_timer_.arm(book_.next_due(), [this] {
    if (!ended_) send_outcomes();
  });
}

// A time that is not in milliseconds means that the exchange has changed: what was read before will soon be wrong.
std::string Worker::clock_trouble() const {
  if (clock_.known() && !absl::IsInvalidArgument(clock_trouble_)) return "";
  const std::string why(clock_trouble_.message());
  return absl::StrCat("the exchange's clock is not known", why.empty() ? " yet" : ": ", why);
}

std::string Worker::why_unready() const {
  if (draining_) return "draining";
  if (connections_.established() == 0) return "no connection to the exchange";
  if (const std::string why = clock_trouble(); !why.empty()) return why;
  if (!refused_.empty()) return refused_;
  return bus_reached_ ? "" : "no connection to the bus, or it does not accept this worker's key";
}

std::string Worker::metrics_text() {
  return metrics_.text({.connections = connections_.established(),
                        .connections_opened = connections_.opened(),
                        .connection_failures = connections_.failures(),
                        .tasks = book_.size(),
                        .clock = clock_.sample(io::now()),
                        .bus_reached = bus_reached_,
                        .key_refused = !refused_.empty()});
}

// ---- The end ----

void Worker::drain() {
  if (draining_) return;
  draining_ = true;
  io::log_info("draining", {{"tasks", book_.size()}});
  send_ready();
  drain_timer_.arm(io::now().tick + DrainSettles, [this] {
    drain_settled_ = true;
    drain_timer_.arm(io::now().tick + options_.request_timeout + DrainGrace, [this] { end(); });
    end_if_drained();
  });
}

void Worker::end_if_drained() {
  if (drain_settled_ && book_.empty()) end();
}

void Worker::end() {
  if (ended_) return;
  ended_ = true;
  if (!book_.empty()) io::log_warn("outcomes_not_confirmed", {{"tasks", book_.size()}});
  io::log_info("ended");
  heartbeat_timer_.cancel();
  repeat_timer_.cancel();
  drain_timer_.cancel();
  clock_timer_.cancel();
  key_watch_.stop();
  connections_.stop();
  monitor_.close();
  buses_.reset();
  on_done_();
}

}  // namespace cancelbus::worker
