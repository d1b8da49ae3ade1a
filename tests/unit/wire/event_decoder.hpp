// Reads what the bus published, back into the words of the core. Used by the tests of the codec, the fuzz targets and
// the simulation.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "service/core/names.hpp"
#include "service/core/types.hpp"
#include "service/wire/enums.hpp"

namespace cancelbus::wire {

/// The first enumerator that becomes this on the wire.
template <typename Core, typename Wire>
std::optional<Core> core_of(Wire value) {
  for (size_t i = 0; i < core::enumerators<Core>(); ++i) {
    if (to_wire(static_cast<Core>(i)) == value) return static_cast<Core>(i);
  }
  return std::nullopt;
}

struct DecodedEvent {
  uint64_t epoch = 0;
  bool poss_dup = false;
  core::Publication publication;
};

/// A sequenced event only. Errors are InvalidArgument and begin with the field.
absl::StatusOr<DecodedEvent> decode_event(std::string_view bytes);

}  // namespace cancelbus::wire
