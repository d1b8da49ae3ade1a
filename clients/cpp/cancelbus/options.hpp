// What ClientOptions say once the environment was asked, checked before any socket opens.
//
// Used by Client.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cancelbus/client.hpp"
#include "cancelbus/curve.hpp"

namespace cancelbus::client {

/// Of an option that names several, separated by commas.
std::vector<std::string> endpoints_in(const std::string& option);

/// Fills in what was not given. Empty if all is well, else what is wrong, with the option's name before it. No keys:
/// plain sockets on this machine.
std::string complete(ClientOptions& options, std::optional<CurveKeys>& keys);

}  // namespace cancelbus::client
