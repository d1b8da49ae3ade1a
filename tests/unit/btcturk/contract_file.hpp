// Reads the exchange's sample payloads and signature vectors, as the tests of the dialect need them.
#pragma once

#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace cancelbus::btcturk {

/// Throws if the file is missing or no JSON.
inline boost::json::value contract_file(const std::string& name) {
  std::ifstream file(std::string(CANCELBUS_CONTRACT_DIR) + "/" + name);
  if (!file) throw std::runtime_error("cannot open " + name);
  return boost::json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace cancelbus::btcturk
