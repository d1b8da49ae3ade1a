// API keys and secrets from files.
//
// Used by the worker and the subscriber, which alone hold keys. Secrets never come from a flag's value or the
// environment, where `ps` and crash reports would show them.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace cancelbus::io {

/// Text that is overwritten before its memory is given back. Moves only, so that there is one copy to wipe.
class Secret {
 public:
  explicit Secret(std::string text) : text_(std::move(text)) {}
  ~Secret() { wipe(); }
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  /// For the moment of its use: a copy of this text would not be wiped.
  std::string_view view() const { return text_; }
  /// To be read into, and cut to what was read: so the text never stands anywhere else.
  std::span<char> room() { return text_; }
  void cut(size_t size);

 private:
  void wipe() noexcept;

  std::string text_;
};

/// What becomes of a file that everybody may read. One that everybody may write is refused in any case.
enum class OpenToOthers : uint8_t {
  Refused,
  /// Used, with a warning in the log: of keys that are not ours to make, and that Kubernetes mounts so unless told.
  Warned,
};

/// The content of `path`, at most 4 KiB of printable ASCII without spaces, less one trailing newline. Errors name
/// `flag` and the file, and never quote what it holds. Its group may read the file.
absl::StatusOr<Secret> read_secret_file(std::string_view flag, const std::string& path, OpenToOthers others);

}  // namespace cancelbus::io
