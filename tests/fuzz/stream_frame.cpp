// One text frame of the exchange's stream, as the subscriber takes it: read, judged by the session, told to the bus,
// and redacted for an operator who records.
#include "service/btcturk/stream_frame.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <variant>

#include "service/btcturk/redaction.hpp"
#include "service/btcturk/stream_session.hpp"
#include "service/wire/backend_codec.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

using btcturk::StreamFrame;
using btcturk::StreamSession;
using core::OrderFact;

void require_sane(const StreamFrame& frame) {
  if (const auto* banner = std::get_if<btcturk::BannerFrame>(&frame)) {
    require(is_shown_text(banner->current) && is_shown_text(banner->min), "versions are fit to be shown");
  } else if (const auto* login = std::get_if<btcturk::LoginResult>(&frame)) {
    require(is_shown_text(login->message), "the reason is fit to be shown");
  } else if (const auto* malformed = std::get_if<btcturk::MalformedFrame>(&frame)) {
    require(!malformed->why.empty() && is_shown_text(malformed->why), "it is said why a frame is illegible");
  }
}

void require_sane(const OrderFact& fact) {
  require(fact.order_id > 0, "a fact is about an order");
  require(is_shown_text(fact.symbol), "the symbol is fit to be shown");
  for (const auto& decimal : {fact.price, fact.amount, fact.num_left}) {
    require(is_decimal_or_empty(decimal), "amounts are decimals");
  }
}

void require_survives_the_wire(const OrderFact& fact) {
  const std::string frame = wire::encode_order_fact({{}, 3, 4, fact}, core::WallTime{});
  const auto told = wire::decode_backend_request(frame, "peer");
  require(told.ok(), "every fact can be told");
  const auto* heard = std::get_if<core::StreamFact>(&*told);
  require(heard != nullptr && heard->subscriber == 3 && heard->seq == 4, "a fact stays a fact");
  require(heard->fact.type == fact.type && heard->fact.order_id == fact.order_id && heard->fact.symbol == fact.symbol &&
              heard->fact.price == fact.price && heard->fact.amount == fact.amount &&
              heard->fact.num_left == fact.num_left,
          "the bus hears what the stream said");
}

StreamSession logged_in() {
  StreamSession session({}, 1);
  session.step(core::Tick{}, btcturk::stream_event::Start{});
  session.step(core::Tick{}, btcturk::stream_event::Connected{});
  session.step(core::Tick{}, btcturk::stream_event::Received{btcturk::LoginResult{true, ""}});
  require(session.state().logged_in, "the session logs in");
  return session;
}

void require_redacted(std::string_view input) {
  constexpr std::string_view Ours = "PUBLIC-KEY";
  constexpr std::size_t Most = 200;
  const std::string text = btcturk::redacted(std::string(input) + std::string(Ours), Ours, Most);
  require(text.size() <= 2 * Most, "what is redacted is bounded");
  require(text.find(Ours) == std::string::npos, "our key is nowhere in it");
  const std::string named =
      btcturk::redacted("{\"userId\":907818,\"token\":\"907819\",\"n\":" + std::string(input), "", Most);
  require(named.find("90781") == std::string::npos || input.find("90781") != std::string_view::npos,
          "whatever follows a secret, it is gone");
}

bool is_delivery(const btcturk::StreamAction& action) {
  return std::holds_alternative<btcturk::stream_action::Deliver>(action);
}

}  // namespace

bool stream_frame(std::string_view input) {
  const StreamFrame frame = btcturk::read_frame(input);
  require_sane(frame);
  require_redacted(input);
  const auto* fact = std::get_if<OrderFact>(&frame);
  if (fact != nullptr) {
    require_sane(*fact);
    require_survives_the_wire(*fact);
  }
  StreamSession session = logged_in();
  const auto actions = session.step(core::Tick{}, btcturk::stream_event::Received{frame});
  require(std::ranges::count_if(actions, is_delivery) == (fact == nullptr ? 0 : 1), "facts are delivered, each once");
  return !std::holds_alternative<btcturk::MalformedFrame>(frame);
}

std::vector<std::string> stream_frame_seeds() {
  std::vector<std::string> seeds = {"[452,{\"id\":0}]",
                                    "[452,{\"id\":\"9223372036854775807\",\"price\":1e400}]",
                                    "[423,{\"orderId\":-1}]",
                                    "[7,{}]",
                                    "[]",
                                    "[114,{\"type\":114,\"publicKey\":\"a\\\"\",\"nonce\":3000,\"signature\":\"b\"}]",
                                    "{\\\"user\\\":{\\\"a\\\":[1,\\\"]\\\"]},ip 1.2.3.4",
                                    "{\"type\":452}"};
  for (const auto& [name, frame] : payloads("stream")) seeds.push_back(boost::json::serialize(frame));
  return seeds;
}

}  // namespace cancelbus::fuzz
