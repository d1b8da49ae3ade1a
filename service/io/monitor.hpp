// A small HTTP server for people and orchestrators: /metrics, /healthz, /readyz, and a page at / where there is one.
//
// Used by every process that has --monitor_address. GET only, one request a connection, everything bounded: it must
// never become the reason why a cancel waits. No TLS and no authentication: bind it to an address that may see it.
#pragma once

#include <absl/status/status.h>
#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "service/io/option_values.hpp"
#include "service/io/web_page.hpp"

namespace cancelbus::io {

namespace asio = boost::asio;

class Monitor {
 public:
  struct Pages {
    /// Text in Prometheus's exposition format; see prometheus_text.
    std::function<std::string()> metrics;
    /// Why the process should be restarted, or should get no work; empty: it is fine (200, else 503 with the text).
    std::function<std::string()> unhealthy;
    std::function<std::string()> unready;
    /// A page for people at /, and what it reads at /status, in JSON. Without html neither is there.
    WebPage page = {};
    std::function<std::string()> status = {};
  };

  Monitor(asio::io_context& context, Pages pages);
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
