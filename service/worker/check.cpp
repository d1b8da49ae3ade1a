#include "service/worker/check.hpp"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/time.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>

#include "service/backend/check.hpp"
#include "service/io/clock.hpp"
#include "service/io/https_client.hpp"
#include "service/io/spawn.hpp"
#include "service/worker/exchange.hpp"
#include "service/worker/exchange_clock.hpp"

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;

constexpr core::OrderId NeverPlaced = 1;
/// Stamps follow the exchange's clock, so an offset does them no harm. Log lines and certificates go by this machine's.
constexpr core::Duration Suspicious = 500ms;

std::string text_of(core::Duration duration) {
  return absl::FormatDuration(absl::Trunc(absl::FromChrono(duration), absl::Microseconds(1)));
}

asio::awaitable<bool> check_tls(io::HttpsClient& client, const Options& options) {
  const absl::Status status = co_await client.connect();
  co_return backend::found(status.ok(), "TLS",
                           absl::StrCat(options.rest_url.authority, ": ",
                                        status.ok() ? client.description() : std::string(status.message())));
}

asio::awaitable<bool> check_clock(io::HttpsClient& client, ExchangeClock& clock) {
  ClockSchedule schedule;
  const auto series = co_await read_clock(client, schedule);
  if (!series.ok()) co_return backend::found(false, "clock", std::string(series.status().message()));
  clock.take(*series);
  const core::ClockSample sample = *clock.sample(io::now());
  const bool ahead = sample.offset >= core::Duration::zero();
  std::string text =
      absl::StrCat("the exchange's clock is ", text_of(ahead ? sample.offset : -sample.offset),
                   ahead ? " ahead of" : " behind", " this machine's, round trip ", text_of(sample.round_trip));
  if (std::chrono::abs(sample.offset) > Suspicious) text += "; is this machine's clock synchronised?";
  co_return backend::found(true, "clock", text);
}

asio::awaitable<core::Answer> ask(io::HttpsClient& client, btcturk::Signer& signer, const wire::Task& task) {
  const io::HttpOutcome outcome = co_await client.request(request_for(signer, task));
  co_return answer_to(task, outcome);
}

std::string text_of(const core::Answer& answer) {
  if (answer.http_status == 0 || absl::StrContains(answer.text, "HTTP ")) return answer.text;
  return absl::StrCat(answer.text, " (HTTP ", answer.http_status, ")");
}

asio::awaitable<bool> check_key(io::HttpsClient& client, btcturk::Signer& signer, int64_t stamp_ms) {
  wire::Task task;
  task.kind = core::LimiterKind::Query;
  task.order.order_id = NeverPlaced;
  task.stamp_ms = stamp_ms;
  const core::Answer answer = co_await ask(client, signer, task);
  if (answer.verdict == core::Verdict::Read) {
    co_return backend::found(true, "key",
                             absl::StrCat("a signed query of order 1 was answered: ", answer.text,
                                          "; so it may read orders; whether it may cancel, which needs the permission "
                                          "Trade, is seen only when it does"));
  }
  std::string text = absl::StrCat("a signed query of order 1 came to nothing: ", text_of(answer));
  if (answer.verdict == core::Verdict::Unauthorized) {
    absl::StrAppend(&text, "; ", backend::usual_causes_of_refusal("Trade"));
  }
  co_return backend::found(false, "key", text);
}

/// Cancels work without it, so it decides nothing about the exit code.
asio::awaitable<void> check_orders(io::HttpsClient& client, btcturk::Signer& signer, int64_t stamp_ms) {
  wire::Task task;
  task.kind = core::LimiterKind::OpenOrders;
  task.stamp_ms = stamp_ms;
  const core::Answer answer = co_await ask(client, signer, task);
  if (answer.verdict == core::Verdict::Read && answer.listing) {
    backend::found(true, "orders",
                   absl::StrCat("one request lists the account's open orders: ", answer.listing->orders.size()));
    co_return;
  }
  std::string text = absl::StrCat("the account's open orders cannot be listed: ", text_of(answer),
                                  "; cancels do not need it; mass cancels and kill switches do");
  if (answer.verdict == core::Verdict::Refused) {
    absl::StrAppend(&text, "; if the exchange wants a pair, name the pairs with --pairs of cancel-bus");
  }
  backend::found(false, "orders", text);
}

asio::awaitable<void> check(io::HttpsClient& client, Options& options, bool& good) {
  ExchangeClock clock;
  good = co_await check_tls(client, options);
  if (!good) co_return;
  good = co_await check_clock(client, clock);
  if (clock.known()) {
    const int64_t stamp_ms = clock.time(io::now().tick).count();
    const bool key = co_await check_key(client, options.signer, stamp_ms);
    // No stamp may be used twice.
    if (key) co_await check_orders(client, options.signer, std::max(stamp_ms + 1, clock.time(io::now().tick).count()));
    good = key && good;
  }
  client.close();
}

}  // namespace

int run_check(boost::asio::io_context& context, Options& options) {
  io::HttpsClient client(context, {options.rest_url, options.tls, options.request_timeout, options.request_timeout,
                                   options.exchange_ip_family});
  bool good = false;
  io::spawn(context, check(client, options, good));
  context.run();
  return good ? 0 : 1;
}

}  // namespace cancelbus::worker
