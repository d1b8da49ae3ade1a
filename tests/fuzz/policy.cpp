// A policy file: who may do what. What was read must be what stands there, and an error must not give a key away.
#include "service/bus/policy.hpp"

#include <set>
#include <string>

#include "service/io/curve.hpp"
#include "tests/fuzz/targets.hpp"

namespace cancelbus::fuzz {
namespace {

constexpr std::string_view Blanks = " \t\r\n";
// The published example of libzmq's documentation, server and client.
constexpr const char* Key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
constexpr const char* OtherKey = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
constexpr const char* SecretKey = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

std::set<std::string_view> words_of(std::string_view text) {
  std::set<std::string_view> words;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find_first_of(Blanks));
    words.insert(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return words;
}

void require_sane(const bus::Entry& entry) {
  require(io::is_curve_key(entry.key) && io::may_be_public(entry.key), "a key is a public one");
  require(entry.role != bus::Role::Anyone, "no entry has the role Anyone");
  require(entry.weight >= 1 && entry.weight <= 1000, "a weight is 1 to 1000");
  require(!entry.name.empty() && entry.name.size() <= 32 && entry.senders.size() <= 64, "an entry has its limits");
  const bool backend = entry.may_enter(bus::Door::Backend);
  require(backend != entry.may_enter(bus::Door::Session) && backend != entry.may_enter(bus::Door::Event),
          "a key is good for one side of the bus");
  require(!backend || (entry.senders.empty() && !entry.may_cancel() && !entry.may_read("bus.")),
          "who works or feeds has no session");
  require(entry.may_read("record.") == (entry.role == bus::Role::Operator), "what is recorded is an operator's alone");
  require(backend || !entry.senders.empty(), "a session belongs to a sender");
}

std::string written(const bus::Policy& policy) {
  std::string text;
  for (const bus::Entry& entry : policy.entries()) {
    text += std::string(bus::role_name(entry.role)) + " " + entry.name + " " + entry.key;
    for (size_t i = 0; i < entry.senders.size(); ++i) text += (i == 0 ? " senders=" : ",") + entry.senders[i];
    if (entry.may_cancel()) text += " weight=" + std::to_string(entry.weight);
    text += "\n";
  }
  return text;
}

}  // namespace

bool policy(std::string_view input) {
  const auto read = bus::Policy::parse(input);
  const std::set<std::string_view> words = words_of(input);
  if (!read.ok()) {
    const std::string why(read.status().message());
    require(is_shown_text(why), "the error is fit to be shown");
    for (const std::string_view word : words) {
      require(!io::is_curve_key(word) || why.find(word) == std::string::npos, "the error does not quote a key");
    }
    return false;
  }
  require(!read->entries().empty() && read->entries().size() <= bus::Policy::MaxEntries, "a policy has its limits");
  for (const bus::Entry& entry : read->entries()) {
    require_sane(entry);
    require(words.contains(entry.name) && words.contains(entry.key), "only what the file names comes in");
    require(read->find(entry.key) == &entry, "an entry is found by its key");
  }
  const auto again = bus::Policy::parse(written(*read));
  require(again.ok() && again->entries() == read->entries(), "what was read can be written again");
  return true;
}

std::vector<std::string> policy_seeds() {
  const std::string key = std::string(" ") + Key, other = std::string(" ") + OtherKey;
  return {"strategy desk-a" + key + "\n",
          "# who may\n\nstrategy desk-a" + key + " senders=a,b-*,* weight=7\r\n\toperator ops" + other + "\n",
          "worker w" + key + "\nsubscriber f" + other,
          "observer eye" + key + " senders=ctl-eye",
          "strategy desk-a" + key + "\nstrategy desk-a" + other,
          "strategy desk-a" + key + "\nstrategy desk-b" + key,
          "strategy desk-a" + key + " weight=1001",
          "strategy desk-a" + key + " senders=,",
          "strategy desk-a " + std::string(SecretKey),
          "strategy" + key + " desk-a",
          "strategy desk-a" + key + other,
          "strategy \x1b[2J" + key,
          "anyone x" + key,
          ""};
}

}  // namespace cancelbus::fuzz
