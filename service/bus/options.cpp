#include "service/bus/options.hpp"

#include <absl/flags/flag.h>
#include <absl/strings/str_split.h>
#include <absl/time/time.h>

#include <algorithm>
#include <utility>

#include "service/core/open_orders.hpp"
#include "service/core/worker_pool.hpp"
#include "service/io/postgres.hpp"

ABSL_FLAG(std::string, session_endpoint, "tcp://127.0.0.1:5550",
          "where strategies connect (ROUTER); port * takes any; an IPv6 address in brackets, as tcp://[::1]:5550");
ABSL_FLAG(std::string, event_endpoint, "tcp://127.0.0.1:5551", "where strategies subscribe (XPUB)");
ABSL_FLAG(std::string, backend_endpoint, "tcp://127.0.0.1:5552", "where workers and the subscriber connect (ROUTER)");
ABSL_FLAG(
    std::string, curve_key_file, "",
    "file with the bus's secret CURVE key, as `cancelctl keygen` writes it; read again when it is replaced, and on "
    "SIGHUP");
ABSL_FLAG(std::string, policy_file, "",
          "file that says which key may do what; read again when it is replaced, and on SIGHUP");
ABSL_FLAG(bool, insecure_loopback, false,
          "no encryption and no keys: every peer that connects may cancel. On loopback, ipc and inproc only");
