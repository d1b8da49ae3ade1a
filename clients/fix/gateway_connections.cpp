// The gateway's connections: from the accept to the logon, and from bytes to the engine's frames.
#include <absl/strings/str_cat.h>

#include <string_view>
#include <utility>
#include <vector>

#include "clients/fix/gateway.hpp"
#include "service/io/log.hpp"

namespace cancelbus::fix {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

/// Frames that may come out of order before the missing ones: QuickFIX keeps them, and works through them recursively.
constexpr int MaxUnadvanced = 500;

bool is_read(std::string_view type) {
  return type.size() == 1 && std::string_view("012345AFHqj").find(type) != std::string_view::npos;
}

}  // namespace

void Gateway::accept() {
  accepting_ = true;
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    accepting_ = false;
    if (error == asio::error::operation_aborted || stopping_) return;
    // Without a free descriptor the next attempt would fail too: the next tick tries again.
    if (error) return io::log_warn("accept_failed", {{"why", error.message()}});
    take(std::move(socket));
    accept();
  });
}

void Gateway::take(tcp::socket socket) {
  auto peer = std::make_shared<Peer>();
  error_code ignored;
  peer->address = absl::StrCat(socket.remote_endpoint(ignored).address().to_string(ignored));
  (void)socket.set_option(tcp::no_delay(true), ignored);
  peer->connection = make_connection(std::move(socket), options_.tls);
  peers_.push_back(peer);
  peer->connection->start({[this, peer](std::string_view bytes) { read(peer, bytes); }, [this] { turn([] {}); },
                           [this, peer](const std::string& why) { closed(peer, why); }});
  if (peers_.size() > 2 * sessions_.size() + 32) refuse(*peer, "too_many");
}

void Gateway::read(const std::shared_ptr<Peer>& peer, std::string_view bytes) {
  turn([&] {
    const uint64_t garbled = peer->frames.garbled();
    peer->frames.add(bytes);
    while (const auto frame = peer->frames.next()) {
      if (!take_frame(peer, *frame)) break;
    }
    metrics_.count_garbled(peer->frames.garbled() - garbled);
    const bool stranger = peer->session == Engine::None;
    if (peer->frames.is_hopeless() || (stranger && peer->frames.garbled() > 0)) refuse(*peer, "not_fix");
  });
}

bool Gateway::take_frame(const std::shared_ptr<Peer>& peer, const std::string& frame) {
  if (const std::string_view danger = danger_in(frame); !danger.empty()) {
    refuse(*peer, danger);
    return false;
  }
  if (peer->session == Engine::None) return log_on(peer, frame);
  Session& session = sessions_[peer->session];
  if (session.peer != peer || session.closing) return false;
  const std::string_view type = type_of(frame);
  metrics_.count_in(session.settings.target_comp_id, std::string(type));
  const int expected = session.store->next_in();
  engine_->receive(peer->session, is_read(type) ? frame : without_body(frame));
  session.unadvanced = session.store->next_in() == expected ? session.unadvanced + 1 : 0;
  if (session.unadvanced > MaxUnadvanced) refuse(*peer, "gap_not_filled");
  return !session.closing;
}

bool Gateway::log_on(const std::shared_ptr<Peer>& peer, const std::string& frame) {
  const size_t number = engine_->session_of_logon(frame);
  if (number == Engine::None || stopping_) {
    refuse(*peer, "unknown_session");
    return false;
  }
  if (engine_->connected(number)) {
    refuse(*peer, "already_connected");
    return false;
  }
  Session& session = sessions_[number];
  const std::string& name = session.settings.certificate_name;
  if (!name.empty() && peer->connection->certificate_name() != name) {
    refuse(*peer, "wrong_certificate");
    return false;
  }
  peer->session = number;
  session.peer = peer;
  session.closing = false;
  session.unadvanced = 0;
  metrics_.count_in(session.settings.target_comp_id, "A");
  engine_->connect(number);
  if (!session.closing) engine_->receive(number, frame);
  if (engine_->logged_on(number)) {
    peer->connection->accepted();
  } else if (!session.closing) {
    refuse(*peer, "bad_logon");
  }
  return !session.closing;
}

/// Closes it; of a session the engine hears of it first.
void Gateway::refuse(Peer& peer, std::string_view reason) {
  peer.refused = true;
  metrics_.count_refused(std::string(reason));
  io::log_warn("connection_refused", {{"reason", reason}, {"address", peer.address}});
  if (peer.session == Engine::None) {
    peer.connection->close();
  } else if (sessions_[peer.session].peer.get() == &peer) {
    engine_->disconnected(peer.session);
  }
}

void Gateway::closed(const std::shared_ptr<Peer>& peer, const std::string& why) {
  std::erase(peers_, peer);
  if (peer->session == Engine::None && !peer->refused) {
    metrics_.count_refused("no_logon");
    io::log_warn("connection_refused", {{"reason", "no_logon"}, {"address", peer->address}, {"why", why}});
  }
  if (peer->session == Engine::None || sessions_[peer->session].peer != peer) return;
  Session& session = sessions_[peer->session];
  io::log_info("connection_closed", {{"session", session.settings.target_comp_id}, {"why", why}});
  turn([this, &peer] { engine_->disconnected(peer->session); });
  session.peer.reset();
}

}  // namespace cancelbus::fix
