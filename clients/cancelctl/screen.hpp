// The terminal while `top` draws on it: an alternate screen without echo, that is left as it was found.
//
// main() catches the signals that end the program and ends the command's loop, so that the destructor restores the
// terminal. The signal that stops the program (Ctrl-Z) is caught here.
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <vector>

#include "clients/cancelctl/top_view.hpp"

namespace cancelbus::ctl {

class Screen {
 public:
  /// On a terminal, which standard output must be.
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// As the terminal is now; 80 by 24 if it does not tell.
  Size size() const;
  void draw(const std::vector<std::string>& lines);
  /// If Ctrl-Z was typed: restores the terminal, stops, and takes it again when continued. True: draw anew.
  bool stop_if_asked();
  /// The terminal has another size since the last question.
  bool resized();
  /// q was typed.
  bool quit_asked() const;

 private:
  void enter();
  void leave();

  /// How keys are read, if they come from a terminal.
  std::optional<termios> keys_;
};

}  // namespace cancelbus::ctl
