// The table of FIX counterparts in proto/README.md, made from the options in the descriptors. Used by the contract
// tests, which compare, and by the tool that releases additions, which writes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/contract/schema.hpp"

namespace contract {

/// Markdown: one line per message with a MsgType, then one per tag and field name, with the values of its enum.
std::string fix_table(const FileDescriptorSet& schema);

/// `readme` with `table` between its two markers. Absent: it does not hold both markers, in order.
std::optional<std::string> with_fix_table(std::string_view readme, std::string_view table);

}  // namespace contract
