// The subscriber's flags, checked: what is wrong with them is said before any socket opens.
#pragma once

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>

#include "service/backend/options.hpp"

namespace cancelbus::subscriber {

/// The flags as given.
struct Config : backend::Config {
  std::string stream_url;
  int64_t login_nonce = 0;
  absl::Duration silence_timeout;
};

struct Options : backend::Options {
  io::Url stream_url;
  int64_t login_nonce = 0;
  core::Duration silence_timeout{};
};

Config config_from_flags();

/// Reads the key files and the certificates. Errors name the flag.
absl::StatusOr<Options> validated(const Config& config);

}  // namespace cancelbus::subscriber
