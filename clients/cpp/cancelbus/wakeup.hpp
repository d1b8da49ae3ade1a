// One file descriptor for several sockets and a clock.
//
// Used by Client. The descriptor of a ZeroMQ socket signals each event once, and only to a caller that asks the socket
// afterwards. After reading the sockets, call at() again, with Now if something is left in one of them.
#pragma once

#include "cancelbus/event_reader.hpp"

namespace cancelbus::client {

class Wakeup {
 public:
  static constexpr Time Now = Time::min();

  /// Throws std::system_error if the system gives no descriptor.
  Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Readable while one of the watched is, and from the time of at() on.
  int fd() const { return epoll_.fd; }
  void watch(int descriptor);
  /// Takes the place of the former time.
  void at(Time deadline);
  /// Until it is readable or the time has come. False if a signal interrupted it.
  bool wait(Time until) const;

 private:
  struct Descriptor {
    explicit Descriptor(int from_system);
    ~Descriptor();
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    const int fd;
  };
  Descriptor epoll_;
  Descriptor timer_;
  Time at_ = Never;
};

}  // namespace cancelbus::client
