// An operator's word about an order that the exchange does not tell about.
//
// It ends commands and is no proof: it waits for attempts in flight, a proof that comes first counts more, and a later
// command for the order is sent all the same.
#include "service/core/gateway.hpp"

namespace cancelbus::core {

// Who may settle, the session's door has asked.
void Gateway::on(const ResolveRequest& request) {
  const Session* session = sessions_.heard(request.peer, now_.tick);
  if (!session) return out_.sends.push_back(SendHelloRequired{request.peer, ""});
  SendResolved reply{request.peer, request.key, ResolveStatus::Refused, why_not_resolved(request)};
  if (reply.text.empty()) {
    const CommandRef& ref = commands_.at(request.key);
    if (!ref.ended) take_word(*find_order(ref.order_id), request, session->sender);
    // What the exchange has proven just now comes before the word.
    reply.text = why_not_resolved(request);
    if (reply.text.empty() && ref.ended) {
      reply.status = ResolveStatus::Settled;
    } else if (reply.text.empty()) {
      reply.status = ResolveStatus::Pending;
      reply.text = "a cancel of the order is in flight; its answer is waited for";
    }
  }
  out_.sends.push_back(std::move(reply));
}

void Gateway::take_word(Order& order, const ResolveRequest& request, const std::string& sender) {
  bool new_word = false;
  for (Command& command : order.commands) {
    // Gone, or never there, it is so for every command; that it is open is no reason to give up another's.
    if (request.as == OrdStatus::New && command.record.key != request.key) continue;
    new_word |= std::exchange(command.word, request.as) != request.as;
  }
  if (new_word) {
    const std::string text = "of " + request.key.sender + "/" + request.key.cl_ord_id + " by " + sender;
    note(order, {.what = HistoryLine::What::Resolve, .status = request.as, .text = text});
  }
  judge(order);
}

std::string Gateway::why_not_resolved(const ResolveRequest& request) const {
  const auto known = commands_.find(request.key);
  if (known == commands_.end()) return "cl_ord_id: no such command is known";
  const CommandRef& ref = known->second;
  // The answer was lost, and it is asked again.
  if (ref.ended && ref.word == request.as) return "";
  if (ref.ended) return ref.final_seq != 0 ? "the command has its final already" : "the command has ended already";
  if (!store_writable_) return "the bus cannot write its store";
  const Order& order = *orders_.at(ref.order_id);
  if (order.fate && order.fate->gone()) return "the exchange has proven what became of the order; the final will come";
  return "";
}

void Gateway::settle_by_word(Order& order) {
  for (Command& command : order.commands) {
    // What the exchange has proven while a cancel was in flight is more than anybody's word. Whoever waits still waits
    // for exact quantities.
    if (order.fate) command.word.reset();
    if (!command.word) continue;
    order.word = command.word;
    if (!command.acked() && order.in_doubt()) {
      ack_in_doubt(order, command, "sent, and not answered; an operator has settled it");
    } else if (!command.acked()) {
      CancelAck unsent;
      unsent.status = AckStatus::Rejected;
      unsent.reason = *command.word == OrdStatus::New        ? RejectReason::Other
                      : *command.word == OrdStatus::Rejected ? RejectReason::UnknownOrder
                                                             : RejectReason::TooLate;
      unsent.text = "an operator has settled it before the cancel could be sent";
      unsent.final_follows = true;
      ack(order, command, std::move(unsent));
    }
    commands_.at(command.record.key).word = command.word;
    final(order, command, Fate{*command.word, Evidence::Operator, {}, "", false});
  }
  save_changed(order);
}

}  // namespace cancelbus::core
