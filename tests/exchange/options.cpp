#include "tests/exchange/options.hpp"

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

ABSL_FLAG(std::string, rest_address, "127.0.0.1:0", "HOST:PORT of the REST listener; port 0: a free one");
ABSL_FLAG(std::string, stream_address, "127.0.0.1:0", "HOST:PORT of the WebSocket listener; port 0: a free one");
ABSL_FLAG(std::string, cert_file, "", "PEM certificate (chain) of both listeners; required");
ABSL_FLAG(std::string, key_file, "", "PEM private key of the certificate; required");
ABSL_FLAG(std::string, api_key_file, "", "file with the public API key clients use, REST and stream alike; required");
ABSL_FLAG(std::string, api_secret_file, "", "file with its secret, in base64; required");
ABSL_FLAG(std::string, window, "first", "where rate windows begin: first (request), clock (aligned), sliding");
ABSL_FLAG(std::string, cancel_limits, "10/1s,300/60s", "limits of DELETE /api/v1/order, or off");
ABSL_FLAG(std::string, place_limits, "10/1s,300/60s", "limits of POST /api/v1/order, or off");
ABSL_FLAG(std::string, query_limits, "30/1s,900/60s", "limits of GET /api/v1/order/{id}, or off");
ABSL_FLAG(std::string, open_orders_limits, "300/60s", "limits of GET /api/v1/openOrders, or off");
ABSL_FLAG(std::string, connect_limits, "15/60s", "limits of WebSocket handshakes, or off");
ABSL_FLAG(absl::Duration, deleted_delay, absl::Milliseconds(20), "from a cancel's 200 to its 452");
ABSL_FLAG(absl::Duration, read_lag, absl::Milliseconds(5), "how far REST reads are behind the stream");
ABSL_FLAG(absl::Duration, ping_interval, absl::Seconds(5), "between protocol pings on a stream");
ABSL_FLAG(std::int64_t, most_unauthorized, 50, "unauthorised requests in a row that block an address (403); 0: never");
ABSL_FLAG(bool, login_window, true, "refuse a login whose timestamp is further off than its nonce, in ms");
ABSL_FLAG(std::int64_t, max_orders, 200'000, "orders kept; finished ones make room, oldest first");
ABSL_FLAG(std::uint64_t, seed, 1, "seed of shares and jitter");
ABSL_FLAG(std::string, guess, "",
          "what to do where the documentation does not say, NAME=VALUE,... of the guesses below");
ABSL_FLAG(std::string, faults, "{}", "faults from the start, as JSON: {\"NAME\": {\"share\": 0.1, ...}, ...}");

namespace exchange_sim {
namespace {

constexpr std::array<absl::string_view, 21> kFlags = {
    "rest_address",  "stream_address", "cert_file",     "key_file",          "api_key_file",       "api_secret_file",
    "window",        "cancel_limits",  "place_limits",  "query_limits",      "open_orders_limits", "connect_limits",
    "deleted_delay", "read_lag",       "ping_interval", "most_unauthorized", "login_window",       "max_orders",
    "seed",          "guess",          "faults"};

absl::Status bad_flag(absl::string_view name, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": ", text));
}

absl::CommandLineFlag* find_flag(absl::string_view name) {
  for (const absl::string_view known : kFlags) {
    if (known == name) return absl::FindCommandLineFlag(name);
  }
  return nullptr;
}

absl::Status set_flag(absl::CommandLineFlag& flag, absl::string_view value) {
  std::string error;
  if (flag.ParseFrom(value, &error)) return absl::OkStatus();
  return bad_flag(flag.Name(), absl::StrCat("cannot read \"", value, "\" ", error));
}

absl::Status read_environment() {
  for (const absl::string_view name : kFlags) {
    const char* value = std::getenv(absl::StrCat("CANCELBUS_", absl::AsciiStrToUpper(name)).c_str());
    if (value == nullptr) continue;
    if (auto status = set_flag(*absl::FindCommandLineFlag(name), value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// --name=value, --name value, --name and --noname for switches.
absl::Status read_argument(int argc, char** argv, int& i) {
  absl::string_view text = argv[i];
  if (!absl::ConsumePrefix(&text, "--") || text.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("unexpected argument \"", argv[i], "\""));
  }
  const auto equals = text.find('=');
  const absl::string_view name = text.substr(0, equals);
  absl::CommandLineFlag* flag = find_flag(name);
  if (equals != absl::string_view::npos && flag != nullptr) return set_flag(*flag, text.substr(equals + 1));
  if (flag != nullptr && flag->IsOfType<bool>()) return set_flag(*flag, "true");
  if (flag != nullptr && i + 1 < argc) return set_flag(*flag, argv[++i]);
  if (flag != nullptr) return bad_flag(name, "a value is missing");
  if (absl::ConsumePrefix(&text, "no")) flag = find_flag(text);
  if (flag != nullptr && flag->IsOfType<bool>()) return set_flag(*flag, "false");
  return bad_flag(name, "unknown flag");
}

absl::StatusOr<std::string> read_file(absl::string_view flag, const std::string& path) {
  if (path.empty()) return bad_flag(flag, "required");
  std::ifstream file(path, std::ios::binary);
  if (!file) return bad_flag(flag, absl::StrCat("cannot read ", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::Status set_limits(absl::string_view flag, const std::string& text, std::vector<Limit>& limits) {
  auto parsed = parse_limits(text);
  if (!parsed.ok()) return bad_flag(flag, parsed.status().message());
  limits = *std::move(parsed);
  return absl::OkStatus();
}

absl::Status read_all_limits(Settings& settings) {
  const auto kind = parse_window_kind(absl::GetFlag(FLAGS_window));
  if (!kind) return bad_flag("window", "expects first, clock or sliding");
  settings.window = *kind;
  absl::Status status = set_limits("cancel_limits", absl::GetFlag(FLAGS_cancel_limits), settings.cancel_limits);
  status.Update(set_limits("place_limits", absl::GetFlag(FLAGS_place_limits), settings.place_limits));
  status.Update(set_limits("query_limits", absl::GetFlag(FLAGS_query_limits), settings.query_limits));
  status.Update(set_limits("open_orders_limits", absl::GetFlag(FLAGS_open_orders_limits), settings.open_orders_limits));
  status.Update(set_limits("connect_limits", absl::GetFlag(FLAGS_connect_limits), settings.connect_limits));
  return status;
}

absl::Status set_duration(absl::string_view flag, absl::Duration value, absl::Duration least, Micros& out) {
  if (value < least || value > absl::Hours(1)) {
    return bad_flag(flag, absl::StrCat("expects ", absl::FormatDuration(least), " to 1h"));
  }
  out = Micros{absl::ToInt64Microseconds(value)};
  return absl::OkStatus();
}

absl::Status read_behaviour(Settings& settings) {
  absl::Status status =
      set_duration("deleted_delay", absl::GetFlag(FLAGS_deleted_delay), absl::ZeroDuration(), settings.deleted_delay);
  status.Update(set_duration("read_lag", absl::GetFlag(FLAGS_read_lag), absl::ZeroDuration(), settings.read_lag));
  status.Update(set_duration("ping_interval", absl::GetFlag(FLAGS_ping_interval), absl::Milliseconds(10),
                             settings.ping_interval));
  settings.most_unauthorized = absl::GetFlag(FLAGS_most_unauthorized);
  if (settings.most_unauthorized < 0) status.Update(bad_flag("most_unauthorized", "expects 0 or more"));
  const std::int64_t max_orders = absl::GetFlag(FLAGS_max_orders);
  if (max_orders < 1 || max_orders > 10'000'000) status.Update(bad_flag("max_orders", "expects 1 to 10000000"));
  settings.max_orders = static_cast<std::size_t>(max_orders);
  settings.login_window = absl::GetFlag(FLAGS_login_window);
  settings.seed = absl::GetFlag(FLAGS_seed);
  if (auto guesses = parse_guesses(absl::GetFlag(FLAGS_guess)); guesses.ok()) {
    settings.guesses = *guesses;
  } else {
    status.Update(bad_flag("guess", guesses.status().message()));
  }
  return status;
}

absl::Status read_keys(Settings& settings) {
  const auto key = read_file("api_key_file", absl::GetFlag(FLAGS_api_key_file));
  if (!key.ok()) return key.status();
  const auto secret = read_file("api_secret_file", absl::GetFlag(FLAGS_api_secret_file));
  if (!secret.ok()) return secret.status();
  const auto pair = make_key_pair(*key, *secret);
  if (!pair.ok()) return bad_flag("api_key_file, --api_secret_file", pair.status().message());
  settings.keys.push_back(*pair);
  return absl::OkStatus();
}

absl::StatusOr<Options> finish() {
  Options options;
  options.rest_address = absl::GetFlag(FLAGS_rest_address);
  options.stream_address = absl::GetFlag(FLAGS_stream_address);
  if (options.rest_address == options.stream_address && !absl::EndsWith(options.rest_address, ":0")) {
    return bad_flag("stream_address", "is the same as --rest_address");
  }
  options.cert_file = absl::GetFlag(FLAGS_cert_file);
  options.key_file = absl::GetFlag(FLAGS_key_file);
  if (auto file = read_file("cert_file", options.cert_file); !file.ok()) return file.status();
  if (auto file = read_file("key_file", options.key_file); !file.ok()) return file.status();
  options.faults_json = absl::GetFlag(FLAGS_faults);
  absl::Status status = read_all_limits(options.settings);
  status.Update(read_behaviour(options.settings));
  status.Update(read_keys(options.settings));
  if (!status.ok()) return status;
  return options;
}

}  // namespace

absl::StatusOr<Options> read_options(int argc, char** argv) {
  if (auto status = read_environment(); !status.ok()) return status;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--help" || std::string_view(argv[i]) == "-h") {
      Options options;
      options.help = true;
      return options;
    }
    if (std::string_view(argv[i]) == "--version") {
      Options options;
      options.version = true;
      return options;
    }
    if (auto status = read_argument(argc, argv, i); !status.ok()) return status;
  }
  return finish();
}

std::string help_text() {
  std::string text =
      "exchange-sim: the local exchange. It speaks TLS REST and TLS WebSocket, and stands in for the real one in "
      "tests.\n"
      "It prints the addresses it listens on, then \"ready\".\n\nFlags:\n";
  for (const absl::string_view name : kFlags) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    absl::StrAppend(&text, "  --", name, " (", flag->DefaultValue(), ")\n      ", flag->Help(), "\n");
  }
  absl::StrAppend(&text, "\nGuesses, for --guess=NAME=VALUE,...; the first value is the default:\n");
  for (const GuessInfo& info : guess_infos()) {
    absl::StrAppend(&text, "  ", std::string(info.name), "=", std::string(info.values), "\n      ",
                    std::string(info.summary), "\n");
  }
  absl::StrAppend(&text, "\nFaults, for --faults and POST /sim/faults; each takes share (0 to 1) and count too:\n");
  for (const FaultInfo& info : fault_infos()) {
    absl::StrAppend(&text, "  ", std::string(info.name), info.fields.empty() ? "" : " {", std::string(info.fields),
                    info.fields.empty() ? "" : "}", "\n      ", std::string(info.summary), "\n");
  }
  return text;
}

}  // namespace exchange_sim
