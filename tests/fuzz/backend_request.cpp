// A frame of a worker or of the subscriber, as the bus reads it.
#include <chrono>
#include <variant>

#include "cancelbus/v1/cancel.pb.h"
#include "service/wire/backend_codec.hpp"
#include "service/wire/recording.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

using namespace std::chrono_literals;

std::string written(const core::WorkerReady& ready) { return wire::encode_ready(ready); }
std::string written(const core::TaskEnded& ended) { return wire::encode_outcome(ended.task, ended.answer).front(); }
std::string written(const core::StreamFact& fact) { return wire::encode_order_fact(fact, core::WallTime{}); }
std::string written(const core::StreamReport& report) { return wire::encode_stream_state(report); }
template <typename Other>
std::string written(const Other&) {
  require(false, "a backend says nothing that belongs to a session");
  return {};
}

void require_sane(const core::WorkerReady& ready) {
  require(ready.worker != 0 && ready.credit <= 64 && ready.name.size() <= 64, "a worker is within its limits");
  require(ready.request_timeout >= 100ms && ready.request_timeout <= 60s, "a request ends in 100 ms to 60 s");
  if (!ready.clock) return;
  require(ready.clock->series != 0 && ready.clock->round_trip >= 0s && ready.clock->uncertainty >= 0s,
          "a clock sample is possible");
  require(std::chrono::abs(ready.clock->offset) <= 24h, "a clock's offset can be reckoned with");
}

void require_sane(const core::TaskEnded& ended) {
  const core::Answer& answer = ended.answer;
  const bool never_sent = answer.verdict == core::Verdict::StaleStamp || answer.verdict == core::Verdict::NeverWritten;
  require(ended.task != 0, "an outcome names its task");
  require(never_sent == (answer.arrival == core::Arrival::NeverSent), "a permit comes back for these two alone");
  require(answer.verdict == core::Verdict::Doubtful || never_sent || answer.arrival == core::Arrival::Answered,
          "what is not in doubt was answered");
  require(answer.text.size() <= 256 && is_utf8(answer.text), "the text is fit for an event");
  require(!answer.retry_after || *answer.retry_after >= 0s, "a hold does not end before it begins");
}

void require_sane(const core::StreamFact& fact) {
  require(fact.subscriber != 0 && fact.seq != 0 && fact.fact.order_id >= 1, "a fact is numbered and about an order");
}

void require_sane(const core::StreamReport& report) {
  require(report.subscriber != 0 && report.text.size() <= 256, "a stream state belongs to a subscriber");
}

template <typename Other>
void require_sane(const Other&) {}

}  // namespace

bool backend_request(std::string_view input) {
  if (const auto record = wire::decode_recorded(input)) {
    v1::Event event;
    const std::string published = wire::encode_recorded_event(record->message, core::WallTime{}, 1);
    require(event.ParseFromString(published) && event.topic() == "record.", "what is recorded goes on as an event");
    return true;
  }
  const auto read = wire::decode_backend_request(input, "peer");
  if (!read.ok()) return false;
  std::visit([](const auto& event) { require_sane(event); }, *read);
  const auto write = [](const core::Event& event) {
    return std::visit([](const auto& of_some_kind) { return written(of_some_kind); }, event);
  };
  // Long texts are cut when they are written, so it is the second reading that must agree with the first.
  const std::string once = write(*read);
  const auto again = wire::decode_backend_request(once, "peer");
  require(again.ok() && again->index() == read->index(), "what was read can be told on");
  require(write(*again) == once, "and means the same");
  return true;
}

std::vector<std::string> backend_request_seeds() {
  std::vector<std::string> seeds = goldens("BackendRequest.");
  for (auto& outcome : goldens("Outcome.")) seeds.push_back(std::move(outcome));
  core::WorkerReady ready{
      "", 5, "worker-1", 4, {7, 8}, core::ClockSample{1, core::WallTime(1'700'000'000s), 15ms, -3ms, 30ms}, 5s};
  seeds.push_back(wire::encode_ready(ready));
  ready.credit = 65;
  seeds.push_back(wire::encode_ready(ready));
  core::Answer answer;
  answer.http_status = 429;
  answer.retry_after = 53s;
  answer.sent = core::WallTime(1'700'000'000s);
  for (int verdict = 0; verdict <= static_cast<int>(core::Verdict::NeverWritten); ++verdict) {
    answer.verdict = static_cast<core::Verdict>(verdict);
    seeds.push_back(wire::encode_outcome(7, answer).front());
  }
  seeds.push_back(wire::encode_order_fact({"", 3, 4, {core::FactType::Deleted452, 5, "BTCTRY", "1", "2", "0"}}, {}));
  seeds.push_back(wire::encode_stream_state({"", 3, 5, true, true, 2, "logged in"}));
  return seeds;
}

}  // namespace cancelbus::fuzz
