#include "clients/cancelctl/screen.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

namespace cancelbus::ctl {
namespace {

std::atomic<bool> stop_asked{false};
std::atomic<bool> size_changed{false};

void ask_stop(int) { stop_asked = true; }
void note_size(int) { size_changed = true; }

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return;  // the terminal is gone
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

// Keys come one by one and unseen; alternate screen, no cursor, and no line that goes on in the next.
void Screen::enter() {
  if (keys_) {
    termios unseen = *keys_;
    unseen.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &unseen);
  }
  write_all("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J");
}

void Screen::leave() {
  write_all("\x1b[?7h\x1b[?25h\x1b[?1049l");
  // What was typed meanwhile was not meant for the shell.
  if (keys_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &*keys_);
}

bool Screen::quit_asked() const {
  pollfd keys{STDIN_FILENO, POLLIN, 0};
  char typed[64];
  if (!keys_ || ::poll(&keys, 1, 0) <= 0) return false;
  const ssize_t count = ::read(STDIN_FILENO, typed, sizeof typed);
  return count > 0 && std::string_view(typed, static_cast<size_t>(count)).find('q') != std::string_view::npos;
}

Screen::Screen() {
  termios keys{};
  if (::tcgetattr(STDIN_FILENO, &keys) == 0) keys_ = keys;
  std::signal(SIGTSTP, ask_stop);
  std::signal(SIGWINCH, note_size);
  enter();
}

Screen::~Screen() {
  leave();
  std::signal(SIGTSTP, SIG_DFL);
  std::signal(SIGWINCH, SIG_DFL);
}

Size Screen::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

void Screen::draw(const std::vector<std::string>& lines) {
  std::string picture = "\x1b[H";
  for (size_t i = 0; i < lines.size(); ++i) picture += (i > 0 ? "\n" : "") + lines[i] + "\x1b[K";
  write_all(picture + "\x1b[J");
}

bool Screen::stop_if_asked() {
  if (!stop_asked.exchange(false)) return false;
  leave();
  std::raise(SIGSTOP);
  enter();
  return true;
}

bool Screen::resized() { return size_changed.exchange(false); }

}  // namespace cancelbus::ctl
