// Whose an order is: the sender with a prefix of its client order id, as the policy says.
//
// An owner is never guessed. An order without a client order id, or with one that begins with no known prefix, has no
// known owner.
#pragma once

#include <absl/container/btree_map.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/core/types.hpp"

namespace cancelbus::core {

/// Orders whose client order id begins with `prefix` are the sender's.
struct OwnerPrefix {
  std::string prefix;  ///< not empty
  std::string sender;
  auto operator<=>(const OwnerPrefix&) const = default;
};

class Owners {
 public:
  Owners() = default;
  /// Prefixes of two senders must not contain each other; those of one sender may.
  explicit Owners(const std::vector<OwnerPrefix>& prefixes);

  /// Prefixes of two senders of which the second begins with the first; absent if there are none.
  using Conflict = std::optional<std::pair<OwnerPrefix, OwnerPrefix>>;
  static Conflict conflict(std::vector<OwnerPrefix> prefixes);

  /// The owner's name; empty if it is not known. Valid as long as this object.
  std::string_view of(std::string_view client_order_id) const;
  /// Whether the sender has a prefix. Looks at each.
  bool has(std::string_view sender) const;
  bool empty() const { return senders_.empty(); }
  bool operator==(const Owners&) const = default;

 private:
  absl::btree_map<std::string, std::string, std::less<>> senders_;  ///< by prefix; no prefix begins with another
};

}  // namespace cancelbus::core
