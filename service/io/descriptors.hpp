// How many descriptors this process may still open, and what to do where there are none left.
//
// Used by the bus, where every connection takes one and strangers may make connections. Odd about it: a descriptor that
// is given back may be gone at once, to libzmq's thread, which accepts whoever waits. So what must not fail for want of
// one is done in a thread that has a table of descriptors of its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <span>

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

/// Fewer than `wanted` numbers are free, wherever they lie.
bool fewer_descriptors_than(size_t wanted);

/// Does `work` where of all descriptors only standard input, output and error are open, and returns when it is done.
/// Where the system allows no such thing, it is done among the others.
void with_own_descriptors(const std::function<void()>& work);

}  // namespace cancelbus::io
