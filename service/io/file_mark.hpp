// Whether a path leads to another file than before, or to one that was written since. Links are followed: as Kubernetes
// mounts secrets and policies, the link is what changes.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace cancelbus::io {

/// What tells one file, as it stands, from another. All zero: there is none.
using FileMark = std::array<int64_t, 5>;

/// Opens nothing. Of a file that cannot be looked at the mark is all zero.
FileMark file_mark(const std::string& path);

}  // namespace cancelbus::io
