#include <algorithm>
#include <limits>
#include <optional>
#include <sstream>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/screen.hpp"
#include "clients/cancelctl/tally.hpp"
#include "clients/cancelctl/top_view.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr const char* OfAll = "all senders, and of no command of ours";

class TopCommand {
 public:
  TopCommand(const Arguments& arguments, std::unique_ptr<Client> bus, Console& console)
      : arguments_(arguments),
        bus_(std::move(bus)),
        console_(console),
        view_(arguments.session_endpoint, OfAll),
        on_screen_(console.terminal && !arguments.json),
        give_up_(steady_clock::now() + arguments.timeout) {
    // Without a screen to renew, once is enough, unless more is asked for.
    const bool once = !on_screen_ && !arguments.json;
    left_ = arguments.count.value_or(once ? 1 : std::numeric_limits<int64_t>::max());
  }

  int run() {
    if (on_screen_) screen_.emplace();
    bus_->ask_status();
    std::optional<int> end;
    while (!end && goes_on()) end = turn();
    screen_.reset();
    if (end && !trouble_.empty()) console_.err << trouble_;
    return end.value_or(ExitProven);
  }

 private:
  bool goes_on() const {
    return !console_.interrupted && !console_.unread() && left_ > 0 && !(screen_ && screen_->quit_asked());
  }

  // An exit code ends it.
  std::optional<int> turn() {
    const auto left = std::chrono::ceil<milliseconds>(next_ask_ - steady_clock::now());
    for (const Notice& notice : bus_->run_once(std::clamp(left, milliseconds(0), milliseconds(100)))) {
      if (const auto end = hear(notice)) return end;
    }
    if (steady_clock::now() >= next_ask_) {
      next_ask_ = steady_clock::now() + arguments_.interval;
      bus_->ask_status();
    }
    if (screen_ && (screen_->stop_if_asked() || screen_->resized() || changed_)) draw();
    if (!view_.has_status() && !on_screen_ && steady_clock::now() >= give_up_) {
      trouble_ = "cancelctl: no answer from " + arguments_.session_endpoint + " within " +
                 elapsed_text(arguments_.timeout) + "\n";
      return ExitUnknown;
    }
    return {};
  }

  std::optional<int> hear(const Notice& notice) {
    if (topics_refused(notice)) return read_own_only();
    tell(notice);
    if (is_rejection(notice)) return ExitFailed;
    if (const auto* event = std::get_if<v1::Event>(&notice)) {
      view_.on(*event);
      if (event->has_cancel_final()) new_finals_.push_back(*event);
      changed_ = true;
    }
    if (const auto* status = std::get_if<v1::BusStatus>(&notice)) {
      view_.on(*status);
      view_.trouble("");
      refresh();
    }
    return {};
  }

  // On the screen troubles have a line of their own; elsewhere they go where they always go.
  void tell(const Notice& notice) {
    if (!on_screen_) return report_trouble(notice, arguments_, console_);
    std::ostringstream sentence;
    Console aside{console_.out, sentence, {}, false, false, console_.interrupted};
    report_trouble(notice, arguments_, aside);
    if (sentence.str().empty()) return;
    trouble_ = sentence.str();
    view_.trouble(trouble_.substr(0, trouble_.find('\n')));
    changed_ = true;
  }

  bool topics_refused(const Notice& notice) const {
    const auto* reject = std::get_if<v1::Reject>(&notice);
    return reject != nullptr && reject->field().starts_with("hello.topics") && !own_only_;
  }

  // The key may not hear of others' commands: the rest is shown all the same.
  std::optional<int> read_own_only() {
    own_only_ = true;
    std::string error;
    bus_.reset();
    bus_ = connect(arguments_, {}, error);
    if (!bus_) {
      trouble_ = "cancelctl: --" + error + "\n";
      return ExitUsage;
    }
    view_.finals_of(arguments_.sender + " (this key may not read others')");
    bus_->ask_status();
    return {};
  }

  // A status has come: that is one refresh.
  void refresh() {
    changed_ = true;
    --left_;
    if (on_screen_) return draw();
    if (arguments_.json) {
      console_.out << JsonLine("top", wall_now()).add("bus_status", view_.status()).add("finals", new_finals_).str();
    } else {
      for (const std::string& line : view_.lines({200, 1'000}, console_.paint)) console_.out << line << "\n";
    }
    new_finals_.clear();
    console_.out.flush();
  }

  void draw() {
    screen_->draw(view_.lines(screen_->size(), console_.paint));
    new_finals_.clear();
    changed_ = false;
  }

  const Arguments& arguments_;
  std::unique_ptr<Client> bus_;
  Console& console_;
  TopView view_;
  const bool on_screen_;
  const Time give_up_;
  std::optional<Screen> screen_;
  int64_t left_ = 0;
  Time next_ask_ = steady_clock::now() + arguments_.interval;
  std::vector<v1::Event> new_finals_;
  std::string trouble_;
  bool own_only_ = false;
  bool changed_ = true;
};

}  // namespace

int run_top(const Arguments& arguments, std::unique_ptr<Client> bus, Console& console) {
  return TopCommand(arguments, std::move(bus), console).run();
}

}  // namespace cancelbus::ctl
