#include "cancelbus/open_orders.hpp"

#include <utility>

namespace cancelbus::client {

uint64_t OpenOrdersReader::ask(const OpenOrdersFilter& filter) {
  listings_.push_back({.filter = filter, .answer = {.id = ++last_listing_}, .from = filter.order_id});
  return last_listing_;
}

void OpenOrdersReader::restart() {
  if (listings_.empty()) return;
  next_page();
  Listing& first = listings_.front();
  first.answer = {.id = first.answer.id};
  first.from = first.filter.order_id;
}

std::optional<v1::OpenOrdersRequest> OpenOrdersReader::due(Time now) {
  if (listings_.empty() || due_ > now) return std::nullopt;
  const Listing& first = listings_.front();
  v1::OpenOrdersRequest request;
  request.set_owner(first.filter.owner);
  request.set_symbol(first.filter.symbol);
  request.set_side(first.filter.side);
  request.set_from_order_id(first.from);
  request.set_request_id(page_);
  due_ = now + RepeatAfter;
  return request;
}

std::optional<OpenOrders> OpenOrdersReader::on_page(v1::OpenOrders& page) {
  if (listings_.empty() || page.request_id() != page_) return std::nullopt;
  Listing& first = listings_.front();
  OpenOrders& answer = first.answer;
  // Orders may come between two pages: complete is what the first page says.
  if (first.from == first.filter.order_id && page.has_complete_as_of()) answer.complete_as_of = page.complete_as_of();
  const int64_t only = first.filter.order_id;
  for (v1::OpenOrder& order : *page.mutable_open_order()) {
    if (only == 0 || order.order_id() == only) answer.orders.push_back(std::move(order));
  }
  // A page may be empty though another follows.
  if (page.next_order_id() == 0 || (only != 0 && page.next_order_id() > only)) return end();
  next_page();
  first.from = page.next_order_id();
  return std::nullopt;
}

std::optional<OpenOrders> OpenOrdersReader::on_reject(const v1::Reject& reject) {
  // "request": a bus that is too old to know what it is asked.
  const bool ours = reject.field().starts_with("open_orders_request") || reject.field() == "request";
  if (listings_.empty() || !ours) return std::nullopt;
  return end_refused(reject.field() + ": " + reject.text());
}

std::vector<OpenOrders> OpenOrdersReader::end_all(const std::string& refused) {
  std::vector<OpenOrders> ended;
  while (!listings_.empty()) ended.push_back(end_refused(refused));
  return ended;
}

OpenOrders OpenOrdersReader::end_refused(const std::string& refused) {
  OpenOrders& answer = listings_.front().answer;
  answer = {.id = answer.id, .refused = refused};
  return end();
}

OpenOrders OpenOrdersReader::end() {
  OpenOrders answer = std::move(listings_.front().answer);
  listings_.pop_front();
  next_page();
  return answer;
}

void OpenOrdersReader::next_page() {
  ++page_;
  due_ = {};
}

}  // namespace cancelbus::client
