#include "tests/fuzz/targets.hpp"

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <array>

namespace cancelbus::fuzz {
namespace {

constexpr std::array All = {
    Target{"rest_reply", rest_reply, rest_reply_seeds},
    Target{"stream_frame", stream_frame, stream_frame_seeds},
    Target{"api_key", api_key, api_key_seeds},
    Target{"key_file", key_file, key_file_seeds},
    Target{"policy", policy, policy_seeds},
    Target{"session_request", session_request, session_request_seeds},
    Target{"backend_request", backend_request, backend_request_seeds},
    Target{"backend_reply", backend_reply, backend_reply_seeds},
    Target{"event", event, event_seeds},
    Target{"client_session", client_session, client_session_seeds},
    Target{"option_value", option_value, option_value_seeds},
    Target{"ctl_arguments", ctl_arguments, ctl_arguments_seeds},
    Target{"ctl_output", ctl_output, ctl_output_seeds},
    Target{"exchange_request", exchange_request, exchange_request_seeds},
    Target{"scenario", scenario, scenario_seeds},
    Target{"text", text, text_seeds},
};

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7F; }

}  // namespace

std::span<const Target> targets() { return All; }

void silence_libraries() { google::protobuf::SetLogHandler(nullptr); }

bool is_utf8(std::string_view text) {
  google::protobuf::StringValue holder;
  holder.set_value(std::string(text));
  return google::protobuf::StringValue().ParseFromString(holder.SerializePartialAsString());
}

bool is_shown_text(std::string_view text) {
  return text.size() <= 256 && is_utf8(text) && std::ranges::none_of(text, is_control);
}

bool is_decimal_or_empty(std::string_view text) {
  const auto count = [text](char c) { return std::ranges::count(text, c); };
  return text.find_first_not_of("-0123456789.") == std::string_view::npos && count('-') <= 1 && count('.') <= 1;
}

std::string with_other_letters(std::string_view text) {
  std::string other(text);
  for (char& c : other) {
    for (const std::string_view kind : {"abcdefghijklmnopqrstuvwxyza", "ABCDEFGHIJKLMNOPQRSTUVWXYZA", "01234567890"}) {
      if (const size_t at = kind.find(c); at != std::string_view::npos) {
        c = kind[at + 1];
        break;
      }
    }
  }
  return other;
}

std::string_view take_until(std::string_view& rest, char separator) {
  const std::string_view taken = rest.substr(0, rest.find(separator));
  rest.remove_prefix(std::min(taken.size() + 1, rest.size()));
  return taken;
}

}  // namespace cancelbus::fuzz
