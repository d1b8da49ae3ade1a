// What the bus's list of open orders says: the order that a cancel names by 41, the side and quantities of a report,
// and the answer to a status request.
#include <absl/strings/str_cat.h>

#include <utility>

#include "clients/fix/desk.hpp"

namespace cancelbus::fix {
namespace {

constexpr const char* UnknownOrder = "1";
constexpr const char* OtherReason = "99";

std::string side_of(v1::Side side) {
  if (side == v1::SIDE_BUY) return "1";
  return side == v1::SIDE_SELL ? "2" : "";
}

OrderFacts facts_of(const v1::OpenOrder& order) {
  return {order.order_id(), order.symbol(),     side_of(order.side()),  order.price(),
          order.quantity(), order.leaves_qty(), order.client_order_id()};
}

}  // namespace

void Desk::on(const client::OpenOrders& answer) {
  for (const Lookup& lookup : std::exchange(asked_, {})) resolve(lookup, answer);
}

void Desk::resolve(const Lookup& lookup, const client::OpenOrders& answer) {
  const auto request = lookup.id.empty() ? std::nullopt : store_.find(lookup.id);
  const bool all = lookup.order_id == 0 && request && request->type == "q";
  for (const v1::OpenOrder& order : answer.orders) {
    if (all || order.order_id() == lookup.order_id) store_.put(facts_of(order));
  }
  if (!request) return;
  looking_.erase(request->id);
  const bool early = received_early_.erase(request->id) > 0;
  if (request->type == "H") {
    answer_status(*request, answer);
  } else if (request->stage == Stage::Lookup) {
    found(*request, answer);
  } else if (early) {
    Request known_request = *request;
    received(known_request);
  }
}

/// Names are the sender's own: another's order of that name is not meant.
bool Desk::is_ours(const v1::OpenOrder& order) const { return order.owner().empty() || order.owner() == sender_; }

/// The order of a cancel that names it by 41 alone.
void Desk::found(Request request, const client::OpenOrders& answer) {
  std::vector<const v1::OpenOrder*> named;
  for (const v1::OpenOrder& order : answer.orders) {
    if (order.client_order_id() == request.orig && is_ours(order)) named.push_back(&order);
  }
  const std::string name = absl::StrCat("OrigClOrdID(41) ", request.orig);
  if (!answer.refused.empty()) {
    return reject(request, OtherReason, "0", absl::StrCat("the list of open orders was refused: ", answer.refused),
                  utc_now());
  }
  if (named.empty()) {
    const char* hint = answer.complete_as_of ? "" : "; the bus has not listed all of them yet";
    return reject(request, UnknownOrder, "8", absl::StrCat(name, " names no open order", hint), utc_now());
  }
  if (named.size() > 1) {
    return reject(request, OtherReason, "0",
                  absl::StrCat(name, " names ", named.size(), " open orders: say which by OrderID(37)"), utc_now());
  }
  store_.put(facts_of(*named.front()));
  request.order_id = named.front()->order_id();
  request.stage = Stage::Given;
  store_.put(request);
  ask_bus(request);
}

void Desk::answer_status(const Request& asked, const client::OpenOrders& answer) {
  Request request = asked;
  std::optional<OrderFacts> facts;
  for (const v1::OpenOrder& order : answer.orders) {
    const bool wanted = asked.order_id != 0 ? order.order_id() == asked.order_id
                                            : order.client_order_id() == asked.cl_ord_id && is_ours(order);
    if (wanted) facts = facts_of(order);
  }
  auto command = store_.find(asked.cl_ord_id);
  if (!command || command->type != "F") {
    const int64_t order_id = facts ? facts->order_id : asked.order_id;
    command = order_id != 0 ? store_.about(order_id) : std::nullopt;
  }
  if (!facts && asked.order_id == 0 && command && command->stage != Stage::Lookup) {
    for (const v1::OpenOrder& order : answer.orders) {
      if (order.order_id() == command->order_id) facts = facts_of(order);
    }
  }
  const bool waits = command && command->stage != Stage::Ended;
  std::string status = "8";
  if (waits) {
    status = "6";
  } else if (facts) {
    status = open_status(*facts);
  } else if (command && !command->ord_status.empty()) {
    status = command->ord_status;
  }
  int64_t order_id = facts ? facts->order_id : asked.order_id;
  if (order_id == 0 && command) order_id = command->order_id;
  if (!facts && order_id != 0) facts = store_.facts(order_id);
  if (status == "8") order_id = 0;
  Outgoing report = order_status({&request, known(facts), order_id, utc_now()},
                                 absl::StrCat(store_.position().epoch, "-", sender_, "-", store_.next_number(), "-I"),
                                 status, status == "8" ? "no such order is known" : "");
  if (status == "8") add(report.body, tag::OrdRejReason, "5");
  tell(request, report, Stage::Ended);
}

}  // namespace cancelbus::fix
