#include "clients/fix/options.hpp"

#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>

#include <boost/asio/ip/address.hpp>
#include <fstream>
#include <sstream>
#include <utility>

#include "clients/fix/dictionary.hpp"

ABSL_FLAG(std::string, settings, "", "file with the FIX sessions, in QuickFIX's format; see clients/fix/README.md");
ABSL_FLAG(std::string, session_endpoint, "tcp://127.0.0.1:5550",
          "where cancel-bus takes sessions: tcp://host:port, tcp://[IPv6 address]:port, ipc://path");
ABSL_FLAG(std::string, event_endpoint, "tcp://127.0.0.1:5551", "where it publishes events");
ABSL_FLAG(std::string, monitor_address, "", "host:port for /metrics, /healthz and /readyz; empty: none");
ABSL_FLAG(absl::Duration, retention, absl::Hours(24),
          "how long an ended request is known, for its repetition and for status requests, 1m to 720h");
ABSL_FLAG(bool, check, false,
          "say what is found (settings, store, keys, the bus for each sender), change nothing, exit with 0 or 1");

namespace cancelbus::fix {
namespace {

absl::StatusOr<std::string> content_of(std::string_view name, const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.fail()) return io::bad_flag(name, path, "cannot be read");
  return text.str();
}

bool is_loopback_address(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(address, error);
  return !error && parsed.is_loopback();
}

absl::Status check_acceptor(const AcceptorSettings& acceptor, const std::string& file) {
  boost::system::error_code error;
  (void)boost::asio::ip::make_address(acceptor.address, error);
  if (error)
    return io::bad_flag("settings", file, absl::StrCat("SocketAcceptAddress=", acceptor.address, " is no IP address"));
  if (acceptor.certificate_file.empty() && !is_loopback_address(acceptor.address)) {
    return io::bad_flag("settings", file,
                        absl::StrCat("SocketAcceptAddress=", acceptor.address,
                                     " is reached from other machines: give ServerCertificateFile and "
                                     "ServerCertificateKeyFile, or listen on 127.0.0.1 behind a proxy that has TLS"));
  }
  return absl::OkStatus();
}

absl::StatusOr<client::ClientOptions> bus_of(const Config& config) {
  client::ClientOptions bus;
  for (const auto& [flag, value, into] :
       {std::tuple{"session_endpoint", &config.session_endpoint, &bus.session_endpoint},
        std::tuple{"event_endpoint", &config.event_endpoint, &bus.event_endpoint}}) {
    auto endpoint = io::endpoint_value(flag, *value, io::EndpointUse::Connect);
    if (!endpoint.ok()) return endpoint.status();
    // Says what is wrong with the keys in the words of the other processes.
    if (auto keys = io::curve_client(config.curve, flag, *endpoint); !keys.ok()) return keys.status();
    *into = *std::move(endpoint);
  }
  bus.curve_key_file = config.curve.key_file;
  bus.curve_server_key_file = config.curve.server_key_file;
  bus.insecure_loopback = config.curve.insecure_loopback;
  return bus;
}

}  // namespace

Config config_from_flags() {
  return {absl::GetFlag(FLAGS_settings),       absl::GetFlag(FLAGS_session_endpoint),
          absl::GetFlag(FLAGS_event_endpoint), absl::GetFlag(FLAGS_monitor_address),
          absl::GetFlag(FLAGS_retention),      absl::GetFlag(FLAGS_check),
          io::curve_config_from_flags()};
}

absl::StatusOr<Options> validated(const Config& config) {
  Options options;
  if (config.settings.empty()) {
    return absl::InvalidArgumentError("--settings: is missing: the file with the FIX sessions");
  }
  auto text = content_of("settings", config.settings);
  if (!text.ok()) return text.status();
  auto settings = read_settings(*text);
  if (!settings.ok()) return io::bad_flag("settings", config.settings, std::string(settings.status().message()));
  options.settings = *std::move(settings);
  const AcceptorSettings& acceptor = options.settings.acceptor;
  if (auto status = check_acceptor(acceptor, config.settings); !status.ok()) return status;
  if (!acceptor.certificate_file.empty()) {
    std::string error;
    options.tls = make_tls_server(acceptor.certificate_file, acceptor.key_file, acceptor.client_ca_file, error);
    if (!options.tls) return io::bad_flag("settings", config.settings, error);
  }
  options.dictionary = DictionaryText;
  if (!options.settings.dictionary.empty()) {
    auto dictionary = content_of("settings", options.settings.dictionary);
    if (!dictionary.ok()) return io::bad_flag("settings", config.settings, std::string(dictionary.status().message()));
    options.dictionary = *std::move(dictionary);
  }
  auto bus = bus_of(config);
  if (!bus.ok()) return bus.status();
  options.bus = *std::move(bus);
  if (!config.monitor_address.empty()) {
    auto address = io::host_port_value("monitor_address", config.monitor_address);
    if (!address.ok()) return address.status();
    options.monitor_address = *std::move(address);
  }
  auto retention = io::duration_value("retention", config.retention, absl::Minutes(1), absl::Hours(720));
  if (!retention.ok()) return retention.status();
  options.retention = *retention;
  options.check = config.check;
  return options;
}

}  // namespace cancelbus::fix
