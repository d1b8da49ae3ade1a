#include "tests/simulation/venue.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <utility>

namespace cancelbus::simulation {

namespace sim = exchange_sim;

Venue::Venue(World& world, sim::Settings settings)
    : world_(world), exchange_(std::move(settings)), alarm_(world.agenda, [this] {
        exchange_.advance(now());
        settle();
      }) {}

sim::Instant Venue::now() const { return std::chrono::floor<sim::Micros>(Beginning + world_.now().time_since_epoch()); }

uint64_t Venue::request(HttpRequest request, OnAnswer on_answer) {
  const uint64_t id = ++last_id_;
  requests_[id] = std::move(on_answer);
  exchange_.request(now(), id, std::move(request));
  settle();
  return id;
}

void Venue::abandoned(uint64_t request) {
  if (requests_.erase(request) == 0) return;
  exchange_.abandoned(now(), request);
  settle();
}

std::optional<Venue::HttpAnswer> Venue::handshake(const std::string& ip) {
  auto refusal = exchange_.handshake(now(), ip);
  settle();
  return refusal;
}

uint64_t Venue::open_stream(Stream stream) {
  const uint64_t id = ++last_id_;
  streams_[id] = std::move(stream);
  exchange_.stream_opened(now(), id);
  settle();
  return id;
}

void Venue::stream_text(uint64_t id, const std::string& text) {
  if (!streams_.contains(id)) return;
  exchange_.stream_text(now(), id, text);
  settle();
}

void Venue::stream_pong(uint64_t id) {
  if (!streams_.contains(id)) return;
  exchange_.stream_pong(now(), id);
  settle();
}

void Venue::stream_closed(uint64_t id) {
  if (streams_.erase(id) == 0) return;
  exchange_.stream_closed(now(), id);
  settle();
}

std::vector<core::OrderId> Venue::place(int count) {
  std::vector<core::OrderId> ids;
  const auto reply = boost::json::parse(ask("orders", "{\"count\":" + std::to_string(count) + "}").body);
  for (const auto& id : reply.at("ids").as_array()) ids.push_back(id.as_int64());
  return ids;
}

core::OrderId Venue::place(const PlacePlan& order) {
  const boost::json::object body = {
      {"pairSymbol", order.pair}, {"newOrderClientId", order.client_id}, {"orderType", order.sell ? "sell" : "buy"}};
  return boost::json::parse(ask("orders", boost::json::serialize(body)).body).at("ids").at(0).as_int64();
}

bool Venue::control(const std::string& what, const std::string& body) {
  const HttpAnswer answer = ask(what, body);
  world_.tell("hand", what, ' ', body, answer.status == 200 ? "" : ": " + answer.body);
  // An order may be gone before a hand comes to it; anything else is the plan's mistake.
  const bool about_an_order = what == "fill" || what == "edit" || what == "cancel";
  if (answer.status != 200 && !about_an_order) world_.fail(what, ": ", answer.body);
  return answer.status == 200;
}

Venue::HttpAnswer Venue::ask(const std::string& path, const std::string& body) {
  HttpAnswer answer;
  HttpRequest question;
  question.method = "POST";
  question.target = "/sim/" + path;
  question.body = body;
  request(std::move(question), [&answer](const HttpAnswer* given) { answer = *given; });
  return answer;
}

void Venue::settle() {
  if (watch_) watch_->exchange_moved();
  for (auto& output : exchange_.take_outputs()) {
    if (const auto* reply = std::get_if<sim::Reply>(&output)) {
      if (const auto node = requests_.extract(reply->request)) node.mapped()(&reply->answer);
    } else if (const auto* reset = std::get_if<sim::ResetConnection>(&output)) {
      if (const auto node = requests_.extract(reset->request)) node.mapped()(nullptr);
    } else if (const auto* frame = std::get_if<sim::SendFrame>(&output)) {
      const auto it = streams_.find(frame->stream);
      if (it == streams_.end()) continue;
      if (watch_) watch_->frame_leaves(frame->text);
      it->second.on_text(frame->text);
    } else if (const auto* ping = std::get_if<sim::SendPing>(&output)) {
      if (const auto it = streams_.find(ping->stream); it != streams_.end()) it->second.on_ping();
    } else if (const auto* end = std::get_if<sim::EndStream>(&output)) {
      if (const auto node = streams_.extract(end->stream)) {
        exchange_.stream_closed(now(), end->stream);
        node.mapped().on_end();
      }
    }
  }
  if (const auto next = exchange_.next_deadline()) {
    alarm_.set(Time(std::chrono::duration_cast<Duration>(next->time_since_epoch()) - Beginning.time_since_epoch()));
  }
}

}  // namespace cancelbus::simulation
