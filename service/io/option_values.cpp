#include "service/io/option_values.hpp"

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <arpa/inet.h>

#include <algorithm>
#include <optional>

namespace cancelbus::io {
namespace {

constexpr uint32_t MostPerPeriod = 1'000'000;
constexpr uint16_t TlsPort = 443;

absl::string_view absl_view(std::string_view text) { return {text.data(), text.size()}; }

std::optional<uint16_t> port_number(std::string_view text) {
  int32_t port = 0;
  const bool digits = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || text.size() > 5 || !absl::SimpleAtoi(absl_view(text), &port) || port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  });
}

bool is_ipv6_address(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool is_bracketed_address(std::string_view text) {
  return text.starts_with('[') && text.ends_with(']') && text.size() > 2 &&
         is_ipv6_address(std::string(text.substr(1, text.size() - 2)));
}

std::string without_brackets(std::string_view host) {
  return std::string(host.starts_with('[') ? host.substr(1, host.size() - 2) : host);
}

// The text before the last colon and the text after it; the latter is absent if the only colons stand in brackets.
struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

HostAndPort split_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  const size_t bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && bracket > colon)) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

absl::StatusOr<core::RateRule> rate_rule(std::string_view flag, std::string_view all, std::string_view one) {
  const auto bad = [&](std::string_view why) { return bad_flag(flag, all, why); };
  const size_t slash = one.find('/');
  if (slash == std::string_view::npos) return bad("expected rules as limit/period, such as 10/1s,300/60s");
  uint32_t limit = 0;
  if (!absl::SimpleAtoi(absl_view(one.substr(0, slash)), &limit) || limit < 1 || limit > MostPerPeriod) {
    return bad("a rule's limit must be a whole number from 1 to 1000000");
  }
  absl::Duration period;
  if (!absl::ParseDuration(absl_view(one.substr(slash + 1)), &period) || period < absl::Milliseconds(1) ||
      period > absl::Hours(24)) {
    return bad("a rule's period must be a duration from 1ms to 24h");
  }
  return core::RateRule{limit, absl::ToChronoNanoseconds(period)};
}

}  // namespace

absl::Status bad_flag(std::string_view flag, std::string_view value, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", absl_view(flag), "=", absl_view(value), ": ", absl_view(why)));
}

absl::Status of_flag(std::string_view flag, const absl::Status& error) {
  return {error.code(), absl::StrCat("--", absl_view(flag), ": ", error.message())};
}

