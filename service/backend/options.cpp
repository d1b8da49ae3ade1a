#include "service/backend/options.hpp"

#include <absl/flags/flag.h>

#include <random>
#include <utility>

#include "service/io/log.hpp"

ABSL_FLAG(
    std::string, backend_endpoint, "tcp://127.0.0.1:5552",
    "where cancel-bus takes workers and the subscriber: tcp://host:port, tcp://[IPv6 address]:port, ipc://path; of "
    "several buses, separated by commas, whichever leads is served");
ABSL_FLAG(std::string, api_key_file, "",
          "file with the public API key, looked at again when it changes or on SIGHUP; a worker's key needs the Trade "
          "permission, the subscriber's WebSocket");
ABSL_FLAG(std::string, api_secret_file, "", "file with the API secret as the exchange gave it, in base64");
ABSL_FLAG(std::string, ca_file, "", "PEM file with the authorities to trust; empty: the system's");
ABSL_FLAG(std::string, exchange_ip_family, "4",
          "4, 6 or any: which addresses of the exchange are used; its API keys are bound to IPv4 addresses");
ABSL_FLAG(std::string, monitor_address, "", "host:port for /metrics, /healthz and /readyz; empty: none");
ABSL_FLAG(bool, check, false,
          "say what is found at the exchange (TLS, clock, key, login), change nothing there, exit with 0 or 1");

namespace cancelbus::backend {
namespace {

absl::StatusOr<btcturk::Signer> signer_of(const io::ApiKeyPair& pair) {
  return btcturk::Signer::make(std::string(pair.key.view()), pair.secret.view());
}

absl::StatusOr<btcturk::Signer> signer_of(io::ApiKeyFiles& files) {
  const auto pair = files.read();
  if (!pair.ok()) return pair.status();
  auto signer = signer_of(*pair);
  if (!signer.ok()) return files.unusable(std::string(signer.status().message()));
  return signer;
}

absl::StatusOr<io::IpFamily> ip_family_value(const std::string& value) {
  if (value == "4") return io::IpFamily::V4;
  if (value == "6") return io::IpFamily::V6;
  if (value == "any") return io::IpFamily::Any;
  return io::bad_flag("exchange_ip_family", value, "expected 4, 6 or any");
}

absl::StatusOr<std::optional<io::CurveClient>> curve_of(const Config& config,
                                                        const std::vector<std::string>& endpoints) {
  // A check talks to no bus.
  if (config.check) return io::curve_client({"", "", true}, "backend_endpoint", "inproc://none");
  absl::StatusOr<std::optional<io::CurveClient>> curve;
  for (const std::string& endpoint : endpoints) {
    curve = io::curve_client(config.curve, "backend_endpoint", endpoint);
    if (!curve.ok()) break;
  }
  return curve;
}

}  // namespace

Config config_from_flags() {
  return {absl::GetFlag(FLAGS_backend_endpoint), absl::GetFlag(FLAGS_api_key_file),
          absl::GetFlag(FLAGS_api_secret_file),  absl::GetFlag(FLAGS_ca_file),
          absl::GetFlag(FLAGS_monitor_address),  absl::GetFlag(FLAGS_check),
          io::curve_config_from_flags(),         absl::GetFlag(FLAGS_exchange_ip_family)};
}

absl::StatusOr<Options> validated(const Config& config) {
  auto endpoints = io::endpoints_value("backend_endpoint", config.backend_endpoint);
  if (!endpoints.ok()) return endpoints.status();
  auto curve = curve_of(config, *endpoints);
  if (!curve.ok()) return curve.status();
  auto ip_family = ip_family_value(config.exchange_ip_family);
  if (!ip_family.ok()) return ip_family.status();
  std::optional<io::HostPort> monitor;
  if (!config.monitor_address.empty()) {
    auto address = io::host_port_value("monitor_address", config.monitor_address);
    if (!address.ok()) return address.status();
    monitor = *std::move(address);
  }
  auto tls = io::make_tls_context(config.ca_file);
  if (!tls.ok()) return io::bad_flag("ca_file", config.ca_file, std::string(tls.status().message()));
  io::ApiKeyFiles files(config.api_key_file, config.api_secret_file);
  auto signer = signer_of(files);
  if (!signer.ok()) return signer.status();
  return Options{*std::move(endpoints), *std::move(tls), *std::move(signer), std::move(files),
                 std::move(monitor),    config.check,    *std::move(curve),  *ip_family};
}

uint64_t random_id() {
  std::random_device source;
  return std::uniform_int_distribution<uint64_t>(1)(source);
}

absl::Status open(const Options& options, io::Monitor& monitor, Buses& buses) {
  if (options.monitor_address) {
    if (auto status = monitor.listen(*options.monitor_address); !status.ok()) {
      return io::of_flag("monitor_address", status);
    }
    io::log_info("monitor_listens", {{"port", monitor.port()}});
  }
  if (auto status = buses.connect(options.backend_endpoints); !status.ok()) {
    return io::of_flag("backend_endpoint", status);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> replace_key(btcturk::Signer& signer, const io::ApiKeyPair& pair) {
  auto made = signer_of(pair);
  if (!made.ok()) return made.status();
  if (made->is_same(signer)) return false;
  signer = *std::move(made);
  return true;
}

}  // namespace cancelbus::backend
