#include "service/bus/policy.hpp"

#include <absl/container/flat_hash_set.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "service/io/curve.hpp"

namespace cancelbus::bus {
namespace {

constexpr size_t MaxQuoted = io::CurveKeyCharacters - 1;

constexpr std::array<std::pair<std::string_view, Role>, 6> Roles{{{"strategy", Role::Strategy},
                                                                  {"observer", Role::Observer},
                                                                  {"worker", Role::Worker},
                                                                  {"subscriber", Role::Subscriber},
                                                                  {"operator", Role::Operator},
                                                                  {"anyone", Role::Anyone}}};

using Words = std::vector<std::string>;

// Names of senders are the contract's: they become parts of topics.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= Policy::MaxNameBytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool is_sender_pattern(std::string_view text) {
  if (!text.ends_with('*')) return is_name(text);
  text.remove_suffix(1);
  return text.empty() || is_name(text);
}

// What is long is not quoted: it may be a secret key in the wrong place.
std::string shown(std::string_view word) {
  if (word.size() > MaxQuoted) return absl::StrCat("a word of ", word.size(), " characters");
  std::string quoted(word);
  std::ranges::replace_if(
      quoted, [](char c) { return c < ' ' || c > '~'; }, '?');
  return absl::StrCat("\"", quoted, "\"");
}

absl::Status bad(std::string_view field, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(std::string(field), ": ", std::string(why)));
}

std::optional<Role> role_of(std::string_view word) {
  const auto found = std::ranges::find(Roles, word, &std::pair<std::string_view, Role>::first);
  return found == Roles.end() ? std::nullopt : std::optional(found->second);
}

bool sends(Role role) { return role == Role::Strategy || role == Role::Observer || role == Role::Operator; }

absl::Status take_senders(const std::string& value, Entry& entry) {
  if (!sends(entry.role)) return bad("senders", absl::StrCat("role ", std::string(role_name(entry.role)), " has none"));
  entry.senders = absl::StrSplit(value, ',');
  if (entry.senders.size() > Policy::MaxSenders) return bad("senders", "more than 64");
  for (const std::string& sender : entry.senders) {
    if (is_sender_pattern(sender)) continue;
    return bad(
        "senders",
        absl::StrCat(shown(sender), " is not 1 to 32 of the characters A-Z a-z 0-9 _ - with perhaps a * at its end"));
  }
  return absl::OkStatus();
}

absl::Status take_weight(const std::string& value, Entry& entry) {
  if (!entry.may_cancel()) return bad("weight", absl::StrCat("role ", std::string(role_name(entry.role)), " has none"));
  const bool digits = std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || !absl::SimpleAtoi(value, &entry.weight) || entry.weight < 1 || entry.weight > Policy::MaxWeight) {
    return bad("weight", absl::StrCat(shown(value), " is not a whole number from 1 to 1000"));
  }
  return absl::OkStatus();
}

