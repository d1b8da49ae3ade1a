#include "service/worker/exchange.hpp"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include <functional>
#include <utility>

#include "service/io/clock.hpp"

namespace cancelbus::worker {
namespace {

btcturk::HttpReply reply_of(const io::HttpResponse& response) {
  btcturk::HttpReply reply;
  reply.status = response.status;
  if (response.retry_after) reply.retry_after = *response.retry_after;
  reply.date = response.date;
  reply.body = response.body;
  return reply;
}

asio::awaitable<absl::StatusOr<ClockReading>> read_clock_once(io::HttpsClient& client, backend::Recorder* recorder) {
  base::HttpRequest request = btcturk::server_time_request();
  request.keep_head = recorder != nullptr && recorder->wants(io::now().tick);
  ClockReading reading;
  // The last word before the write is the moment from which the round trip counts.
  std::function<bool()> begin = [&reading] {
    reading.asked = io::now().tick;
    return true;
  };
  const io::HttpOutcome outcome = co_await client.request(request, std::move(begin));
  reading.had = io::now().tick;
  if (recorder != nullptr) record(*recorder, request, outcome, 0);
  if (outcome.end != io::HttpOutcome::End::Answered) {
    co_return absl::UnavailableError(absl::StrCat("server time: ", outcome.error));
  }
  const auto time = btcturk::read_server_time(reply_of(outcome.response));
  if (!time.ok()) co_return time.status();
  reading.exchange = *time;
  co_return reading;
}

core::Answer read_reply(const wire::Task& task, const io::HttpResponse& response) {
  switch (task.kind) {
    case core::LimiterKind::Cancel:
      return btcturk::read_cancel_reply(reply_of(response));
    case core::LimiterKind::Query:
      return btcturk::read_query_reply(reply_of(response), task.order.order_id);
    case core::LimiterKind::OpenOrders:
      break;
  }
  return btcturk::read_open_orders_reply(reply_of(response), task.order.symbol);
}

}  // namespace

base::HttpRequest request_for(btcturk::Signer& signer, const wire::Task& task) {
  switch (task.kind) {
    case core::LimiterKind::Cancel:
      return btcturk::cancel_request(signer, task.order.order_id, task.stamp_ms);
    case core::LimiterKind::Query:
      return btcturk::query_request(signer, task.order.order_id, task.stamp_ms);
    case core::LimiterKind::OpenOrders:
      break;
  }
  return btcturk::open_orders_request(signer, task.order.symbol, task.stamp_ms);
}

core::Answer answer_to(const wire::Task& task, const io::HttpOutcome& outcome) {
  using End = io::HttpOutcome::End;
  core::Answer answer;
  if (outcome.end == End::NeverWritten) {
    answer = btcturk::never_written(outcome.error);
  } else if (outcome.end == End::NoResponse) {
    answer = btcturk::no_response(outcome.error);
  } else {
    answer = read_reply(task, outcome.response);
    if (outcome.response.oversized) absl::StrAppend(&answer.text, ": the answer is too long");
  }
  answer.sent = outcome.sent;
  answer.answered = outcome.answered;
  return answer;
}

void record(backend::Recorder& recorder, const base::HttpRequest& request, const io::HttpOutcome& outcome,
            core::TaskId task) {
  using End = io::HttpOutcome::End;
  const core::Instant now = io::now();
  if (outcome.end == End::NeverWritten || !recorder.counts(now.tick)) return;
  base::Recorded recorded;
  recorded.kind = outcome.end == End::Answered ? "response" : "no_response";
  recorded.request = absl::StrCat(request.method, " ", request.target);
  recorded.task_id = task;
  recorded.status = outcome.response.status;
  recorded.head = outcome.response.head;
  recorded.text = outcome.end == End::Answered ? outcome.response.body : outcome.error;
  recorded.truncated = outcome.response.oversized;
  if (outcome.sent && outcome.answered) recorded.round_trip = *outcome.answered - *outcome.sent;
  recorder.tell(std::move(recorded), now);
}

asio::awaitable<absl::StatusOr<std::vector<ClockReading>>> read_clock(io::HttpsClient& client, ClockSchedule& schedule,
                                                                      backend::Recorder* recorder) {
  std::vector<ClockReading> series;
  absl::Status failure = absl::UnavailableError("server time: no request is allowed yet");
  while (series.size() < ClockSchedule::ReadingsInASeries && schedule.ask(io::now().tick)) {
    auto reading = co_await read_clock_once(client, recorder);
    if (!reading.ok()) {
      failure = reading.status();
      break;
    }
    series.push_back(*reading);
  }
  if (series.empty()) co_return failure;
  co_return series;
}

}  // namespace cancelbus::worker
