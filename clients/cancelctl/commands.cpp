#include "clients/cancelctl/commands.hpp"

#include "clients/cancelctl/completion.hpp"
#include "clients/cancelctl/tally.hpp"
#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {
namespace {

using namespace client;

struct Trouble {
  const std::string& session_endpoint;

  std::string operator()(const Silent& silent) const {
    return "no answer from " + session_endpoint + " for " + std::to_string(silent.silent_for.count()) +
           " s, still trying: is cancel-bus running there?";
  }
  std::string operator()(const LostEvents& lost) const {
    return "events " + std::to_string(lost.from_seq) + " to " + std::to_string(lost.to_seq) + " of " + lost.topic +
           " are lost: the bus no longer keeps them";
  }
  std::string operator()(const NewEpoch&) const {
    return "the bus has a new epoch: undecided commands are sent anew, unread events of the former are lost";
  }
  std::string operator()(const Unreadable& unreadable) const { return "cannot read " + unreadable.what + ": skipped"; }
  std::string operator()(const NotReached& not_reached) const { return not_reached.endpoint + ": " + not_reached.why; }
  std::string operator()(const v1::Reject& reject) const { return describe(reject); }
  std::string operator()(const Causes& causes) const {
    return causes.causes.empty() ? "the bus is no longer impaired"
                                 : "the bus is impaired: " + describe_all(causes.causes);
  }
  template <typename OrdinaryNews>
  std::string operator()(const OrdinaryNews&) const {
    return {};
  }
};

}  // namespace

std::string trouble(const Notice& notice, const std::string& session_endpoint) {
  return std::visit(Trouble{session_endpoint}, notice);
}

void report_trouble(const Notice& notice, const Arguments& arguments, Console& console) {
  const std::string sentence = trouble(notice, arguments.session_endpoint);
  if (!sentence.empty()) console.err << "cancelctl: " << sentence << std::endl;
}

bool is_rejection(const Notice& notice) {
  const auto* not_reached = std::get_if<NotReached>(&notice);
  if (not_reached != nullptr && not_reached->key_refused) return true;
  const auto* reject = std::get_if<v1::Reject>(&notice);
  // Without a retransmission events are missing; commands and the rest go on.
  return reject != nullptr && !reject->field().starts_with("retransmit_request");
}

std::unique_ptr<Client> connect(const Arguments& arguments, const std::vector<std::string>& topics,
                                std::string& error) {
  ClientOptions options;
  options.curve_key_file = arguments.curve_key_file;
  options.curve_server_key_file = arguments.curve_server_key_file;
  options.insecure_loopback = arguments.insecure_loopback;
  options.session_endpoint = arguments.session_endpoint;
  options.event_endpoint = arguments.event_endpoint;
  options.session.sender_comp_id = arguments.sender;
  options.session.topics = topics;
  return Client::open(options, error);
}

int run(const Arguments& arguments, Console& console) {
  if (arguments.command == Command::Completion) {
    console.out << completion(arguments.shell) << std::flush;
    return ExitProven;
  }
  if (arguments.command == Command::Keygen) return run_keygen(arguments, console);
  const bool of_a_file = arguments.command == Command::Explain && !arguments.store.empty();
  if (of_a_file) return run_explain_store(arguments, console);
  if (arguments.command == Command::Backup) return run_backup(arguments, console);
  std::string error;
  auto bus = connect(arguments, arguments.topics, error);
  if (!bus) {
    console.err << "cancelctl: --" << error << std::endl;
    return ExitUsage;
  }
  switch (arguments.command) {
    case Command::Cancel:
      return run_cancel(arguments, *bus, console);
    case Command::CancelAll:
      return run_cancel_all(arguments, *bus, console);
    case Command::Kill:
      return run_kill(arguments, *bus, console);
    case Command::Release:
      return run_release(arguments, *bus, console);
    case Command::Watch:
      return run_watch(arguments, *bus, console);
    case Command::Status:
      return run_status(arguments, *bus, console);
    case Command::Orders:
      return run_orders(arguments, *bus, console);
    case Command::Explain:
      return run_explain(arguments, *bus, console);
    case Command::Find:
      return run_find(arguments, *bus, console);
    case Command::List:
      return run_list(arguments, *bus, console);
    case Command::Resolve:
      return run_resolve(arguments, *bus, console);
    case Command::Retry:
      return run_retry(arguments, *bus, console);
    case Command::Record:
      return run_record(arguments, *bus, console);
    case Command::Top:
      return run_top(arguments, std::move(bus), console);
    case Command::Keygen:
    case Command::Backup:
    case Command::Completion:
      break;
  }
  return ExitUsage;
}

}  // namespace cancelbus::ctl
