#include "cancelbus/switch_book.hpp"

#include "cancelbus/books.hpp"
#include "cancelbus/describe.hpp"

namespace cancelbus::client {
namespace {

/// As the options say. Empty, or what is wrong, with the field's name before it.
std::string make_kill_switch(const KillSwitchOptions& options, v1::KillSwitchRequest& into) {
  into.set_action(options.action);
  set_scope(options, into);
  into.set_reason(options.reason);
  into.set_force(options.force);
  if (auto complaint = complaint_about_scope(options); !complaint.empty()) return complaint;
  if (options.reason.empty()) return "reason is missing: a kill switch says why it is engaged or released";
  return complaint_about({{"reason", options.reason, 128}});
}

v1::KillSwitchReply refused_reply(const std::string& text) {
  v1::KillSwitchReply reply;
  reply.set_status(v1::KILL_SWITCH_STATUS_REFUSED);
  reply.set_text(text);
  return reply;
}

std::string why(const v1::Reject& reject) {
  if (reject.field() == "request") return "the bus is of an earlier version and knows no kill switch and no goodbye";
  return reject.field() + ": " + reject.text();
}

}  // namespace

void SwitchBook::give(const KillSwitchOptions& options, OnKillSwitch callback) {
  v1::KillSwitchRequest request;
  std::string complaint = make_kill_switch(options, request);
  if (complaint.empty() && session_.is_leaving()) complaint = GoodbyeWasSaid;
  if (complaint.empty()) {
    kill_switches_[session_.kill_switch(std::move(request))] = std::move(callback);
  } else if (callback) {
    refused_.emplace_back([call = std::move(callback), complaint] { call(refused_reply(complaint)); });
  }
}

void SwitchBook::say_goodbye(bool keep_orders, OnGoodbye callback) {
  if (session_.goodbye(keep_orders)) {
    on_goodbye_ = std::move(callback);
  } else if (callback) {
    refused_.emplace_back([call = std::move(callback)] { call(GoodbyeRefused{"goodbye was said before"}); });
  }
}

void SwitchBook::settle() {
  // Each may close this.
  while (!refused_.empty()) {
    const auto call = std::move(refused_.front());
    refused_.erase(refused_.begin());
    call();
  }
}

void SwitchBook::tell(const Notice& notice) {
  std::visit([this](const auto& news) { on(news); }, notice);
}

void SwitchBook::answer(uint64_t request_id, const v1::KillSwitchReply& reply) {
  const auto waiting = kill_switches_.extract(request_id);
  if (waiting && waiting.mapped()) waiting.mapped()(reply);
}

void SwitchBook::answer(const GoodbyeAnswer& answer) {
  const auto call = std::exchange(on_goodbye_, {});
  if (call) call(answer);
}

void SwitchBook::on(const v1::KillSwitchReply& reply) { answer(reply.request_id(), reply); }
void SwitchBook::on(const v1::GoodbyeReply& reply) { answer(GoodbyeAnswer(reply)); }
void SwitchBook::on(const KillSwitchUnknown& unknown) {
  answer(unknown.request_id, refused_reply(why(unknown.reject)));
}
void SwitchBook::on(const GoodbyeUnknown& unknown) { answer(GoodbyeAnswer(GoodbyeRefused{why(unknown.reject)})); }

void SwitchBook::close() {
  kill_switches_.clear();
  on_goodbye_ = {};
  refused_.clear();
}

std::string text(const v1::KillSwitchReply& reply) {
  const std::string status = "kill switch " + short_name(reply.status(), "KILL_SWITCH_STATUS_");
  return reply.text().empty() ? status : status + ": " + printable(reply.text());
}

std::string text(const KillSwitchAnswer& answer) {
  if (const auto* reply = std::get_if<v1::KillSwitchReply>(&answer)) return text(*reply);
  return "the client was closed before the bus answered: the kill switch may be engaged or not; ask for the status";
}

std::string text(const GoodbyeAnswer& answer) {
  if (const auto* reply = std::get_if<v1::GoodbyeReply>(&answer)) {
    return reply->text().empty() ? "goodbye answered" : "goodbye: " + printable(reply->text());
  }
  const auto* refused = std::get_if<GoodbyeRefused>(&answer);
  return (refused != nullptr ? "goodbye refused, " + printable(refused->why)
                             : std::string("the client was closed before the bus answered its goodbye")) +
         ": a dead man's switch that is armed fires after its window";
}

}  // namespace cancelbus::client
