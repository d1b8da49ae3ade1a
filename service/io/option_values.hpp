// Checks that turn flag texts into values. Every error names the flag, the value and what was expected.
//
// Used by the options.cpp of each process, after parse_flags and before any socket opens. Pure.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::io {

/// `--flag=value: why`.
absl::Status bad_flag(std::string_view flag, std::string_view value, std::string_view why);

/// The same error, said of a flag: what its value, legible as it is, came to.
absl::Status of_flag(std::string_view flag, const absl::Status& error);

/// Both limits are allowed values.
absl::StatusOr<core::Duration> duration_value(std::string_view flag, absl::Duration value, absl::Duration least,
                                              absl::Duration most);
absl::StatusOr<int64_t> integer_value(std::string_view flag, int64_t value, int64_t least, int64_t most);

/// `10/1s,300/60s`: at least one rule, limits 1 to 1,000,000, periods 1 ms to 24 h, no period twice.
absl::StatusOr<std::vector<core::RateRule>> rate_rules_value(std::string_view flag, std::string_view value);

enum class EndpointUse { Bind, Connect };
/// A ZeroMQ endpoint: `tcp://host:port`, `ipc://path`, `inproc://name`. To bind, the port may be `*` or 0 and the host
/// `*`; to connect, neither.
absl::StatusOr<std::string> endpoint_value(std::string_view flag, std::string_view value, EndpointUse use);
/// Of several buses to connect to, separated by commas: at least one, at most MostEndpoints, none twice.
constexpr size_t MostEndpoints = 8;
absl::StatusOr<std::vector<std::string>> endpoints_value(std::string_view flag, std::string_view value);

/// No other machine can reach this (valid) endpoint: ipc, inproc, or tcp on 127.0.0.0/8, [::1] or localhost.
bool is_loopback(std::string_view endpoint);

struct HostPort {
  std::string host;  ///< name or address, an IPv6 address without its brackets
  uint16_t port = 0;
};
/// `host:port` or `[address]:port`; port 0 (any free one) allowed.
absl::StatusOr<HostPort> host_port_value(std::string_view flag, std::string_view value);
/// The same as it is written: 127.0.0.1:9550, [::1]:9550
std::string to_text(const HostPort& address);

struct Url {
  std::string host;  ///< as HostPort::host
  uint16_t port = 0;
  std::string path;  ///< at least "/"
  /// For the Host header: brackets as needed, the port only if it is not the scheme's own.
  std::string authority;
};
/// `scheme://host[:port][/path]` with exactly this scheme, https or wss, whose port is 443 if none is given. No user,
/// no query, no fragment.
absl::StatusOr<Url> url_value(std::string_view flag, std::string_view value, std::string_view scheme);

}  // namespace cancelbus::io
