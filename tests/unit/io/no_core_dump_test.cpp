#include "service/io/no_core_dump.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

namespace cancelbus::io {
namespace {

// In a process of its own: it cannot be taken back.
TEST(NoCoreDump, NeitherByLimitNorByAttaching) {
  const auto forbid_and_look = [] {
    const bool ok = forbid_core_dumps().ok();
    rlimit limit{1, 1};
    ::getrlimit(RLIMIT_CORE, &limit);
    std::_Exit(ok && limit.rlim_cur == 0 && limit.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE) == 0 ? 7 : 1);
  };
  EXPECT_EXIT(forbid_and_look(), testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace cancelbus::io
