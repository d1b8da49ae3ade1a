#include "service/io/no_core_dump.hpp"

#include <absl/strings/str_cat.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace cancelbus::io {

absl::Status forbid_core_dumps() {
  // Both: a limit of 0 does not stop a core_pattern that pipes into a program, and what is not dumpable stays so even
  // if another process raises the limit.
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot forbid core dumps: ", std::strerror(errno)));
}

}  // namespace cancelbus::io
