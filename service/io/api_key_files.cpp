#include "service/io/api_key_files.hpp"

#include <absl/status/status.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "service/io/log.hpp"
#include "service/io/option_values.hpp"
#include "service/io/signals.hpp"

namespace cancelbus::io {
namespace {

constexpr core::Duration LookEvery = std::chrono::seconds(1);

}  // namespace

ApiKeyFiles::Marks ApiKeyFiles::look() const { return {file_mark(key_path_), file_mark(secret_path_)}; }

absl::StatusOr<ApiKeyPair> ApiKeyFiles::read() {
  // Looked at before, so that what changes during the reading counts as a change.
  read_ = seen_ = look();
  auto key = read_secret_file("api_key_file", key_path_, OpenToOthers::Warned);
  if (!key.ok()) return key.status();
  auto secret = read_secret_file("api_secret_file", secret_path_, OpenToOthers::Warned);
  if (!secret.ok()) return secret.status();
  return ApiKeyPair{*std::move(key), *std::move(secret)};
}

std::optional<absl::StatusOr<ApiKeyPair>> ApiKeyFiles::read_if_changed(core::Tick now, bool at_once) {
  const Marks marks = look();
  if (marks != seen_) {
    seen_ = marks;
    since_ = now;
  }
  if (marks == read_) return std::nullopt;
  const bool only_one = marks.key == read_.key || marks.secret == read_.secret;
  if (!at_once && now - since_ < (only_one ? HalfSettled : Settled)) return std::nullopt;
  const Marks former = read_;
  auto pair = read();
  if (look() == read_) return pair;
  // They are being replaced at this very moment: what was read may be half of each.
  read_ = former;
  return std::nullopt;
}

absl::Status ApiKeyFiles::unusable(std::string_view why) const {
  return why.starts_with("API key") ? bad_flag("api_key_file", key_path_, why)
                                    : bad_flag("api_secret_file", secret_path_, why);
}

// ---- ApiKeyWatch ----

ApiKeyWatch::ApiKeyWatch(asio::io_context& context, ApiKeyFiles files, Use use)
    : files_(std::move(files)), use_(std::move(use)), hangup_(context, SIGHUP), timer_(context) {}

void ApiKeyWatch::start() {
  unblock_signals({SIGHUP});
  wait_for_signal();
  look_every_second();
}

void ApiKeyWatch::stop() {
  stopped_ = true;  // A call that is due already comes all the same.
  boost::system::error_code ignored;
  hangup_.cancel(ignored);
  timer_.cancel();
}

void ApiKeyWatch::wait_for_signal() {
  if (stopped_) return;
  hangup_.async_wait([this](const boost::system::error_code& error, int) {
    if (error || stopped_) return;
    take(files_.read());
    wait_for_signal();
  });
}

void ApiKeyWatch::look_every_second() {
  if (!stopped_) look(false);
  if (stopped_) return;
  timer_.arm(now().tick + LookEvery, [this] { look_every_second(); });
}

void ApiKeyWatch::look(bool at_once) {
  const auto pair = files_.read_if_changed(now().tick, at_once);
  if (pair) take(*pair);
}

void ApiKeyWatch::take(const absl::StatusOr<ApiKeyPair>& pair) {
  const absl::StatusOr<bool> used = pair.ok() ? use_(*pair) : absl::StatusOr<bool>(pair.status());
  if (!used.ok()) {
    const absl::Status why = pair.ok() ? files_.unusable(std::string(used.status().message())) : used.status();
    log_error("api_key_not_replaced", {{"why", std::string(why.message())}});
  } else {
    log_info(*used ? "api_key_replaced" : "api_key_unchanged");
  }
}

}  // namespace cancelbus::io
