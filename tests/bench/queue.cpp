// bench-queue: what the gateway keeps and does while so many commands wait for budget. It prints `bytes N`, the memory
// of each of them, and `full`; then it waits for a line on stdin, so that a tool may begin to count, and does a hundred
// times, each in a function of its own (expire: all at once; next: 40 in 4 turns):
//   enqueue   a command for an order without one        coalesce  a second command for an order that waits
//   next      the command that goes next leaves         expire    a time to live ends
// Each step is the gateway's, so that all of its owners take part. Nothing is sent or stored.
#include <absl/flags/flag.h>
#include <absl/flags/parse.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "service/core/gateway.hpp"

ABSL_FLAG(int64_t, commands, 1'000, "that wait, from 1,000 on");

namespace cancelbus::bench {

using core::OrderId;
using std::chrono::seconds;

constexpr int Times = 100;
constexpr int Senders = 4;
constexpr seconds TimeToLive{100};

class Queue {
 public:
  explicit Queue(int64_t commands) : gateway_(options(), core::Snapshot(), now()) {
    for (int sender = 0; sender < Senders; ++sender) {
      step(core::Hello{peer(sender), "desk-" + std::to_string(sender), {}, false});
    }
    // The last of them have a time to live; the others are wanted until proven gone.
    for (OrderId order = 1; order <= commands; ++order) add(order, order > commands - Times ? TimeToLive : seconds(0));
    turn();
  }

  // Bound by no budget, so that what is counted is not the wait for it. Not inlined: callgrind knows them by name.
  __attribute__((noinline)) void enqueue(OrderId order) { add(order, seconds(0)); }
  __attribute__((noinline)) void coalesce(OrderId order) { add(order, seconds(0), "-again"); }
  __attribute__((noinline)) size_t next() {
    const core::Actions actions = turn();
    return static_cast<size_t>(std::ranges::count_if(
        actions.sends, [](const core::Send& send) { return std::holds_alternative<core::SendTask>(send); }));
  }
  __attribute__((noinline)) size_t expire() {
    const core::Actions actions = turn();
    return static_cast<size_t>(std::ranges::count_if(actions.records, [](const core::Record& record) {
      const auto* event = std::get_if<core::Publication>(&record);
      return event && std::holds_alternative<core::CancelAck>(event->body);
    }));
  }

  /// A new one, for ten tasks.
  void worker_ready(uint64_t number) {
    const std::string name = "worker-" + std::to_string(number);
    core::WorkerReady ready{name, number, name, 10, {}, {}, seconds(5)};
    ready.clock = core::ClockSample{.series = 1, .exchange_time = now().wall};
    step(ready);
  }
  void pass(core::Duration duration) { now_ += duration; }

 private:
  static core::GatewayOptions options() {
    core::GatewayOptions options;
    options.cancel_limits = {{4'000'000, seconds(1)}};
    options.max_open = options.max_open_per_sender = options.max_remembered_per_sender = 4'000'000;
    return options;
  }
  static std::string peer(int sender) { return "peer-" + std::to_string(sender); }
  core::Instant now() const {
    return {core::Tick(seconds(1'000)) + now_, core::WallTime(seconds(1'800'000'000)) + now_};
  }

  core::Actions step(const core::Event& event) { return gateway_.step(now(), event); }
  core::Actions turn() { return step(core::DeadlinePassed{}); }

  void add(OrderId order, core::Duration ttl, const char* suffix = "") {
    core::CancelOrder command;
    command.cl_ord_id = "desk-order-" + std::to_string(order) + suffix;
    command.order_id = order;
    command.symbol = "BTCTRY";
    if (ttl > core::Duration::zero()) command.time_to_live = ttl;
    const core::Actions actions = step(core::CommandReceived{peer(static_cast<int>(order % Senders)), command});
    for (const core::Send& send : actions.sends) {
      const auto* receipt = std::get_if<core::SendReceipt>(&send);
      if (receipt && receipt->status != core::ReceiptStatus::Applied) {
        std::fprintf(stderr, "a command was refused: %s\n", receipt->text.c_str());
        std::exit(1);
      }
    }
  }

  core::Duration now_{};
  core::Gateway gateway_;
};

namespace {

size_t allocated() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Turns while it waits: a tool that follows instructions hears its commands only while there are any.
void wait_for_a_line() {
  pollfd in{STDIN_FILENO, POLLIN, 0};
  while (::poll(&in, 1, 0) == 0) {
  }
  std::array<char, 16> line{};
  if (!std::fgets(line.data(), line.size(), stdin)) std::exit(1);
}

void run(int64_t commands) {
  const size_t before = allocated();
  Queue queue(commands);
  std::printf("bytes %lld\nfull\n", static_cast<long long>((allocated() - before) / static_cast<size_t>(commands)));
  std::fflush(stdout);
  wait_for_a_line();
  for (int i = 1; i <= Times; ++i) queue.enqueue(commands + i);
  for (int i = 1; i <= Times; ++i) queue.coalesce(i);
  queue.pass(TimeToLive);
  const size_t expired = queue.expire();
  size_t sent = 0;
  // Fewer than may be under way before the exchange has let one in.
  for (uint64_t worker = 1; worker <= 4; ++worker) {
    queue.pass(std::chrono::milliseconds(20));  // each task needs a millisecond of its own
    queue.worker_ready(worker);
    sent += queue.next();
  }
  std::printf("expired %zu\nsent %zu\n", expired, sent);
}

}  // namespace
}  // namespace cancelbus::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  cancelbus::bench::run(absl::GetFlag(FLAGS_commands));
}
