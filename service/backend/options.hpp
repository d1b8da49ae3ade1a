// The flags that worker and subscriber have in common, checked: where the bus is, the API key, whom to trust, the
// monitor. And what both do with them.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "service/backend/buses.hpp"
#include "service/btcturk/signer.hpp"
#include "service/io/api_key_files.hpp"
#include "service/io/curve_client.hpp"
#include "service/io/dial.hpp"
#include "service/io/monitor.hpp"
#include "service/io/option_values.hpp"
#include "service/io/tls.hpp"

namespace cancelbus::backend {

/// The flags as given.
struct Config {
  std::string backend_endpoint;
  std::string api_key_file;
  std::string api_secret_file;
  std::string ca_file;
  std::string monitor_address;
  bool check = false;
  io::CurveConfig curve;
  std::string exchange_ip_family = "4";
};

struct Options {
  std::vector<std::string> backend_endpoints;  ///< of every bus that may lead
  io::TlsContext tls;
  btcturk::Signer signer;
  /// What the signer was made of.
  io::ApiKeyFiles key_files;
  /// Absent: no monitor.
  std::optional<io::HostPort> monitor_address = {};
  bool check = false;
  /// Absent: a plain connection to a bus on this machine.
  std::optional<io::CurveClient> curve = {};
  io::IpFamily exchange_ip_family = io::IpFamily::V4;
};

Config config_from_flags();

/// Reads the key files and the certificates. Errors name the flag.
absl::StatusOr<Options> validated(const Config& config);

/// By which the bus tells this process from all others; never 0.
uint64_t random_id();

/// Starts the monitor, if there is to be one, and connects to the buses. Errors name the flag.
absl::Status open(const Options& options, io::Monitor& monitor, Buses& buses);

/// Takes the key of replaced files into use, unless it is the one in use: then false.
absl::StatusOr<bool> replace_key(btcturk::Signer& signer, const io::ApiKeyPair& pair);

}  // namespace cancelbus::backend
