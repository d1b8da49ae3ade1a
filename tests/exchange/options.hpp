// The flags of exchange-sim, read once in main. A flag can also come as environment variable CANCELBUS_<FLAG>; the
// command line wins. Odd: abseil's own parser ends the process with 1 on an unknown flag, this one reports it (exit 2).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tests/exchange/world.hpp"

namespace exchange_sim {

struct Options {
  bool help = false;
  bool version = false;
  std::string rest_address;
  std::string stream_address;
  std::string cert_file;
  std::string key_file;
  std::string faults_json;
  Settings settings;
};

// The error names the flag.
absl::StatusOr<Options> read_options(int argc, char** argv);
std::string help_text();

}  // namespace exchange_sim
