#include "service/bus/standby.hpp"

#include <absl/strings/str_cat.h>

#include "service/io/descriptors.hpp"
#include "service/io/log.hpp"
#include "service/io/metrics.hpp"
#include "service/io/zmq_socket.hpp"
#include "service/wire/session_codec.hpp"

namespace cancelbus::bus {

Standby::Standby(asio::io_context& context, const Options& options, io::PostgresWatch::Handlers handlers)
    : options_(options),
      policy_file_(options_.policy_file),
      zmq_(1),
      ready_(io::gauge(registry_, "cancelbus_standby_ready", "1: this bus follows, and can take over; 0: it cannot")),
      guard_(options_.policy, refusals_, [] { return io::fewer_descriptors_than(Guard::LastRoom); }),
      zap_(context, zmq_, [this](const io::ZapRequest& request) { return guard_.enters(request, io::now().tick); }),
      sessions_(context, zmq_, options.curve_key ? &*options.curve_key : nullptr, options_.door, guard_, refusals_,
                metrics_),
      watch_(context, options_.store, std::move(handlers)),
      monitor_(context, {.metrics = [this] { return metrics_text(); },
                         .unhealthy = [] { return std::string(); },
                         .unready = [this] { return watch_.trouble(); },
                         .ready = "ok, standby",
                         .not_leading = [] { return std::string("this bus is a standby"); }}),
      timer_(context) {}

absl::Status Standby::open() {
  const auto named = [](const char* flag, const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat("--", flag, ": ", std::string(status.message())));
  };
  // First of all: without it libzmq would let everybody in.
  if (options_.curve_key) {
    if (auto status = zap_.open(); !status.ok()) return status;
  }
  if (auto status = sessions_.bind(options_.session_endpoint); !status.ok()) return named("session_endpoint", status);
  if (auto status = monitor_.listen(options_.monitor_address); !status.ok()) return named("monitor_address", status);
  sessions_.on_ready([this] { turn(); });
  watch_.start();
  sweep();
  return absl::OkStatus();
}

void Standby::reload() {
  if (!options_.policy) return io::log_info("nothing_to_reload");
  absl::StatusOr<Policy> policy;
  io::with_own_descriptors([&] { policy = policy_file_.read(); });
  if (!policy.ok()) {
    const std::string why(policy.status().message());
    return io::log_error("policy_refused", {{"why", why}, {"in_force", "the one that was"}});
  }
  guard_.replace(*std::move(policy), io::now().tick);
  io::log_info("policy_loaded", {{"entries", guard_.policy()->entries().size()}});
}

void Standby::follow() { watch_.start(io::now().tick + options_.store.lease); }

std::string Standby::endpoints() const {
  return absl::StrCat("session ", sessions_.endpoint(), "\nevent ", options_.event_endpoint, "\nbackend ",
                      options_.backend_endpoint, "\nmonitor http://",
                      io::to_text(io::HostPort{options_.monitor_address.host, monitor_.port()}), "\n");
}

void Standby::turn() {
  std::vector<core::Event> events;
  sessions_.read(events);
  const std::string reply = wire::encode_not_leading(watch_.term(), watch_.leader());
  const auto answer = [&](const auto& event) {
    if constexpr (requires { event.peer; }) sessions_.send(event.peer, reply);
  };
  for (const core::Event& event : events) std::visit(answer, event);
}

std::string Standby::metrics_text() {
  ready_.Set(watch_.trouble().empty() ? 1 : 0);
  return io::prometheus_text(registry_);
}

void Standby::sweep() {
  if (options_.policy && policy_file_.is_replaced(io::now().tick)) reload();
  sessions_.retry();
  sessions_.sweep(io::now().tick);
  refusals_.sweep(io::now().tick);
  timer_.arm(io::now().tick + SweepEvery, [this, life = std::weak_ptr(life_)] {
    if (!life.expired()) sweep();
  });
}

absl::StatusOr<std::string> with_port(const std::string& endpoint) {
  if (!endpoint.ends_with(":*") && !endpoint.ends_with(":0")) return endpoint;
  asio::io_context context;
  zmq::context_t zmq(1);
  io::ZmqSocket socket(context, zmq, zmq::socket_type::router);
  if (auto status = socket.bind(endpoint); !status.ok()) return status;
  return socket.last_endpoint();
}

}  // namespace cancelbus::bus
