// The policy as it stands in its file, which may be replaced while the bus runs.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "service/bus/policy.hpp"
#include "service/core/types.hpp"
#include "service/io/file_mark.hpp"

namespace cancelbus::bus {

class PolicyFile {
 public:
  /// Left alone for so long, a file is written whole.
  static constexpr core::Duration Settled = std::chrono::seconds(1);

  explicit PolicyFile(std::string path) : path_(std::move(path)) {}

  /// What it holds now. Errors name the flag, the file, line and field. A file that everybody may write is refused: it
  /// says who may cancel.
  absl::StatusOr<Policy> read();

  /// The path leads to something else than at the last read(), of whatever result, and that has settled. Looks, and
  /// opens nothing.
  bool is_replaced(core::Tick now);

 private:
  std::string path_;
  io::FileMark read_{};  ///< before the last reading
  io::FileMark seen_{};  ///< at the last look
  core::Tick since_;     ///< seen_ has been so
};

}  // namespace cancelbus::bus
