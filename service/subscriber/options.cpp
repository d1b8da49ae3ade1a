#include "service/subscriber/options.hpp"

#include <absl/flags/flag.h>

#include <utility>

ABSL_FLAG(std::string, backend_endpoint, "tcp://127.0.0.1:5552",
          "where cancel-bus takes the subscriber's news: tcp://host:port, ipc://path");
ABSL_FLAG(std::string, stream_url, "wss://ws-feed-pro.btcturk.com", "the exchange's WebSocket feed");
ABSL_FLAG(std::string, api_key_file, "",
          "file with the public API key, looked at again when it changes or on SIGHUP; the key needs the WebSocket "
          "permission");
ABSL_FLAG(std::string, api_secret_file, "", "file with the API secret as the exchange gave it, in base64");
ABSL_FLAG(std::string, ca_file, "", "PEM file with the authorities to trust; empty: the system's");
ABSL_FLAG(int64_t, login_nonce, 3000,
          "nonce of the login, which acts as a receive window in milliseconds, 100 to 60000");
ABSL_FLAG(absl::Duration, silence_timeout, absl::Seconds(15),
          "reconnect when no frame, pings included, has come for so long, 1s to 5m");
ABSL_FLAG(std::string, monitor_address, "", "host:port for /metrics, /healthz and /readyz; empty: none");
ABSL_FLAG(bool, check, false, "say what is found at the exchange (TLS, banner, login), exit with 0 or 1");

namespace cancelbus::subscriber {
namespace {

absl::StatusOr<btcturk::Signer> signer(io::ApiKeyFiles& files) {
  const auto pair = files.read();
  if (!pair.ok()) return pair.status();
  auto made = btcturk::Signer::make(std::string(pair->key.view()), pair->secret.view());
  if (!made.ok()) return files.unusable(std::string(made.status().message()));
  return made;
}

}  // namespace

Config config_from_flags() {
  Config config;
  config.backend_endpoint = absl::GetFlag(FLAGS_backend_endpoint);
  config.stream_url = absl::GetFlag(FLAGS_stream_url);
  config.api_key_file = absl::GetFlag(FLAGS_api_key_file);
  config.api_secret_file = absl::GetFlag(FLAGS_api_secret_file);
  config.ca_file = absl::GetFlag(FLAGS_ca_file);
  config.login_nonce = absl::GetFlag(FLAGS_login_nonce);
  config.silence_timeout = absl::GetFlag(FLAGS_silence_timeout);
  config.monitor_address = absl::GetFlag(FLAGS_monitor_address);
  config.check = absl::GetFlag(FLAGS_check);
  config.curve = io::curve_config_from_flags();
  return config;
}

absl::StatusOr<Options> validated(const Config& config) {
  auto endpoint = io::endpoint_value("backend_endpoint", config.backend_endpoint, io::EndpointUse::Connect);
  if (!endpoint.ok()) return endpoint.status();
  // A check talks to no bus.
  const io::CurveConfig curve_config = config.check ? io::CurveConfig{"", "", true} : config.curve;
  auto curve = io::curve_client(curve_config, "backend_endpoint", config.check ? "inproc://none" : *endpoint);
  if (!curve.ok()) return curve.status();
  auto url = io::url_value("stream_url", config.stream_url, "wss");
  if (!url.ok()) return url.status();
  auto nonce = io::integer_value("login_nonce", config.login_nonce, 100, 60'000);
  if (!nonce.ok()) return nonce.status();
  auto silence = io::duration_value("silence_timeout", config.silence_timeout, absl::Seconds(1), absl::Minutes(5));
  if (!silence.ok()) return silence.status();
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
  return Options{*std::move(endpoint), *std::move(url),  *std::move(tls), *std::move(keyed),
                 std::move(files),     *nonce,           *silence,        std::move(monitor),
                 config.check,         *std::move(curve)};
}

}  // namespace cancelbus::subscriber
