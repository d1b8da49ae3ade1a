#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;

// The troubles of reading are part of what a program reading the events must know.
struct WatchJson {
  std::ostream& out;

  void operator()(const v1::Event& event) const { out << JsonLine(type_of(event), wall_now()).merge(event).str(); }
  void operator()(const LostEvents& lost) const {
    out << JsonLine("lost_events", wall_now())
               .add("topic", lost.topic)
               .add("from_seq", std::to_string(lost.from_seq))
               .add("to_seq", std::to_string(lost.to_seq))
               .str();
  }
  void operator()(const NewEpoch& epoch) const {
    out << JsonLine("new_epoch", wall_now()).add("epoch", std::to_string(epoch.now)).str();
  }
  void operator()(const Causes& causes) const {
    out << JsonLine("causes", wall_now()).add("causes", causes.causes).str();
  }
  template <typename OtherNotice>
  void operator()(const OtherNotice&) const {}
};

}  // namespace

int run_watch(const Arguments& arguments, Client& bus, Console& console) {
  while (!console.interrupted && !console.unread()) {
    for (const Notice& notice : bus.run_once(std::chrono::milliseconds(500))) {
      report_trouble(notice, arguments, console);
      if (is_rejection(notice)) return ExitFailed;
      const auto* event = std::get_if<v1::Event>(&notice);
      if (arguments.json) {
        std::visit(WatchJson{console.out}, notice);
      } else if (event != nullptr) {
        console.out << console.paint(tone_of(*event), event_line(*event)) << "\n";
      }
    }
    console.out.flush();
  }
  return ExitProven;
}

}  // namespace cancelbus::ctl
