// API keys and secrets from files.
//
// Used by the worker and the subscriber, which alone hold keys. Secrets never come from a flag's value or the
// environment, where `ps` and crash reports would show them.
#pragma once

#include <absl/status/statusor.h>

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

/// The content of `path`, at most 4 KiB of printable ASCII without spaces, less one trailing newline. Errors name
/// `flag` and the file, and never quote what it holds. The file must not be open to others than its owner, except that
/// its group may read it: so Kubernetes mounts secrets for a pod's own group.
absl::StatusOr<Secret> read_secret_file(std::string_view flag, const std::string& path);

}  // namespace cancelbus::io
