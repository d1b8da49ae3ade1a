// A broken invariant ends the process in every build: the store is consistent, and a restart is safer than going on.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CANCELBUS_CHECK(condition)                                                                \
  do {                                                                                            \
    if (!(condition)) [[unlikely]] {                                                              \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE_NAME__, __LINE__, #condition); \
      std::abort();                                                                               \
    }                                                                                             \
  } while (false)
