#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "clients/cancelctl/commands.hpp"
#include "clients/cancelctl/recorded_lines.hpp"
#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;

class RecordCommand {
 public:
  RecordCommand(const Arguments& arguments, Client& bus, Console& console)
      : arguments_(arguments),
        bus_(bus),
        console_(console),
        to_stdout_(arguments.record_file == "-"),
        name_(to_stdout_ ? "standard output" : printable(arguments.record_file)) {}

  int run() {
    ::umask(S_IRWXG | S_IRWXO);  // a file that is made is its owner's alone
    if (!to_stdout_) file_.open(arguments_.record_file, std::ios::app);
    look_at_file();
    bus_.record();
    const auto goes_on = [this] { return !failed_ && !console_.interrupted && !(to_stdout_ && console_.unread()); };
    while (goes_on()) hear(bus_.run_once(std::chrono::milliseconds(500)));
    if (!failed_) hear(bus_.process());  // what had come by then
    if (answered_) {
      const std::string missing = lines_.missing() == 0 ? "none" : std::to_string(lines_.missing());
      say(name_ + " has " + std::to_string(lines_.recorded()) + " more records, " + missing + " missing");
    }
    if (failed_) return ExitFailed;
    return answered_ && lines_.missing() == 0 ? ExitProven : ExitUnknown;
  }

 private:
  void hear(const std::vector<Notice>& notices) {
    if (bus_.recording() && !std::exchange(answered_, true)) say("recording to " + name_ + " until interrupted");
    for (const Notice& notice : notices) {
      report_trouble(notice, arguments_, console_);
      failed_ = failed_ || is_rejection(notice);
      const auto* event = std::get_if<v1::Event>(&notice);
      if (event == nullptr || !event->has_recorded()) continue;
      const RecordedLines::Heard heard = lines_.hear(event->recorded(), wall_now());
      if (!heard.sentence.empty()) say(heard.sentence);
      (to_stdout_ ? console_.out : file_) << heard.lines << std::flush;
      look_at_file();
    }
  }

  void look_at_file() {
    if (to_stdout_ || file_ || failed_) return;
    failed_ = true;
    say("FILE: " + name_ + ": " + std::strerror(errno));
  }

  void say(const std::string& sentence) { console_.err << "cancelctl: " << sentence << std::endl; }

  const Arguments& arguments_;
  Client& bus_;
  Console& console_;
  const bool to_stdout_;
  const std::string name_;
  std::ofstream file_;
  RecordedLines lines_;
  bool answered_ = false;
  bool failed_ = false;
};

}  // namespace

int run_record(const Arguments& arguments, Client& bus, Console& console) {
  return RecordCommand(arguments, bus, console).run();
}

}  // namespace cancelbus::ctl
