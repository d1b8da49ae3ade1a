#include "service/core/sweeps.hpp"

#include <algorithm>
#include <utility>

#include "service/core/check.hpp"

namespace cancelbus::core {

namespace {

std::string name_of_pair(const std::string& pair) { return pair.empty() ? "all pairs" : pair; }

}  // namespace

Sweeps::Sweeps(std::vector<std::string> pairs, Duration interval, Duration patience, Tick started)
    : pairs_(std::move(pairs)), interval_(interval), patience_(patience), due_(started) {}

void Sweeps::Wish::add(Tick from) {
  first = std::min(first, from);
  last = std::max(last, from);
}

void Sweeps::Wish::met(Tick began) {
  if (last <= began) {
    *this = {};
  } else if (first <= began) {
    first = last;
  }
}

Tick Sweeps::begins_at() const { return std::max(not_before_, std::min({due_, asked_.first, filled_.first})); }

std::optional<std::string> Sweeps::wanted(const Pairs& seen) const {
  const auto done = [this](const std::string& pair) { return run_ && run_->done.contains(pair); };
  if (pairs_.empty() && !done("")) return "";
  for (const std::string& pair : pairs_) {
    if (!done(pair)) return pair;
  }
  // A request for all needs no others, unless it was refused.
  if (pairs_.empty() && !(run_ && run_->pair_required)) return std::nullopt;
  for (const std::string& pair : seen) {
    if (!done(pair)) return pair;
  }
  return std::nullopt;
}

std::optional<std::string> Sweeps::next(Tick now, const Pairs& seen) const {
  if (request_ || (!run_ && now < begins_at())) return std::nullopt;
  return wanted(seen);
}

void Sweeps::sent(TaskId task, std::string pair, Instant now) {
  CANCELBUS_CHECK(!request_);
  if (!run_) {
    run_.emplace();
    run_->oldest = now;
    began_ = now.tick;
  }
  ++run_->requests;
  run_->done.insert(pair);
  request_ = Request{.task = task, .pair = std::move(pair), .sent = now, .last_news = now.tick};
}

bool Sweeps::take(const Listing& part, Tick now) {
  Request& request = *request_;
  if (request.parts.empty()) {
    request.parts.resize(part.parts);
    request.missing = part.parts;
  }
  const size_t index = part.part - 1;
  if (part.parts != request.parts.size() || index >= request.parts.size() || request.parts[index]) return false;
  request.parts[index] = true;
  --request.missing;
  request.last_news = now;
  run_->orders += part.orders.size();
  return true;
}

void Sweeps::answered() {
  if (!request_->all_taken && run_->why.empty()) {
    run_->why = name_of_pair(request_->pair) + ": more orders are open than the bus can take";
  }
  request_.reset();
}

void Sweeps::failed(const std::string& why, bool of_this_pair) {
  std::string text = name_of_pair(request_->pair) + ": " + why;
  if (request_->pair.empty() && of_this_pair) {
    run_->pair_required = true;
    text += "; if the exchange wants a pair in each request, give --pairs";
  }
  if (run_->why.empty()) run_->why = std::move(text);
  run_->given_up = run_->given_up || !of_this_pair;
  request_.reset();
}

std::optional<SweepEnd> Sweeps::finish(Tick now, const Pairs& seen) {
  idle_since_ = now;
  if (!run_ || request_ || (!run_->given_up && wanted(seen))) return std::nullopt;
  const Run run = *std::exchange(run_, std::nullopt);
  SweepEnd end{run.why.empty(), run.oldest, run.requests, run.orders, now - run.oldest.tick, run.why};
  trouble_ = run.why;
  not_before_ = now + (end.complete ? Apart : retry_);
  due_ = end.complete ? run.oldest.tick + interval_ : now;
  if (end.complete) {
    asked_.met(run.oldest.tick);
    filled_.met(run.oldest.tick);
    retry_ = Apart;
  } else {
    retry_ = std::min(retry_ * 2, Duration(LongestRetry));
  }
  return end;
}

std::optional<Tick> Sweeps::due_since(Tick now) const {
  if (request_) return std::nullopt;
  const Tick since = run_ ? idle_since_ : begins_at();
  return since <= now ? std::optional(since) : std::nullopt;
}

Tick Sweeps::next_deadline(Tick now) const {
  if (request_) return request_->last_news + patience_ + Duration(1);
  return !run_ && begins_at() > now ? begins_at() : Never;
}

void Sweeps::check() const {
  CANCELBUS_CHECK(!request_ || (run_ && run_->done.contains(request_->pair)));
  CANCELBUS_CHECK(!request_ || request_->missing <= std::max<size_t>(1, request_->parts.size()));
  CANCELBUS_CHECK(asked_.first <= asked_.last || asked_.first == Never);
}

}  // namespace cancelbus::core
