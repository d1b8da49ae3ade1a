#include "service/core/mass_cancels.hpp"

#include <algorithm>
#include <iterator>

#include "service/core/check.hpp"

namespace cancelbus::core {

MassCancel* MassCancels::find(const CommandKey& key) {
  const auto it = all_.find(key);
  return it == all_.end() ? nullptr : it->second.get();
}

MassCancel* MassCancels::parent_of(const CommandKey& command) {
  if (all_.empty()) return nullptr;
  const size_t slash = command.cl_ord_id.find('/');
  if (slash == std::string::npos) return nullptr;
  return find({command.sender, command.cl_ord_id.substr(0, slash)});
}

std::string MassCancels::why_full(const std::string& sender) const {
  size_t open = 0, mine = 0;
  for (const MassCancel* mass : open_) {
    if (mass->request().cause != MassCancelRequest::Cause::Client) continue;
    ++open;
    mine += mass->record().key.sender == sender;
  }
  if (open >= MostOpen) return "the bus has 32 open mass cancels";
  return mine >= MostOpenOfASender ? "the sender has 8 open mass cancels" : "";
}

MassCancel& MassCancels::add(MassCancelRecord record, Tick now) {
  const CommandKey key = record.key;
  const auto [at, added] = all_.emplace(key, std::make_unique<MassCancel>(std::move(record), now));
  CANCELBUS_CHECK(added);
  if (at->second->ended()) {
    ended_.emplace_back(at->second->record().run_time, key);
  } else {
    open_.push_back(at->second.get());
  }
  return *at->second;
}

void MassCancels::restore(const MassCancelRecord& record, Tick now) { add(record, now); }

void MassCancels::restored() {
  for (MassCancel* mass : open_) mass->restored();
  std::ranges::sort(ended_);
}

void MassCancels::close_ended(Duration run_time) {
  std::erase_if(open_, [&](MassCancel* mass) {
    if (!mass->ended()) return false;
    mass->forget_orders();
    ended_.emplace_back(run_time, mass->record().key);
    return true;
  });
}

std::vector<CommandKey> MassCancels::forget(Duration run_time) {
  std::vector<CommandKey> out;
  while (!ended_.empty() && run_time - ended_.front().first >= retention_) {
    all_.erase(ended_.front().second);
    out.push_back(std::move(ended_.front().second));
    ended_.pop_front();
  }
  return out;
}

std::vector<MassCancel*> MassCancels::engaged() const {
  std::vector<MassCancel*> out;
  std::ranges::copy_if(open_, std::back_inserter(out), &MassCancel::is_engaged);
  std::ranges::stable_sort(out, {}, [](const MassCancel* mass) { return mass->record().received; });
  return out;
}

bool MassCancels::any_engaged() const { return std::ranges::any_of(open_, &MassCancel::is_engaged); }

bool MassCancels::is_of_kill_switch(const CommandKey& command) const {
  if (!any_engaged()) return false;
  const MassCancel* mass = parent_of(command);
  return mass && mass->is_engaged();
}

const MassCancel* MassCancels::released(const Scope& scope) const {
  const MassCancel* latest = nullptr;
  for (const auto& [key, mass] : all_) {
    const auto& release = mass->record().release;
    if (!release || mass->request().scope != scope) continue;
    if (!latest || latest->record().release->at < release->at) latest = mass.get();
  }
  return latest;
}

size_t MassCancels::canceling() const {
  size_t count = 0;
  for (const auto& [key, mass] : all_) count += mass->canceling();
  return count;
}

void MassCancels::check() const {
  CANCELBUS_CHECK(open_.size() + ended_.size() == all_.size());
  for (const auto& [key, mass] : all_) {
    CANCELBUS_CHECK(mass->record().key == key);
    mass->check();
  }
}

}  // namespace cancelbus::core
