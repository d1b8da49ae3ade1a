// Colours of cancelctl's texts, on terminals that show them.
#pragma once

#include <string>
#include <string_view>

#include "cancelbus/v1/cancel.pb.h"
#include "clients/cancelctl/arguments.hpp"

namespace cancelbus::ctl {

enum class Tone { Plain, Good, Doubt, Bad };

class Paint {
 public:
  Paint() = default;
  explicit Paint(bool on) : on_(on) {}

  std::string operator()(Tone tone, std::string_view text) const;

 private:
  bool on_ = false;
};

/// By --color, which wins over all; else on a terminal, unless NO_COLOR is set or TERM is dumb. Never with --json.
bool wants_color(const Arguments& arguments, bool on_terminal, const Environment& env);

Tone tone_of(const v1::CancelAck& ack);
Tone tone_of(const v1::CancelFinal& final);
Tone tone_of(const v1::CancelStatus& status);
Tone tone_of(const v1::BusStatus& status);
Tone tone_of(const v1::MassCancelReport& report);
Tone tone_of(const v1::Event& event);

}  // namespace cancelbus::ctl
