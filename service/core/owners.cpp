#include "service/core/owners.hpp"

#include <algorithm>
#include <iterator>

#include "service/core/check.hpp"

namespace cancelbus::core {

Owners::Owners(const std::vector<OwnerPrefix>& prefixes) {
  CANCELBUS_CHECK(!conflict(prefixes));
  std::vector<OwnerPrefix> sorted = prefixes;
  std::ranges::sort(sorted);
  for (OwnerPrefix& next : sorted) {
    // In order, what begins with a prefix follows it; of one sender the shorter says it all.
    const bool contained = !senders_.empty() && next.prefix.starts_with(senders_.rbegin()->first);
    if (!contained) senders_.emplace(std::move(next.prefix), std::move(next.sender));
  }
}

Owners::Conflict Owners::conflict(std::vector<OwnerPrefix> prefixes) {
  std::ranges::sort(prefixes);
  const OwnerPrefix* shorter = nullptr;
  for (const OwnerPrefix& next : prefixes) {
    if (!shorter || !next.prefix.starts_with(shorter->prefix)) {
      shorter = &next;
    } else if (next.sender != shorter->sender) {
      return std::pair(*shorter, next);
    }
  }
  return std::nullopt;
}

bool Owners::has(std::string_view sender) const {
  return std::ranges::any_of(senders_, [sender](const auto& entry) { return entry.second == sender; });
}

std::string_view Owners::of(std::string_view client_order_id) const {
  const auto after = senders_.upper_bound(client_order_id);
  if (after == senders_.begin()) return "";
  const auto& [prefix, sender] = *std::prev(after);
  return client_order_id.starts_with(prefix) ? std::string_view(sender) : "";
}

}  // namespace cancelbus::core