absl::StatusOr<core::Duration> duration_value(std::string_view flag, absl::Duration value, absl::Duration least,
                                              absl::Duration most) {
  if (value < least || value > most) {
    return bad_flag(flag, absl::FormatDuration(value),
                    absl::StrCat("expected ", absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
  }
  return absl::ToChronoNanoseconds(value);
}

absl::StatusOr<int64_t> integer_value(std::string_view flag, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most) {
    return bad_flag(flag, absl::StrCat(value), absl::StrCat("expected ", least, " to ", most));
  }
  return value;
}

absl::StatusOr<std::vector<core::RateRule>> rate_rules_value(std::string_view flag, std::string_view value) {
  std::vector<core::RateRule> rules;
  for (const absl::string_view one : absl::StrSplit(absl_view(value), ',')) {
    auto rule = rate_rule(flag, value, std::string_view(one.data(), one.size()));
    if (!rule.ok()) return rule.status();
    if (std::ranges::any_of(rules, [&](const core::RateRule& r) { return r.period == rule->period; })) {
      return bad_flag(flag, value, "two rules have the same period");
    }
    rules.push_back(*rule);
  }
  return rules;
}

absl::StatusOr<std::string> endpoint_value(std::string_view flag, std::string_view value, EndpointUse use) {
  const auto bad = [&](std::string_view why) { return bad_flag(flag, value, why); };
  for (const std::string_view scheme : {"ipc://", "inproc://"}) {
    if (!value.starts_with(scheme)) continue;
    if (value.size() == scheme.size()) return bad("expected a name after the scheme");
    return std::string(value);
  }
  constexpr std::string_view Tcp = "tcp://";
  if (!value.starts_with(Tcp)) return bad("expected tcp://host:port, ipc://path or inproc://name");
  const auto [host, port] = split_port(value.substr(Tcp.size()));
  const bool bind = use == EndpointUse::Bind;
  if (!is_host(host) && !is_bracketed_address(host) && !(bind && host == "*"))
    return bad("the host is missing or unusable: expected a name or an address, IPv6 in brackets as [::1]");
  const auto number = port_number(port.value_or(""));
  if (bind ? !number && port != "*" : number.value_or(0) == 0) {
    return bad(bind ? "expected a port from 0 to 65535, or * for a free one" : "expected a port from 1 to 65535");
  }
  return std::string(value);
}

absl::StatusOr<std::vector<std::string>> endpoints_value(std::string_view flag, std::string_view value) {
  std::vector<std::string> endpoints;
  for (size_t begin = 0; begin <= value.size();) {
    const size_t end = std::min(value.find(',', begin), value.size());
    auto endpoint = endpoint_value(flag, value.substr(begin, end - begin), EndpointUse::Connect);
    if (!endpoint.ok()) return endpoint.status();
    if (std::ranges::count(endpoints, *endpoint) > 0) return bad_flag(flag, value, "names an endpoint twice");
    if (endpoints.size() == MostEndpoints) return bad_flag(flag, value, "expected at most 8 endpoints");
    endpoints.push_back(*std::move(endpoint));
    begin = end + 1;
  }
  return endpoints;
}

bool is_loopback(std::string_view endpoint) {
  if (endpoint.starts_with("ipc://") || endpoint.starts_with("inproc://")) return true;
  constexpr std::string_view Tcp = "tcp://";
  if (!endpoint.starts_with(Tcp)) return false;
  const std::string_view host = split_port(endpoint.substr(Tcp.size())).host;
  if (host == "localhost" || host == "[::1]") return true;
  // A name may begin with 127. too.
  return host.starts_with("127.") && std::ranges::count(host, '.') == 3 &&
         std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

absl::StatusOr<HostPort> host_port_value(std::string_view flag, std::string_view value) {
  const auto [host, port] = split_port(value);
  if (!is_host(host) && !is_bracketed_address(host)) return bad_flag(flag, value, "expected host:port");
  const auto number = port_number(port.value_or(""));
  if (!number) return bad_flag(flag, value, "expected host:port with a port from 0 to 65535");
  return HostPort{without_brackets(host), *number};
}

std::string to_text(const HostPort& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  return absl::StrCat(brackets ? absl::StrCat("[", address.host, "]") : address.host, ":", address.port);
}

absl::StatusOr<Url> url_value(std::string_view flag, std::string_view value, std::string_view scheme) {
  const auto bad = [&](std::string_view why) { return bad_flag(flag, value, why); };
  const std::string prefix = absl::StrCat(absl_view(scheme), "://");
  if (!value.starts_with(prefix)) return bad(absl::StrCat("expected ", prefix, "host[:port][/path]"));
  const std::string_view rest = value.substr(prefix.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view path = rest.substr(slash);
  const auto [host, port] = split_port(rest.substr(0, slash));
  if (!is_host(host) && !is_bracketed_address(host)) return bad("the host is missing or unusable");
  const auto number = port ? port_number(*port) : TlsPort;
  if (number.value_or(0) == 0) return bad("expected a port from 1 to 65535");
  if (!std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7f' && c != '?' && c != '#'; })) {
    return bad("the path must be printable ASCII without a query or fragment");
  }
  Url url{without_brackets(host), *number, path.empty() ? "/" : std::string(path), std::string(host)};
  if (*number != TlsPort) absl::StrAppend(&url.authority, ":", *number);
  return url;
}

}  // namespace cancelbus::io
