// The answers the exchange has been seen to give, from tests/contract/payloads.json, embedded at build time. RestApi
// answers with them where they fit, and the fault "answer" can give any of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/exchange/http.hpp"

namespace exchange_sim {

// Null for an unknown name.
const HttpAnswer* find_payload(std::string_view name);
// A name that must exist.
HttpAnswer payload(std::string_view name);
std::vector<std::string> payload_names();
// A frame of the "stream" part, as text.
std::string stream_payload(std::string_view name);

}  // namespace exchange_sim
