// Everything that reads bytes from outside, each as a function of one input, with what must be true of what it read.
//
// Run by libFuzzer (libfuzzer.cpp) on inputs that it invents, and by replay_test.cpp on the seeds and on every case
// that was kept. A target returns whether the input was legible, and throws when something is not as it must be.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cancelbus::fuzz {

struct Target {
  const char* name;
  bool (*run)(std::string_view input);
  /// Made from the contract's sample payloads and goldens where there are any; some are legible, some are not.
  std::vector<std::string> (*seeds)();
};

std::span<const Target> targets();
/// Once, before any target runs: else protobuf writes a line for each string that is not UTF-8.
void silence_libraries();

/// Throws; `what` says what must be true.
inline void require(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

/// As protobuf judges it.
bool is_utf8(std::string_view text);
/// Valid UTF-8 of at most 256 bytes, without control characters.
bool is_shown_text(std::string_view text);
/// Empty, or digits with at most one sign and one point.
bool is_decimal_or_empty(std::string_view text);

/// Each letter and digit another one of its kind: of it, what does not quote its input says the same.
std::string with_other_letters(std::string_view text);

/// Cuts the text before the first `separator` off `rest`; all of it if there is none.
std::string_view take_until(std::string_view& rest, char separator);

// ---- One of each, in the file of the same name ----

bool rest_reply(std::string_view input);
std::vector<std::string> rest_reply_seeds();
bool stream_frame(std::string_view input);
std::vector<std::string> stream_frame_seeds();
bool api_key(std::string_view input);
std::vector<std::string> api_key_seeds();
bool key_file(std::string_view input);
std::vector<std::string> key_file_seeds();
bool policy(std::string_view input);
std::vector<std::string> policy_seeds();
bool session_request(std::string_view input);
std::vector<std::string> session_request_seeds();
bool backend_request(std::string_view input);
std::vector<std::string> backend_request_seeds();
bool backend_reply(std::string_view input);
std::vector<std::string> backend_reply_seeds();
bool event(std::string_view input);
std::vector<std::string> event_seeds();
bool client_session(std::string_view input);
std::vector<std::string> client_session_seeds();
bool option_value(std::string_view input);
std::vector<std::string> option_value_seeds();
bool ctl_arguments(std::string_view input);
std::vector<std::string> ctl_arguments_seeds();
bool ctl_output(std::string_view input);
std::vector<std::string> ctl_output_seeds();
bool exchange_request(std::string_view input);
std::vector<std::string> exchange_request_seeds();
bool scenario(std::string_view input);
std::vector<std::string> scenario_seeds();
bool text(std::string_view input);
std::vector<std::string> text_seeds();

}  // namespace cancelbus::fuzz
