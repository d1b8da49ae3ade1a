#include "service/worker/connections.hpp"

#include <absl/status/status.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "service/io/clock.hpp"
#include "service/io/log.hpp"
#include "service/io/spawn.hpp"

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;

constexpr core::Duration FirstPause = 100ms;
constexpr core::Duration LongestPause = 2s;
/// A connection that lived this long was of use even if nothing was asked of it.
constexpr core::Duration Settled = 1s;

}  // namespace

Connections::Connections(asio::io_context& context, const io::HttpsClient::Options& options, size_t count,
                         std::function<void()> on_change)
    : context_(context), on_change_(std::move(on_change)), freed_(context, asio::steady_timer::time_point::max()) {
  for (size_t i = 0; i < count; ++i) slots_.emplace_back(context, options);
}

void Connections::start() {
  for (Slot& slot : slots_) io::spawn(context_, keep_open(slot));
}

void Connections::stop() {
  stopped_ = true;
  freed_.cancel();
  for (Slot& slot : slots_) {
    slot.client.close();
    slot.open = false;
    slot.news.cancel();
  }
}

size_t Connections::established() const {
  return static_cast<size_t>(std::ranges::count_if(slots_, [](const Slot& slot) { return slot.open; }));
}

asio::awaitable<void> Connections::keep_open(Slot& slot) {
  boost::system::error_code ignored;
  core::Duration pause{};
  slot.client.on_closed([this, &slot](const std::string& why) {
    io::log_debug("connection_closed", {{"why", why}});
    slot.open = false;
    slot.news.cancel();
    changed();
  });
  while (!stopped_) {
    const absl::Status status = co_await slot.client.connect();
    const core::Tick since = io::now().tick;
    if (stopped_) break;
    if (status.ok()) {
      ++opened_;
      slot.open = slot.client.idle();
      io::log_debug("connection_open", {{"peer", slot.client.description()}});
      if (!std::exchange(last_failure_, "").empty()) io::log_info("connections_again");
      changed();
      slot.news.expires_at(asio::steady_timer::time_point::max());
      while (slot.open) co_await slot.news.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    } else {
      report_failure(std::string(status.message()));
    }
    const bool good = status.ok() && (slot.client.answers() > 0 || io::now().tick - since >= Settled);
    pause = good ? core::Duration::zero() : std::clamp(pause * 2, FirstPause, LongestPause);
    if (good || stopped_) continue;
    slot.news.expires_after(pause);
    co_await slot.news.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

void Connections::report_failure(const std::string& why) {
  ++failures_;
  if (why == last_failure_) return;
  io::log_warn("connection_failed", {{"why", why}});
  last_failure_ = why;
}

Connections::Slot* Connections::free_slot() {
  const auto found = std::ranges::find_if(slots_, [](const Slot& slot) { return !slot.leased && slot.client.idle(); });
  return found == slots_.end() ? nullptr : &*found;
}

void Connections::changed() {
  freed_.cancel();
  if (!stopped_) on_change_();
}

asio::awaitable<std::optional<Connections::Lease>> Connections::acquire(core::Tick until) {
  asio::steady_timer timeout(context_, std::max(until - io::now().tick, core::Duration::zero()));
  timeout.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) freed_.cancel();
  });
  while (!stopped_) {
    if (Slot* slot = free_slot()) co_return Lease(*this, *slot);
    if (timeout.expiry() <= asio::steady_timer::clock_type::now()) break;
    boost::system::error_code ignored;
    co_await freed_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return std::nullopt;
}

// ---- Lease ----

Connections::Lease::Lease(Connections& owner, Slot& slot) : owner_(&owner), slot_(&slot) { slot.leased = true; }

Connections::Lease::Lease(Lease&& other) noexcept : owner_(other.owner_), slot_(std::exchange(other.slot_, nullptr)) {}

Connections::Lease::~Lease() {
  if (slot_ == nullptr) return;
  slot_->leased = false;
  owner_->freed_.cancel();
}

}  // namespace cancelbus::worker
