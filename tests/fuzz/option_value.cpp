// A flag's text, taken for each kind of value that a flag can have.
#include <absl/flags/marshalling.h>
#include <absl/strings/match.h>
#include <absl/time/time.h>

#include <set>
#include <string>

#include "service/io/option_values.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

absl::string_view absl_view(std::string_view text) { return {text.data(), text.size()}; }

void require_explained(const absl::Status& status) {
  require(absl::StartsWith(status.message(), "--flag="), "an error names the flag");
}

bool duration(std::string_view input) {
  absl::Duration given;
  std::string error;
  if (!absl::ParseFlag(absl_view(input), &given, &error)) return false;
  const auto value = io::duration_value("flag", given, absl::Milliseconds(1), absl::Hours(24));
  if (!value.ok()) {
    require_explained(value.status());
    return false;
  }
  require(*value >= std::chrono::milliseconds(1) && *value <= std::chrono::hours(24), "a duration is within its range");
  return true;
}

bool rate_rules(std::string_view input) {
  const auto rules = io::rate_rules_value("flag", input);
  if (!rules.ok()) {
    require_explained(rules.status());
    return false;
  }
  std::set<core::Duration> periods;
  std::string shown;
  for (const auto& rule : *rules) {
    require(rule.limit >= 1 && rule.limit <= 1'000'000, "a limit is within its range");
    require(rule.period >= std::chrono::milliseconds(1) && rule.period <= std::chrono::hours(24),
            "a period is within its range");
    require(periods.insert(rule.period).second, "no period twice");
    if (!shown.empty()) shown += ',';
    shown += std::to_string(rule.limit) + "/" + std::to_string(rule.period.count()) + "ns";
  }
  require(!rules->empty(), "no limit at all is not a limit");
  const auto again = io::rate_rules_value("flag", shown);
  require(again.ok() && *again == *rules, "rules can be shown and read again");
  return true;
}

bool endpoint(std::string_view input) {
  const auto bind = io::endpoint_value("flag", input, io::EndpointUse::Bind);
  const auto connect = io::endpoint_value("flag", input, io::EndpointUse::Connect);
  if (!bind.ok()) require_explained(bind.status());
  if (!connect.ok()) require_explained(connect.status());
  require(bind.ok() || !connect.ok(), "what can be connected to can be bound to");
  require(!bind.ok() || *bind == input, "an endpoint is kept as it is");
  require(!connect.ok() || input.find('*') == std::string_view::npos || !input.starts_with("tcp://"),
          "no socket connects to a wildcard");
  return bind.ok();
}

std::string in_brackets_if_needed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

bool host_port(std::string_view input) {
  const auto value = io::host_port_value("flag", input);
  if (!value.ok()) {
    require_explained(value.status());
    return false;
  }
  require(!value->host.empty(), "a host is named");
  const auto again =
      io::host_port_value("flag", in_brackets_if_needed(value->host) + ":" + std::to_string(value->port));
  require(again.ok() && again->host == value->host && again->port == value->port, "an address can be written again");
  return true;
}

bool url(std::string_view input) {
  const auto value = io::url_value("flag", input, "https");
  if (!value.ok()) {
    require_explained(value.status());
    return false;
  }
  require(!value->host.empty() && value->port != 0 && value->path.starts_with('/'), "a URL is whole");
  for (const char c : value->authority + value->path) {
    require(c > ' ' && c < 0x7F, "nothing in a URL ends a header line");
  }
  const auto again = io::url_value("flag", "https://" + value->authority + value->path, "https");
  require(again.ok() && again->host == value->host && again->port == value->port && again->path == value->path &&
              again->authority == value->authority,
          "a URL can be written again");
  return true;
}

}  // namespace

bool option_value(std::string_view input) {
  bool legible = false;
  for (const auto kind : {duration, rate_rules, endpoint, host_port, url}) legible = kind(input) || legible;
  return legible;
}

std::vector<std::string> option_value_seeds() {
  return {"500ms",
          "1m30s",
          "-2s",
          "inf",
          "1.5h",
          "25h",
          "10/1s,300/60s",
          "10/1s,10/1000ms",
          "0/1s",
          "1/1s,",
          "tcp://127.0.0.1:5550",
          "tcp://*:*",
          "tcp://[::1]:5550",
          "tcp://[::1]",
          "tcp://host:0",
          "ipc:///run/cancelbus/session",
          "inproc://bus",
          "ipc://",
          "127.0.0.1:9550",
          "[::1]:0",
          "host:65536",
          "https://api.btcturk.com",
          "https://[::1]:8443/a/b",
          "https://host/?q",
          "https://host:443/",
          "https://user@host"};
}

}  // namespace cancelbus::fuzz
