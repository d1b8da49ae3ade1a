#include <algorithm>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds Turn{100};

class CancelCommand {
 public:
  CancelCommand(const Arguments& arguments, Client& bus, Console& console)
      : arguments_(arguments),
        bus_(bus),
        console_(console),
        deadline_(steady_clock::now() + arguments.timeout),
        tally_(arguments.wait) {}

  int run() {
    // Times of a command are counted from here, not from the start of the program.
    while (!connected_ && !rejected_ && goes_on()) turn();
    if (!connected_) return give_up_unconnected();
    submit();
    while (!tally_.all_settled() && !rejected_ && goes_on()) turn();
    clear_progress();
    report_unsettled();
    console_.err << "cancelctl: " << tally_.summary() << std::endl;
    if (const Tally::Command* command = tally_.first_unknown()) name_next_step(*command);
    return rejected_ ? ExitFailed : tally_.exit_code();
  }

  // What the command does with each notice.
  void operator()(const Connected&) { connected_ = true; }
  void operator()(const v1::Reject& reject) {
    if (arguments_.json) console_.out << JsonLine("reject", wall_now()).add("reject", reject).str();
  }
  void operator()(const v1::Receipt& receipt) {
    tally_.on(receipt);
    // A person waits for acks and finals; that a command was received is worth a line only if it was not.
    if (arguments_.json || receipt.status() == v1::RECEIPT_STATUS_REFUSED) report("receipt", receipt, Tone::Bad);
  }
  void operator()(const v1::CancelAck& ack) {
    tally_.on(ack);
    report("cancel_ack", ack, tone_of(ack));
  }
  void operator()(const v1::CancelFinal& final) {
    tally_.on(final);
    report("cancel_final", final, tone_of(final));
  }
  void operator()(const v1::CancelStatus& status) {
    tally_.on(status);
    report("cancel_status", status, tone_of(status));
  }
  template <typename OtherNotice>
  void operator()(const OtherNotice&) {}

 private:
  bool goes_on() const { return !console_.interrupted && steady_clock::now() < deadline_; }

  void turn() {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now());
    for (const Notice& notice : bus_.run_once(std::clamp(left, milliseconds(0), Turn))) {
      report_trouble(notice, arguments_, console_);
      rejected_ = rejected_ || is_rejection(notice);
      std::visit(*this, notice);
    }
    console_.out.flush();
    show_progress();
  }

  void submit() {
    const CancelOptions options{
        .time_to_live = arguments_.ttl, .urgent = arguments_.urgent, .exact_quantities = arguments_.exact};
    for (const int64_t order_id : arguments_.order_ids) {
      const WallTime submitted = wall_now();
      tally_.add(bus_.cancel(order_id, options).cl_ord_id(), order_id, submitted);
    }
  }

  template <typename Message>
  void report(const char* type, const Message& message, Tone tone) {
    const Tally::Command* command = tally_.find(message.cl_ord_id());
    if (command == nullptr) return;
    const WallTime heard = wall_now();
    if (arguments_.json) {
      console_.out << named(type, heard, *command).add(type, message).str();
    } else {
      console_.out << "order " << command->order_id << " " << console_.paint(tone, describe(message)) << ", after "
                   << elapsed_text(heard - command->submitted) << " (" << name_of(*command) << ")\n";
    }
  }

  // As explain and resolve want it.
  std::string name_of(const Tally::Command& command) const { return arguments_.sender + "/" + command.cl_ord_id; }

  JsonLine named(const char* type, WallTime heard, const Tally::Command& command) const {
    JsonLine line(type, heard);
    line.add("sender_comp_id", arguments_.sender)
        .add("cl_ord_id", command.cl_ord_id)
        .add("order_id", command.order_id)
        .add("submitted", command.submitted);
    return line;
  }

  int give_up_unconnected() {
    if (rejected_) return ExitFailed;
    console_.err << "cancelctl: " << why_stopped() << " before " << arguments_.session_endpoint
                 << " answered: nothing was sent" << std::endl;
    return ExitUnknown;
  }

  std::string why_stopped() const {
    if (console_.interrupted) return "interrupted";
    if (rejected_) return "rejected";
    return elapsed_text(arguments_.timeout) + " passed";
  }

  void report_unsettled() {
    if (tally_.all_settled()) return;
    const std::string awaited = arguments_.wait == Wait::Ack ? "ack" : "final";
    const auto problem = bus_.problem();
    for (const Tally::Command& command : tally_.commands()) {
      if (command.settled) continue;
      std::string text = why_stopped() + " without its " + awaited + "; last heard: " + command.last;
      if (problem) text += "; " + problem->text;
      if (arguments_.json) {
        console_.out << named("unknown", wall_now(), command).add("text", text).str();
      } else {
        console_.out << "order " << command.order_id << console_.paint(Tone::Doubt, " UNKNOWN: " + text) << " ("
                     << name_of(command) << ")\n";
      }
    }
    console_.out.flush();
  }

  // What was received goes on without us.
  void name_next_step(const Tally::Command& command) const {
    console_.err << "cancelctl: next: 'cancelctl status' says what commands wait for; 'cancelctl explain "
                 << name_of(command) << "' what was done; 'cancelctl cancel " << command.order_id
                 << "' waits again: the bus takes both commands together" << std::endl;
  }

  void show_progress() {
    const auto now = steady_clock::now();
    if (!console_.progress || !connected_ || now < next_progress_) return;
    console_.err << "\r" << tally_.settled() << " of " << tally_.commands().size() << std::flush;
    next_progress_ = now + Turn;
  }

  void clear_progress() {
    if (console_.progress) console_.err << "\r\x1b[K" << std::flush;
  }

  const Arguments& arguments_;
  Client& bus_;
  Console& console_;
  const Time deadline_;
  Tally tally_;
  bool connected_ = false;
  bool rejected_ = false;
  Time next_progress_{};
};

}  // namespace

int run_cancel(const Arguments& arguments, Client& bus, Console& console) {
  return CancelCommand(arguments, bus, console).run();
}

}  // namespace cancelbus::ctl
