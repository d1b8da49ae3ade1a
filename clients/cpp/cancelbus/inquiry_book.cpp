#include "cancelbus/inquiry_book.hpp"

#include <google/protobuf/util/time_util.h>

#include <utility>

namespace cancelbus::client {

using google::protobuf::util::TimeUtil;

void InquiryBook::commands(const CommandsFilter& filter, std::function<void(const CommandList&)> done) {
  v1::SessionRequest request;
  v1::CommandsRequest& commands = *request.mutable_commands_request();
  commands.set_state(filter.state);
  commands.set_sender_comp_id(filter.sender_comp_id);
  commands.set_symbol(filter.symbol);
  if (filter.older_than.count() != 0) {
    *commands.mutable_older_than() = TimeUtil::MillisecondsToDuration(filter.older_than.count());
  }
  const uint64_t id = session_.inquire(request);
  lists_.emplace(id, Asked<CommandList>{std::move(request), {}, std::move(done)});
}

void InquiryBook::tell(const Notice& notice) {
  if (const auto* page = std::get_if<v1::Commands>(&notice)) tell(*page);
  if (const auto* page = std::get_if<v1::History>(&notice)) tell(*page);
  if (const auto* reply = std::get_if<v1::RetryReply>(&notice)) tell(*reply);
  if (const auto* refused = std::get_if<InquiryRefused>(&notice)) tell(*refused);
}

void InquiryBook::tell(const v1::Commands& page) {
  auto asked = lists_.extract(page.request_id());
  if (!asked) return;
  Asked<CommandList>& list = asked.mapped();
  list.answer.commands.insert(list.answer.commands.end(), page.command().begin(), page.command().end());
  list.answer.as_of = page.as_of();
  if (!page.has_next()) return list.finish();
  *list.request.mutable_commands_request()->mutable_after() = page.next();
  asked.key() = session_.inquire(list.request);
  lists_.insert(std::move(asked));
}

void InquiryBook::history(const HistoryFilter& filter, std::function<void(const HistoryList&)> done) {
  v1::SessionRequest request;
  v1::HistoryRequest& history = *request.mutable_history_request();
  history.set_order_id(filter.order_id);
  history.set_sender_comp_id(filter.sender_comp_id);
  history.set_cl_ord_id(filter.cl_ord_id);
  const auto timestamp = [](HistoryFilter::Time time) {
    return TimeUtil::NanosecondsToTimestamp(time.time_since_epoch().count());
  };
  if (filter.since) *history.mutable_since() = timestamp(*filter.since);
  if (filter.until) *history.mutable_until() = timestamp(*filter.until);
  const uint64_t id = session_.inquire(request);
  histories_.emplace(id, History{{std::move(request), {}, std::move(done)}, filter.limit});
}

void InquiryBook::tell(const v1::History& page) {
  auto asked = histories_.extract(page.request_id());
  if (!asked) return;
  History& history = asked.mapped();
  std::vector<v1::HistoryCommand>& commands = history.answer.commands;
  if (!page.text().empty()) {
    history.answer = {.refused = page.text()};
    return history.finish();
  }
  for (const v1::HistoryCommand& command : page.command()) {
    const bool goes_on = !commands.empty() && commands.back().sender_comp_id() == command.sender_comp_id() &&
                         commands.back().cl_ord_id() == command.cl_ord_id();
    if (goes_on) {
      commands.back().mutable_line()->MergeFrom(command.line());
    } else {
      commands.push_back(command);
    }
  }
  // One more than the limit, and the last that counts has all of its lines.
  history.answer.complete = commands.size() <= history.limit;
  if (!history.answer.complete) commands.resize(history.limit);
  if (!page.has_next() || !history.answer.complete) return history.finish();
  *history.request.mutable_history_request()->mutable_after() = page.next();
  asked.key() = session_.inquire(history.request);
  histories_.insert(std::move(asked));
}

void InquiryBook::retry(const std::string& sender_comp_id, const std::string& cl_ord_id,
                        std::function<void(const RetryAnswer&)> done) {
  v1::SessionRequest request;
  request.mutable_retry()->set_sender_comp_id(sender_comp_id);
  request.mutable_retry()->set_cl_ord_id(cl_ord_id);
  const uint64_t id = session_.inquire(std::move(request));
  if (done) retries_.emplace(id, std::move(done));
}

void InquiryBook::tell(const v1::RetryReply& reply) {
  if (const auto asked = retries_.extract(reply.request_id())) asked.mapped()({.reply = reply});
}

void InquiryBook::tell(const InquiryRefused& refused) {
  if (const auto asked = retries_.extract(refused.request_id)) return asked.mapped()({.refused = refused.why});
  if (auto asked = lists_.extract(refused.request_id)) {
    asked.mapped().answer = {.refused = refused.why};
    return asked.mapped().finish();
  }
  if (auto asked = histories_.extract(refused.request_id)) {
    asked.mapped().answer = {.refused = refused.why};
    asked.mapped().finish();
  }
}

}  // namespace cancelbus::client
