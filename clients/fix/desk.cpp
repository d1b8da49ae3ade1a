#include "clients/fix/desk.hpp"

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "service/io/log.hpp"

namespace cancelbus::fix {
namespace {

constexpr Verdict Taken{};
constexpr size_t MaxClOrdId = 64;
constexpr size_t MaxMassClOrdId = 32;
constexpr size_t MaxSymbol = 32;
constexpr const char* UnknownOrder = "1";
constexpr const char* DuplicateClOrdId = "6";
constexpr const char* OtherReason = "99";

Verdict wrong(int tag) { return {Verdict::Kind::WrongValue, tag}; }
Verdict missing(int tag) { return {Verdict::Kind::MissingField, tag}; }

bool is_name(const std::string& text, size_t most) {
  return !text.empty() && text.size() <= most && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

/// FIX's way to say that an OrderID is not known.
int64_t order_id_in(const std::string& text) {
  int64_t id = 0;
  return absl::SimpleAtoi(text, &id) && id > 0 ? id : 0;
}

}  // namespace

Desk::Desk(std::string sender, SessionStore& store, Report report)
    : sender_(std::move(sender)), topic_("client." + sender_ + "."), store_(store), report_(std::move(report)) {}

void Desk::restart() {
  for (const Request& request : store_.undecided()) {
    ++undecided_;
    if (request.stage == Stage::Lookup) {
      look_up(request.id, request.order_id);
    } else {
      ask_bus(request);
    }
  }
}

std::vector<Ask> Desk::take_asks() {
  if (asked_.empty() && !lookups_.empty()) {
    asked_ = std::exchange(lookups_, {});
    client::OpenOrdersFilter filter;
    if (asked_.size() == 1) filter.order_id = asked_.front().order_id;
    // Before the command itself, so that the order is still there.
    asks_.insert(asks_.begin(), filter);
  }
  return std::exchange(asks_, {});
}

void Desk::look_up(std::string id, int64_t order_id) {
  if (!id.empty()) looking_.insert(id);
  lookups_.push_back({std::move(id), order_id});
}

void Desk::ask_bus(const Request& request) {
  if (request.type == "q") {
    client::MassCancelOptions options;
    options.cl_ord_id = request.id;
    options.symbol = request.symbol;
    if (!request.side.empty()) options.side = request.side == "1" ? v1::SIDE_BUY : v1::SIDE_SELL;
    asks_.emplace_back(std::move(options));
    look_up(request.id, 0);
    return;
  }
  asks_.emplace_back(AskCancel{request.order_id,
                               {.cl_ord_id = request.id,
                                .symbol = request.symbol.size() <= MaxSymbol ? request.symbol : std::string(),
                                .account = request.account}});
  if (!store_.facts(request.order_id)) look_up(request.id, request.order_id);
}

// ---- What the counterparty says ----

Verdict Desk::on_message(const Incoming& message) {
  if (message.type == "F") return cancel(message);
  if (message.type == "q") return mass_cancel(message);
  if (message.type == "H") return status(message);
  // A reject is not answered by a reject.
  if (message.type == "j") return Taken;
  return {Verdict::Kind::Unsupported, 0};
}

Verdict Desk::cancel(const Incoming& message) {
  Request request{.id = value_of(message.body, tag::ClOrdID), .type = "F"};
  const std::string order_id = value_of(message.body, tag::OrderID);
  request.orig = value_of(message.body, tag::OrigClOrdID);
  request.account = value_of(message.body, tag::Account);
  request.symbol = value_of(message.body, tag::Symbol);
  request.side = value_of(message.body, tag::Side);
  request.order_id = order_id_in(order_id);
  if (!is_name(request.id, MaxClOrdId)) return wrong(tag::ClOrdID);
  const bool no_order_id = order_id.empty() || order_id == "NONE";
  if (no_order_id && request.orig.empty()) return missing(tag::OrigClOrdID);
  if (is_known(message, request)) return Taken;
  ++undecided_;
  if (request.order_id == 0 && !no_order_id) {
    reject(request, UnknownOrder, "8", "OrderID(37) is no order id of this exchange", utc_now());
    return Taken;
  }
  request.stage = request.order_id == 0 ? Stage::Lookup : Stage::Given;
  store_.put(request);
  if (request.stage == Stage::Lookup) {
    look_up(request.id, 0);
  } else {
    ask_bus(request);
  }
  return Taken;
}

Verdict Desk::mass_cancel(const Incoming& message) {
  Request request{.id = value_of(message.body, tag::ClOrdID), .type = "q"};
  request.extra = value_of(message.body, tag::MassCancelRequestType);
  request.symbol = value_of(message.body, tag::Symbol);
  request.side = value_of(message.body, tag::Side);
  request.account = value_of(message.body, tag::Account);
  if (!is_name(request.id, MaxMassClOrdId) || request.id.find('/') != std::string::npos) return wrong(tag::ClOrdID);
  if (request.extra == "1" && request.symbol.empty()) return missing(tag::Symbol);
  if (is_known(message, request)) return Taken;
  ++undecided_;
  std::string why;
  if (request.extra != "1" && request.extra != "7") {
    why = "MassCancelRequestType(530) is neither 1 (a security) nor 7 (all orders)";
  } else if (request.extra == "7" && !request.symbol.empty()) {
    why = "Symbol(55) is for MassCancelRequestType(530) 1";
  } else if (!request.side.empty() && request.side != "1" && request.side != "2") {
    why = "Side(54) is neither 1 (buy) nor 2 (sell)";
  }
  if (!why.empty()) {
    tell(request, mass_cancel_report(request, "NONE", "0", "0", {}, why, utc_now()), Stage::Ended);
    return Taken;
  }
  store_.put(request);
  ask_bus(request);
  return Taken;
}

Verdict Desk::status(const Incoming& message) {
  Request request{.type = "H", .stage = Stage::Lookup};
  request.cl_ord_id = value_of(message.body, tag::ClOrdID);
  request.order_id = order_id_in(value_of(message.body, tag::OrderID));
  request.extra = value_of(message.body, tag::OrdStatusReqID);
  request.account = value_of(message.body, tag::Account);
  request.symbol = value_of(message.body, tag::Symbol);
  request.side = value_of(message.body, tag::Side);
  if (request.cl_ord_id.empty() && request.order_id == 0) return missing(tag::ClOrdID);
  // A space cannot begin a ClOrdID that a counterparty has used: FIX knows no such value.
  request.id = absl::StrCat(" ", store_.next_number());
  ++undecided_;
  store_.put(request);
  look_up(request.id, request.order_id);
  return Taken;
}

/// A repetition is answered with the last report, once more; a ClOrdID that was used for something else is rejected.
bool Desk::is_known(const Incoming& message, const Request& asked) {
  const auto before = store_.find(asked.id);
  if (!before) return false;
  const bool same = before->type == asked.type && before->orig == asked.orig && before->extra == asked.extra &&
                    before->symbol == asked.symbol && (asked.order_id == 0 || before->order_id == asked.order_id);
  if (same && (message.poss_resend || message.poss_dup)) {
    if (before->last.type.empty()) return true;  // its first report is to come
    Outgoing again = before->last;
    add(again.body, tag::PossResend, "Y");
    report_(again);
    return true;
  }
  const std::string why = "ClOrdID(11) was used before";
  if (asked.type == "q") {
    report_(mass_cancel_report(asked, "NONE", "0", OtherReason, {}, why, utc_now()));
  } else {
    const auto facts = store_.facts(asked.order_id);
    const Subject subject{&asked, known(facts), asked.order_id, utc_now()};
    report_(cancel_reject(subject, DuplicateClOrdId, known_status(asked), why));
  }
  return true;
}

// ---- What the bus says ----

void Desk::on_notices(const std::vector<client::Notice>& notices) {
  for (const client::Notice& notice : notices) {
    std::visit([this](const auto& news) { on(news); }, notice);
  }
  repeated(notices);
}

void Desk::on(const client::Connected& connected) {
  if (store_.position().epoch == connected.epoch) return;
  if (store_.position().epoch != 0) io::log_warn("bus_has_another_store", {{"sender", sender_}});
  store_.set_position({connected.epoch, connected.next_seq});
}

void Desk::on(const client::LostEvents& lost) {
  if (lost.topic != topic_) return;
  io::log_warn("events_lost", {{"sender", sender_}, {"from_seq", lost.from_seq}, {"to_seq", lost.to_seq}});
  store_.set_position({store_.position().epoch, lost.to_seq + 1});
}

void Desk::on(const v1::Event& event) {
  if (event.topic() != topic_ || event.seq() == 0) return;
  const std::string exec_id = absl::StrCat(event.epoch(), "-", event.topic(), "-", event.seq());
  if (event.has_cancel_ack()) apply(event.cancel_ack(), event, exec_id);
  if (event.has_cancel_final()) apply(event.cancel_final(), event, exec_id);
  if (event.has_cancel_status()) apply(event.cancel_status(), event, exec_id);
  if (event.has_mass_cancel_report()) apply(event.mass_cancel_report(), event);
  store_.set_position({event.epoch(), event.seq() + 1});
}

void Desk::on(const v1::Receipt& receipt) {
  auto request = live(receipt.cl_ord_id());
  if (!request || request->stage != Stage::Given) return;
  if (receipt.status() == v1::RECEIPT_STATUS_REFUSED) return refused(*request, receipt);
  if (looking_.contains(request->id)) {
    received_early_.insert(request->id);
  } else {
    received(*request);
  }
}

void Desk::received(Request& request) {
  if (request.stage != Stage::Given) return;
  if (request.type == "q") {
    tell(request, mass_cancel_report(request, own_exec_id(request.id, "P"), request.extra, "", {}, "", utc_now()),
         Stage::Pending);
    return;
  }
  const auto facts = store_.facts(request.order_id);
  request.ord_status = "6";
  tell(request, pending_cancel({&request, known(facts), request.order_id, utc_now()}, own_exec_id(request.id, "P"), ""),
       Stage::Pending);
}

void Desk::refused(Request& request, const v1::Receipt& receipt) {
  const std::string text = receipt.text().empty() ? v1::CxlRejReason_Name(receipt.reason()) : receipt.text();
  if (request.type == "q") {
    const std::string reason = receipt.reason() == v1::CXL_REJ_REASON_UNSPECIFIED ? "99" : OtherReason;
    tell(request, mass_cancel_report(request, "NONE", "0", reason, {}, text, utc_now()), Stage::Ended);
    return;
  }
  const bool unknown = receipt.reason() == v1::CXL_REJ_REASON_UNKNOWN_ORDER;
  reject(request, fix_value(receipt.reason()), unknown ? "8" : known_status(request), text, utc_now());
}

void Desk::apply(const v1::CancelAck& ack, const v1::Event& event, const std::string& exec_id) {
  const bool child = is_child(ack.cl_ord_id());
  const auto facts = store_.facts(ack.order_id());
  // Its final will want to tell the side.
  if (child && !facts) look_up({}, ack.order_id());
  auto request = live(ack.cl_ord_id());
  if (!request && child && !store_.find(ack.cl_ord_id())) {
    ++undecided_;
    request = Request{.id = ack.cl_ord_id(), .type = "F", .stage = Stage::Pending, .order_id = ack.order_id()};
    store_.put(*request);
  }
  if (!request) return;
  received(*request);
  const std::string time = utc(event.sending_time());
  if (ack.status() == v1::CANCEL_ACK_STATUS_IN_DOUBT) {
    request->ord_status = "6";
    const std::string text =
        absl::StrCat("in doubt, the exchange is being asked", ack.text().empty() ? "" : ": ", ack.text());
    tell(*request, pending_cancel({&*request, known(facts), ack.order_id(), time}, exec_id, text), Stage::Pending);
  } else if (ack.status() == v1::CANCEL_ACK_STATUS_REJECTED && !ack.final_follows()) {
    const bool unknown = ack.cxl_rej_reason() == v1::CXL_REJ_REASON_UNKNOWN_ORDER;
    reject(*request, fix_value(ack.cxl_rej_reason()), unknown ? "8" : known_status(*request), ack.text(), time);
  }
}

void Desk::apply(const v1::CancelFinal& final, const v1::Event& event, const std::string& exec_id) {
  const auto facts = store_.facts(final.order_id());
  const std::string time = utc(event.sending_time());
  const std::string status = fix_value(final.ord_status());
  auto request = live(final.cl_ord_id());
  if (!request) {
    // Of no request of this session: the order left the book all the same.
    if (!final.unsolicited() && store_.find(final.cl_ord_id())) return;
    const Subject subject{nullptr, known(facts), final.order_id(), time};
    if (final.ord_status() == v1::ORD_STATUS_CANCELED) report_(canceled(subject, final, exec_id));
    if (final.ord_status() == v1::ORD_STATUS_FILLED) report_(order_status(subject, exec_id, status, ""));
    return;
  }
  received(*request);
  request->ord_status = status;
  switch (final.ord_status()) {
    case v1::ORD_STATUS_CANCELED:
      return tell(*request, canceled({&*request, known(facts), final.order_id(), time}, final, exec_id), Stage::Ended);
    case v1::ORD_STATUS_FILLED:
      return reject(*request, fix_value(v1::CXL_REJ_REASON_TOO_LATE), status, "the order filled", time);
    case v1::ORD_STATUS_REJECTED:
      return reject(*request, UnknownOrder, status, "the exchange knows no such order", time);
    default:
      return reject(*request, OtherReason, status, "the order is still open", time);
  }
}

void Desk::apply(const v1::CancelStatus& status, const v1::Event& event, const std::string& exec_id) {
  const auto facts = store_.facts(status.order_id());
  const std::string time = utc(event.sending_time());
  auto request = live(status.cl_ord_id());
  if (status.stage() == v1::CANCEL_STAGE_STUCK && request) {
    received(*request);
    tell(*request, pending_cancel({&*request, known(facts), status.order_id(), time}, exec_id, status.text()),
         Stage::Pending);
  } else if (status.stage() == v1::CANCEL_STAGE_BACK_ON_BOOK) {
    const std::string text = "the order is back on the book: send a new cancel if it is still wanted";
    report_(order_status({nullptr, known(facts), status.order_id(), time}, exec_id, facts ? open_status(*facts) : "0",
                         text));
  }
}

void Desk::apply(const v1::MassCancelReport& report, const v1::Event& event) {
  auto request = live(report.cl_ord_id());
  if (!request || request->type != "q") return;
  received(*request);
  const std::string time = utc(event.sending_time());
  const std::string order_id = own_exec_id(request->id, "P");
  if (report.status() == v1::MASS_CANCEL_STATUS_COMPLETED) {
    tell(
        *request,
        mass_cancel_report(*request, order_id, request->extra, "", report.total_affected(), client::text(report), time),
        Stage::Ended);
  } else if (report.status() == v1::MASS_CANCEL_STATUS_REJECTED) {
    tell(*request, mass_cancel_report(*request, order_id, "0", OtherReason, {}, report.text(), time), Stage::Ended);
  }
}

void Desk::on(const client::MassCancelLost& lost) {
  auto request = live(lost.cl_ord_id);
  if (!request) return;
  const std::string text = "the bus has another store: how far the mass cancel came is not known";
  tell(*request, mass_cancel_report(*request, "NONE", "0", OtherReason, {}, text, utc_now()), Stage::Ended);
}

void Desk::on(const client::MassCancelUnknown& unknown) {
  auto request = live(unknown.cl_ord_id);
  if (!request) return;
  const std::string text = absl::StrCat(unknown.reject.field(), ": ", unknown.reject.text());
  tell(*request, mass_cancel_report(*request, "NONE", "0", "0", {}, text, utc_now()), Stage::Ended);
}

/// What the bus repeated of a request whose events it no longer keeps: there is no seq to name it by.
void Desk::repeated(const std::vector<client::Notice>& notices) {
  v1::Event undated;
  *undated.mutable_sending_time() = google::protobuf::Timestamp();
  for (const client::Notice& notice : notices) {
    const auto* ack = std::get_if<v1::CancelAck>(&notice);
    const auto* final = std::get_if<v1::CancelFinal>(&notice);
    const auto request = ack ? live(ack->cl_ord_id()) : final ? live(final->cl_ord_id()) : std::nullopt;
    if (!request) continue;
    const bool rejected = ack && ack->status() == v1::CANCEL_ACK_STATUS_REJECTED && !ack->final_follows();
    if (ack && (request->stage == Stage::Given || rejected)) apply(*ack, undated, own_exec_id(request->id, "A"));
    if (final) apply(*final, undated, own_exec_id(request->id, "F"));
  }
}

// ---- Common ----

std::optional<Request> Desk::live(const std::string& cl_ord_id) const {
  auto request = cl_ord_id.empty() ? std::nullopt : store_.find(cl_ord_id);
  if (request && request->stage == Stage::Ended) return std::nullopt;
  return request;
}

bool Desk::is_child(const std::string& cl_ord_id) const {
  const size_t slash = cl_ord_id.find('/');
  if (slash == std::string::npos) return false;
  const auto parent = store_.find(cl_ord_id.substr(0, slash));
  return parent && parent->type == "q";
}

void Desk::tell(Request& request, const Outgoing& report, Stage stage) {
  request.last = report;
  request.stage = stage;
  if (stage == Stage::Ended) --undecided_;
  store_.put(request);
  report_(report);
}

void Desk::reject(Request& request, const std::string& reason, const std::string& ord_status, const std::string& text,
                  const std::string& time) {
  const auto facts = store_.facts(request.order_id);
  request.ord_status = ord_status;
  tell(request, cancel_reject({&request, known(facts), request.order_id, time}, reason, ord_status, text),
       Stage::Ended);
}

/// 39 of an order whose cancel was not executed. What is not known here is open as far as this cancel goes.
std::string Desk::known_status(const Request& request) const {
  const auto before = request.order_id != 0 ? store_.about(request.order_id) : std::nullopt;
  if (before && before->stage == Stage::Ended && !before->ord_status.empty()) {
    return before->ord_status;
  }
  const auto facts = store_.facts(request.order_id);
  return facts ? open_status(*facts) : "0";
}

std::string Desk::own_exec_id(const std::string& id, const char* kind) const {
  return absl::StrCat(store_.position().epoch, "-", sender_, "-", id, "-", kind);
}

}  // namespace cancelbus::fix