ABSL_FLAG(int, max_session_rate, 2'000, "messages a second of one session, and as many at once after a pause");
ABSL_FLAG(int, max_sessions_per_key, 32, "sessions of one key at a time");
ABSL_FLAG(std::string, monitor_address, "127.0.0.1:9550",
          "host:port of /metrics, /healthz and /readyz; port 0 takes any");
ABSL_FLAG(std::string, account, "", "the exchange account; a command that names another one is refused");
ABSL_FLAG(std::string, store, "sqlite:cancelbus.db",
          "sqlite:PATH; postgresql://…, any URI of libpq, which two or more buses share; or memory: for benchmarks");
ABSL_FLAG(std::string, store_sync, "full",
          "full: commits survive a power cut, and on PostgreSQL the loss of one server; normal: the death of the "
          "process, and on PostgreSQL no loss of its server");
ABSL_FLAG(absl::Duration, lease, absl::Seconds(2),
          "PostgreSQL: a bus that has not renewed its lease for so long leads no more, and a standby takes over");
ABSL_FLAG(int64_t, store_downgrade_to, 0,
          "take the store's schema back to this version, for an earlier cancel-bus, and end; 0: run");
ABSL_FLAG(std::string, cancel_limits, "10/1s,300/60s", "the exchange's limits on DELETE /api/v1/order");
ABSL_FLAG(std::string, urgent_reserve, "",
          "of --cancel_limits, what NORMAL cancels leave free for URGENT ones, as 2/1s,20/60s. Empty: nothing");
ABSL_FLAG(std::string, query_limits, "30/1s,900/60s", "the exchange's limits on GET /api/v1/order/{id}");
ABSL_FLAG(std::string, open_orders_limits, "300/60s",
          "the exchange's limits on GET /api/v1/openOrders; sweeps use half of them at most");
ABSL_FLAG(std::string, pairs, "",
          "pairs whose open orders are swept, as BTCTRY,ETHUSDT; those that the stream names are swept too. Empty: one "
          "request for all");
ABSL_FLAG(absl::Duration, sweep_interval, absl::Seconds(60), "how often the exchange is asked for all open orders");
ABSL_FLAG(absl::Duration, default_ttl, absl::ZeroDuration(),
          "time_to_live of commands that give none; 0: wanted until proven gone");
ABSL_FLAG(absl::Duration, final_wait, absl::Seconds(2), "how long after a 200 a 452 is awaited before a query");
ABSL_FLAG(absl::Duration, edit_grace, absl::ZeroDuration(), "how long a proving 452 waits for the 451 of an edit");
ABSL_FLAG(absl::Duration, doubt_after, absl::Seconds(10), "an ack IN_DOUBT so long after the first send");
ABSL_FLAG(absl::Duration, lost_after, absl::Seconds(15), "a request without any response holds its permit so long");
ABSL_FLAG(absl::Duration, worker_lease, absl::Seconds(1), "a worker silent for longer loses its tasks");
ABSL_FLAG(int, expected_workers, 0, "how many workers there ought to be, for status, metrics and alerts; 0: not known");
ABSL_FLAG(int, max_attempts, 5, "answered cancels of one order before it is reported STUCK");
ABSL_FLAG(bool, observe, false,
          "send no cancel at all: commands are rejected (OBSERVING); queries, clock reads and the stream go on");
ABSL_FLAG(int64_t, max_open, 1'000'000, "undecided commands in all");
ABSL_FLAG(int64_t, max_open_per_sender, 100'000, "undecided commands of one sender");
ABSL_FLAG(int64_t, max_remembered_per_sender, 500'000,
          "commands of one sender, those that ended within --retention too");
ABSL_FLAG(bool, check_invariants, false,
          "check all that is known against itself after each step, and abort if it contradicts itself: for tests");
ABSL_FLAG(absl::Duration, retention, absl::Hours(24), "how long events and ended commands are kept");

namespace cancelbus::bus {

const io::Program ThisProgram = {
    "cancel-bus",
    "Queue, rate limiter and event log of cancelbus: takes CancelOrder commands, gives them to workers, tells every "
    "strategy what became of them.",
    "cancel-bus --account=desk --store=sqlite:/var/lib/cancelbus/cancelbus.db --curve_key_file=bus.key "
    "--policy_file=policy\n"
    "cancel-bus --session_endpoint=tcp://127.0.0.1:* --store=memory: --insecure_loopback",
};

namespace {

/// Keeps the first error of a row of checks.
class Checks {
 public:
  template <typename T, typename U>
  void take(U& to, absl::StatusOr<T> value) {
    if (value.ok()) {
      to = static_cast<U>(*std::move(value));
    } else if (status_.ok()) {
      status_ = value.status();
    }
  }
  void fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

/// The store's path or URI.
absl::Status take_store(const std::string& value, io::StoreOptions& store) {
  const std::string_view text = value;
  if (text == "memory:") return absl::OkStatus();
  if (text.starts_with("sqlite:") && text.size() > 7) {
    store.path = text.substr(7);
    return absl::OkStatus();
  }
  // The value may hold a password, so no error repeats it.
  if (text.starts_with("postgresql://") || text.starts_with("postgres://")) {
    store.uri = value;
    const std::string error = io::postgres_uri_error(value);
    if (error.empty()) return absl::OkStatus();
    return io::bad_flag("store", io::postgres_uri_text(value), error);
  }
  return io::bad_flag("store", value, "expected sqlite:PATH, postgresql://… or memory:");
}

absl::StatusOr<bool> full_sync(const std::string& value) {
  if (value == "full") return true;
  if (value == "normal") return false;
  return io::bad_flag("store_sync", value, "expected full or normal");
}

absl::StatusOr<std::string> account_value(const std::string& value) {
  if (value.size() <= 64) return value;
  return io::bad_flag("account", value, "expected at most 64 characters");
}

absl::StatusOr<std::vector<std::string>> pairs_value(const std::string& value) {
  std::vector<std::string> pairs;
  if (value.empty()) return pairs;
  for (const absl::string_view pair : absl::StrSplit(value, ',')) {
    pairs.emplace_back(pair);
    if (!core::is_pair(pairs.back())) {
      return io::bad_flag("pairs", value, "expected names of pairs, separated by commas, as BTCTRY,ETHUSDT");
    }
    if (std::ranges::count(pairs, pairs.back()) > 1) return io::bad_flag("pairs", value, "names a pair twice");
  }
  if (pairs.size() > core::OpenOrders::MostPairs) return io::bad_flag("pairs", value, "names more than 256 pairs");
  return pairs;
}

absl::StatusOr<std::vector<core::RateRule>> reserve_value(const std::string& value,
                                                          const std::vector<core::RateRule>& limits) {
  if (value.empty()) return std::vector<core::RateRule>();
  auto reserve = io::rate_rules_value("urgent_reserve", value);
  if (!reserve.ok()) return reserve.status();
  for (const core::RateRule& rule : *reserve) {
    const auto of = std::ranges::find(limits, rule.period, &core::RateRule::period);
    if (of == limits.end()) {
      return io::bad_flag("urgent_reserve", value, "names a period that --cancel_limits does not have");
    }
    if (rule.limit >= of->limit) {
      return io::bad_flag("urgent_reserve", value, "must leave at least one of each limit to NORMAL cancels");
    }
  }
  return reserve;
}

void take_gateway(Checks& checks, core::GatewayOptions& gateway) {
  const auto zero = absl::ZeroDuration(), milli = absl::Milliseconds(1), day = absl::Hours(24);
  checks.take(gateway.account, account_value(absl::GetFlag(FLAGS_account)));
  checks.take(gateway.cancel_limits, io::rate_rules_value("cancel_limits", absl::GetFlag(FLAGS_cancel_limits)));
  checks.take(gateway.urgent_reserve, reserve_value(absl::GetFlag(FLAGS_urgent_reserve), gateway.cancel_limits));
  checks.take(gateway.query_limits, io::rate_rules_value("query_limits", absl::GetFlag(FLAGS_query_limits)));
  checks.take(gateway.open_orders_limits,
              io::rate_rules_value("open_orders_limits", absl::GetFlag(FLAGS_open_orders_limits)));
  checks.take(gateway.pairs, pairs_value(absl::GetFlag(FLAGS_pairs)));
  checks.take(gateway.sweep_interval, io::duration_value("sweep_interval", absl::GetFlag(FLAGS_sweep_interval),
                                                         absl::Seconds(2), absl::Hours(1)));
  checks.take(gateway.default_ttl, io::duration_value("default_ttl", absl::GetFlag(FLAGS_default_ttl), zero, day));
  checks.take(gateway.final_wait,
              io::duration_value("final_wait", absl::GetFlag(FLAGS_final_wait), milli, absl::Minutes(10)));
  checks.take(gateway.edit_grace,
              io::duration_value("edit_grace", absl::GetFlag(FLAGS_edit_grace), zero, absl::Minutes(1)));
  checks.take(gateway.doubt_after,
              io::duration_value("doubt_after", absl::GetFlag(FLAGS_doubt_after), milli, absl::Hours(1)));
  // A page's permit settles after 6 s, which must not be later than no answer at all.
  checks.take(gateway.lost_after,
              io::duration_value("lost_after", absl::GetFlag(FLAGS_lost_after), absl::Seconds(6), absl::Minutes(10)));
  checks.take(gateway.worker_lease, io::duration_value("worker_lease", absl::GetFlag(FLAGS_worker_lease),
                                                       absl::Milliseconds(300), absl::Minutes(1)));
  checks.take(gateway.expected_workers, io::integer_value("expected_workers", absl::GetFlag(FLAGS_expected_workers), 0,
                                                          core::WorkerPool::MaxWorkers));
  checks.take(gateway.max_attempts, io::integer_value("max_attempts", absl::GetFlag(FLAGS_max_attempts), 1, 1'000));
  checks.take(gateway.max_open, io::integer_value("max_open", absl::GetFlag(FLAGS_max_open), 1, 10'000'000));
  checks.take(gateway.max_open_per_sender,
              io::integer_value("max_open_per_sender", absl::GetFlag(FLAGS_max_open_per_sender), 1, 10'000'000));
  checks.take(
      gateway.max_remembered_per_sender,
      io::integer_value("max_remembered_per_sender", absl::GetFlag(FLAGS_max_remembered_per_sender), 1, 10'000'000));
  gateway.observe = absl::GetFlag(FLAGS_observe);
  gateway.check_invariants = absl::GetFlag(FLAGS_check_invariants);
  checks.take(gateway.retention,
              io::duration_value("retention", absl::GetFlag(FLAGS_retention), absl::Seconds(1), absl::Hours(24 * 90)));
}

bool is_fixed(const std::string& endpoint) { return !endpoint.ends_with(":*") && !endpoint.ends_with(":0"); }

void refuse_shared(Checks& checks, const char* flag, const std::string& one, const std::string& other) {
  if (one == other && is_fixed(one)) checks.fail(io::bad_flag(flag, one, "is the endpoint of another socket too"));
}

absl::Status loopback_only(const Options& options) {
  for (const auto& [flag, endpoint] : {std::pair{"session_endpoint", &options.session_endpoint},
                                       {"event_endpoint", &options.event_endpoint},
                                       {"backend_endpoint", &options.backend_endpoint}}) {
    if (io::is_loopback(*endpoint)) continue;
    return io::bad_flag(flag, *endpoint, "others can reach it, and --insecure_loopback allows only this machine");
  }
  return absl::OkStatus();
}

void take_access(Checks& checks, Options& options) {
  const std::string key_file = absl::GetFlag(FLAGS_curve_key_file);
  const std::string policy_file = absl::GetFlag(FLAGS_policy_file);
  checks.take(options.door.session_rate,
              io::integer_value("max_session_rate", absl::GetFlag(FLAGS_max_session_rate), 10, 1'000'000));
  checks.take(options.door.sessions_per_key,
              io::integer_value("max_sessions_per_key", absl::GetFlag(FLAGS_max_sessions_per_key), 1, 10'000));
  if (absl::GetFlag(FLAGS_insecure_loopback)) {
    if (!key_file.empty() || !policy_file.empty()) {
      checks.fail(absl::InvalidArgumentError(
          "--insecure_loopback: contradicts --curve_key_file and --policy_file: with a key nothing is plain"));
    }
    return checks.fail(loopback_only(options));
  }
  if (key_file.empty() || policy_file.empty()) {
    return checks.fail(absl::InvalidArgumentError(
        "--curve_key_file and --policy_file: both are needed (`cancelctl keygen bus` makes a key); without them only "
        "--insecure_loopback starts, for trials on one machine"));
  }
  options.curve_key_file = WatchedFile(key_file);
  options.curve_key_file.is_read_now();
  checks.take(options.curve_key, io::read_curve_key_file("curve_key_file", key_file));
  options.policy_file = PolicyFile(policy_file);
  checks.take(options.policy, options.policy_file.read());
}

}  // namespace

absl::StatusOr<Options> options_from_flags() {
  Checks checks;
  Options options;
  const auto endpoint = [&](std::string& to, const char* flag, const std::string& value) {
    checks.take(to, io::endpoint_value(flag, value, io::EndpointUse::Bind));
  };
  endpoint(options.session_endpoint, "session_endpoint", absl::GetFlag(FLAGS_session_endpoint));
  endpoint(options.event_endpoint, "event_endpoint", absl::GetFlag(FLAGS_event_endpoint));
  endpoint(options.backend_endpoint, "backend_endpoint", absl::GetFlag(FLAGS_backend_endpoint));
  refuse_shared(checks, "event_endpoint", options.event_endpoint, options.session_endpoint);
  refuse_shared(checks, "backend_endpoint", options.backend_endpoint, options.session_endpoint);
  refuse_shared(checks, "backend_endpoint", options.backend_endpoint, options.event_endpoint);
  take_access(checks, options);
  checks.take(options.monitor_address, io::host_port_value("monitor_address", absl::GetFlag(FLAGS_monitor_address)));
  if (auto status = take_store(absl::GetFlag(FLAGS_store), options.store); !status.ok()) checks.fail(status);
  checks.take(options.store.lease,
              io::duration_value("lease", absl::GetFlag(FLAGS_lease), absl::Seconds(2), absl::Minutes(1)));
  checks.take(options.store.full_sync, full_sync(absl::GetFlag(FLAGS_store_sync)));
  checks.take(options.store_downgrade_to,
              io::integer_value("store_downgrade_to", absl::GetFlag(FLAGS_store_downgrade_to), 0, 1'000));
  if (options.store_downgrade_to > 0 && options.store.path.empty()) {
    checks.fail(absl::InvalidArgumentError(
        "--store_downgrade_to: a store in memory or on PostgreSQL has no earlier version: give --store=sqlite:PATH"));
  }
  take_gateway(checks, options.gateway);
  options.store.retention = options.gateway.retention;
  if (!checks.status().ok()) return checks.status();
  return options;
}

}  // namespace cancelbus::bus
