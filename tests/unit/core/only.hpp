// The records, or the sends, of one kind, in their order.
#pragma once

#include <variant>
#include <vector>

namespace cancelbus::core {

template <typename Kind, typename Variant>
std::vector<Kind> only(const std::vector<Variant>& all) {
  std::vector<Kind> out;
  for (const Variant& one : all) {
    if (const auto* kind = std::get_if<Kind>(&one)) out.push_back(*kind);
  }
  return out;
}

}  // namespace cancelbus::core
