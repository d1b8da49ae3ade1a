#include "service/io/curve_client.hpp"

#include <absl/flags/flag.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "service/io/log.hpp"
#include "service/io/option_values.hpp"

ABSL_FLAG(std::string, curve_key_file, "", "file with our secret CURVE key, as `cancelctl keygen` writes it");
ABSL_FLAG(std::string, curve_server_key_file, "",
          "file with the bus's public CURVE key, or with two, tried in turn, while it is given another");
ABSL_FLAG(bool, insecure_loopback, false, "talk to a bus on this machine without encryption and keys");

namespace cancelbus::io {
namespace {

constexpr std::chrono::seconds RetryAfter{1};

}  // namespace

CurveConfig curve_config_from_flags() {
  return {absl::GetFlag(FLAGS_curve_key_file), absl::GetFlag(FLAGS_curve_server_key_file),
          absl::GetFlag(FLAGS_insecure_loopback)};
}

absl::StatusOr<std::optional<CurveClient>> curve_client(const CurveConfig& config, std::string_view endpoint_flag,
                                                        const std::string& endpoint) {
  const bool keys_given = !config.key_file.empty() || !config.server_key_file.empty();
  if (config.insecure_loopback) {
    if (keys_given) {
      return absl::InvalidArgumentError(
          "--insecure_loopback: contradicts --curve_key_file and --curve_server_key_file: with keys nothing is plain");
    }
    if (!is_loopback(endpoint)) {
      return bad_flag(endpoint_flag, endpoint, "is not on this machine, and --insecure_loopback allows nothing else");
    }
    return std::optional<CurveClient>();
  }
  if (config.key_file.empty() || config.server_key_file.empty()) {
    return absl::InvalidArgumentError(
        "--curve_key_file and --curve_server_key_file: both are needed (`cancelctl keygen` makes keys); without keys "
        "only --insecure_loopback starts, for trials on one machine");
  }
  auto own = read_curve_key_file("curve_key_file", config.key_file);
  if (!own.ok()) return own.status();
  auto server_keys = read_curve_public_file("curve_server_key_file", config.server_key_file);
  if (!server_keys.ok()) return server_keys.status();
  if (std::ranges::count(*server_keys, own->public_key) > 0) {
    return bad_flag("curve_server_key_file", config.server_key_file, "this is our own public key, not the bus's");
  }
  return std::optional<CurveClient>(CurveClient{*std::move(own), *std::move(server_keys), config.server_key_file});
}

BusConnection::BusConnection(asio::io_context& context, zmq::context_t& zmq, ZmqSocket& socket,
                             const std::optional<CurveClient>& keys)
    : socket_(socket),
      retry_(context),
      monitor_(context, zmq, socket, ZmqMonitor::Side::Client,
               {.failed = [this](const HandshakeFailure& failure) { failed(failure.kind); },
                .connected =
                    [this] {
                      retry_waits_ = false;
                      last_trouble_.clear();
                      hung_up_ = 0;
                      server_key_tries_ = 0;
                      log_info("bus_connected");
                    },
                .unreachable = [this] { trouble("nothing answers there"); },
                .no_address = [this] { try_other_family(); }}) {
  if (!keys) return;
  encrypt_as_client(socket, *keys);
  server_keys_ = keys->server_keys;
  server_key_file_ = keys->server_key_file;
  server_key_ = server_keys_.front();
}

absl::Status BusConnection::connect(const std::string& endpoint) {
  endpoint_ = endpoint;
  ipv6_ = ZmqSocket::is_ipv6_address(endpoint);
  return socket_.connect(endpoint);
}

void BusConnection::failed(HandshakeFailure::Kind kind) {
  if (kind == HandshakeFailure::Kind::HungUp) {
    if (++hung_up_ >= 2) trouble(explanation(kind));  // once may be the bus's own end
    return try_next_server_key();
  }
  trouble(explanation(kind));
  connect_again(RetryAfter, ipv6_);
}

void BusConnection::try_next_server_key() {
  if (server_keys_.empty() || retry_waits_) return;
  if (auto now = read_curve_public_file("curve_server_key_file", server_key_file_); now.ok()) {
    server_keys_ = *std::move(now);
  }
  const auto used = std::ranges::find(server_keys_, server_key_);
  const std::string& next =
      used == server_keys_.end() || std::next(used) == server_keys_.end() ? server_keys_.front() : *std::next(used);
  if (next == server_key_) return;  // the only one, which libzmq tries again by itself
  server_key_ = next;
  socket_.raw().set(zmq::sockopt::curve_serverkey, server_key_);
  const bool all_tried = ++server_key_tries_ > server_keys_.size();
  if (all_tried) server_key_tries_ = 0;
  connect_again(all_tried ? RetryAfter : std::chrono::milliseconds(0), ipv6_);
}

void BusConnection::try_other_family() {
  if (ZmqSocket::is_ipv6_address(endpoint_)) return;  // nothing to look up: the process was out of descriptors
  if (!ipv6_) return connect_again(std::chrono::milliseconds(0), true);
  trouble("its name has no address");
  connect_again(RetryAfter, false);
}

void BusConnection::connect_again(std::chrono::milliseconds after, bool ipv6) {
  if (std::exchange(retry_waits_, true)) return;
  retry_.expires_after(after);
  retry_.async_wait([this, ipv6, life = std::weak_ptr(life_)](const boost::system::error_code& error) {
    // A wait that was over when the connection was destroyed ends without an error.
    if (error || life.expired() || !std::exchange(retry_waits_, false)) return;
    ipv6_ = ipv6;
    // It could be connected to once.
    (void)socket_.reconnect(endpoint_, ipv6_);
  });
}

void BusConnection::trouble(std::string_view why) {
  if (why == last_trouble_) return;
  last_trouble_ = why;
  log_warn("bus_not_reached", {{"endpoint", endpoint_}, {"why", why}});
}

}  // namespace cancelbus::io
