// How many descriptors this process may still open, and what to do where there are none left.
//
// Used by every process at its start, and by the bus while it runs: every connection takes one, and strangers may make
// connections. A descriptor that is given back may be gone at once, to libzmq's thread, which accepts the next
// connection. So what must not fail for want of one is done in a thread that has a table of descriptors of its own.
#pragma once

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

namespace cancelbus::io {

/// An open file, closed at its end. Below 0: it is not open, and errno says why.
struct Descriptor {
  int number = -1;

  explicit Descriptor(int opened) : number(opened) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

/// What the file holds, as far as there is room; returns how much that was. Below 0: errno says why not.
ssize_t read_whole(const Descriptor& file, std::span<char> room);

/// As many as the system allows this process, instead of the few that a shell gives. Returns how many may be open.
size_t raise_descriptor_limit();

/// How many descriptors one part of a process needs, and the part.
struct DescriptorNeed {
  size_t count;
  std::string_view what;
};

/// For a Monitor: what it accepts at most, and its own.
inline constexpr DescriptorNeed MonitorNeed{40, "the monitor"};

/// Raises the limit as above. An error if that is fewer than all parts need together: it names both numbers and the
/// parts. Without it a process would start, and then refuse connections or abort when libzmq gets none.
absl::StatusOr<size_t> require_descriptors(std::span<const DescriptorNeed> needs);

/// Fewer than `wanted` numbers are free, wherever they lie.
bool fewer_descriptors_than(size_t wanted);

/// Does `work` where of all descriptors only standard input, output and error are open, and returns when it is done.
/// Where the system allows no such thing, it is done among the others.
void with_own_descriptors(const std::function<void()>& work);

}  // namespace cancelbus::io
