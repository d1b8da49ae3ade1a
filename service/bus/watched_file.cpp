#include "service/bus/watched_file.hpp"

namespace cancelbus::bus {

bool WatchedFile::is_replaced(core::Tick now) {
  const io::FileMark mark = io::file_mark(path_);
  if (mark != seen_) {
    seen_ = mark;
    since_ = now;
  }
  return mark != read_ && now - since_ >= Settled;
}

}  // namespace cancelbus::bus
