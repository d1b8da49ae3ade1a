// cancel-load: its flags, which must all be of this machine, and its signals.
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <csignal>
#include <limits>

#include "service/io/curve_client.hpp"
#include "service/io/options.hpp"
#include "service/io/output.hpp"
#include "service/io/process.hpp"
#include "service/io/signals.hpp"
#include "tests/load/load.hpp"

ABSL_FLAG(std::string, exchange_url, "", "the local exchange, as https://127.0.0.1:8443; required");
ABSL_FLAG(std::string, exchange_ca_file, "", "PEM file with the authority of its certificate; required");
ABSL_FLAG(std::string, session_endpoint, "tcp://127.0.0.1:5550", "where commands go");
ABSL_FLAG(std::string, event_endpoint, "tcp://127.0.0.1:5551", "where events come from");
ABSL_FLAG(std::string, sender, "ctl-load", "the sender_comp_id");
ABSL_FLAG(int64_t, count, 0, "commands, at most 100000; 0: as many as --rate and --seconds make, or 100");
ABSL_FLAG(int64_t, rate, 0, "commands a second, at most 10000; 0: as many as go out");
ABSL_FLAG(int64_t, seconds, 0, "send nothing after so many, at most 3600; 0: no limit");
// The exchange's budget lets nothing through for half a minute at a time.
ABSL_FLAG(absl::Duration, timeout, absl::Seconds(90), "give up when nothing was heard for so long, 1ms to 24h");
ABSL_FLAG(bool, json, false, "JSON lines instead of text");

namespace {

using namespace cancelbus;

constexpr int64_t MostCommands = 100'000;

constexpr io::Program ThisProgram{
    "cancel-load",
    "cancels orders that it has placed at the local exchange, and says how long it took: percentiles and a histogram\n"
    "of the time to receipt, ack and final. For a bus that cancels at exchange-sim on this machine, and for no other:\n"
    "all addresses must be on loopback. The first order is canceled alone, and the rest only if that was accepted.\n"
    "Exit code: 0 all canceled; 1 something was refused or rejected, or the exchange could not be used; 2 a flag or a\n"
    "key file is wrong, nothing was sent; 3 not known.",
    "  cancel-load --count=50                         after \". FILE\" as deploy/demo --keep says it\n"
    "  cancel-load --rate=5 --seconds=20 --json"};

std::atomic<bool> interrupted{false};

// An endpoint can be a tunnel's, and the exchange's default a real one: all of it must be given, and be here.
absl::Status check_address(const char* flag, const std::string& value, const std::string& endpoint) {
  if (io::is_loopback(endpoint)) return absl::OkStatus();
  return io::bad_flag(flag, value, "is not on this machine; orders are placed and canceled at a local exchange only");
}

absl::StatusOr<int64_t> commands(const load::Options& options, int64_t count) {
  if (!options.seconds || (!options.rate && count > 0)) return count > 0 ? count : 100;
  if (!options.rate) return absl::InvalidArgumentError("--seconds: needs --rate or --count as well");
  const int64_t made = *options.rate * options.seconds->count();
  if (count == 0 && made > MostCommands) {
    return absl::InvalidArgumentError(absl::StrCat("--rate and --seconds: make more than ", MostCommands, " commands"));
  }
  return count == 0 ? made : std::min(count, made);
}

absl::StatusOr<load::Options> options_from_flags() {
  load::Options options;
  auto exchange = io::url_value("exchange_url", absl::GetFlag(FLAGS_exchange_url), "https");
  if (!exchange.ok()) return exchange.status();
  options.exchange = *std::move(exchange);
  options.exchange_ca_file = absl::GetFlag(FLAGS_exchange_ca_file);
  if (options.exchange_ca_file.empty()) return io::bad_flag("exchange_ca_file", "", "is required");
  options.bus.session_endpoint = absl::GetFlag(FLAGS_session_endpoint);
  options.bus.event_endpoint = absl::GetFlag(FLAGS_event_endpoint);
  absl::Status status = check_address("exchange_url", absl::GetFlag(FLAGS_exchange_url),
                                      absl::StrCat("tcp://", options.exchange.authority));
  status.Update(check_address("session_endpoint", options.bus.session_endpoint, options.bus.session_endpoint));
  status.Update(check_address("event_endpoint", options.bus.event_endpoint, options.bus.event_endpoint));
  const auto count = io::integer_value("count", absl::GetFlag(FLAGS_count), 0, MostCommands);
  status.Update(count.status());
  const auto rate = io::integer_value("rate", absl::GetFlag(FLAGS_rate), 0, 10'000);
  status.Update(rate.status());
  const auto seconds = io::integer_value("seconds", absl::GetFlag(FLAGS_seconds), 0, 3'600);
  status.Update(seconds.status());
  const auto timeout =
      io::duration_value("timeout", absl::GetFlag(FLAGS_timeout), absl::Milliseconds(1), absl::Hours(24));
  status.Update(timeout.status());
  if (!status.ok()) return status;
  if (*rate > 0) options.rate = *rate;
  if (*seconds > 0) options.seconds = std::chrono::seconds(*seconds);
  const auto made = commands(options, *count);
  if (!made.ok()) return made.status();
  options.count = *made;
  options.timeout = *timeout;
  options.json = absl::GetFlag(FLAGS_json);
  options.bus.session.sender_comp_id = absl::GetFlag(FLAGS_sender);
  const io::CurveConfig curve = io::curve_config_from_flags();
  options.bus.curve_key_file = curve.key_file;
  options.bus.curve_server_key_file = curve.server_key_file;
  options.bus.insecure_loopback = curve.insecure_loopback;
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto leave = io::start_process(ThisProgram, argc, argv)) return *leave;
  const auto options = options_from_flags();
  if (!options.ok()) return io::usage_error(ThisProgram, std::string(options.status().message()));
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { interrupted = true; });
  io::unblock_signals({SIGTERM, SIGINT, SIGHUP});
  return io::exit_code_of_answer(ThisProgram.name, load::run(*options, interrupted));
}
