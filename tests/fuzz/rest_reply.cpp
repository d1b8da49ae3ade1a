// A reply of the exchange: three lines (HTTP status, the order asked for, Retry-After), then the body.
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <initializer_list>
#include <string>
#include <variant>

#include "service/btcturk/rest.hpp"
#include "service/wire/backend_codec.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

using core::Answer;
using core::Arrival;
using core::Verdict;
using namespace std::chrono_literals;

template <typename Number>
Number number(std::string_view digits) {
  Number value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

void require_sane(const Answer& answer, int status, std::initializer_list<Verdict> allowed) {
  const bool is_allowed = std::ranges::find(allowed, answer.verdict) != allowed.end();
  require(is_allowed, "a reply is read as one of the verdicts that its request can have");
  require(answer.arrival == Arrival::Answered || answer.arrival == Arrival::Page, "a reply bounds the arrival");
  require(answer.verdict == Verdict::Doubtful || answer.arrival == Arrival::Answered,
          "whatever is not in doubt is the exchange's own word");
  require(answer.http_status == status, "the status is carried along");
  require(is_shown_text(answer.text), "the text is fit to be shown");
  const bool asks =
      answer.verdict == Verdict::Throttled || (answer.verdict == Verdict::Doubtful && (status == 418 || status == 503));
  require(!answer.retry_after || asks, "only a 429, a 418 and a 503 ask to wait");
  require(!answer.retry_after || (*answer.retry_after >= 0s && *answer.retry_after <= 24h), "a wait is 0 to 24 h");
  require(!answer.period || answer.verdict == Verdict::Throttled, "only a 429 names a window");
  for (const auto& decimal : {answer.reading.quantity, answer.reading.left_amount, answer.reading.price}) {
    require(is_decimal_or_empty(decimal), "amounts are decimals");
  }
  require(is_shown_text(answer.reading.symbol), "the symbol is fit to be shown");
}

// What the worker has read, the bus must learn.
void require_survives_the_wire(const Answer& answer) {
  const auto told = wire::decode_backend_request(wire::encode_outcome(7, answer).front(), "peer");
  require(told.ok(), "every answer can be told");
  const auto* ended = std::get_if<core::TaskEnded>(&*told);
  require(ended != nullptr && ended->task == 7, "an answer ends its task");
  const Answer& heard = ended->answer;
  require(heard.verdict == answer.verdict && heard.arrival == answer.arrival, "the bus hears what the worker read");
  require(heard.http_status == answer.http_status && heard.retry_after == answer.retry_after, "nothing is lost of it");
  require(heard.period == answer.period, "the window arrives");
  require(answer.verdict == Verdict::Read || heard.text == answer.text, "the text arrives whole");
  require(heard.reading.status == answer.reading.status && heard.reading.quantity == answer.reading.quantity &&
              heard.reading.left_amount == answer.reading.left_amount,
          "a reading arrives whole");
}

std::string written(const boost::json::value& reply) {
  const boost::json::value* headers = reply.as_object().if_contains("headers");
  const std::string retry_after = headers ? headers->at("Retry-After").as_string().c_str() : "";
  const boost::json::value& body = reply.at("body");
  const std::string text = body.is_string() ? std::string(body.as_string()) : boost::json::serialize(body);
  return std::to_string(reply.at("status").as_int64()) + "\n61912740\n" + retry_after + "\n" + text;
}

}  // namespace

bool rest_reply(std::string_view input) {
  btcturk::HttpReply reply;
  reply.status = number<int>(take_until(input, '\n'));
  const auto asked = number<core::OrderId>(take_until(input, '\n'));
  reply.retry_after = take_until(input, '\n');
  reply.date = "Wed, 21 Oct 2026 07:28:00 GMT";
  reply.body = input;

  const Answer canceled = btcturk::read_cancel_reply(reply);
  require_sane(canceled, reply.status,
               {Verdict::Accepted, Verdict::UnknownOrder, Verdict::Refused, Verdict::Blocked, Verdict::WrongRequest,
                Verdict::Unauthorized, Verdict::Throttled, Verdict::Doubtful});
  require(canceled.verdict != Verdict::Accepted || reply.status == 200, "only a 200 accepts");
  require_survives_the_wire(canceled);

  const Answer read = btcturk::read_query_reply(reply, asked);
  require_sane(read, reply.status,
               {Verdict::Read, Verdict::WrongRequest, Verdict::Unauthorized, Verdict::Throttled, Verdict::Doubtful});
  require_survives_the_wire(read);

  const auto time = btcturk::read_server_time(reply);
  require(!time.ok() || (*time > 0ms && *time <= core::Duration::max()), "the exchange's clock stands within 64 bits");
  return canceled.verdict != Verdict::Doubtful || read.verdict != Verdict::Doubtful || time.ok();
}

std::vector<std::string> rest_reply_seeds() {
  std::vector<std::string> seeds = {"200\n1\n\n{\"data\":{\"serverTime\":1700000000000}}",
                                    "200\n1\n\n{\"serverTime\":1700000000000}",
                                    "404\n1\n\n",
                                    "429\n1\n\n{\"period\":\"1h\"}",
                                    R"(200
5
0
{"success":true,"data":{"id":"5","status":"Partial","quantity":0.1,"leftAmount":"1e3","price":12345678901234567890}})",
                                    "200\n1\n\n{\"success\":true,\"message\":\"\\ud83d\\ude00 \\u0000 \\u009b\"}"};
  for (const auto& [name, reply] : payloads("rest")) seeds.push_back(written(reply));
  return seeds;
}

}  // namespace cancelbus::fuzz
