// An API key and its secret, in two files that may be replaced while the process runs.
//
// Used by the worker and the subscriber, so that a key can be rotated without a restart. Two files cannot be replaced
// at once, except where both are reached through one symbolic link that is (as Kubernetes mounts secrets). So a change
// counts once both files have been left alone for a while, which is longer if only one of them is another than before:
// its partner is probably still to come. Files are told apart by what a path leads to, never watched themselves: the
// link is what changes.
#pragma once

#include <absl/status/statusor.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "service/core/types.hpp"
#include "service/io/clock.hpp"
#include "service/io/file_mark.hpp"
#include "service/io/secret_file.hpp"

namespace cancelbus::io {

namespace asio = boost::asio;

struct ApiKeyPair {
  Secret key;
  Secret secret;
};

class ApiKeyFiles {
 public:
  /// Both files unchanged for so long: what they hold belongs together.
  static constexpr core::Duration Settled = std::chrono::seconds(1);
  /// The same, while only one is another than before.
  static constexpr core::Duration HalfSettled = std::chrono::seconds(30);

  /// Errors will name --api_key_file and --api_secret_file.
  ApiKeyFiles(std::string key_path, std::string secret_path)
      : key_path_(std::move(key_path)), secret_path_(std::move(secret_path)) {}

  /// What they hold now, whether it has changed or not.
  absl::StatusOr<ApiKeyPair> read();
  /// Absent unless they have changed since the last reading, of whatever result, and have settled; `at_once` does
  /// without the latter.
  std::optional<absl::StatusOr<ApiKeyPair>> read_if_changed(core::Tick now, bool at_once);

  /// What is wrong with the pair, as an error of the same form as those of read(). `why` begins with what it is about,
  /// "API key" or "API secret", and must quote neither.
  absl::Status unusable(std::string_view why) const;

 private:
  struct Marks {
    FileMark key{};
    FileMark secret{};
    bool operator==(const Marks&) const = default;
  };
  Marks look() const;

  std::string key_path_;
  std::string secret_path_;
  Marks read_;        // before the last reading
  Marks seen_;        // at the last look
  core::Tick since_;  // seen_ has been so
};

/// Looks at the files every second, and at once on SIGHUP; logs what came of it.
class ApiKeyWatch {
 public:
  /// Takes the pair into use. False: it is the one in use already. An error: it cannot be used, and is not.
  using Use = std::function<absl::StatusOr<bool>(const ApiKeyPair& pair)>;

  ApiKeyWatch(asio::io_context& context, ApiKeyFiles files, Use use);

  void start();
  /// Without this the waiting keeps io_context::run from returning. May be called by `Use`.
  void stop();
  /// The exchange has refused the key: if other files are there, there is nothing to wait for.
  void key_refused() { look(true); }

 private:
  void wait_for_signal();
  void look_every_second();
  void look(bool at_once);
  void take(const absl::StatusOr<ApiKeyPair>& pair);

  ApiKeyFiles files_;
  Use use_;
  asio::signal_set hangup_;
  TickTimer timer_;
  bool stopped_ = false;
};

}  // namespace cancelbus::io
