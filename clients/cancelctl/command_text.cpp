#include <algorithm>

#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {
namespace {

using client::short_name;

std::string whose(const v1::UndecidedCommand& command) {
  std::string text =
      command.sender_comp_id() + "/" + command.cl_ord_id() + " order " + std::to_string(command.order_id());
  if (!command.symbol().empty()) text += " " + command.symbol();
  if (!command.client_order_id().empty()) text += " (" + command.client_order_id() + ")";
  return printable(text);
}

Tone tone_of_stage(v1::CancelStage stage) {
  if (stage == v1::CANCEL_STAGE_STUCK) return Tone::Bad;
  return stage == v1::CANCEL_STAGE_IN_DOUBT ? Tone::Doubt : Tone::Plain;
}

}  // namespace

std::string command_block(const v1::UndecidedCommand& command, const google::protobuf::Timestamp& as_of,
                          const Paint& paint) {
  const auto in_stage = std::max(std::chrono::nanoseconds(0), wall_time(as_of) - wall_time(command.since()));
  std::string text = whose(command) + "\n    " +
                     paint(tone_of_stage(command.stage()), short_name(command.stage(), "CANCEL_STAGE_")) + " for " +
                     span_text(in_stage) + ": " + printable(command.text());
  text += "\n    received " + span_text(command.age()) + " ago, " + std::to_string(command.attempts()) +
          (command.attempts() == 1 ? " attempt" : " attempts") + (command.acked() ? ", acked" : ", not acked");
  text += "\n    next: " + printable(command.next_step());
  if (command.has_next_in()) text += ", in " + span_text(command.next_in());
  if (!command.operator_step().empty()) text += "\n    you can: " + printable(command.operator_step());
  return text + "\n";
}

}  // namespace cancelbus::ctl
