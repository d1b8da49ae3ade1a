#include "service/bus/guard.hpp"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "service/io/clock.hpp"

namespace cancelbus::bus {
namespace {

constexpr size_t MaxFormer = 10'000;
constexpr size_t MaxTopicShown = 64;

std::optional<Door> door_named(std::string_view name) {
  for (const Door door : {Door::Session, Door::Event, Door::Backend}) {
    if (door_name(door) == name) return door;
  }
  return std::nullopt;
}

std::string_view why(io::HandshakeFailure::Kind kind) {
  switch (kind) {
    case io::HandshakeFailure::Kind::NotEncrypted:
      return "no CURVE handshake: it came without a key, or is no ZeroMQ";
    case io::HandshakeFailure::Kind::WrongKey:
      return "its handshake was not made for this bus's key: its --curve_server_key_file is another one's";
    case io::HandshakeFailure::Kind::NotZmtp3:
      return "no ZMTP 3 handshake: it speaks HTTP, TLS, ZeroMQ before 4.0, or is a scanner";
    case io::HandshakeFailure::Kind::Refused:
    case io::HandshakeFailure::Kind::HungUp:
      return "it did not end its handshake";
  }
  return "";
}

/// In brackets if it is IPv6. A peer that came over IPv4 to a socket of both kinds has one name, not two.
std::string shown(std::string_view address) {
  constexpr std::string_view Mapped = "::ffff:";
  if (address.starts_with(Mapped) && address.find('.') != std::string_view::npos) address.remove_prefix(Mapped.size());
  const bool ipv6 = address.find(':') != std::string_view::npos;
  return ipv6 ? absl::StrCat("[", std::string(address), "]") : std::string(address);
}

/// What its key reads now may be more than it may read from now on.
bool narrowed(const Entry& before, const Entry& after) {
  const auto kept = [&after](const std::string& sender) { return std::ranges::count(after.senders, sender) > 0; };
  return before.role != after.role || !std::ranges::all_of(before.senders, kept);
}

}  // namespace

std::string_view door_name(Door door) {
  switch (door) {
    case Door::Session:
      return "session";
    case Door::Event:
      return "event";
    case Door::Backend:
      return "backend";
  }
  return "";
}

Guard::Guard(std::optional<Policy> policy, Refusals& refusals, std::function<bool()> crowded)
    : policy_(std::move(policy)),
      refusals_(refusals),
      anyone_{Role::Anyone, "anyone", "", {"*"}, 1},
      crowded_(std::move(crowded)) {}

const Entry* Guard::find(const std::string& key) const { return policy_ ? policy_->find(key) : &anyone_; }

std::string Guard::name_of(const std::string& key) const {
  if (const Entry* entry = find(key)) return entry->name;
  const auto former = former_.find(key);
  return former != former_.end() ? former->second : key;
}

// Of a stranger only the address says anything: a key is made in no time.
std::string Guard::who(const io::ZapRequest& request) const {
  const bool known = find(request.public_key) != nullptr || former_.contains(request.public_key);
  if (known) return name_of(request.public_key);
  return request.address.empty() ? "a process on this machine" : shown(request.address);
}

bool Guard::enters(const io::ZapRequest& request, core::Tick now) {
  const auto refuse = [&](std::string_view reason, std::string_view detail) {
    refusals_.note(now, reason, who(request), absl::StrCat(request.domain, ": ", std::string(detail)));
    return false;
  };
  const Entry* entry = find(request.public_key);
  if (entry == nullptr) return refuse("unknown_key", absl::StrCat("key ", request.public_key, " is not in the policy"));
  const auto door = door_named(request.domain);
  if (!door || !entry->may_enter(*door)) {
    return refuse("role", absl::StrCat("a ", std::string(role_name(entry->role)), " has no business at this endpoint"));
  }
  if (*door == Door::Event && is_barred(entry->key, now)) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(bars_.at(entry->key).until - now);
    return refuse("barred", absl::StrCat(bars_.at(entry->key).why, "; may come again in ", left.count(),
                                         " s, or when the policy is read again"));
  }
  arrivals_.admit(entry->key, entry->key, now);
  if (!arrivals_.spend(entry->key, 1, now)) return refuse("connections", "more new connections than one key may make");
  if (!entry->may_use_last_room() && crowded_()) return refuse("descriptors", "hardly any are left for connections");
  return true;
}

