#include "tests/simulation/describe.hpp"

#include <sstream>

#include "service/core/mass_cancel.hpp"
#include "service/core/names.hpp"
#include "service/wire/enums.hpp"
#include "tests/exchange/world.hpp"
#include "tests/unit/wire/event_decoder.hpp"

namespace cancelbus::simulation {

namespace {

const char* name(core::Verdict verdict) {
  static constexpr const char* Names[] = {"Accepted",     "UnknownOrder", "Refused",     "Blocked",
                                          "WrongRequest", "Unauthorized", "Throttled",   "Read",
                                          "Doubtful",     "StaleStamp",   "NeverWritten"};
  return Names[static_cast<size_t>(verdict)];
}

const char* name(core::ReadStatus status) {
  static constexpr const char* Names[] = {"Open", "Canceled", "Closed", "NotFound"};
  return Names[static_cast<size_t>(status)];
}

const char* name(core::FactType type) {
  static constexpr const char* Names[] = {"451", "452", "441", "423"};
  return Names[static_cast<size_t>(type)];
}

const char* name(core::ReceiptStatus status) {
  static constexpr const char* Names[] = {"APPLIED", "DUPLICATE", "REFUSED"};
  return Names[static_cast<size_t>(status)];
}

const char* name(core::AckStatus status) {
  static constexpr const char* Names[] = {"ACCEPTED", "REJECTED", "IN_DOUBT"};
  return Names[static_cast<size_t>(status)];
}

const char* name(core::OrdStatus status) {
  static constexpr const char* Names[] = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "REJECTED"};
  return Names[static_cast<size_t>(status)];
}

const char* name(core::Stage stage) {
  static constexpr const char* Names[] = {"QUEUED",    "SENT",  "WAITING_FINAL", "IN_DOUBT",
                                          "RESENDING", "STUCK", "BACK_ON_BOOK"};
  return Names[static_cast<size_t>(stage)];
}

const char* name(core::ResolveStatus status) {
  static constexpr const char* Names[] = {"SETTLED", "PENDING", "REFUSED"};
  return Names[static_cast<size_t>(status)];
}

template <typename... Parts>
std::string words(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

struct EventWords {
  std::string operator()(const core::Hello& e) { return words("hello of ", e.sender, " at ", e.peer); }
  std::string operator()(const core::CommandReceived& e) {
    return words(
        "CancelOrder ", e.order.cl_ord_id, " of ", order_name(e.order.order_id), " from ", e.peer,
        e.order.time_to_live ? words(" ttl ", *e.order.time_to_live / std::chrono::milliseconds(1), " ms") : "",
        e.order.priority == core::Priority::Urgent ? " urgent" : "", e.order.exact_quantities ? " exact" : "");
  }
  std::string operator()(const core::CommandMalformed& e) { return words("a malformed command ", e.cl_ord_id); }
  std::string operator()(const core::RetransmitRequest& e) {
    return words(e.peer, " asks again for ", e.topic, ' ', e.from_seq, " and ", e.count - 1, " more");
  }
  std::string operator()(const core::SessionHeartbeat&) { return ""; }
  std::string operator()(const core::StatusRequest&) { return ""; }
  std::string operator()(const core::SessionEnded& e) { return words("the session at ", e.peer, " is ended"); }
  std::string operator()(const core::WeightsSet&) { return "the weights of the queue are set"; }
  std::string operator()(const core::WorkerReady& e) {
    if (e.tasks.empty()) return "";
    std::string tasks;
    for (const core::TaskId task : e.tasks) tasks += ' ' + task_name(task);
    return words(e.name, " holds", tasks);
  }
  std::string operator()(const core::TaskEnded& e) {
    return words("task ", task_name(e.task), ": ", describe(e.answer));
  }
  std::string operator()(const core::ResolveRequest& e) {
    return words("resolve ", e.key.cl_ord_id, " as ", name(e.as), " from ", e.peer);
  }
  std::string operator()(const core::RetryRequest& e) { return words("retry of ", e.key.cl_ord_id, " from ", e.peer); }
  std::string operator()(const core::StreamFact& e) {
    return words("fact ", e.seq, ": ", name(e.fact.type), " of ", order_name(e.fact.order_id), " left ",
                 e.fact.num_left);
  }
  std::string operator()(const core::StreamReport& e) {
    if (e.seq == 0) return "";
    return words("fact ", e.seq, ": the stream is ",
                 e.logged_in   ? "logged in"
                 : e.connected ? "connected"
                               : "down",
                 ", login ", e.logins, ", ", e.text);
  }
  std::string operator()(const core::StoreHealth&) { return ""; }
  std::string operator()(const core::KeysBarred&) { return ""; }
  std::string operator()(const core::OwnersSet&) { return "owners"; }
  std::string operator()(const core::OpenOrdersRequest& e) { return words("open orders asked by ", e.peer); }
  std::string operator()(const core::CommandsRequest& e) { return words("commands asked by ", e.peer); }
  std::string operator()(const core::HistoryRequest& e) { return words("history asked by ", e.peer); }
  std::string operator()(const core::MassCancelReceived& e) {
    return words(e.dry_run ? "a preview of " : "mass cancel ", e.request.cl_ord_id, " of ", core::scope_text(e.request),
                 e.request.until_empty ? ", until empty" : "", " from ", e.peer);
  }
  std::string operator()(const core::KillSwitchReceived& e) {
    return words(e.engage ? "kill switch" : "release", " of ", core::scope_text(e.request), e.force ? ", forced" : "",
                 " from ", e.peer);
  }
  std::string operator()(const core::GoodbyeReceived& e) {
    return words("goodbye, ", e.keep_orders ? "orders stay" : "orders go", " from ", e.peer);
  }
  std::string operator()(const core::DrainRequested&) { return "drain"; }
  std::string operator()(const core::DeadlinePassed&) { return ""; }
};

struct SendWords {
  std::string operator()(const core::SendWelcome& s) { return words("welcome to ", s.peer); }
  std::string operator()(const core::SendReceipt& s) {
    return words("receipt ", s.cl_ord_id, ' ', name(s.status), ' ', s.text, " to ", s.peer);
  }
  std::string operator()(const core::SendRetransmission& s) {
    return words(s.topic, ' ', s.from_seq, " and ", s.count - 1, " more again to ", s.peer);
  }
  std::string operator()(const core::SendRetransmitReject& s) {
    return words("retransmit reject of ", s.topic, " before ", s.first_kept, " to ", s.peer);
  }
  std::string operator()(const core::SendHeartbeat&) { return ""; }
  std::string operator()(const core::SendHelloRequired& s) { return words("hello required to ", s.peer); }
  std::string operator()(const core::SendStatus&) { return ""; }
  std::string operator()(const core::SendOpenOrders& s) { return words(s.orders.size(), " open orders to ", s.peer); }
  std::string operator()(const core::SendCommands& s) { return words(s.commands.size(), " commands to ", s.peer); }
  std::string operator()(const core::SendHistory& s) { return words("history to ", s.peer); }
  std::string operator()(const core::SendResolved& s) {
    return words("resolve of ", s.key.cl_ord_id, ' ', name(s.status), ' ', s.text, " to ", s.peer);
  }
  std::string operator()(const core::SendRetry& s) { return words("retry: ", s.text, " to ", s.peer); }
  std::string operator()(const core::SendMassCancelPreview& s) {
    return words("a preview of ", s.cl_ord_id, ": ", s.total_affected, " orders, to ", s.peer);
  }
  std::string operator()(const core::SendKillSwitch& s) {
    return words("kill switch ", s.cl_ord_id, ' ', v1::KillSwitchStatus_Name(wire::to_wire(s.status)), ' ', s.text,
                 " to ", s.peer);
  }
  std::string operator()(const core::SendGoodbye& s) { return words("goodbye to ", s.peer, ' ', s.cl_ord_id); }
  std::string operator()(const core::SendTask& s) {
    const std::string what =
        s.kind == core::LimiterKind::OpenOrders ? "open orders " + s.order.symbol : order_name(s.order.order_id);
    return words("task ", task_name(s.task), s.kind == core::LimiterKind::Cancel ? ": DELETE " : ": GET ", what,
                 " stamp ", s.stamp_ms, " to ", s.peer);
  }
  std::string operator()(const core::SendConfirm& s) {
    return s.task == 0 ? "" : words("confirm of ", task_name(s.task));
  }
  std::string operator()(const core::SendRelogin&) { return "log in again"; }
};

struct BodyWords {
  std::string operator()(const core::CancelAck& b) {
    return words("ack ", b.cl_ord_id, ' ', name(b.status), b.final_follows ? ", final follows" : ", the end", ": ",
                 b.text);
  }
  std::string operator()(const core::CancelFinal& b) {
    return words("final ", b.cl_ord_id, " of ", order_name(b.order_id), ' ', name(b.ord_status),
                 b.evidence == core::Evidence::Channel452 ? " by 452"
                 : b.evidence == core::Evidence::Operator ? " by an operator"
                                                          : " by query");
  }
  std::string operator()(const core::CancelStatus& b) {
    return words("status ", b.cl_ord_id, ' ', name(b.stage), ": ", b.text);
  }
  std::string operator()(const core::MassCancelReport& b) {
    return words("report ", b.cl_ord_id, ' ', core::name_of(b.status), ": ", b.canceled, " canceled, ", b.filled,
                 " filled, ", b.still_open, " open, ", b.in_doubt, " in doubt, ", b.unsent, " unsent, ",
                 b.not_affected_total, " not affected; ", b.text);
  }
};

}  // namespace

std::string describe(const core::Event& event) { return std::visit(EventWords{}, event); }
std::string describe(const core::Send& send) { return std::visit(SendWords{}, send); }

std::string describe(const io::EventRow& event) {
  const core::Publication publication = wire::decode_event(event.payload).value().publication;
  return words(event.topic, ' ', event.seq, ": ", std::visit(BodyWords{}, publication.body));
}

std::string describe(const core::Answer& answer) {
  if (answer.listing) {
    return words("lists ", answer.listing->orders.size(), ", part ", answer.listing->part, " of ",
                 answer.listing->parts);
  }
  if (answer.verdict == core::Verdict::Read) return words("reads ", name(answer.reading.status));
  return words(name(answer.verdict), ' ', answer.http_status, ' ', answer.text);
}

std::string order_name(core::OrderId id) { return words('o', id - exchange_sim::Settings{}.first_id + 1); }
std::string task_name(core::TaskId id) { return words((id >> 32) % 1'000, '.', id & 0xFFFFFFFF); }

}  // namespace cancelbus::simulation
