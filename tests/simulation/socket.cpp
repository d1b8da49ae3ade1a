#include "tests/simulation/socket.hpp"

#include <algorithm>

namespace cancelbus::simulation {

Socket::Socket(Process& owner, Path& path, Bus& bus, Door door, OnMessage on_message,
               std::function<void()> on_connected)
    : owner_(owner),
      path_(path),
      bus_(bus),
      door_(door),
      on_message_(std::move(on_message)),
      on_connected_(std::move(on_connected)),
      dialer_(owner, [this] { dial(); }) {
  dialer_.set(owner.now().tick + path.delay() * 2);
}

Socket::~Socket() {
  if (line_) line_->leave(End::Dialer, owner_.world().random.chance(0.5));
}

void Socket::dial() {
  if (!path_.open()) return try_again();
  line_ = Line::open(path_);
  const std::weak_ptr<char> life = life_;
  peer_ = bus_.accept(door_, line_, [this, life](const Frames& frames) {
    if (life.expired()) return;
    owner_.deliver([this, life, frames] {
      if (!life.expired()) on_message_(frames);
    });
  });
  if (peer_.empty()) {
    line_.reset();
    return try_again();
  }
  line_->on_ended(End::Dialer, [this, life] {
    if (life.expired()) return;
    owner_.deliver([this, life] {
      if (!life.expired()) lost();
    });
  });
  pause_ = FirstPause;
  on_connected_();
}

void Socket::try_again() {
  dialer_.set(owner_.now().tick + pause_ + owner_.world().random.between(Duration::zero(), pause_ / 4));
  pause_ = std::min<Duration>(pause_ * 2, door_ == Door::Backend ? LongestBackendPause : LongestPause);
}

void Socket::lost() {
  line_.reset();
  try_again();
}

bool Socket::send(const std::string& frame) {
  if (!line_ || !line_->has(End::Dialer)) return false;
  line_->send(End::Dialer, [&bus = bus_, door = door_, peer = peer_, frame] { bus.receive(door, peer, frame); });
  return true;
}

void Socket::given_up() {
  if (line_) line_->give_up(End::Listener);
}

}  // namespace cancelbus::simulation
