#include "tests/simulation/rest_connection.hpp"

#include <algorithm>

namespace cancelbus::simulation {

RestConnection::RestConnection(Process& owner, Path& path, Venue& venue, std::function<void()> on_change)
    : owner_(owner),
      path_(path),
      venue_(venue),
      on_change_(std::move(on_change)),
      opens_(owner, [this] { open(); }),
      timeout_(owner, [this] {
        if (outcome_) fail("timeout");
      }) {
  opens_.set(owner.now().tick + path.delay() * 3);
}

RestConnection::~RestConnection() {
  if (line_) line_->leave(End::Dialer, owner_.world().random.chance(0.5));
}

void RestConnection::open() {
  if (!path_.open()) {
    pause_ = std::clamp<Duration>(pause_ * 2, FirstPause, LongestPause);
    return opens_.set(owner_.now().tick + pause_);
  }
  pause_ = Duration::zero();
  line_ = Line::open(path_);
  far_ = std::make_shared<Far>();
  line_->on_ended(End::Listener, [&venue = venue_, far = far_] { venue.abandoned(far->request); });
  line_->on_ended(End::Dialer, [this, life = std::weak_ptr(life_), line = line_.get()] {
    if (life.expired()) return;
    owner_.deliver([this, life, line] {
      if (!life.expired() && line_.get() == line) fail("connection reset");
    });
  });
  on_change_();
}

void RestConnection::request(Venue::HttpRequest request, Duration timeout, OnOutcome on_outcome) {
  outcome_ = std::move(on_outcome);
  timeout_.set(owner_.now().tick + timeout);
  const std::weak_ptr<Line> weak = line_;
  line_->send(End::Dialer, [this, life = std::weak_ptr(life_), weak, &venue = venue_, far = far_,
                            request = std::move(request)]() mutable {
    far->request = venue.request(std::move(request), [this, life, weak, far](const Venue::HttpAnswer* answer) {
      far->request = 0;
      const auto line = weak.lock();
      if (!line) return;
      if (!answer) return line->cut();
      line->send(End::Listener, [this, life, line = line.get(), answer = *answer] {
        if (life.expired()) return;
        owner_.deliver([this, life, line, answer] {
          if (!life.expired() && line_.get() == line) answered(answer);
        });
      });
    });
  });
}

void RestConnection::answered(const Venue::HttpAnswer& answer) {
  if (!outcome_) return;
  const OnOutcome outcome = std::exchange(outcome_, nullptr);
  timeout_.clear();
  if (answer.close) close();
  outcome(&answer, "");
  on_change_();
}

void RestConnection::fail(const std::string& why) {
  const OnOutcome outcome = std::exchange(outcome_, nullptr);
  timeout_.clear();
  close();
  if (outcome) outcome(nullptr, why);
  on_change_();
}

void RestConnection::close() {
  if (line_) line_->leave(End::Dialer, true);
  line_.reset();
  opens_.set(owner_.now().tick + path_.delay() * 3);
}

}  // namespace cancelbus::simulation
