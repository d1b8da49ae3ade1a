// bench-direct: a strategy that signs and sends its own cancels, under a limiter of its own, one at a time. After a 429
// it waits as long as Retry-After says, and sends the same cancel again. Reads order ids from stdin until its end or
// the end of its time. What became of each request, the exchange knows.
#include <absl/flags/flag.h>
#include <absl/flags/parse.h>

#include <iostream>
#include <thread>

#include "service/btcturk/rest.hpp"
#include "tests/bench/limiters.hpp"
#include "tests/bench/wire.hpp"

ABSL_FLAG(std::string, exchange_url, "", "https://ADDRESS:PORT");
ABSL_FLAG(std::string, ca_file, "", "PEM file with the authority of the exchange's certificate");
ABSL_FLAG(std::string, api_key_file, "", "file with the public API key");
ABSL_FLAG(std::string, api_secret_file, "", "file with its secret, in base64");
ABSL_FLAG(std::string, limiter, "tokens", "tokens, gcra, spacing or cancelbus");
ABSL_FLAG(int, seconds, 130, "from the first order on, after which nothing more is sent");

namespace cancelbus::bench {
namespace {

void run() {
  const auto limiter = make_limiter(absl::GetFlag(FLAGS_limiter));
  if (!limiter) give_up("--limiter: expected tokens, gcra, spacing or cancelbus");
  btcturk::Signer signer = read_signer(absl::GetFlag(FLAGS_api_key_file), absl::GetFlag(FLAGS_api_secret_file));
  Tls tls(absl::GetFlag(FLAGS_exchange_url), absl::GetFlag(FLAGS_ca_file));
  const auto now = [] { return core::Tick(std::chrono::nanoseconds(now_ns())); };
  core::TaskId id = 0;
  int64_t stamp = 0;
  core::Tick end{};
  for (core::OrderId order = 0; std::cin >> order;) {
    if (id == 0) end = now() + std::chrono::seconds(absl::GetFlag(FLAGS_seconds));
    for (bool canceled = false; !canceled;) {
      for (core::Tick at = now(), next; (next = limiter->next(at)) > at; at = now()) {
        if (next > end) return;
        std::this_thread::sleep_for(next - at);
      }
      if (now() > end) return;
      limiter->acquire(++id, now());
      stamp = std::max(stamp + 1, now_ms());
      const Response response = exchange(tls, btcturk::cancel_request(signer, order, stamp));
      limiter->answered(id, now());
      canceled = response.status != 429;
      if (canceled) continue;
      const auto wait = std::chrono::seconds(response.retry_after_s);
      if (now() + wait > end) return;
      std::this_thread::sleep_for(wait);
    }
  }
}

}  // namespace
}  // namespace cancelbus::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  cancelbus::bench::run();
}
