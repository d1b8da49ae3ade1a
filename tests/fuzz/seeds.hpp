// What the fuzz targets start from: the contract's own samples, read where they stand, so that a new sample is a new
// seed.
#pragma once

#include <google/protobuf/message_lite.h>

#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cancelbus::fuzz {

/// The exchange's sample payloads of `kind` (`rest` or `stream`) by name. Throws if there are none.
std::map<std::string, boost::json::value> payloads(std::string_view kind);

/// The bytes of every golden whose file name begins with `message`, such as `SessionRequest.`. Throws if there is none.
std::vector<std::string> goldens(std::string_view message);

/// Appends the bytes of each message.
template <typename... Messages>
void add_bytes(std::vector<std::string>& seeds, const Messages&... messages) {
  (seeds.push_back(messages.SerializeAsString()), ...);
}

}  // namespace cancelbus::fuzz
