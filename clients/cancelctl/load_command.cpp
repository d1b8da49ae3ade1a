#include <algorithm>
#include <cstdio>
#include <map>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/latencies.hpp"
#include "clients/cancelctl/local_exchange.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class LoadCommand {
 public:
  LoadCommand(const Arguments& arguments, std::vector<int64_t> order_ids, Client& bus, Console& console)
      : arguments_(arguments), order_ids_(std::move(order_ids)), bus_(bus), console_(console), tally_(Wait::Final) {}

  int run() {
    while (!connected_ && goes_on()) turn(milliseconds(100));
    if (!connected_) return give_up("nothing was sent");
    // The first alone: if it is not canceled where it was placed, the bus is not the local exchange's.
    submit();
    while (acked_ == 0 && refused_ == 0 && goes_on()) turn(milliseconds(100));
    if (refused_ > 0) {
      report();
      return ExitFailed;
    }
    if (acked_ == 0) return give_up("the first command was not acked");
    if (!first_accepted_) {
      console_.err << "cancelctl: the bus does not cancel at this exchange: an order placed there was not accepted"
                   << std::endl;
      return ExitFailed;
    }
    start_ = steady_clock::now();
    send_all();
    while (!tally_.all_settled() && goes_on()) turn(milliseconds(100));
    report();
    return rejected_ ? ExitFailed : tally_.exit_code();
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
  bool goes_on() const {
    return !console_.interrupted && !rejected_ && steady_clock::now() < last_news_ + arguments_.timeout;
  }

  void turn(milliseconds most) {
    for (const Notice& notice : bus_.run_once(most)) {
      report_trouble(notice, arguments_, console_);
      rejected_ = rejected_ || is_rejection(notice);
      std::visit(*this, notice);
    }
  }

  void submit() {
    const int64_t order_id = order_ids_[tally_.commands().size()];
    const std::string cl_ord_id = bus_.cancel(order_id).cl_ord_id();
    tally_.add(cl_ord_id, order_id, wall_now());
    asked_.emplace(cl_ord_id, steady_clock::now());
  }

  void send_all() {
    const Time end = arguments_.seconds ? start_ + *arguments_.seconds : Time::max();
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
    return std::chrono::nanoseconds(arguments_.rate ? 1'000'000'000 / *arguments_.rate : 0);
  }

  void took(const std::string& cl_ord_id, Latencies& latencies) {
    const auto asked = asked_.find(cl_ord_id);
    if (asked == asked_.end()) return;
    last_news_ = steady_clock::now();
    latencies.add(last_news_ - asked->second);
  }

  int give_up(const char* what) {
    if (rejected_) return ExitFailed;
    console_.err << "cancelctl: no answer from " << arguments_.session_endpoint << ": " << what << std::endl;
    return ExitUnknown;
  }

  double seconds_sending() const { return std::max(1e-6, std::chrono::duration<double>(sending_took_).count()); }
  int64_t rate() const {
    return static_cast<int64_t>(static_cast<double>(tally_.commands().size() - 1) / seconds_sending());
  }

  void report() {
    const std::pair<const char*, const Latencies*> steps[] = {
        {"receipt", &receipts_}, {"ack", &acks_}, {"final", &finals_}};
    if (arguments_.json) {
      report_json(steps);
    } else {
      report_text(steps);
    }
    console_.out.flush();
    if (refused_ > 0) console_.err << "cancelctl: the first that was refused: " << first_refusal_ << std::endl;
    console_.err << "cancelctl: " << tally_.summary() << std::endl;
  }

  template <typename Steps>
  void report_json(const Steps& steps) {
    JsonLine line("load", wall_now());
    line.add("commands", static_cast<int64_t>(tally_.commands().size())).add("refused", refused_).add("rate", rate());
    for (const auto& [step, latencies] : steps) {
      const std::string name = step;
      line.add(name + "s", static_cast<int64_t>(latencies->count()));
      for (const int percent : {50, 90, 99}) {
        line.add(name + "_p" + std::to_string(percent) + "_us", latencies->percentile_us(percent));
      }
      line.add(name + "_max_us", latencies->percentile_us(100));
    }
    console_.out << line.str();
    for (const auto& [step, latencies] : steps) {
      for (const auto& [from, to, count] : latencies->histogram()) {
        console_.out << JsonLine("load_bucket", wall_now())
                            .add("step", step)
                            .add("from_us", from)
                            .add("to_us", to)
                            .add("count", static_cast<int64_t>(count))
                            .str();
      }
    }
  }

  template <typename Steps>
  void report_text(const Steps& steps) {
    char line[160];
    std::snprintf(line, sizeof line, "%zu commands at %lld a second, %lld refused\n\n", tally_.commands().size(),
                  static_cast<long long>(rate()), static_cast<long long>(refused_));
    console_.out << line;
    std::snprintf(line, sizeof line, "%-8s %8s %10s %10s %10s %10s\n", "us to", "count", "p50", "p90", "p99", "max");
    console_.out << line;
    for (const auto& [step, latencies] : steps) {
      const auto us = [latencies = latencies](int percent) {
        return static_cast<long long>(latencies->percentile_us(percent));
      };
      std::snprintf(line, sizeof line, "%-8s %8zu %10lld %10lld %10lld %10lld\n", step, latencies->count(), us(50),
                    us(90), us(99), us(100));
      console_.out << line;
    }
    for (const auto& [step, latencies] : steps) console_.out << "\n" << step << "\n" << latencies->histogram_text();
  }

  const Arguments& arguments_;
  const std::vector<int64_t> order_ids_;
  Client& bus_;
  Console& console_;
  Tally tally_;
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

int run_load(const Arguments& arguments, Client& bus, Console& console) {
  std::string error;
  std::vector<int64_t> ids =
      place_orders(arguments.exchange_url, arguments.exchange_ca_file, arguments.load_count(), error);
  if (ids.empty()) {
    console.err << "cancelctl: --" << error << std::endl;
    return ExitFailed;
  }
  return LoadCommand(arguments, std::move(ids), bus, console).run();
}

}  // namespace cancelbus::ctl
