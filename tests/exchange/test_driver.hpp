// Drives the model in the unit tests: signs requests, moves the clock, and keeps what came out.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/exchange/exchange.hpp"
#include "tests/exchange/signature.hpp"

namespace exchange_sim {

class Driver {
 public:
  static constexpr std::string_view kKey = "PUB";
  static constexpr std::string_view kSecret = "secret";

  static Settings with_keys(Settings settings = {}) {
    settings.keys = {KeyPair{std::string(kKey), std::string(kSecret)}};
    return settings;
  }
  explicit Driver(Settings settings = {}) : exchange(with_keys(std::move(settings))) {}

  Exchange exchange;
  Instant now{std::chrono::seconds{1'800'000'000}};
  std::map<RequestId, HttpAnswer> answers;
  std::vector<RequestId> resets;
  std::vector<std::string> order_of_events;  // "200", "452", ... as they left
  std::map<StreamId, std::vector<boost::json::value>> frames;
  std::map<StreamId, int> pings;
  std::vector<SilenceStream> silenced;
  std::vector<EndStream> ended;

  void collect() {
    for (const Output& output : exchange.take_outputs()) {
      if (const auto* reply = std::get_if<Reply>(&output)) {
        answers[reply->request] = reply->answer;
        order_of_events.push_back(std::to_string(reply->answer.status));
      } else if (const auto* reset = std::get_if<ResetConnection>(&output)) {
        resets.push_back(reset->request);
      } else if (const auto* frame = std::get_if<SendFrame>(&output)) {
        boost::system::error_code error;
        auto parsed = boost::json::parse(frame->text, error);
        if (error) parsed = boost::json::string(frame->text);
        if (!error) order_of_events.push_back(std::to_string(parsed.at(0).as_int64()));
        frames[frame->stream].push_back(std::move(parsed));
      } else if (const auto* ping = std::get_if<SendPing>(&output)) {
        ++pings[ping->stream];
      } else if (const auto* silence = std::get_if<SilenceStream>(&output)) {
        silenced.push_back(*silence);
      } else if (const auto* end = std::get_if<EndStream>(&output)) {
        ended.push_back(*end);
      }
    }
  }

  // Stops at every deadline on the way, as a real clock would.
  void advance(Micros by) {
    const Instant end = now + by;
    while (true) {
      const auto next = exchange.next_deadline();
      now = next && *next < end ? std::max(now, *next) : end;
      exchange.advance(now);
      collect();
      if (now == end) return;
    }
  }

  RequestId send(HttpRequest request) {
    const RequestId id = ++last_request;
    exchange.request(now, id, std::move(request));
    collect();
    return id;
  }

  HttpRequest signed_request(std::string method, std::string target, std::string body = "") {
    last_stamp = std::max(last_stamp + 1, unix_ms(now));
    return signed_with(std::to_string(last_stamp), std::move(method), std::move(target), std::move(body));
  }

  static HttpRequest signed_with(const std::string& stamp, std::string method, std::string target,
                                 std::string body = "") {
    return HttpRequest{
        std::move(method), std::move(target), std::string(kKey), stamp, sign(kSecret, std::string(kKey) + stamp),
        std::move(body),   "10.0.0.1"};
  }

  // The answer if it has come, status 0 if not.
  HttpAnswer answer(RequestId id) const {
    const auto found = answers.find(id);
    return found == answers.end() ? HttpAnswer{0, "", {}, false} : found->second;
  }

  static std::string cancel_target(std::int64_t order) { return "/api/v1/order?id=" + std::to_string(order); }
  RequestId send_cancel(std::int64_t order) { return send(signed_request("DELETE", cancel_target(order))); }
  HttpAnswer cancel(std::int64_t order) { return answer(send_cancel(order)); }

  std::string status_of(std::int64_t order) {
    const auto reply = answer(send(signed_request("GET", "/api/v1/order/" + std::to_string(order))));
    return std::string(boost::json::parse(reply.body).at("data").at("status").as_string());
  }

  HttpAnswer control_answer(std::string method, std::string path, std::string body = "") {
    return answer(send(HttpRequest{std::move(method), "/sim/" + path, "", "", "", std::move(body), "10.0.0.1"}));
  }
  boost::json::value control(std::string method, std::string path, std::string body = "") {
    return boost::json::parse(control_answer(std::move(method), std::move(path), std::move(body)).body);
  }
  boost::json::value counters() { return control("GET", "counters"); }

  std::int64_t place() { return place(1).front(); }
  std::vector<std::int64_t> place(int count) {
    std::vector<std::int64_t> ids;
    const auto reply = control("POST", "orders", "{\"count\":" + std::to_string(count) + "}");
    for (const auto& id : reply.at("ids").as_array()) ids.push_back(id.as_int64());
    return ids;
  }

  static std::string login_message(Instant at, std::int64_t nonce = 3000, std::string_view key = kKey) {
    return boost::json::serialize(boost::json::array{
        114, boost::json::object{{"type", 114},
                                 {"publicKey", std::string(key)},
                                 {"timestamp", unix_ms(at)},
                                 {"nonce", nonce},
                                 {"signature", sign(kSecret, std::string(key) + std::to_string(nonce))}}});
  }
  // Opens a stream, logs in, and forgets the frames of that.
  StreamId log_in() {
    const StreamId id = open_stream();
    exchange.stream_text(now, id, login_message(now));
    collect();
    frames[id].clear();
    order_of_events.clear();
    return id;
  }
  StreamId open_stream() {
    const StreamId id = ++last_stream;
    exchange.stream_opened(now, id);
    collect();
    return id;
  }

  // The types of the frames so far, balances left out.
  std::vector<std::int64_t> types(StreamId id) const {
    std::vector<std::int64_t> out;
    const auto found = frames.find(id);
    if (found == frames.end()) return out;
    for (const auto& frame : found->second) {
      if (frame.at(0) != 201) out.push_back(frame.at(0).as_int64());
    }
    return out;
  }
  // The bodies of all frames of one type.
  std::vector<boost::json::object> bodies(StreamId id, std::int64_t type) const {
    std::vector<boost::json::object> out;
    const auto found = frames.find(id);
    if (found == frames.end()) return out;
    for (const auto& frame : found->second) {
      if (frame.at(0) == type) out.push_back(frame.at(1).as_object());
    }
    return out;
  }

  RequestId last_request = 0;
  StreamId last_stream = 1000;
  std::int64_t last_stamp = 0;
};

}  // namespace exchange_sim