bool is_prefix(std::string_view text) {
  return !text.empty() && text.size() <= Policy::MaxPrefixBytes &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

absl::Status take_prefixes(const std::string& value, Entry& entry) {
  if (entry.role != Role::Strategy) {
    return bad("prefixes", absl::StrCat("role ", std::string(role_name(entry.role)), " has none"));
  }
  entry.prefixes = absl::StrSplit(value, ',');
  if (entry.prefixes.size() > Policy::MaxPrefixes) return bad("prefixes", "more than 64");
  for (const std::string& prefix : entry.prefixes) {
    if (is_prefix(prefix)) continue;
    return bad("prefixes", absl::StrCat(shown(prefix), " is not 1 to 32 printable ASCII characters without a space"));
  }
  return absl::OkStatus();
}

absl::Status take_cancels(const std::string& value, Entry& entry) {
  if (entry.role != Role::Strategy) {
    return bad("cancels", absl::StrCat("role ", std::string(role_name(entry.role)), " has no such option"));
  }
  if (value != "own" && value != "any") return bad("cancels", absl::StrCat(shown(value), " is neither own nor any"));
  entry.cancels_own = value == "own";
  return absl::OkStatus();
}

using Take = absl::Status (*)(const std::string&, Entry&);
constexpr std::array<std::pair<std::string_view, Take>, 4> Options{
    {{"senders", take_senders}, {"weight", take_weight}, {"prefixes", take_prefixes}, {"cancels", take_cancels}}};

absl::Status take_options(const Words& words, Entry& entry) {
  absl::flat_hash_set<std::string> given;
  for (size_t i = 3; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const auto option = std::ranges::find(Options, name, &decltype(Options)::value_type::first);
    if (equals == std::string::npos || option == Options.end()) {
      return bad("option",
                 absl::StrCat(shown(words[i]), " is none of senders=A,B weight=N prefixes=dA-,dB- cancels=own|any"));
    }
    if (!given.insert(name).second) return bad(name, "is given twice");
    if (auto status = option->second(words[i].substr(equals + 1), entry); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void set_default_senders(Entry& entry) {
  if (!entry.senders.empty() || !sends(entry.role)) return;
  if (entry.role != Role::Operator) entry.senders.push_back(entry.name);
  // cancelctl's own names. An observer cannot cancel under them, only look.
  if (entry.role != Role::Strategy) entry.senders.push_back("ctl-*");
}

// Which of several senders an order belongs to, a prefix would not say.
absl::Status check_owner(const Entry& entry) {
  const bool one = entry.senders.size() == 1 && !entry.senders[0].ends_with('*');
  if (entry.prefixes.empty() || one) return absl::OkStatus();
  return bad("prefixes", "the entry needs exactly one sender, which is no pattern: orders of these prefixes are its");
}

absl::StatusOr<Entry> entry_of(const Words& words) {
  Entry entry;
  const auto role = role_of(words[0]);
  if (!role || *role == Role::Anyone) {
    return bad("role", absl::StrCat(shown(words[0]), " is none of strategy, observer, worker, subscriber, operator"));
  }
  if (words.size() < 3) return bad(words.size() < 2 ? "name" : "key", "is missing: expected ROLE NAME PUBLICKEY");
  entry.role = *role;
  entry.name = words[1];
  entry.key = words[2];
  if (!is_name(entry.name)) {
    return bad("name", absl::StrCat(shown(entry.name), " is not 1 to 32 of the characters A-Z a-z 0-9 _ -"));
  }
  if (!io::is_curve_key(entry.key)) return bad("key", "is not a public key of 40 Z85 characters");
  if (!io::may_be_public(entry.key)) {
    return bad("key", "is a secret key; it is known now: make a new one, and write the public one here");
  }
  if (auto status = take_options(words, entry); !status.ok()) return status;
  set_default_senders(entry);
  if (auto status = check_owner(entry); !status.ok()) return status;
  return entry;
}

}  // namespace

std::string_view role_name(Role role) {
  return std::ranges::find(Roles, role, &decltype(Roles)::value_type::second)->first;
}

bool Entry::may_enter(Door door) const {
  if (door == Door::Backend) return may_work() || may_feed();
  return role != Role::Worker && role != Role::Subscriber;
}

bool Entry::may_be(std::string_view sender) const {
  return std::ranges::any_of(senders, [sender](std::string_view pattern) {
    if (!pattern.ends_with('*')) return sender == pattern;
    return sender.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

bool Entry::may_read(std::string_view topic) const {
  // Also of a beginning that covers it, as the empty one does.
  constexpr std::string_view Record = "record.";
  if ((Record.starts_with(topic) || topic.starts_with(Record)) && !may_record()) return false;
  if (is(Role::Observer) || is(Role::Operator)) return true;
  if (role != Role::Strategy) return false;
  if (topic == "venue." || topic == "bus.") return true;
  constexpr std::string_view Client = "client.";
  // Only with the dot at its end is it one client's topic: "client.a" is also the beginning of "client.ab.".
  if (!topic.starts_with(Client) || !topic.ends_with('.')) return false;
  const std::string_view sender = topic.substr(Client.size());
  return !sender.empty() && may_be(sender.substr(0, sender.size() - 1));
}

absl::StatusOr<Policy> Policy::parse(std::string_view text) {
  if (text.size() > MaxBytes) return absl::InvalidArgumentError("the file is larger than 1 MiB");
  Policy policy;
  absl::flat_hash_map<std::string, size_t> lines_of_names;
  absl::flat_hash_map<std::string, size_t> lines_of_keys;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    ++number;
    const Words words = absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty() || words[0].starts_with('#')) continue;
    const auto at_line = [number](const absl::Status& status) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", status.message()));
    };
    auto entry = entry_of(words);
    if (!entry.ok()) return at_line(entry.status());
    const auto [name_line, new_name] = lines_of_names.emplace(entry->name, number);
    if (!new_name) return at_line(bad("name", absl::StrCat(shown(entry->name), " stands in line ", name_line->second)));
    const auto [key_line, new_key] = lines_of_keys.emplace(entry->key, number);
    if (!new_key) return at_line(bad("key", absl::StrCat("stands in line ", key_line->second, " already")));
    if (policy.entries_.size() == MaxEntries) return at_line(bad("entries", "more than 1000"));
    policy.by_key_.emplace(entry->key, policy.entries_.size());
    policy.entries_.push_back(*std::move(entry));
  }
  if (const auto conflict = core::Owners::conflict(policy.prefixes())) {
    const auto& [shorter, longer] = *conflict;
    return bad("prefixes",
               absl::StrCat(shown(longer.prefix), " of ", longer.sender, " begins with ", shown(shorter.prefix), " of ",
                            shorter.sender, ": an order would belong to both"));
  }
  if (policy.entries_.empty()) return absl::InvalidArgumentError("no entry: expected lines ROLE NAME PUBLICKEY");
  return policy;
}

std::vector<core::OwnerPrefix> Policy::prefixes() const {
  std::vector<core::OwnerPrefix> out;
  for (const Entry& entry : entries_) {
    for (const std::string& prefix : entry.prefixes) out.push_back({prefix, entry.senders[0]});
  }
  return out;
}

const Entry* Policy::find(std::string_view key) const {
  const auto it = by_key_.find(absl::string_view(key.data(), key.size()));
  return it == by_key_.end() ? nullptr : &entries_[it->second];
}

}  // namespace cancelbus::bus
