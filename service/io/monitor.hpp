// A small HTTP server for people and orchestrators: /metrics, /healthz, /readyz, /leaderz where several processes share
// one task, and a page at / where there is one.
//
// Used by every process that has --monitor_address. GET and HEAD, one request per connection. It shares the thread of
// the process, so everything is bounded (MonitorLimits; a request head has at most 8 KiB): it must never become the
// reason why a cancel waits, and slow clients must not keep a probe from its answer. A path is compared as it is
// written; a target may be absolute (`http://host/path`); lines may end with a bare LF.
// No TLS and no authentication: bind it to an address that may see it.
#pragma once

#include <absl/status/status.h>
#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "service/io/option_values.hpp"
#include "service/io/web_page.hpp"

namespace cancelbus::io {

namespace asio = boost::asio;

/// What bounds the work and the memory that clients of a monitor can cause.
struct MonitorLimits {
  /// At a time. A newcomer beyond them ends the oldest that is idle: its request is not complete, or it was answered
  /// and has not closed. Where none is idle, it ends the oldest.
  size_t connections = 32;
  /// From the accept until the request's head is complete.
  std::chrono::milliseconds head{2'000};
  /// From then until the kernel has the whole answer.
  std::chrono::milliseconds answer{5'000};
  /// From then until the client has closed.
  std::chrono::milliseconds linger{1'000};
};

class Monitor {
 public:
  struct Pages {
    /// Text in Prometheus's exposition format; see prometheus_text.
    std::function<std::string()> metrics;
    /// Why the process should be restarted, or should get no work; empty: it is fine (200, else 503 with the text).
    std::function<std::string()> unhealthy;
    std::function<std::string()> unready;
    /// What /readyz says with 200.
    std::string ready = "ok";
    /// Why this process does not lead, for /leaderz; without it there is no such path.
    std::function<std::string()> not_leading = {};
    /// A page for people at /, and what it reads at /status, in JSON. Without html neither is there.
    WebPage page = {};
    std::function<std::string()> status = {};
  };

  Monitor(asio::io_context& context, Pages pages, MonitorLimits limits = {});
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  /// Errors name the address. A host name is resolved here, before the process has begun its work.
  absl::Status listen(const HostPort& address);
  /// The port bound, 0 before listen.
  uint16_t port() const;
  /// Takes no more connections; those open end by themselves.
  void close();

 private:
  struct Server;
  std::shared_ptr<Server> server_;
};

/// A registry as Prometheus reads it, and what every process tells of itself.
std::string prometheus_text(const prometheus::Registry& registry);

}  // namespace cancelbus::io
