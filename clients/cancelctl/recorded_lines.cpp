#include "clients/cancelctl/recorded_lines.hpp"

#include <algorithm>

#include "clients/cancelctl/json_line.hpp"

namespace cancelbus::ctl {

RecordedLines::Heard RecordedLines::hear(const v1::Recorded& recorded, WallTime now) {
  Heard heard;
  const bool holds_nothing = recorded.kind().empty();
  const uint64_t first = recorded.number() + (holds_nothing ? 1 : 0);
  const auto [known, is_new] = next_.emplace(recorded.source_id(), first);
  if (is_new) {
    heard.sentence = "recording " + printable(recorded.source()) +
                     (first <= 1 ? " from its start" : ", which had received " + std::to_string(first - 1) + " before");
  }
  uint64_t& next = known->second;
  if (first > next) {
    missing_ += first - next;
    heard.lines = JsonLine("lost", now)
                      .add("source", recorded.source())
                      .add("source_id", std::to_string(recorded.source_id()))
                      .add("from_number", std::to_string(next))
                      .add("count", std::to_string(first - next))
                      .str();
  }
  next = std::max(next, recorded.number() + 1);
  if (holds_nothing) return heard;
  heard.lines += JsonLine("recorded", now).merge(recorded).str();
  ++recorded_;
  return heard;
}

}  // namespace cancelbus::ctl
