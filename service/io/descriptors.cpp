#include "service/io/descriptors.hpp"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <thread>

#include "service/io/blocked_signals.hpp"

namespace cancelbus::io {
namespace {

size_t limit() {
  rlimit now{};
  return ::getrlimit(RLIMIT_NOFILE, &now) == 0 ? now.rlim_cur : 0;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number >= 0) ::close(number);
}

ssize_t read_whole(const Descriptor& file, std::span<char> room) {
  size_t used = 0;
  while (used < room.size()) {
    const ssize_t n = ::read(file.number, room.data() + used, room.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return n;
    if (n == 0) break;
    used += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(used);
}

size_t raise_descriptor_limit() {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) == 0) {
    now.rlim_cur = now.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &now);  // If not, it stays as it was.
  }
  return limit();
}

absl::StatusOr<size_t> require_descriptors(std::span<const DescriptorNeed> needs) {
  const size_t allowed = raise_descriptor_limit();
  size_t needed = 0;
  std::string parts;
  for (const DescriptorNeed& need : needs) {
    needed += need.count;
    absl::StrAppend(&parts, parts.empty() ? "" : ", ", need.count, " for ", std::string(need.what));
  }
  if (allowed >= needed) return allowed;
  return absl::ResourceExhaustedError(absl::StrCat("the limit of open files is ", allowed, ", and at least ", needed,
                                                   " are needed (", parts,
                                                   "): raise the hard limit, as with ulimit -Hn ", needed));
}

bool fewer_descriptors_than(size_t wanted) {
  // From above, where mostly all are free, so that it is a matter of microseconds until it matters.
  size_t free = 0;
  for (size_t above = limit(); above > 0 && free < wanted; --above) {
    free += ::fcntl(static_cast<int>(above - 1), F_GETFD) < 0;
  }
  return free < wanted;
}

void with_own_descriptors(const std::function<void()>& work) {
  // A signal's handler that ran there would write into a pipe that is closed there.
  const BlockedSignals blocked;
  try {
    std::thread([&work] {
      (void)::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE);  // If not, it is done among the others.
      work();
    }).join();
  } catch (const std::system_error&) {  // no thread can be had
    work();
  }
}

}  // namespace cancelbus::io
