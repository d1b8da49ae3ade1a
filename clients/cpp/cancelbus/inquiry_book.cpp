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
  lists_.emplace(id, List{std::move(request), {}, std::move(done)});
}

void InquiryBook::tell(const Notice& notice) {
  if (const auto* page = std::get_if<v1::Commands>(&notice)) tell(*page);
  if (const auto* refused = std::get_if<InquiryRefused>(&notice)) tell(*refused);
}

void InquiryBook::tell(const v1::Commands& page) {
  auto asked = lists_.extract(page.request_id());
  if (!asked) return;
  List& list = asked.mapped();
  list.answer.commands.insert(list.answer.commands.end(), page.command().begin(), page.command().end());
  list.answer.as_of = page.as_of();
  if (!page.has_next()) return finish(std::move(list));
  *list.request.mutable_commands_request()->mutable_after() = page.next();
  asked.key() = session_.inquire(list.request);
  lists_.insert(std::move(asked));
}

void InquiryBook::tell(const InquiryRefused& refused) {
  auto asked = lists_.extract(refused.request_id);
  if (!asked) return;
  asked.mapped().answer = {.refused = refused.why};
  finish(std::move(asked.mapped()));
}

void InquiryBook::finish(List list) {
  if (list.done) list.done(list.answer);
}

}  // namespace cancelbus::client
