#include "service/subscriber/options.hpp"

#include <absl/flags/flag.h>

#include <utility>

ABSL_FLAG(std::string, stream_url, "wss://ws-feed-pro.btcturk.com", "the exchange's WebSocket feed");
ABSL_FLAG(int64_t, login_nonce, 3000,
          "nonce of the login, which acts as a receive window in milliseconds, 100 to 60000");
ABSL_FLAG(absl::Duration, silence_timeout, absl::Seconds(15),
          "reconnect when no frame, pings included, has come for so long, 1s to 5m");

namespace cancelbus::subscriber {

Config config_from_flags() {
  return {backend::config_from_flags(), absl::GetFlag(FLAGS_stream_url), absl::GetFlag(FLAGS_login_nonce),
          absl::GetFlag(FLAGS_silence_timeout)};
}

absl::StatusOr<Options> validated(const Config& config) {
  auto url = io::url_value("stream_url", config.stream_url, "wss");
  if (!url.ok()) return url.status();
  auto nonce = io::integer_value("login_nonce", config.login_nonce, 100, 60'000);
  if (!nonce.ok()) return nonce.status();
  auto silence = io::duration_value("silence_timeout", config.silence_timeout, absl::Seconds(1), absl::Minutes(5));
  if (!silence.ok()) return silence.status();
  auto common = backend::validated(config);
  if (!common.ok()) return common.status();
  return Options{*std::move(common), *std::move(url), *nonce, *silence};
}

}  // namespace cancelbus::subscriber
