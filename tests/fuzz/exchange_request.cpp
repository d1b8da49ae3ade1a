// A request to the local exchange: method and target on the first line, then the body; with the method WS, a text frame
// on its stream. Requests are signed, so that what lies behind the signature is reached.
#include <boost/json.hpp>
#include <chrono>
#include <string>
#include <variant>

#include "tests/exchange/exchange.hpp"
#include "tests/exchange/signature.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

namespace sim = exchange_sim;

constexpr const char* PublicKey = "key";
constexpr const char* Secret = "secret";
constexpr sim::RequestId Request = 1;
constexpr sim::StreamId Stream = 2;

sim::Settings small() {
  sim::Settings settings;
  settings.keys = {{PublicKey, Secret}};
  settings.max_orders = 64;
  return settings;
}

bool is_json(std::string_view text) {
  boost::system::error_code error;
  boost::json::parse({text.data(), text.size()}, error);
  return !error;
}

/// One exchange, and what came back from it.
class Trial {
 public:
  Trial() : exchange_(small()) {}

  void request(std::string method, std::string target, std::string body) {
    sim::HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.public_key = PublicKey;
    request.stamp = std::to_string(sim::unix_ms(now_));
    request.signature = sim::sign(Secret, request.public_key + request.stamp);
    request.body = std::move(body);
    request.ip = "127.0.0.1";
    exchange_.request(now_, Request, std::move(request));
    settle();
  }

  void frame(std::string_view text) {
    exchange_.stream_opened(now_, Stream);
    exchange_.stream_text(now_, Stream, text);
    settle();
  }

  size_t answers() const { return answers_; }
  unsigned status() const { return status_; }

 private:
  // A stream is pinged without end, so the agenda is never empty: ten deadlines show what a request sets in motion.
  void settle() {
    look();
    for (int i = 0; i < 10; ++i) {
      const auto next = exchange_.next_deadline();
      if (!next) break;
      now_ = std::max(now_, *next);
      exchange_.advance(now_);
      look();
    }
  }

  void look() {
    for (const auto& output : exchange_.take_outputs()) {
      if (const auto* reply = std::get_if<sim::Reply>(&output)) {
        require(reply->request == Request, "an answer is to a request");
        require(is_json(reply->answer.body), "the exchange answers in JSON");
        status_ = reply->answer.status;
        ++answers_;
      } else if (const auto* frame = std::get_if<sim::SendFrame>(&output)) {
        require(frame->stream == Stream && is_json(frame->text), "the stream speaks JSON");
      }
    }
  }

  sim::Exchange exchange_;
  sim::Instant now_{std::chrono::seconds(1'800'000'000)};
  size_t answers_ = 0;
  unsigned status_ = 0;
};

}  // namespace

bool exchange_request(std::string_view input) {
  std::string_view line = take_until(input, '\n');
  const std::string_view method = take_until(line, ' ');
  Trial trial;
  if (method == "WS") {
    trial.frame(input);
    return is_json(input);
  }
  trial.request(std::string(method), std::string(line), std::string(input));
  require(trial.answers() == 1, "without a fault, every request is answered, once");
  return trial.status() == 200;
}

std::vector<std::string> exchange_request_seeds() {
  return {
      "DELETE /api/v1/order?id=5\n",
      "GET /api/v1/order/5\n",
      "GET /api/v1/openOrders?pairSymbol=BTCTRY\n",
      "GET /api/v2/server/time\n",
      "GET /api/v1/order/99999999999999999999\n",
      "POST /api/v1/order\n"
      R"({"quantity":"0.1","price":"100","stopPrice":0,"newOrderClientId":"x","orderMethod":"limit","orderType":"buy","pairSymbol":"BTCTRY"})",
      "POST /sim/orders\n{\"count\":3,\"pairSymbol\":\"BTCTRY\",\"quantity\":\"1.5\",\"price\":10}",
      "POST /sim/faults\n{\"no_452\":{\"share\":0.1},\"latency\":[{\"request_ms\":5,\"count\":1}],\"stall\":null}",
      "POST /sim/fill\n{\"id\":5,\"quantity\":\"1\"}",
      "POST /sim/stream\n{\"mute\":true}",
      "GET /sim/counters\n",
      "GET /sim/faults\n",
      "GET /sim/orders?status=Untouched\n",
      "GET /sim/arrivals?from=0\n",
      "WS\n[114,{\"type\":114,\"publicKey\":\"key\",\"timestamp\":1800000000000,\"nonce\":3000,\"signature\":\"x\"}]",
      "WS\n[151,{}]"};
}

}  // namespace cancelbus::fuzz
