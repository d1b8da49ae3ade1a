#include "service/io/option_values.hpp"

#include <gtest/gtest.h>

namespace cancelbus::io {
namespace {

using namespace std::chrono_literals;

std::string message(const absl::Status& status) { return std::string(status.message()); }

TEST(OptionValues, Durations) {
  EXPECT_EQ(*duration_value("wait", absl::Seconds(2), absl::Seconds(2), absl::Seconds(3)), 2s);
  EXPECT_EQ(message(duration_value("wait", absl::Seconds(4), absl::Milliseconds(100), absl::Seconds(3)).status()),
            "--wait=4s: expected 100ms to 3s");
  EXPECT_FALSE(duration_value("wait", absl::InfiniteDuration(), absl::Seconds(0), absl::Hours(1)).ok());
}

TEST(OptionValues, Integers) {
  EXPECT_EQ(*integer_value("connections", 4, 1, 64), 4);
  EXPECT_EQ(message(integer_value("connections", 0, 1, 64).status()), "--connections=0: expected 1 to 64");
}

TEST(OptionValues, RateRules) {
  EXPECT_EQ(*rate_rules_value("cancel_limits", "10/1s,300/60s"), (std::vector<core::RateRule>{{10, 1s}, {300, 60s}}));
  for (const char* bad :
       {"", "10", "10/", "/1s", "0/1s", "-1/1s", "1000001/1s", "10/0s", "10/25h", "10/1s,", "10/1s,9/1s"}) {
    const auto rules = rate_rules_value("cancel_limits", bad);
    ASSERT_FALSE(rules.ok()) << bad;
    EXPECT_EQ(message(rules.status()).find("--cancel_limits=" + std::string(bad) + ": "), 0U) << rules.status();
  }
}

TEST(OptionValues, Endpoints) {
  for (const char* good :
       {"tcp://127.0.0.1:5550", "tcp://bus.example:1", "tcp://[::1]:5550", "ipc:///run/bus", "inproc://bus"}) {
    EXPECT_TRUE(endpoint_value("e", good, EndpointUse::Connect).ok()) << good;
    EXPECT_TRUE(endpoint_value("e", good, EndpointUse::Bind).ok()) << good;
  }
  EXPECT_TRUE(endpoint_value("e", "tcp://[::]:5550", EndpointUse::Bind).ok());
  for (const char* to_bind : {"tcp://*:5550", "tcp://127.0.0.1:*", "tcp://127.0.0.1:0"}) {
    EXPECT_FALSE(endpoint_value("e", to_bind, EndpointUse::Connect).ok()) << to_bind;
    EXPECT_TRUE(endpoint_value("e", to_bind, EndpointUse::Bind).ok()) << to_bind;
  }
  for (const char* bad : {"", "127.0.0.1:5550", "udp://a:1", "tcp://", "tcp://a", "tcp://a:", "tcp://:1",
                          "tcp://a:65536", "tcp://a:1x", "tcp://a:+1", "tcp://a b:1", "tcp://::1:5550", "tcp://[::g]:1",
                          "tcp://[1.2.3.4]:1", "tcp://[]:1", "ipc://", "inproc://"}) {
    EXPECT_FALSE(endpoint_value("e", bad, EndpointUse::Bind).ok()) << bad;
  }
  EXPECT_EQ(message(endpoint_value("backend_endpoint", "tcp://a:0", EndpointUse::Connect).status()),
            "--backend_endpoint=tcp://a:0: expected a port from 1 to 65535");
}

TEST(OptionValues, HostPorts) {
  EXPECT_EQ(host_port_value("m", "127.0.0.1:9550")->port, 9550);
  EXPECT_EQ(host_port_value("m", "[::1]:0")->host, "::1");
  for (const char* bad : {"", ":1", "a", "a:", "a:70000", "::1:5"}) EXPECT_FALSE(host_port_value("m", bad).ok()) << bad;
  EXPECT_EQ(to_text(HostPort{"::1", 9550}), "[::1]:9550");
  EXPECT_EQ(to_text(HostPort{"localhost", 9550}), "localhost:9550");
}

TEST(OptionValues, Urls) {
  const auto plain = url_value("rest_url", "https://api.btcturk.com", "https");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->host, "api.btcturk.com");
  EXPECT_EQ(plain->port, 443);
  EXPECT_EQ(plain->path, "/");
  EXPECT_EQ(plain->authority, "api.btcturk.com");
  const auto odd = url_value("stream_url", "wss://[::1]:8443/feed", "wss");
  ASSERT_TRUE(odd.ok());
  EXPECT_EQ(odd->host, "::1");
  EXPECT_EQ(odd->port, 8443);
  EXPECT_EQ(odd->path, "/feed");
  EXPECT_EQ(odd->authority, "[::1]:8443");
  for (const char* bad : {"", "http://a", "https://", "https://:443", "https://a:0", "https://a:x", "https://u@a",
                          "https://a/b c", "https://a/?q", "https://a/#f", "wss://a"}) {
    EXPECT_FALSE(url_value("rest_url", bad, "https").ok()) << bad;
  }
  EXPECT_EQ(message(url_value("rest_url", "http://a", "https").status()),
            "--rest_url=http://a: expected https://host[:port][/path]");
}

TEST(OptionValues, LoopbackIsWhatNoOtherMachineReaches) {
  for (const char* endpoint : {"tcp://127.0.0.1:5550", "tcp://127.1.2.3:*", "tcp://localhost:1", "tcp://[::1]:5550",
                               "ipc:///run/cancelbus", "inproc://bus"}) {
    EXPECT_TRUE(is_loopback(endpoint)) << endpoint;
  }
  for (const char* endpoint : {"tcp://*:5550", "tcp://0.0.0.0:5550", "tcp://10.0.0.1:5550",
                               "tcp://127.example.org:5550", "tcp://127.0.0.1.example.org:5550", "tcp://[::]:5550",
                               "tcp://localhost.example.org:1", "tcp://bus:5550", "udp://127.0.0.1:5550"}) {
    EXPECT_FALSE(is_loopback(endpoint)) << endpoint;
  }
}

}  // namespace
}  // namespace cancelbus::io
