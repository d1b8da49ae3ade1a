// The policy: which key may do what. Pure.
//
// Used by the bus, which asks it at every door and for every message: so a policy that is replaced counts at once, also
// for those who are inside. A text file, one entry a line, `#` begins a comment line:
//
//   ROLE NAME PUBLICKEY [senders=A,B,ctl-*] [weight=N] [prefixes=dA-,dB-] [cancels=own|any]
//
// An order whose client order id begins with one of `prefixes` belongs to the entry's sender. So an entry with prefixes
// has exactly one sender, which is no pattern; several entries may have the same sender, as while its key is replaced.
// A policy is whole or not there: anything wrong in it, and none of it is taken.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "service/core/owners.hpp"

namespace cancelbus::bus {

/// Anyone: every peer of a bus with --insecure_loopback, which cannot tell peers apart; no policy names this role.
enum class Role { Strategy, Observer, Worker, Subscriber, Operator, Anyone };
std::string_view role_name(Role role);

/// The bus's sockets.
enum class Door { Session, Event, Backend };

struct Entry {
  Role role = Role::Strategy;
  std::string name;
  std::string key;
  /// Each a name, or the beginning of names with a `*` after it.
  std::vector<std::string> senders = {};
  /// 1 to 1000: turns in the queue, beside those of other senders.
  uint32_t weight = 1;

  /// Of client order ids: whose order begins with one is the entry's only sender's. Strategies only.
  std::vector<std::string> prefixes = {};
  /// Orders that are known to be another sender's are not canceled for it. Strategies only.
  bool cancels_own = false;

  bool may_enter(Door door) const;
  bool may_be(std::string_view sender) const;
  /// A topic, or the beginning of topics: all of them must be allowed.
  bool may_read(std::string_view topic) const;
  /// Open orders, undecided commands and history of this sender.
  bool may_see_orders_of(std::string_view owner) const { return may_see_all_orders() || may_be(owner); }
  bool may_see_all_orders() const { return is(Role::Observer) || is(Role::Operator); }
  bool may_cancel() const { return is(Role::Strategy) || is(Role::Operator); }
  /// A mass cancel of orders that are not its own.
  bool may_cancel_of_others() const { return is(Role::Operator); }
  /// Orders are known to be this sender's own.
  bool has_prefixes_of(std::string_view sender) const { return !prefixes.empty() && senders[0] == sender; }
  /// To say what became of a command, in place of the exchange.
  bool may_resolve() const { return is(Role::Operator); }
  /// To have the next request of an order sent before its time: what that costs all share.
  bool may_retry() const { return is(Role::Operator); }
  /// To have workers and subscriber tell what the exchange says to them, and to read it.
  bool may_record() const { return is(Role::Operator); }
  /// To take tasks and tell their outcomes.
  bool may_work() const { return is(Role::Worker); }
  /// To come in when there is hardly room: without these the bus could not work or be looked after.
  bool may_use_last_room() const { return role != Role::Strategy && role != Role::Observer; }
  /// To say what the exchange's stream says.
  bool may_feed() const { return is(Role::Subscriber); }
  bool operator==(const Entry&) const = default;

 private:
  bool is(Role wanted) const { return role == wanted || role == Role::Anyone; }
};

class Policy {
 public:
  static constexpr size_t MaxEntries = 1'000;
  static constexpr size_t MaxNameBytes = 32;
  /// `client.` and a name and the dot behind it: nothing longer is a topic or the beginning of one.
  static constexpr size_t MaxTopicBytes = 7 + MaxNameBytes + 1;
  static constexpr size_t MaxBytes = 1024 * 1024;
  static constexpr size_t MaxSenders = 64;
  static constexpr uint32_t MaxWeight = 1'000;
  static constexpr size_t MaxPrefixes = 64;
  static constexpr size_t MaxPrefixBytes = 32;

  /// Errors name line and field.
  static absl::StatusOr<Policy> parse(std::string_view text);

  /// Null: the key is in no entry.
  const Entry* find(std::string_view key) const;
  /// In the file's order.
  const std::vector<Entry>& entries() const { return entries_; }
  /// Of all entries; no prefix of a sender begins with one of another.
  std::vector<core::OwnerPrefix> prefixes() const;

 private:
  std::vector<Entry> entries_;
  absl::flat_hash_map<std::string, size_t> by_key_;
};

}  // namespace cancelbus::bus
