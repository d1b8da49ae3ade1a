// The shell of cancel-fix: sockets of counterparties, clients of the bus, the timer; one turn after another.
//
// A turn takes what came from one side, has engine and desks decide, commits, and then lets frames and commands leave.
// So a counterparty is told nothing, and the bus asked nothing, that a restart would not know. One thread.
#pragma once

#include <absl/status/status.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cancelbus/client.hpp"
#include "clients/fix/connection.hpp"
#include "clients/fix/desk.hpp"
#include "clients/fix/engine.hpp"
#include "clients/fix/frames.hpp"
#include "clients/fix/metrics.hpp"
#include "clients/fix/options.hpp"
#include "clients/fix/store.hpp"
#include "service/io/monitor.hpp"

namespace cancelbus::fix {

class Gateway final : private EngineHandler {
 public:
  /// `on_done` is called once, after stop().
  Gateway(asio::io_context& context, Options options, std::function<void()> on_done);
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  /// Errors name the flag or the setting.
  absl::Status start();
  /// Logs every session out, and ends when they have answered or after a while.
  void stop();

 private:
  /// One connection; it belongs to no session until its Logon.
  struct Peer {
    std::shared_ptr<Connection> connection;
    std::string address;
    FrameReader frames;
    size_t session = Engine::None;
    bool refused = false;
  };
  struct Session {
    SessionSettings settings;
    SessionStore* store = nullptr;
    std::unique_ptr<Desk> desk;  ///< null: a drop copy
    std::unique_ptr<client::Client> bus;
    std::unique_ptr<asio::posix::stream_descriptor> bell;
    std::shared_ptr<Peer> peer;
    std::string frames;  ///< leave after the commit
    bool closing = false;
    int unadvanced = 0;     ///< frames since the expected sequence number last moved
    bool troubled = false;  ///< with the bus, at the last tick
    std::string trouble;    ///< with the bus, as logged last
  };

  void on_logon(std::size_t session) override;
  void on_logout(std::size_t session) override;
  Verdict on_message(std::size_t session, const Incoming& message) override;
  void on_frame(std::size_t session, const std::string& frame) override;
  void on_disconnect(std::size_t session) override;
  void on_event(std::size_t session, const std::string& text) override;

  absl::Status open_store();
  absl::Status open_bus(Session& session);
  absl::Status listen();
  void accept();
  void take(asio::ip::tcp::socket socket);
  void read(const std::shared_ptr<Peer>& peer, std::string_view bytes);
  /// False: the connection takes no more.
  bool take_frame(const std::shared_ptr<Peer>& peer, const std::string& frame);
  bool log_on(const std::shared_ptr<Peer>& peer, const std::string& frame);
  void refuse(Peer& peer, std::string_view reason);
  void closed(const std::shared_ptr<Peer>& peer, const std::string& why);

  void turn(const std::function<void()>& work);
  void flush();
  void ask(Session& session);
  void report(size_t number, const Outgoing& message);
  void deliver(size_t number, const Outgoing& message);
  void send_waiting(size_t number);
  bool may_send(const Session& session) const;

  void wait_for_bus(size_t number);
  void process(size_t number);
  void note_trouble(Session& session);
  void tick();
  void finish();
  std::string why_unready() const;
  std::string metrics_text();

  asio::io_context& context_;
  Options options_;
  std::function<void()> on_done_;
  std::unique_ptr<Store> store_;
  Metrics metrics_;
  std::unique_ptr<Engine> engine_;
  std::vector<Session> sessions_;
  std::vector<std::shared_ptr<Peer>> peers_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  io::Monitor monitor_;
  bool accepting_ = false;
  bool in_turn_ = false;
  bool again_ = false;  ///< reports wait for another turn
  bool stopping_ = false;
  bool done_ = false;
  int ticks_ = 0;
  int stop_ticks_ = 0;
};

}  // namespace cancelbus::fix
