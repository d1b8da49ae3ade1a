#include "cancelbus/warnings.hpp"

#include "cancelbus/describe.hpp"

namespace cancelbus::client {
namespace {

struct Warning {
  const std::string& problem;

  std::optional<std::string> operator()(const Silent& silent) const {
    return "nothing was heard from the bus for " + std::to_string(silent.silent_for.count()) + " s: " + problem +
           "; trying on";
  }
  std::optional<std::string> operator()(const NotReached& not_reached) const {
    return not_reached.endpoint + ": " + not_reached.why + "; trying on";
  }
  std::optional<std::string> operator()(const v1::Reject& reject) const {
    return "the bus could not take what we sent: " + printable(reject.field()) + ": " + printable(reject.text());
  }
  std::optional<std::string> operator()(const LostEvents& lost) const {
    return "events " + std::to_string(lost.from_seq) + " to " + std::to_string(lost.to_seq) + " of " +
           printable(lost.topic) + " are lost: the bus no longer keeps them";
  }
  std::optional<std::string> operator()(const NewEpoch&) const {
    return "the bus has another store: what was not read before is lost, and undecided commands are given anew";
  }
  std::optional<std::string> operator()(const Unreadable& unreadable) const {
    return "the bus sent " + unreadable.what + ", which cannot be read";
  }
  std::optional<std::string> operator()(const v1::CancelStatus& status) const {
    if (status.stage() != v1::CANCEL_STAGE_STUCK) return {};
    return "the cancel of order " + std::to_string(status.order_id()) + " is stuck: " + printable(status.text()) +
           "; look at the order";
  }
  std::optional<std::string> operator()(const Causes& causes) const {
    return causes.causes.empty() ? "the bus is no longer impaired"
                                 : "the bus is impaired: " + describe_all(causes.causes);
  }
  template <typename Ordinary>
  std::optional<std::string> operator()(const Ordinary&) const {
    return {};
  }
};

}  // namespace

std::optional<std::string> warning(const Notice& notice, const std::string& problem) {
  return std::visit(Warning{problem}, notice);
}

}  // namespace cancelbus::client
