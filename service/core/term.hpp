// Which bus leads, and how far its store has come.
//
// Each start of a bus on a store is a new term, and so is each takeover. Of two terms the higher one leads.
#pragma once

#include <cstdint>
#include <string>

namespace cancelbus::core {

struct Term {
  uint64_t term = 0;      ///< from 1; 0: none is known
  std::string leader_id;  ///< of the bus that leads it, new with each of its terms; at most 64 characters
  uint64_t batch = 0;     ///< number of the last batch that is committed in its store, counted over all terms
  bool operator==(const Term&) const = default;
};

}  // namespace cancelbus::core
