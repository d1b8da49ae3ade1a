#include "cancelbus/mass_requests.hpp"

#include <algorithm>
#include <utility>

namespace cancelbus::client {

bool MassRequests::give(v1::MassCancel request, Time now) {
  std::string id = request.cl_ord_id();
  return open_.emplace(std::move(id), Open{std::move(request), now}).second;
}

std::vector<MassRequests::Told> MassRequests::on_receipt(const v1::Receipt& receipt, Time now) {
  const auto it = open_.find(receipt.cl_ord_id());
  if (it == open_.end()) return {};
  Open& mass = it->second;
  const bool told_before = mass.receipt_told || mass.seq > 0;
  if (receipt.status() == v1::RECEIPT_STATUS_REFUSED) {
    if (told_before) return {};  // received before: that stands
    open_.erase(it);
    return {receipt};
  }
  if (!mass.is_live()) {
    mass.received = true;
    mass.due = now + RepeatUntilReport;
  }
  mass.receipt_told = true;
  return told_before ? std::vector<Told>() : std::vector<Told>{receipt};
}

std::vector<MassRequests::Told> MassRequests::on_report(const v1::MassCancelReport& report, uint64_t seq,
                                                        bool in_its_place, Time now) {
  const auto it = open_.find(report.cl_ord_id());
  if (it == open_.end()) return {};
  Open& mass = it->second;
  mass.received = true;
  mass.due = in_its_place ? Never : now + RepeatUntilReport;
  if (seq <= mass.seq) return {};
  mass.seq = seq;
  const auto status = report.status();
  if (status == v1::MASS_CANCEL_STATUS_COMPLETED || status == v1::MASS_CANCEL_STATUS_REJECTED) open_.erase(it);
  return {report};
}

std::vector<MassRequests::Told> MassRequests::on_preview(const v1::MassCancelPreview& preview) {
  if (open_.erase(preview.cl_ord_id()) == 0) return {};
  return {preview};
}

std::vector<MassRequests::Told> MassRequests::on_reject(const v1::Reject& reject) {
  if (!reject.field().starts_with("mass_cancel") && reject.field() != "request") return {};
  std::vector<Told> told;
  for (const auto& [id, mass] : open_) {
    if (!mass.received) told.emplace_back(MassCancelUnknown{id, reject});
  }
  std::erase_if(open_, [](const auto& entry) { return !entry.second.received; });
  return told;
}

void MassRequests::on_reconnected(Time now) {
  for (auto& [id, mass] : open_) {
    if (!mass.received) mass.due = now;
  }
}

void MassRequests::on_lost_events(Time now) {
  for (auto& [id, mass] : open_) mass.due = now;
}

std::vector<MassRequests::Told> MassRequests::on_new_epoch(Time now) {
  std::vector<Told> told;
  const auto is_lost = [](const Open& mass) { return mass.received && !mass.request.until_empty(); };
  for (const auto& [id, mass] : open_) {
    if (is_lost(mass)) told.emplace_back(MassCancelLost{id});
  }
  std::erase_if(open_, [&](const auto& entry) { return is_lost(entry.second); });
  for (auto& [id, mass] : open_) {
    mass.received = false;
    mass.seq = 0;
    mass.due = now;
  }
  return told;
}

std::vector<v1::SessionRequest> MassRequests::take_due(Time now) {
  std::vector<v1::SessionRequest> frames;
  for (auto& [id, mass] : open_) {
    if (mass.due > now) continue;
    *frames.emplace_back().mutable_mass_cancel() = mass.request;
    mass.due = now + (mass.received ? std::chrono::seconds(RepeatUntilReport) : RepeatUntilReceipt);
  }
  return frames;
}

Time MassRequests::next_deadline() const {
  Time next = Never;
  for (const auto& [id, mass] : open_) next = std::min(next, mass.due);
  return next;
}

}  // namespace cancelbus::client
