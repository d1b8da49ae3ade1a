// The worker's flags, checked: what is wrong with them is said before any socket opens.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>

#include "service/backend/options.hpp"

namespace cancelbus::worker {

/// The flags as given.
struct Config : backend::Config {
  std::string rest_url;
  int connections = 0;
  absl::Duration request_timeout;
};

struct Options : backend::Options {
  io::Url rest_url;
  uint32_t connections = 0;
  core::Duration request_timeout{};
};

Config config_from_flags();

/// Reads the key files and the certificates. Errors name the flag.
absl::StatusOr<Options> validated(const Config& config);

}  // namespace cancelbus::worker
