// A file that may be replaced while the bus runs: whether it was, and is left alone since.
//
// Used for the policy and for the bus's own key.
#pragma once

#include <string>

#include "service/core/types.hpp"
#include "service/io/file_mark.hpp"

namespace cancelbus::bus {

class WatchedFile {
 public:
  /// Left alone for so long, a file is written whole.
  static constexpr core::Duration Settled = std::chrono::seconds(1);

  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  /// To be said before it is read, so that what changes during the reading counts as a change.
  void is_read_now() { read_ = seen_ = io::file_mark(path_); }
  /// The path leads to something else than when it was last read, with whatever result, and that has settled. Looks,
  /// and opens nothing.
  bool is_replaced(core::Tick now);

 private:
  std::string path_;
  io::FileMark read_{};  ///< before the last reading
  io::FileMark seen_{};  ///< at the last look
  core::Tick since_;     ///< seen_ has been so
};

}  // namespace cancelbus::bus
