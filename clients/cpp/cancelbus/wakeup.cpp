#include "cancelbus/wakeup.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

namespace cancelbus::client {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

Wakeup::Descriptor::Descriptor(int from_system) : fd(from_system) {
  if (fd < 0) throw std::system_error(errno, std::generic_category());
}

Wakeup::Descriptor::~Descriptor() { ::close(fd); }

// libstdc++'s steady_clock is CLOCK_MONOTONIC.
Wakeup::Wakeup()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  watch(timer_.fd);
}

void Wakeup::watch(int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll_.fd, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category());
  }
}

void Wakeup::at(Time deadline) {
  if (deadline == Now && at_ == Now) return;
  at_ = deadline;
  // A timer of zero would be none.
  const nanoseconds since_boot = std::max(nanoseconds(1), nanoseconds(deadline.time_since_epoch()));
  itimerspec when{};
  when.it_value.tv_sec = since_boot / std::chrono::seconds(1);
  when.it_value.tv_nsec = (since_boot % std::chrono::seconds(1)).count();
  (void)::timerfd_settime(timer_.fd, TFD_TIMER_ABSTIME, &when, nullptr);
}

bool Wakeup::wait(Time until) const {
  const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
  pollfd one{epoll_.fd, POLLIN, 0};
  const auto most = milliseconds(std::numeric_limits<int>::max());
  return ::poll(&one, 1, static_cast<int>(std::clamp(left, milliseconds(0), most).count())) >= 0;
}

}  // namespace cancelbus::client
