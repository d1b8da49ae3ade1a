// One file descriptor for several sockets and a clock.
//
// Used by Client. Odd about it: a ZeroMQ socket's own descriptor tells each news once, and only to who asks the socket
// afterwards. Whoever read the sockets therefore says at() again, with Now if something is left in one of them.
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
