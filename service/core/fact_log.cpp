#include "service/core/fact_log.hpp"

namespace cancelbus::core {

FactLog::Taken FactLog::take(uint64_t subscriber, uint64_t seq, uint64_t oldest) {
  // Of a new subscriber, or of one that an older store knew, the oldest that is not confirmed comes first.
  const bool known = subscriber == position_.subscriber;
  if (known ? seq > position_.seq + 1 : oldest != 0 && seq != oldest) return Taken::Early;
  if (known && seq != position_.seq + 1) return Taken::Known;
  position_ = {subscriber, seq};
  return Taken::Fresh;
}

bool FactLog::remember_gone(OrderId order, bool proven) {
  const auto known = gone_.find(order);
  if (known != gone_.end() && known->second.gap.value_or(gap_) == gap_) {
    if (proven) known->second.gap.reset();
    return false;
  }
  forget_gone(order);
  const auto gap = proven ? std::nullopt : std::optional(gap_);
  gone_.emplace(order, Gone{gone_in_order_.insert(gone_in_order_.end(), order), gap});
  if (gone_.size() > MaxGone) forget_gone(gone_in_order_.front());
  return true;
}

void FactLog::forget_gone(OrderId order) {
  if (const auto gone = gone_.extract(order)) gone_in_order_.erase(gone.mapped().position);
}

}  // namespace cancelbus::core