void Guard::handshake_failed(Door door, const io::HandshakeFailure& failure) {
  const std::string port = failure.peer ? absl::StrCat(" (from port ", failure.peer->port, ")") : "";
  refusals_.note(io::now().tick, "handshake", failure.peer ? shown(failure.peer->host) : "unknown address",
                 absl::StrCat(std::string(door_name(door)), ": ", std::string(why(failure.kind)), port));
}

bool Guard::may_say(const std::string& key, std::string_view frame, core::Tick now) {
  if (!policy_) return true;
  const bool subscription = frame.starts_with('\x01');
  const std::string topic(frame.substr(std::min<size_t>(1, frame.size())));
  if (key.empty() && !subscription) {  // libzmq itself: this topic has lost its last subscriber
    topics_.forget(topic);
    return true;
  }
  const Entry* entry = find(key);
  if (entry == nullptr) {
    refusals_.note(now, "revoked", name_of(key), "event: its key is not in the policy any more");
    return close_all();
  }
  subscribers_.admit(key, key, now);
  if (!subscribers_.spend(key, 1, now)) return bar(key, "rate", "more subscriptions than one key may make", now);
  if (!subscription) return true;
  if (is_barred(key, now) || topic.size() > Policy::MaxTopicBytes || !entry->may_read(topic)) {
    return bar(key, "topic", absl::StrCat("subscribed to \"", topic.substr(0, MaxTopicShown), "\""), now);
  }
  if (topics_.admit(topic, key, now) == Doorkeeper::Verdict::TooManySessions) {
    return bar(key, "subscriptions", "reads more topics than one key may", now);
  }
  return true;
}

bool Guard::is_barred(const std::string& key, core::Tick now) const {
  const auto it = bars_.find(key);
  return it != bars_.end() && now < it->second.until;
}

bool Guard::bar(const std::string& key, std::string_view reason, std::string_view detail, core::Tick now) {
  Bar& its = bars_[key];
  if (now - its.until >= LongestBar) its.length = {};
  if (!is_barred(key, now)) its.length = std::clamp(2 * its.length, FirstBar, LongestBar);
  its.until = now + its.length;
  its.why = detail;
  refusals_.note(now, reason, name_of(key), absl::StrCat("event: ", std::string(detail)));
  return close_all();
}

std::optional<core::EventBar> Guard::bar_of(const std::string& key, core::Instant now) const {
  if (!is_barred(key, now.tick)) return std::nullopt;
  const Bar& its = bars_.at(key);
  const core::Duration left = its.until - now.tick;
  return core::EventBar{name_of(key), now.wall + left, left, its.why};
}

std::vector<core::EventBar> Guard::bars(core::Instant now) const {
  std::vector<core::EventBar> all;
  for (const auto& [key, its] : bars_) {
    if (const auto bar = bar_of(key, now)) all.push_back(*bar);
  }
  std::ranges::sort(all, {}, &core::EventBar::name);
  return all;
}

// With the socket every subscription ends.
bool Guard::close_all() {
  topics_ = Doorkeeper(SubscriptionLimits);
  return false;
}

bool Guard::replace(Policy policy, core::Tick now) {
  bool lost = false;
  bars_.clear();
  for (const Entry& before : policy_->entries()) {
    const Entry* after = policy.find(before.key);
    if (after == nullptr && former_.size() < MaxFormer) former_[before.key] = before.name;
    if (after != nullptr && !narrowed(before, *after)) continue;
    lost = true;
    if (after != nullptr) bars_[before.key] = {now + NarrowedBar, {}, "its policy allows less than before"};
  }
  policy_ = std::move(policy);
  if (lost) close_all();
  return lost;
}

}  // namespace cancelbus::bus
