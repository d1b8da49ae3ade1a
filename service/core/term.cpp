#include "service/core/term.hpp"

#include <algorithm>

namespace cancelbus::core {

std::string to_text(const Term& term) { return std::to_string(term.term) + " of " + term.leader_id; }

bool HighestTerm::take(const Term& term) {
  if (!seen_ || term.term > seen_->term) {
    seen_ = term;
    return true;
  }
  if (term.term < seen_->term || term.leader_id != seen_->leader_id) return false;
  seen_->batch = std::max(seen_->batch, term.batch);
  return true;
}

bool TermCheck::is_behind(const Term& seen) const {
  if (seen.term > own_.term) return seen.term <= HighestCredible;
  if (seen.term == own_.term) return seen.leader_id != own_.leader_id;
  if (above_all_ || seen.term < stored_.term) return false;
  // Between the two no bus has led this store.
  return seen.term > stored_.term || seen.leader_id != stored_.leader_id || seen.batch > stored_.batch;
}

}  // namespace cancelbus::core
