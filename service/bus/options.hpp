// The flags of cancel-bus, checked.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>

#include "service/bus/doorkeeper.hpp"
#include "service/bus/policy.hpp"
#include "service/bus/policy_file.hpp"
#include "service/core/gateway_options.hpp"
#include "service/io/curve.hpp"
#include "service/io/option_values.hpp"
#include "service/io/options.hpp"
#include "service/io/store.hpp"

namespace cancelbus::bus {

extern const io::Program ThisProgram;

struct Options {
  std::string session_endpoint;
  std::string event_endpoint;
  std::string backend_endpoint;
  io::HostPort monitor_address;
  /// Absent: plain sockets, and everybody who reaches them may do everything.
  std::optional<io::CurveKey> curve_key;
  WatchedFile curve_key_file{""};
  PolicyFile policy_file{""};
  std::optional<Policy> policy;  ///< what the file held at the start
  DoorLimits door;
  io::StoreOptions store;
  int64_t store_downgrade_to = 0;  ///< take the schema back to this version and end; 0: run
  core::GatewayOptions gateway;
};

/// After io::parse_flags. Errors name the flag.
absl::StatusOr<Options> options_from_flags();

}  // namespace cancelbus::bus
