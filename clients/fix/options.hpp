// The flags and the settings file of cancel-fix, checked: what is wrong with them is said before any socket opens.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "cancelbus/client.hpp"
#include "clients/fix/connection.hpp"
#include "clients/fix/settings.hpp"
#include "service/core/types.hpp"
#include "service/io/curve_client.hpp"
#include "service/io/option_values.hpp"

namespace cancelbus::fix {

/// The flags as given.
struct Config {
  std::string settings;
  std::string session_endpoint;
  std::string event_endpoint;
  std::string monitor_address;
  absl::Duration retention;
  bool check = false;
  io::CurveConfig curve;
};

struct Options {
  Settings settings;
  std::string dictionary;  ///< the data dictionary's text
  TlsServer tls;           ///< null: plain
  /// Of a client of the bus, but for its name.
  client::ClientOptions bus;
  std::optional<io::HostPort> monitor_address = {};
  core::Duration retention{};
  bool check = false;
};

Config config_from_flags();

/// Reads the settings file and what it names. Errors name the flag or the setting.
absl::StatusOr<Options> validated(const Config& config);

}  // namespace cancelbus::fix
