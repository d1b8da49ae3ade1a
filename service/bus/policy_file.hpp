// The policy as it stands in its file, which may be replaced while the bus runs.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "service/bus/policy.hpp"
#include "service/bus/watched_file.hpp"

namespace cancelbus::bus {

class PolicyFile {
 public:
  explicit PolicyFile(std::string path) : file_(std::move(path)) {}

  /// What it holds now. Errors name the flag, the file, line and field. A file that everybody may write is refused: it
  /// says who may cancel.
  absl::StatusOr<Policy> read();

  /// See WatchedFile.
  bool is_replaced(core::Tick now) { return file_.is_replaced(now); }

 private:
  WatchedFile file_;
};

}  // namespace cancelbus::bus
