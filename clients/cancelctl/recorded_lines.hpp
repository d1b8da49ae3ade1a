// What `cancelctl record` has heard of each source, and how much it has not: by the numbers that sources give.
//
// Used by the record command. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cancelbus/v1/cancel.pb.h"
#include "clients/cancelctl/text.hpp"

namespace cancelbus::ctl {

class RecordedLines {
 public:
  struct Heard {
    /// For people: of a source that is new. Empty otherwise.
    std::string sentence;
    /// JSON lines with their ends: of what is missing before it, if something is, and of it, unless it holds nothing.
    std::string lines;
  };
  Heard hear(const v1::Recorded& recorded, WallTime now);

  /// Of all sources, in all.
  uint64_t recorded() const { return recorded_; }
  uint64_t missing() const { return missing_; }

 private:
  std::map<uint64_t, uint64_t> next_;  ///< number that is expected, by source_id
  uint64_t recorded_ = 0;
  uint64_t missing_ = 0;
};

}  // namespace cancelbus::ctl
