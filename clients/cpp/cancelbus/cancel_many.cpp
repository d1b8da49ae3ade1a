#include "cancelbus/cancel_many.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

namespace cancelbus::client {

CancelMany::CancelMany(std::shared_ptr<CancelSummary> summary, CancelOptions options, Give give, Done done, Time now)
    : summary_(std::move(summary)),
      options_(std::move(options)),
      give_(std::move(give)),
      done_(std::move(done)),
      waiting_(summary_->orders.size()) {
  // A ttl that is out of range is refused with the first command.
  if (options_.time_to_live && *options_.time_to_live <= std::chrono::hours(24)) until_ = now + *options_.time_to_live;
  std::iota(waiting_.begin(), waiting_.end(), size_t{0});
}

void CancelMany::go_on(Time now) {
  if (const auto refused = std::exchange(refused_, std::nullopt)) {
    room_ = std::max<size_t>(1, open_);
    not_before_ = now + TryAgainAfter;
    if (open_ == 0 && ++refusals_ >= MostRefusals) give_up(*refused);
  }
  while (now >= not_before_ && !waiting_.empty() && open_ < room_) {
    const size_t index = waiting_.front();
    waiting_.pop_front();
    give(index, now);
  }
  if (done_called_ || open_ > 0 || !waiting_.empty()) return;
  done_called_ = true;
  const Done done = std::exchange(done_, {});
  if (done) done(*summary_);
}

void CancelMany::give(size_t index, Time now) {
  CancelOptions options = options_;
  if (!options.cl_ord_id.empty()) options.cl_ord_id += "-" + std::to_string(index + 1);
  if (until_) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(*until_ - now);
    options.time_to_live = std::min(*options.time_to_live, std::max(std::chrono::milliseconds(1), left));
  }
  ++open_;
  OrderResult& order = summary_->orders[index];
  order.cl_ord_id =
      give_(order.order_id, options,
            {.on_final = [self = shared_from_this(), index](const Final& final) { self->ended(index, final); }});
}

void CancelMany::ended(size_t index, const Final& final) {
  --open_;
  const auto* refused = std::get_if<Refused>(&final);
  if (refused != nullptr && refused->queue_full() && !is_over(std::chrono::steady_clock::now())) {
    waiting_.push_back(index);
    refused_ = final;
    return;
  }
  refusals_ = 0;
  if (room_ < MostAtOnce) ++room_;
  summary_->orders[index].final = final;
}

void CancelMany::give_up(const Final& refused) {
  for (const size_t index : std::exchange(waiting_, {})) summary_->orders[index].final = refused;
}

Time CancelMany::next_deadline() const {
  if (done_called_) return Never;
  if (refused_ || (open_ == 0 && waiting_.empty())) return Time::min();
  return waiting_.empty() || open_ >= room_ ? Never : not_before_;
}

void CancelMany::close() {
  done_called_ = true;
  done_ = {};
  waiting_.clear();
}

}  // namespace cancelbus::client
