#include "clients/cancelctl/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "clients/cancelctl/tally.hpp"

namespace cancelbus::ctl {
namespace {

constexpr int LookAgainMs = 100;

}  // namespace

Output::Output(const std::atomic<bool>& interrupted) : interrupted_(interrupted) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

bool Output::unread() const {
  pollfd reader{STDOUT_FILENO, 0, 0};
  return error_ != 0 || (::poll(&reader, 1, 0) > 0 && (reader.revents & (POLLERR | POLLHUP)) != 0);
}

int Output::finish(int exit_code, std::string_view& why) {
  sync();
  if (error_ == 0 || error_ == EPIPE || error_ == ECANCELED) return exit_code;
  why = std::strerror(error_);
  return exit_code == ExitProven ? ExitFailed : exit_code;
}

Output::int_type Output::overflow(int_type c) {
  if (sync() != 0) return traits_type::eof();
  if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

int Output::sync() {
  const bool written = write_all({pbase(), static_cast<size_t>(pptr() - pbase())});
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return written ? 0 : -1;
}

// At once no more than a pipe that has room takes without blocking: so a signal is noticed meanwhile.
bool Output::write_all(std::string_view bytes) {
  while (error_ == 0 && !bytes.empty()) {
    if (!wait_for_room()) {
      error_ = ECANCELED;
      break;
    }
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
    if (written < 0 && errno != EAGAIN && errno != EINTR) error_ = errno;
  }
  return error_ == 0;
}

bool Output::wait_for_room() const {
  pollfd room{STDOUT_FILENO, POLLOUT, 0};
  while (::poll(&room, 1, LookAgainMs) <= 0) {
    if (interrupted_) return false;
  }
  return true;
}

}  // namespace cancelbus::ctl
