#include "tests/load/load.hpp"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"
#include "clients/cancelctl/text.hpp"
#include "service/io/output.hpp"
#include "tests/load/latencies.hpp"
#include "tests/load/local_exchange.hpp"

namespace cancelbus::load {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

int complain(std::string_view what, int exit_code) {
  io::complain(absl::StrCat("cancel-load: ", std::string(what), "\n"));
  return exit_code;
}

class Load {
 public:
  Load(const Options& options, std::vector<int64_t> order_ids, Client& bus, const std::atomic<bool>& interrupted)
      : options_(options),
        order_ids_(std::move(order_ids)),
        bus_(bus),
        interrupted_(interrupted),
        tally_(ctl::Wait::Final) {}

  int run() {
    while (!connected_ && goes_on()) turn(milliseconds(100));
    if (!connected_) return give_up("nothing was sent");
    // The first alone: if it is not canceled where it was placed, the bus is not the local exchange's.
    submit();
    while (acked_ == 0 && refused_ == 0 && goes_on()) turn(milliseconds(100));
    if (refused_ > 0) {
      report();
      return ctl::ExitFailed;
    }
    if (acked_ == 0) return give_up("the first command was not acked");
    if (!first_accepted_) {
      return complain("the bus does not cancel at this exchange: an order placed there was not accepted",
                      ctl::ExitFailed);
    }
    start_ = steady_clock::now();
    send_all();
    while (!tally_.all_settled() && goes_on()) turn(milliseconds(100));
    report();
    return rejected_ ? ctl::ExitFailed : tally_.exit_code();
  }

  void operator()(const Connected&) { connected_ = true; }
  void operator()(const v1::Receipt& receipt) {
    tally_.on(receipt);
    if (receipt.status() == v1::RECEIPT_STATUS_REFUSED && refused_++ == 0) first_refusal_ = describe(receipt);
    took(receipt.cl_ord_id(), receipts_);
  }
  void operator()(const v1::CancelAck& ack) {
    tally_.on(ack);
    first_accepted_ |= ack.status() == v1::CANCEL_ACK_STATUS_ACCEPTED;
    ++acked_;
    took(ack.cl_ord_id(), acks_);
  }
  void operator()(const v1::CancelFinal& final) {
    tally_.on(final);
    took(final.cl_ord_id(), finals_);
  }
  template <typename OtherNotice>
  void operator()(const OtherNotice&) {}

 private:
  bool goes_on() const { return !interrupted_ && !rejected_ && steady_clock::now() < last_news_ + options_.timeout; }

  void turn(milliseconds most) {
    for (const Notice& notice : bus_.run_once(most)) {
      const std::string trouble = ctl::trouble(notice, options_.bus.session_endpoint);
      if (!trouble.empty()) complain(trouble, 0);
      rejected_ = rejected_ || ctl::is_rejection(notice);
      std::visit(*this, notice);
    }
  }

  void submit() {
    const int64_t order_id = order_ids_[tally_.commands().size()];
    const std::string cl_ord_id = bus_.cancel(order_id).cl_ord_id();
    tally_.add(cl_ord_id, order_id, ctl::wall_now());
    asked_.emplace(cl_ord_id, steady_clock::now());
  }

  void send_all() {
    const Time end = options_.seconds ? start_ + *options_.seconds : Time::max();
    const auto all_sent = [this] { return tally_.commands().size() == order_ids_.size(); };
    for (size_t sent = 0; !all_sent() && goes_on() && steady_clock::now() < end;) {
      const Time due = start_ + spacing() * sent;
      if (steady_clock::now() >= due) {
        submit();
        ++sent;
      }
      const auto left = std::chrono::duration_cast<milliseconds>(start_ + spacing() * sent - steady_clock::now());
      // Sending needs turns, too: a client moves only while it is called.
      if (left.count() > 0 || sent % 100 == 0 || all_sent()) turn(std::clamp(left, milliseconds(0), milliseconds(10)));
    }
    sending_took_ = steady_clock::now() - start_;
  }

