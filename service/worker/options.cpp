#include "service/worker/options.hpp"

#include <absl/flags/flag.h>

#include <utility>

ABSL_FLAG(std::string, backend_endpoint, "tcp://127.0.0.1:5552",
          "where cancel-bus takes workers: tcp://host:port, ipc://path");
ABSL_FLAG(std::string, rest_url, "https://api.btcturk.com", "the exchange's REST interface");
ABSL_FLAG(
    std::string, api_key_file, "",
    "file with the public API key, looked at again when it changes or on SIGHUP; the key needs the Trade permission");
ABSL_FLAG(std::string, api_secret_file, "", "file with the API secret as the exchange gave it, in base64");
ABSL_FLAG(std::string, ca_file, "", "PEM file with the authorities to trust; empty: the system's");
ABSL_FLAG(int, connections, 4, "TLS connections kept open, and so tasks done at once, 1 to 64");
ABSL_FLAG(absl::Duration, request_timeout, absl::Seconds(5), "how long a request may take, 100ms to 60s");
ABSL_FLAG(std::string, monitor_address, "", "host:port for /metrics, /healthz and /readyz; empty: none");
ABSL_FLAG(bool, check, false, "say what is found at the exchange (TLS, clock, key), cancel nothing, exit with 0 or 1");

namespace cancelbus::worker {
namespace {

constexpr int MostConnections = 64;

absl::StatusOr<io::Url> rest_url(const std::string& value) {
  auto url = io::url_value("rest_url", value, "https");
  if (url.ok() && url->path != "/")
    return io::bad_flag("rest_url", value, "expected no path, the requests have their own");
  return url;
}

absl::StatusOr<btcturk::Signer> signer(io::ApiKeyFiles& files) {
  const auto pair = files.read();
  if (!pair.ok()) return pair.status();
  auto made = btcturk::Signer::make(std::string(pair->key.view()), pair->secret.view());
  if (!made.ok()) return files.unusable(std::string(made.status().message()));
  return made;
}

}  // namespace

Config config_from_flags() {
  return {
      absl::GetFlag(FLAGS_backend_endpoint), absl::GetFlag(FLAGS_rest_url),        absl::GetFlag(FLAGS_api_key_file),
      absl::GetFlag(FLAGS_api_secret_file),  absl::GetFlag(FLAGS_ca_file),         absl::GetFlag(FLAGS_connections),
      absl::GetFlag(FLAGS_request_timeout),  absl::GetFlag(FLAGS_monitor_address), absl::GetFlag(FLAGS_check),
      io::curve_config_from_flags()};
}

absl::StatusOr<Options> validated(const Config& config) {
  auto endpoint = io::endpoint_value("backend_endpoint", config.backend_endpoint, io::EndpointUse::Connect);
  if (!endpoint.ok()) return endpoint.status();
  // A check talks to no bus.
  const io::CurveConfig curve_config = config.check ? io::CurveConfig{"", "", true} : config.curve;
  auto curve = io::curve_client(curve_config, "backend_endpoint", config.check ? "inproc://none" : *endpoint);
  if (!curve.ok()) return curve.status();
  auto url = rest_url(config.rest_url);
  if (!url.ok()) return url.status();
  auto connections = io::integer_value("connections", config.connections, 1, MostConnections);
  if (!connections.ok()) return connections.status();
  auto timeout =
      io::duration_value("request_timeout", config.request_timeout, absl::Milliseconds(100), absl::Seconds(60));
  if (!timeout.ok()) return timeout.status();
  std::optional<io::HostPort> monitor;
  if (!config.monitor_address.empty()) {
    auto address = io::host_port_value("monitor_address", config.monitor_address);
    if (!address.ok()) return address.status();
    monitor = *std::move(address);
  }
  auto tls = io::make_tls_context(config.ca_file);
  if (!tls.ok()) return io::bad_flag("ca_file", config.ca_file, std::string(tls.status().message()));
  io::ApiKeyFiles files(config.api_key_file, config.api_secret_file);
  auto keyed = signer(files);
  if (!keyed.ok()) return keyed.status();
  return Options{*std::move(endpoint),
                 *std::move(url),
                 *std::move(tls),
                 *std::move(keyed),
                 std::move(files),
                 static_cast<uint32_t>(*connections),
                 *timeout,
                 std::move(monitor),
                 config.check,
                 *std::move(curve)};
}

}  // namespace cancelbus::worker
