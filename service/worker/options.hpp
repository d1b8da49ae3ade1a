// The worker's flags, checked: what is wrong with them is said before any socket opens.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>

#include "service/btcturk/signer.hpp"
#include "service/io/api_key_files.hpp"
#include "service/io/curve_client.hpp"
#include "service/io/option_values.hpp"
#include "service/io/tls.hpp"

namespace cancelbus::worker {

/// The flags as given.
struct Config {
  std::string backend_endpoint;
  std::string rest_url;
  std::string api_key_file;
  std::string api_secret_file;
  std::string ca_file;
  int connections = 0;
  absl::Duration request_timeout;
  std::string monitor_address;
  bool check = false;
  io::CurveConfig curve;
};

struct Options {
  std::string backend_endpoint;
  io::Url rest_url;
  io::TlsContext tls;
  btcturk::Signer signer;
  /// What the signer was made of.
  io::ApiKeyFiles key_files;
  uint32_t connections = 0;
  core::Duration request_timeout{};
  /// Absent: no monitor.
  std::optional<io::HostPort> monitor_address;
  bool check = false;
  /// Absent: a plain connection to a bus on this machine.
  std::optional<io::CurveClient> curve = {};
};

Config config_from_flags();

/// Reads the key files and the certificates. Errors name the flag.
absl::StatusOr<Options> validated(const Config& config);

}  // namespace cancelbus::worker
