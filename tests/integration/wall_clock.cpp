// For LD_PRELOAD: a process whose wall clock is off by as many nanoseconds as the file named by
// CANCELBUS_TEST_WALL_CLOCK says, which may change while it runs. Its steady clocks are left alone. See wall_clock.py.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr int64_t PerSecond = 1'000'000'000;

const std::atomic<int64_t>* map_error() {
  static const std::atomic<int64_t> none{0};
  const char* const path = std::getenv("CANCELBUS_TEST_WALL_CLOCK");
  const int file = path ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return &none;
  void* const mapped = ::mmap(nullptr, sizeof(none), PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  return mapped == MAP_FAILED ? &none : static_cast<const std::atomic<int64_t>*>(mapped);
}

int64_t error() {
  static const std::atomic<int64_t>* const mapped = map_error();
  return mapped->load(std::memory_order_relaxed);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, struct timespec* at) noexcept {
  const long result = ::syscall(SYS_clock_gettime, id, at);
  if (result != 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return static_cast<int>(result);
  const int64_t shown = at->tv_sec * PerSecond + at->tv_nsec + error();
  at->tv_sec = shown / PerSecond;
  at->tv_nsec = shown % PerSecond;
  return 0;
}

int gettimeofday(struct timeval* at, void*) noexcept {
  struct timespec now {};
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1'000;
  return 0;
}

time_t time(time_t* at) noexcept {
  struct timespec now {};
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
}
