#include "cancelbus/session.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <utility>

namespace cancelbus::client {
namespace {

using google::protobuf::util::TimeUtil;

// The ttl of a repetition is what is left of it; the bus counts from its receipt, and takes nothing under 1 ms.
v1::CancelOrder as_of(const v1::CancelOrder& order, std::chrono::nanoseconds age) {
  v1::CancelOrder sent = order;
  if (!order.has_time_to_live()) return sent;
  const int64_t left = TimeUtil::DurationToNanoseconds(order.time_to_live()) - age.count();
  *sent.mutable_time_to_live() = TimeUtil::NanosecondsToDuration(std::max<int64_t>(left, 1'000'000));
  return sent;
}

// Of a Welcome or a HeartbeatReply.
template <typename Reply>
std::optional<v1::EventBar> bar_in(const Reply& reply) {
  return reply.has_event_bar() ? std::optional(reply.event_bar()) : std::nullopt;
}

}  // namespace

Session::Session(SessionOptions options)
    : options_(std::move(options)), own_topic_("client." + options_.sender_comp_id + ".") {
  if (options_.resume) reader_.resume(options_.resume->epoch, own_topic_, options_.resume->next_seq);
}

std::vector<std::string> Session::subscriptions() const {
  std::vector<std::string> prefixes = options_.topics;
  prefixes.push_back(own_topic_);
  return prefixes;
}

void Session::start(Time now) {
  last_heard_ = now;
  say_hello(now);
}

void Session::say_hello(Time now) {
  if (next_bus_due_ == Never) next_bus_due_ = now + NextAfter;
  v1::Hello& hello = *frames_.emplace_back().mutable_hello();
  hello.set_sender_comp_id(options_.sender_comp_id);
  for (const auto& topic : options_.topics) hello.add_topics(topic);
  hello.set_open_commands(options_.open_commands);
  // One that leaves and keeps its orders must not arm what an earlier copy of its goodbye has disarmed; one that does
  // not needs an armed switch, also at a bus with another store.
  if (options_.cancel_on_disconnect && !switches_.keeps_orders()) {
    *hello.mutable_cancel_on_disconnect()->mutable_window() =
        TimeUtil::MillisecondsToDuration(options_.cancel_on_disconnect->count());
  }
  hello_due_ = now + HelloEvery;
}

bool Session::cancel(v1::CancelOrder order, Time now) {
  if (is_leaving()) return false;
  const std::string id = order.cl_ord_id();
  Command command{.order = std::move(order), .asked_at = now};
  if (!commands_.emplace(id, std::move(command)).second) return false;
  waiting_.push_back(id);
  send_waiting(now);
  return true;
}

bool Session::mass_cancel(v1::MassCancel request, Time now) {
  if (is_leaving()) return false;
  const bool given = !commands_.contains(request.cl_ord_id()) && mass_.give(std::move(request), now);
  send_waiting(now);
  return given;
}

template <typename Told>
void Session::tell(std::vector<Told> told) {
  for (auto& one : told) {
    std::visit([this](auto&& news) { notices_.emplace_back(std::move(news)); }, std::move(one));
  }
}

void Session::ask_status(Time now) { status_due_ = now; }

void Session::resolve(v1::ResolveRequest request, Time now) {
  resolve_ = std::move(request);
  resolve_due_ = now;
}

void Session::record(Time now) { record_due_ = now; }

uint64_t Session::open_orders(const OpenOrdersFilter& filter) {
  const uint64_t id = open_orders_.ask(filter);
  if (is_leaving()) refuse_listings();
  return id;
}

uint64_t Session::inquire(v1::SessionRequest request) {
  const uint64_t id = inquiries_.ask(std::move(request));
  if (is_leaving()) refuse_listings();
  return id;
}

void Session::refuse_listings() {
  const std::string why = "goodbye was said, and this client asks for nothing more";
  for (auto& listing : open_orders_.end_all(why)) notices_.emplace_back(std::move(listing));
  tell(inquiries_.end_all(why));
}

uint64_t Session::kill_switch(v1::KillSwitchRequest request) { return switches_.give(std::move(request)); }

bool Session::goodbye(bool keep_orders) {
  if (!switches_.say_goodbye(keep_orders)) return false;
  refuse_listings();
  return true;
}

void Session::on_reply(std::string_view frame, Time now) {
  v1::SessionReply reply;
  if (!reply.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
    notices_.emplace_back(Unreadable{"a session frame of " + std::to_string(frame.size()) + " bytes"});
    return;
  }
  last_heard_ = now;
  on_reply(reply, now);
  drain_reader(now);
  send_waiting(now);
}

void Session::on_reply(v1::SessionReply& reply, Time now) {
  switch (reply.reply_case()) {
    case v1::SessionReply::kWelcome:
      return on_welcome(reply.welcome(), now);
    case v1::SessionReply::kReceipt:
      return on_receipt(*reply.mutable_receipt(), now);
    case v1::SessionReply::kRetransmission:
      return on_retransmission(*reply.mutable_retransmission(), now);
    case v1::SessionReply::kRetransmitReject:
      return reader_.on_reject(reply.retransmit_reject(), now);
    case v1::SessionReply::kHeartbeat:
      return on_heartbeat(*reply.mutable_heartbeat(), now);
    case v1::SessionReply::kHelloRequired:
      if (open_) on_reconnected(now);  // else it is one of several: hello is on its way
      return;
    case v1::SessionReply::kStatus:
      status_due_ = Never;
      notices_.emplace_back(std::move(*reply.mutable_status()));
      return;
    case v1::SessionReply::kResolved:
      if (reply.resolved().status() != v1::RESOLVE_STATUS_PENDING) resolve_due_ = Never;
      notices_.emplace_back(std::move(*reply.mutable_resolved()));
      return;
    case v1::SessionReply::kOpenOrders:
      if (auto all = open_orders_.on_page(*reply.mutable_open_orders())) notices_.emplace_back(*std::move(all));
      return;
    case v1::SessionReply::kCommands:
    case v1::SessionReply::kHistory:
    case v1::SessionReply::kRetry:
      return tell(inquiries_.on_answer(reply));
    case v1::SessionReply::kMassCancelPreview:
      return tell(mass_.on_preview(reply.mass_cancel_preview()));
    case v1::SessionReply::kKillSwitch:
      return tell(switches_.on_answer(reply.kill_switch()));
    case v1::SessionReply::kGoodbye:
      return tell(switches_.on_answer(reply.goodbye()));
    case v1::SessionReply::kRecording:
      recording_ = true;
      return;
    case v1::SessionReply::kReject:
      on_reject(reply.reject());
      notices_.emplace_back(std::move(*reply.mutable_reject()));
      return;
    case v1::SessionReply::kNotLeading:
      return on_not_leading(now);
    case v1::SessionReply::REPLY_NOT_SET:  // a reply of a later contract
      return;
  }
}

void Session::on_reject(const v1::Reject& reject) {
  if (auto refused = open_orders_.on_reject(reject)) notices_.emplace_back(*std::move(refused));
  tell(inquiries_.on_reject(reject));
  tell(mass_.on_reject(reject));
  tell(switches_.on_reject(reject));
  // A bus that is too old to know what it is asked.
  const bool unknown = reject.field() == "request";
  if (unknown || reject.field().starts_with("resolve")) resolve_due_ = Never;
  if (!unknown && reject.field() != "record") return;
  record_due_ = Never;
  recording_ = false;
}

void Session::on_not_leading(Time now) {
  open_ = false;
  next_bus_due_ = bus_since_ == Time::min() ? now : std::max(now, bus_since_ + NextAfterRefusal);
  hello_due_ = now + HelloEvery;
}

// Of a bus that leads no more. A store of which nothing was seen yet has terms of its own.
bool Session::is_outdated(uint64_t epoch, uint64_t term) {
  if (term == 0) return false;
  if (term < term_ && epochs_.contains(epoch)) return true;
  term_ = term;
  epochs_.insert(epoch);
  return false;
}

void Session::on_welcome(const v1::Welcome& welcome, Time now) {
  if (is_outdated(welcome.epoch(), welcome.term())) return on_not_leading(now);
  next_bus_due_ = Never;
  if (!open_) {
    open_ = true;
    silent_told_ = false;
    hello_due_ = Never;
    heartbeat_due_ = now + HeartbeatEvery;
    const auto own = std::ranges::find(welcome.position(), own_topic_, &v1::TopicPosition::topic);
    notices_.emplace_back(Connected{welcome.epoch(), own == welcome.position().end() ? 0 : own->next_seq()});
    open_orders_.restart();
    // What was under way when the session broke may never have arrived.
    queue_unreceived();
    mass_.on_reconnected(now);
    switches_.on_reconnected();
    inquiries_.on_reconnected();
  }
  event_bar_ = bar_in(welcome);
  reader_.on_positions(welcome.epoch(), welcome.position(), now);
}

void Session::on_heartbeat(v1::HeartbeatReply& reply, Time now) {
  if (is_outdated(reply.epoch(), reply.term())) return on_not_leading(now);
  const auto same = [](const v1::Cause& a, const v1::Cause& b) {
    return a.kind() == b.kind() && a.limiter() == b.limiter();
  };
  const bool news = !std::ranges::equal(causes_, reply.cause(), same);
  event_bar_ = bar_in(reply);
  causes_.assign(reply.cause().begin(), reply.cause().end());
  if (news) notices_.emplace_back(Causes{causes_});
  reader_.on_positions(reply.epoch(), reply.position(), now);
}

std::vector<v1::Cause> Session::causes() const { return open_ ? causes_ : std::vector<v1::Cause>(); }

void Session::on_reconnected(Time now) {
  if (switches_.has_left()) return;
  open_ = false;
  say_hello(now);
}

void Session::on_receipt(v1::Receipt& receipt, Time now) {
  const auto it = commands_.find(receipt.cl_ord_id());
  if (it == commands_.end()) return tell(mass_.on_receipt(receipt, now));
  Command& command = it->second;
  if (receipt.status() == v1::RECEIPT_STATUS_REFUSED) {
    if (command.acked) return;
    if (command.received) return doubt_receipt(command, now);
    end(it);
    notices_.emplace_back(std::move(receipt));
    return;
  }
  // Otherwise it is repeated: the receipt comes alone if what follows it is lost, and it may be one of an earlier copy.
  mark_received(command, command.is_live() ? Never : now + RepeatUntilAck);
  if (command.receipt_told || command.acked) return;
  command.receipt_told = true;
  notices_.emplace_back(std::move(receipt));
}

// One of the two receipts is of an earlier copy, or of an earlier command with this cl_ord_id: the next one counts.
void Session::doubt_receipt(Command& command, Time now) {
  command.received = false;
  schedule(command, now + RepeatUntilReceipt);
}

void Session::on_retransmission(v1::Event& event, Time now) {
  // The answer to a repeated command can stand before the place where reading began.
  const bool repetition = event.seq() != 0 && !reader_.on_event(event, now);
  if (!repetition) return;
  // The final may stand there as well, and its repetition may be lost: only another repetition brings it.
  apply(event, now + RepeatUntilAck, now);
}

void Session::on_event(std::string_view topic, std::string_view payload, Time now) {
  v1::Event event;
  if (!event.ParseFromArray(payload.data(), static_cast<int>(payload.size())) || event.topic() != topic) {
    notices_.emplace_back(Unreadable{"an event of " + std::to_string(payload.size()) + " bytes on its topic frame"});
    return;
  }
  // What it lacks comes with the next heartbeat of the bus that leads.
  if (event.term() != 0 && event.term() < term_ && epochs_.contains(event.epoch())) return;
  reader_.on_event(std::move(event), now);
  drain_reader(now);
  send_waiting(now);
}

void Session::drain_reader(Time now) {
  for (auto& output : reader_.take()) {
    if (auto* event = std::get_if<v1::Event>(&output)) {
      deliver(std::move(*event), now);
    } else if (auto* request = std::get_if<v1::RetransmitRequest>(&output)) {
      if (!is_leaving()) *frames_.emplace_back().mutable_retransmit_request() = std::move(*request);
    } else if (auto* lost = std::get_if<LostEvents>(&output)) {
      // An ack or a final of ours may be among them: a repeated command is told again what became of it.
      if (lost->topic == own_topic_) {
        for (auto& [id, command] : commands_) command.received = false;
        queue_unreceived();
        mass_.on_lost_events(now);
      }
      notices_.emplace_back(std::move(*lost));
    } else if (auto* epoch = std::get_if<NewEpoch>(&output)) {
      forget_what_was_told();
      notices_.emplace_back(*epoch);
      tell(mass_.on_new_epoch(now));
    }
  }
}

// A new store may know none of our commands: they begin anew.
void Session::forget_what_was_told() {
  for (auto& [id, command] : commands_) command.received = command.receipt_told = command.acked = false;
  queue_unreceived();
}

// Another command may have had the same cl_ord_id, for another order.
template <typename News>
Session::Commands::iterator Session::find(const News& news) {
  const auto it = commands_.find(news.cl_ord_id());
  return it != commands_.end() && it->second.order.order_id() == news.order_id() ? it : commands_.end();
}

void Session::deliver(v1::Event event, Time now) {
  if (event.topic() == own_topic_) {
    apply(event, Never, now);
    if (event.has_cancel_status() && find(event.cancel_status()) != commands_.end()) {
      notices_.emplace_back(event.cancel_status());
    }
  }
  notices_.emplace_back(std::move(event));
}

void Session::apply(const v1::Event& event, Time repeat_at, Time now) {
  if (event.topic() != own_topic_) return;
  if (event.has_cancel_ack()) apply(event.cancel_ack(), repeat_at);
  if (event.has_cancel_final()) apply(event.cancel_final());
  if (event.has_mass_cancel_report()) {
    tell(mass_.on_report(event.mass_cancel_report(), event.seq(), repeat_at == Never, now));
  }
}

void Session::apply(const v1::CancelAck& ack, Time repeat_at) {
  const auto it = find(ack);
  if (it == commands_.end()) return;
  if (!std::exchange(it->second.acked, true)) notices_.emplace_back(ack);
  mark_received(it->second, repeat_at);
  if (!ack.final_follows()) end(it);
}

void Session::apply(const v1::CancelFinal& final) {
  const auto it = find(final);
  // A final whose ack was lost on its way comes again, with its ack, when the command is repeated.
  if (it == commands_.end() || !it->second.acked) return;
  notices_.emplace_back(final);
  end(it);
}

void Session::mark_received(Command& command, Time repeat_at) {
  command.received = true;
  leave_the_wire(command);
  schedule(command, repeat_at);
}

void Session::leave_the_wire(Command& command) {
  if (command.on_the_wire) --unreceipted_;
  command.on_the_wire = false;
}

void Session::end(Commands::iterator command) {
  leave_the_wire(command->second);
  commands_.erase(command);
}

void Session::queue_unreceived() {
  waiting_.clear();
  for (auto& [id, command] : commands_) {
    if (command.received) continue;
    leave_the_wire(command);
    command.due = Never;
    waiting_.push_back(id);
  }
}

void Session::send_waiting(Time now) {
  if (!open_ || is_leaving()) return;
  for (auto& frame : mass_.take_due(now)) frames_.push_back(std::move(frame));
  while (!waiting_.empty() && unreceipted_ < MaxUnreceipted) {
    const auto it = commands_.find(waiting_.front());
    waiting_.pop_front();
    if (it == commands_.end() || it->second.received || it->second.on_the_wire) continue;
    it->second.on_the_wire = true;
    ++unreceipted_;
    send(it->second, now);
  }
}

void Session::send(Command& command, Time now) {
  *frames_.emplace_back().mutable_cancel_order() = as_of(command.order, now - command.asked_at);
  schedule(command, now + (command.received ? std::chrono::seconds(RepeatUntilAck) : RepeatUntilReceipt));
}

void Session::schedule(Command& command, Time due) {
  command.due = due;
  if (due != Never) repeats_.emplace(due, command.order.cl_ord_id());
}

void Session::repeat_due(Time now) {
  while (!repeats_.empty() && repeats_.begin()->first <= now) {
    const auto [due, id] = *repeats_.begin();
    repeats_.erase(repeats_.begin());
    const auto it = commands_.find(id);
    if (it != commands_.end() && it->second.due == due) send(it->second, now);
  }
}

void Session::on_time(Time now) {
  if (switches_.has_left()) return;
  if (!silent_told_ && now - last_heard_ >= SilentAfter) {
    silent_told_ = true;
    open_ = false;
    notices_.emplace_back(Silent{SilentAfter});
    hello_due_ = now;
    next_bus_due_ = now;
  }
  if (!open_ && hello_due_ <= now) say_hello(now);
  if (!open_ && next_bus_due_ <= now) {
    next_bus_wanted_ = true;
    bus_since_ = now;
    next_bus_due_ = now + NextAfter;
  }
  if (open_ && !is_leaving()) ask_what_is_due(now);
  if (auto frame = open_ ? switches_.take_due(now) : std::nullopt) frames_.push_back(*std::move(frame));
  reader_.on_time(now);
  drain_reader(now);
  send_waiting(now);
}

void Session::ask_what_is_due(Time now) {
  if (heartbeat_due_ <= now) {
    frames_.emplace_back().mutable_heartbeat();
    heartbeat_due_ = now + HeartbeatEvery;
  }
  if (status_due_ <= now) {
    frames_.emplace_back().mutable_status_request();
    status_due_ = now + HeartbeatEvery;
  }
  if (resolve_due_ <= now) {
    *frames_.emplace_back().mutable_resolve() = resolve_;
    resolve_due_ = now + RepeatUntilReceipt;
  }
  if (auto page = open_orders_.due(now)) *frames_.emplace_back().mutable_open_orders_request() = *std::move(page);
  if (auto request = inquiries_.due(now)) frames_.push_back(*std::move(request));
  if (record_due_ <= now) {
    frames_.emplace_back().mutable_record();
    record_due_ = now + RecordEvery;
  }
  repeat_due(now);
}

Time Session::next_deadline() const {
  if (switches_.has_left()) return Never;
  Time deadline = reader_.next_deadline();
  if (!silent_told_) deadline = std::min(deadline, last_heard_ + SilentAfter);
  if (!open_) return std::min({deadline, hello_due_, next_bus_due_});
  deadline = std::min(deadline, switches_.next_deadline());
  if (is_leaving()) return deadline;
  deadline = std::min({deadline, heartbeat_due_, status_due_, resolve_due_, record_due_, open_orders_.next_deadline(),
                       inquiries_.next_deadline(), mass_.next_deadline()});
  return repeats_.empty() ? deadline : std::min(deadline, repeats_.begin()->first);
}

std::vector<v1::SessionRequest> Session::take_frames() { return std::exchange(frames_, {}); }
std::vector<Notice> Session::take_notices() { return std::exchange(notices_, {}); }

}  // namespace cancelbus::client
