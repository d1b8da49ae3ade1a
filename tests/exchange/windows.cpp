#include "tests/exchange/windows.hpp"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace exchange_sim {
namespace {

absl::string_view as_absl(std::string_view text) { return {text.data(), text.size()}; }

absl::StatusOr<Limit> parse_limit(std::string_view text) {
  const auto slash = text.find('/');
  const auto bad = [&] {
    return absl::InvalidArgumentError(absl::StrCat("\"", as_absl(text), "\" is not COUNT/SECONDSs, like 10/1s"));
  };
  if (slash == std::string_view::npos || !text.ends_with('s')) return bad();
  std::int64_t most = 0;
  std::int64_t seconds = 0;
  const std::string_view period = text.substr(slash + 1, text.size() - slash - 2);
  if (!absl::SimpleAtoi(as_absl(text.substr(0, slash)), &most) || !absl::SimpleAtoi(as_absl(period), &seconds))
    return bad();
  if (most < 1 || most > 1'000'000 || seconds < 1 || seconds > 86'400) return bad();
  return Limit{most, std::chrono::seconds{seconds}};
}

}  // namespace

std::optional<WindowKind> parse_window_kind(std::string_view text) {
  if (text == "first") return WindowKind::First;
  if (text == "clock") return WindowKind::Clock;
  if (text == "sliding") return WindowKind::Sliding;
  return std::nullopt;
}

absl::StatusOr<std::vector<Limit>> parse_limits(std::string_view text) {
  std::vector<Limit> limits;
  if (text == "off") return limits;
  while (true) {
    const auto comma = text.find(',');
    absl::StatusOr<Limit> limit = parse_limit(text.substr(0, comma));
    if (!limit.ok()) return limit.status();
    limits.push_back(*limit);
    if (comma == std::string_view::npos) return limits;
    text.remove_prefix(comma + 1);
  }
}

std::string period_name(std::chrono::seconds period) {
  const auto seconds = period.count();
  return seconds % 60 == 0 ? absl::StrCat(seconds / 60, "m") : absl::StrCat(seconds, "s");
}

bool RateRule::arrive(Instant now) {
  if (now < blocked_until_) {
    if (prolongs_) blocked_until_ = now + limit_.period;
    return false;
  }
  count_in_window(now);
  if (count_ <= limit_.most) return true;
  blocked_until_ = now + limit_.period;
  return false;
}

void RateRule::count_in_window(Instant now) {
  if (kind_ == WindowKind::Sliding) {
    while (!log_.empty() && log_.front() <= now - limit_.period) log_.pop_front();
    log_.push_back(now);
    count_ = static_cast<std::int64_t>(log_.size());
    return;
  }
  if (!start_ || now >= *start_ + limit_.period) {
    const auto into_window = now.time_since_epoch() % limit_.period;
    start_ = kind_ == WindowKind::First ? now : now - into_window;
    count_ = 0;
  }
  ++count_;
}

Quota::Quota(std::vector<Limit> limits, WindowKind kind, Scope scope, bool prolongs)
    : limits_(std::move(limits)), kind_(kind), scope_(scope), prolongs_(prolongs) {}

Quota::Rules& Quota::rules_for(Policy policy, std::string_view subject) {
  std::pair<Policy, std::string> key{policy, subject};
  if (const auto found = subjects_.find(key); found != subjects_.end()) return found->second;
  // A test has a handful of addresses; past the bound all counts start anew.
  if (subjects_.size() >= kMaxSubjects) subjects_.clear();
  Rules rules;
  for (const Limit& limit : limits_) rules.emplace_back(limit, kind_, prolongs_);
  return subjects_.emplace(std::move(key), std::move(rules)).first->second;
}

std::optional<Refusal> Quota::arrive(Instant now, std::string_view account, std::string_view ip) {
  std::optional<Refusal> refusal;
  bool prolonged = false;
  const auto count = [&](Policy policy, std::string_view subject) {
    for (RateRule& rule : rules_for(policy, subject)) {
      prolonged |= rule.would_prolong(now);
      const bool inside = rule.arrive(now);
      std::int64_t& peak = peaks_[absl::StrCat(rule.limit().period.count(), "s")];
      peak = std::max(peak, rule.count());
      if (inside) continue;
      const Micros wait = rule.blocked_until() - now;
      if (!refusal || wait > refusal->wait) refusal = Refusal{policy, rule.limit(), wait};
    }
  };
  if (scope_.account) count(Policy::Account, account);
  if (scope_.ip) count(Policy::Ip, ip);
  if (refusal) refusal->prolonged = prolonged;
  return refusal;
}

std::map<std::string, std::int64_t> Quota::peaks() const { return peaks_; }

void SlidingPeak::add(Instant now) {
  while (!recent_.empty() && recent_.front() <= now - period_) recent_.pop_front();
  if (recent_.size() >= kMaxKept) recent_.pop_front();
  recent_.push_back(now);
  peak_ = std::max(peak_, static_cast<std::int64_t>(recent_.size()));
}

}  // namespace exchange_sim