  std::chrono::nanoseconds spacing() const {
    return std::chrono::nanoseconds(options_.rate ? 1'000'000'000 / *options_.rate : 0);
  }

  void took(const std::string& cl_ord_id, Latencies& latencies) {
    const auto asked = asked_.find(cl_ord_id);
    if (asked == asked_.end()) return;
    last_news_ = steady_clock::now();
    latencies.add(last_news_ - asked->second);
  }

  int give_up(std::string_view what) {
    if (rejected_) return ctl::ExitFailed;
    return complain(absl::StrCat("no answer from ", options_.bus.session_endpoint, ": ", std::string(what)),
                    ctl::ExitUnknown);
  }

  double seconds_sending() const { return std::max(1e-6, std::chrono::duration<double>(sending_took_).count()); }
  int64_t rate() const {
    return static_cast<int64_t>(static_cast<double>(tally_.commands().size() - 1) / seconds_sending());
  }

  void report() {
    io::answer(options_.json ? json_report() : text_report());
    if (refused_ > 0) complain("the first that was refused: " + first_refusal_, 0);
    complain(tally_.summary(), 0);
  }

  std::string json_report() {
    ctl::JsonLine line("load", ctl::wall_now());
    line.add("commands", static_cast<int64_t>(tally_.commands().size())).add("refused", refused_).add("rate", rate());
    std::string buckets;
    for (const auto& [step, latencies] : steps()) {
      const std::string name = step;
      line.add(name + "s", static_cast<int64_t>(latencies.count()));
      for (const int percent : {50, 90, 99}) {
        line.add(name + "_p" + std::to_string(percent) + "_us", latencies.percentile_us(percent));
      }
      line.add(name + "_max_us", latencies.percentile_us(100));
      for (const auto& [from, to, count] : latencies.histogram()) {
        buckets += ctl::JsonLine("load_bucket", ctl::wall_now())
                       .add("step", step)
                       .add("from_us", from)
                       .add("to_us", to)
                       .add("count", static_cast<int64_t>(count))
                       .str();
      }
    }
    return line.str() + buckets;
  }

  std::string text_report() {
    std::string text =
        absl::StrFormat("%d commands at %d a second, %d refused\n\n", tally_.commands().size(), rate(), refused_);
    absl::StrAppendFormat(&text, "%-8s %8s %10s %10s %10s %10s\n", "us to", "count", "p50", "p90", "p99", "max");
    std::string histograms;
    for (const auto& [step, latencies] : steps()) {
      absl::StrAppendFormat(&text, "%-8s %8d", step, latencies.count());
      for (const int percent : {50, 90, 99, 100}) {
        absl::StrAppendFormat(&text, " %10d", latencies.percentile_us(percent));
      }
      text += '\n';
      absl::StrAppend(&histograms, "\n", step, "\n", latencies.histogram_text());
    }
    return text + histograms;
  }

  std::array<std::pair<const char*, const Latencies&>, 3> steps() const {
    return {{{"receipt", receipts_}, {"ack", acks_}, {"final", finals_}}};
  }

  const Options& options_;
  const std::vector<int64_t> order_ids_;
  Client& bus_;
  const std::atomic<bool>& interrupted_;
  ctl::Tally tally_;
  std::map<std::string, Time> asked_;
  Latencies receipts_;
  Latencies acks_;
  Latencies finals_;
  int64_t refused_ = 0;
  std::string first_refusal_;
  int64_t acked_ = 0;
  bool first_accepted_ = false;
  bool connected_ = false;
  bool rejected_ = false;
  Time start_{};
  Time last_news_ = steady_clock::now();
  std::chrono::nanoseconds sending_took_{};
};

}  // namespace

int run(const Options& options, const std::atomic<bool>& interrupted) {
  std::string error;
  const auto bus = Client::open(options.bus, error);
  if (!bus) return complain("--" + error, ctl::ExitUsage);
  std::vector<int64_t> ids = place_orders(options.exchange, options.exchange_ca_file, options.count, error);
  if (ids.empty()) return complain("--" + error, ctl::ExitFailed);
  return Load(options, std::move(ids), *bus, interrupted).run();
}

}  // namespace cancelbus::load
