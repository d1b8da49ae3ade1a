#include "service/worker/options.hpp"

#include <absl/flags/flag.h>

#include <utility>

ABSL_FLAG(std::string, rest_url, "https://api.btcturk.com", "the exchange's REST interface");
ABSL_FLAG(int, connections, 4, "TLS connections kept open, and so tasks done at once, 1 to 64");
ABSL_FLAG(absl::Duration, request_timeout, absl::Seconds(5), "how long a request may take, 100ms to 60s");

namespace cancelbus::worker {
namespace {

constexpr int MostConnections = 64;

absl::StatusOr<io::Url> rest_url(const std::string& value) {
  auto url = io::url_value("rest_url", value, "https");
  if (url.ok() && url->path != "/")
    return io::bad_flag("rest_url", value, "expected no path, the requests have their own");
  return url;
}

}  // namespace

Config config_from_flags() {
  return {backend::config_from_flags(), absl::GetFlag(FLAGS_rest_url), absl::GetFlag(FLAGS_connections),
          absl::GetFlag(FLAGS_request_timeout)};
}

absl::StatusOr<Options> validated(const Config& config) {
  auto url = rest_url(config.rest_url);
  if (!url.ok()) return url.status();
  auto connections = io::integer_value("connections", config.connections, 1, MostConnections);
  if (!connections.ok()) return connections.status();
  auto timeout =
      io::duration_value("request_timeout", config.request_timeout, absl::Milliseconds(100), absl::Seconds(60));
  if (!timeout.ok()) return timeout.status();
  auto common = backend::validated(config);
  if (!common.ok()) return common.status();
  return Options{*std::move(common), *std::move(url), static_cast<uint32_t>(*connections), *timeout};
}

}  // namespace cancelbus::worker
