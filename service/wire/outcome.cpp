#include "service/wire/outcome.hpp"

#include <optional>
#include <string>

#include "service/wire/enums.hpp"
#include "service/wire/open_order.hpp"
#include "service/wire/text.hpp"
#include "service/wire/times.hpp"

namespace cancelbus::wire {
namespace {

using core::Answer;
using core::Arrival;
using core::Verdict;

// ---- To the wire ----

void fill_ack(const Answer& answer, v1::CancelAckStatus status, v1::CxlRejReason reason, bool final_follows,
              v1::Outcome& outcome) {
  v1::CancelAck& ack = *outcome.mutable_ack();
  ack.set_status(status);
  ack.set_cxl_rej_reason(reason);
  ack.set_origin(v1::ORIGIN_EXCHANGE);
  ack.set_text(legible(answer.text));
  ack.set_http_status(answer.http_status);
  ack.set_exchange_code(answer.exchange_code);
  ack.set_final_follows(final_follows);
}

void fill_rejection(const Answer& answer, v1::CxlRejReason reason, bool final_follows, v1::Outcome& outcome) {
  fill_ack(answer, v1::CANCEL_ACK_STATUS_REJECTED, reason, final_follows, outcome);
}

void fill_not_processed(const Answer& answer, v1::NotProcessedReason reason, v1::Outcome& outcome) {
  v1::NotProcessed& not_processed = *outcome.mutable_not_processed();
  not_processed.set_reason(reason);
  if (answer.retry_after) *not_processed.mutable_retry_after() = to_proto_duration(*answer.retry_after);
  not_processed.set_http_status(answer.http_status);
  not_processed.set_exchange_code(answer.exchange_code);
  not_processed.set_text(legible(answer.text));
  if (answer.period) *not_processed.mutable_period() = to_proto_duration(*answer.period);
}

void fill_unresolved(const Answer& answer, v1::Outcome& outcome) {
  v1::Unresolved& unresolved = *outcome.mutable_unresolved();
  unresolved.set_arrival(to_wire(answer.arrival));
  unresolved.set_http_status(answer.http_status);
  unresolved.set_text(legible(answer.text));
  if (answer.retry_after) *unresolved.mutable_retry_after() = to_proto_duration(*answer.retry_after);
}

void fill_order_state(const Answer& answer, v1::Outcome& outcome) {
  v1::OrderState& state = *outcome.mutable_order_state();
  state.set_reading(to_wire(answer.reading.status));
  state.set_quantity(legible(answer.reading.quantity));
  state.set_left_amount(legible(answer.reading.left_amount));
  state.set_price(legible(answer.reading.price));
  state.set_symbol(legible(answer.reading.symbol));
  state.set_http_status(answer.http_status);
}

void fill_listing(const Answer& answer, uint32_t part, v1::Outcome& outcome) {
  v1::OpenOrdersPart& proto = *outcome.mutable_open_orders();
  fill_part(*answer.listing, part, proto);
  proto.set_http_status(answer.http_status);
}

// ---- From the wire ----

/// The worst that an outcome can mean.
Answer doubtful(int http_status, const std::string& text) {
  Answer answer;
  answer.verdict = Verdict::Doubtful;
  answer.arrival = Arrival::Silent;
  answer.http_status = http_status;
  answer.text = text.empty() ? "the worker told an outcome that is not known here" : legible(text);
  return answer;
}

Answer certain(Verdict verdict, Arrival arrival, int http_status, int exchange_code, const std::string& text) {
  Answer answer;
  answer.verdict = verdict;
  answer.arrival = arrival;
  answer.http_status = http_status;
  answer.exchange_code = exchange_code;
  answer.text = legible(text);
  return answer;
}

/// A wait or a period; negative is absent.
std::optional<core::Duration> wait_of(const google::protobuf::Duration& told) {
  const auto wait = to_duration(told);
  return wait < core::Duration::zero() ? std::nullopt : wait;
}

std::optional<Verdict> rejection(const v1::CancelAck& ack) {
  switch (ack.cxl_rej_reason()) {
    case v1::CXL_REJ_REASON_UNKNOWN_ORDER:
      return Verdict::UnknownOrder;
    case v1::CXL_REJ_REASON_BLOCKED:
      return Verdict::Blocked;
    case v1::CXL_REJ_REASON_OTHER: {
      const bool wrong_request = ack.http_status() == 404 || ack.http_status() == 405;
      return wrong_request ? Verdict::WrongRequest : Verdict::Refused;
    }
    default:
      return std::nullopt;
  }
}

Answer from_ack(const v1::CancelAck& ack) {
  std::optional<Verdict> verdict;
  if (ack.status() == v1::CANCEL_ACK_STATUS_ACCEPTED) verdict = Verdict::Accepted;
  if (ack.status() == v1::CANCEL_ACK_STATUS_REJECTED) verdict = rejection(ack);
  if (!verdict) return doubtful(ack.http_status(), ack.text());
  return certain(*verdict, Arrival::Answered, ack.http_status(), ack.exchange_code(), ack.text());
}

Answer from_unresolved(const v1::Unresolved& unresolved) {
  Answer answer;
  answer.verdict = Verdict::Doubtful;
  answer.http_status = unresolved.http_status();
  answer.text = legible(unresolved.text());
  answer.arrival = from_wire(unresolved.arrival()).value_or(Arrival::Silent);
  if (unresolved.has_retry_after()) answer.retry_after = wait_of(unresolved.retry_after());
  return answer;
}

Answer from_not_processed(const v1::NotProcessed& told) {
  const auto answer = [&told](Verdict verdict, Arrival arrival) {
    Answer result = certain(verdict, arrival, told.http_status(), told.exchange_code(), told.text());
    if (told.has_retry_after()) result.retry_after = wait_of(told.retry_after());
    if (told.has_period()) result.period = wait_of(told.period());
    return result;
  };
  switch (told.reason()) {
    case v1::NOT_PROCESSED_REASON_STALE_STAMP:
      return answer(Verdict::StaleStamp, Arrival::NeverSent);
    case v1::NOT_PROCESSED_REASON_NEVER_WRITTEN:
      return answer(Verdict::NeverWritten, Arrival::NeverSent);
    case v1::NOT_PROCESSED_REASON_RATE_LIMITED:
      return answer(Verdict::Throttled, Arrival::Answered);
    case v1::NOT_PROCESSED_REASON_UNAUTHORIZED:
      return answer(Verdict::Unauthorized, Arrival::Answered);
    default:
      return doubtful(told.http_status(), told.text());
  }
}

Answer from_order_state(const v1::OrderState& state) {
  const auto status = from_wire(state.reading());
  if (!status) return doubtful(state.http_status(), {});
  Answer answer = certain(Verdict::Read, Arrival::Answered, state.http_status(), 0, {});
  answer.reading = {*status, state.quantity(), state.left_amount(), state.price(), state.symbol()};
  return answer;
}

Answer from_listing(const v1::OpenOrdersPart& part) {
  Answer answer = certain(Verdict::Read, Arrival::Answered, part.http_status(), 0, {});
  answer.listing = to_listing(part);
  return answer.listing ? answer : doubtful(part.http_status(), "the worker told open orders that are not legible");
}

Answer from_body(const v1::Outcome& outcome) {
  switch (outcome.outcome_case()) {
    case v1::Outcome::kAck:
      return from_ack(outcome.ack());
    case v1::Outcome::kUnresolved:
      return from_unresolved(outcome.unresolved());
    case v1::Outcome::kNotProcessed:
      return from_not_processed(outcome.not_processed());
    case v1::Outcome::kOrderState:
      return from_order_state(outcome.order_state());
    case v1::Outcome::kOpenOrders:
      return from_listing(outcome.open_orders());
    case v1::Outcome::OUTCOME_NOT_SET:
      break;
  }
  return doubtful(0, {});
}

}  // namespace

void fill_outcome(const Answer& answer, v1::Outcome& outcome, uint32_t part) {
  if (answer.sent) *outcome.mutable_sent() = to_timestamp(*answer.sent);
  if (answer.answered) *outcome.mutable_answered() = to_timestamp(*answer.answered);
  switch (answer.verdict) {
    case Verdict::Accepted:
      return fill_ack(answer, v1::CANCEL_ACK_STATUS_ACCEPTED, v1::CXL_REJ_REASON_UNSPECIFIED, true, outcome);
    case Verdict::UnknownOrder:
      return fill_rejection(answer, v1::CXL_REJ_REASON_UNKNOWN_ORDER, true, outcome);
    case Verdict::Refused:
      return fill_rejection(answer, v1::CXL_REJ_REASON_OTHER, true, outcome);
    case Verdict::Blocked:
      return fill_rejection(answer, v1::CXL_REJ_REASON_BLOCKED, false, outcome);
    case Verdict::WrongRequest:
      return fill_rejection(answer, v1::CXL_REJ_REASON_OTHER, false, outcome);
    case Verdict::Unauthorized:
      return fill_not_processed(answer, v1::NOT_PROCESSED_REASON_UNAUTHORIZED, outcome);
    case Verdict::Throttled:
      return fill_not_processed(answer, v1::NOT_PROCESSED_REASON_RATE_LIMITED, outcome);
    case Verdict::StaleStamp:
      return fill_not_processed(answer, v1::NOT_PROCESSED_REASON_STALE_STAMP, outcome);
    case Verdict::NeverWritten:
      return fill_not_processed(answer, v1::NOT_PROCESSED_REASON_NEVER_WRITTEN, outcome);
    case Verdict::Read:
      return answer.listing ? fill_listing(answer, part, outcome) : fill_order_state(answer, outcome);
    case Verdict::Doubtful:
      return fill_unresolved(answer, outcome);
  }
}

Answer to_answer(const v1::Outcome& outcome) {
  Answer answer = from_body(outcome);
  // A time that cannot be read is a time not known: it decides nothing.
  if (outcome.has_sent()) answer.sent = to_wall_time(outcome.sent());
  if (outcome.has_answered()) answer.answered = to_wall_time(outcome.answered());
  return answer;
}

}  // namespace cancelbus::wire
