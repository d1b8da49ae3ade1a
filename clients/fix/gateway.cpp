#include "clients/fix/gateway.hpp"

#include <absl/strings/str_cat.h>
#include <poll.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <ctime>
#include <type_traits>
#include <utility>
#include <variant>

#include "service/io/log.hpp"
#include "service/io/output.hpp"

namespace cancelbus::fix {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

/// Reports of one turn that come out of those that wait, and the bytes beyond which they go on waiting.
constexpr int SentPerTurn = 200;
constexpr size_t EnoughBytes = 1 << 20;
constexpr int PruneEvery = 60;  // ticks
constexpr int StopWithin = 4;   // ticks
constexpr int TurnsOfBus = 10;

bool is_readable(int descriptor) {
  pollfd polled{descriptor, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

}  // namespace

Gateway::Gateway(asio::io_context& context, Options options, std::function<void()> on_done)
    : context_(context),
      options_(std::move(options)),
      on_done_(std::move(on_done)),
      acceptor_(context),
      timer_(context),
      monitor_(context,
               {[this] { return metrics_text(); }, [this] { return std::string(store_->in_place().message()); },
                [this] { return why_unready(); }}) {}

Gateway::~Gateway() {
  for (Session& session : sessions_) {
    if (session.bell) session.bell->release();  // the client closes it
  }
}

absl::Status Gateway::start() {
  if (auto status = open_store(); !status.ok()) return status;
  if (options_.monitor_address) {
    if (auto status = monitor_.listen(*options_.monitor_address); !status.ok()) {
      return io::of_flag("monitor_address", status);
    }
  }
  for (Session& session : sessions_) {
    if (session.settings.drop_copy) continue;
    if (auto status = open_bus(session); !status.ok()) return status;
  }
  if (auto status = listen(); !status.ok()) return status;
  turn([this] {
    for (Session& session : sessions_) {
      if (session.desk) session.desk->restart();
    }
  });
  for (size_t number = 0; number < sessions_.size(); ++number) {
    if (sessions_[number].bus) process(number);
  }
  tick();
  return absl::OkStatus();
}

absl::Status Gateway::open_store() {
  auto store = Store::open(options_.settings.store_path);
  if (!store.ok()) return absl::InvalidArgumentError(absl::StrCat("FileStorePath: ", store.status().message()));
  store_ = *std::move(store);
  engine_ = std::unique_ptr<Engine>(new Engine(*this, options_.dictionary));
  sessions_.resize(options_.settings.sessions.size());
  store_->begin();
  for (size_t number = 0; number < sessions_.size(); ++number) {
    Session& session = sessions_[number];
    session.settings = options_.settings.sessions[number];
    const SessionSettings& settings = session.settings;
    session.store = &store_->session(absl::StrCat(settings.sender_comp_id, "=", settings.target_comp_id));
    const std::string wrong =
        engine_->add_session(settings.sender_comp_id, settings.target_comp_id, settings.quickfix, *session.store);
    if (!wrong.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("session of TargetCompID=", settings.target_comp_id, ": ", wrong));
    }
    if (settings.drop_copy) continue;
    session.desk = std::make_unique<Desk>(settings.sender, *session.store,
                                          [this, number](const Outgoing& message) { report(number, message); });
  }
  store_->commit();
  return absl::OkStatus();
}

absl::Status Gateway::open_bus(Session& session) {
  client::ClientOptions options = options_.bus;
  options.session.sender_comp_id = session.settings.sender;
  const Position& position = session.store->position();
  if (position.epoch != 0) options.session.resume = {position.epoch, position.next_seq};
  std::string error;
  session.bus = client::Client::open(options, error);
  if (!session.bus) return absl::InvalidArgumentError(absl::StrCat("--", error));
  session.bell = std::make_unique<asio::posix::stream_descriptor>(context_, session.bus->fd());
  return absl::OkStatus();
}

absl::Status Gateway::listen() {
  const AcceptorSettings& settings = options_.settings.acceptor;
  const tcp::endpoint endpoint(asio::ip::make_address(settings.address), settings.port);
  error_code error;
  (void)acceptor_.open(endpoint.protocol(), error);
  if (!error) (void)acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) (void)acceptor_.bind(endpoint, error);
  if (!error) (void)acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("SocketAcceptPort: cannot listen at ", settings.address, ":",
                                               settings.port, ": ", error.message()));
  }
  const std::string at = io::to_text({settings.address, acceptor_.local_endpoint().port()});
  std::string endpoints = absl::StrCat("fix tcp://", at, "\n");
  if (options_.monitor_address) {
    absl::StrAppend(&endpoints, "monitor http://", io::to_text({options_.monitor_address->host, monitor_.port()}),
                    "\n");
  }
  io::log_info("listening", {{"fix", at}, {"tls", options_.tls != nullptr}, {"sessions", sessions_.size()}});
  io::print(endpoints + "ready\n");
  accept();
  return absl::OkStatus();
}

// ---- What the engine says ----

void Gateway::on_logon(std::size_t session) {
  const Session& of = sessions_[session];
  io::log_info("logged_on", {{"session", of.settings.target_comp_id},
                             {"address", of.peer ? of.peer->address : ""},
                             {"waiting", of.store->waiting()}});
}

void Gateway::on_logout(std::size_t session) {
  io::log_info("logged_out", {{"session", sessions_[session].settings.target_comp_id}});
}

Verdict Gateway::on_message(std::size_t session, const Incoming& message) {
  if (sessions_[session].desk) return sessions_[session].desk->on_message(message);
  // A drop copy asks for nothing.
  if (message.type == "j") return {};
  return {Verdict::Kind::Unsupported, 0};
}

void Gateway::on_frame(std::size_t session, const std::string& frame) {
  metrics_.count_out(sessions_[session].settings.target_comp_id, std::string(type_of(frame)));
  sessions_[session].frames += frame;
}

void Gateway::on_disconnect(std::size_t session) { sessions_[session].closing = true; }

void Gateway::on_event(std::size_t session, const std::string& text) {
  if (session >= sessions_.size()) return;
  io::log_debug("fix_event", {{"session", sessions_[session].settings.target_comp_id}, {"text", text}});
}

// ---- Turns ----

void Gateway::turn(const std::function<void()>& work) {
  if (in_turn_) return work();
  in_turn_ = true;
  store_->begin();
  work();
  again_ = false;
  for (size_t number = 0; number < sessions_.size(); ++number) send_waiting(number);
  store_->commit();
  in_turn_ = false;
  flush();
  if (again_) asio::post(context_, [this] { turn([] {}); });
}

void Gateway::flush() {
  for (Session& session : sessions_) {
    std::string frames = std::exchange(session.frames, {});
    if (session.peer) {
      session.peer->connection->send(std::move(frames));
      if (session.closing) {
        session.peer->connection->close();
        session.peer.reset();
      }
    }
    session.closing = false;
    if (session.bus) ask(session);
  }
}

void Gateway::ask(Session& session) {
  for (const Ask& ask : session.desk->take_asks()) {
    std::visit(
        [&session](const auto& wanted) {
          using Wanted = std::decay_t<decltype(wanted)>;
          if constexpr (std::is_same_v<Wanted, AskCancel>) {
            session.bus->cancel(wanted.order_id, wanted.options);
          } else if constexpr (std::is_same_v<Wanted, client::MassCancelOptions>) {
            session.bus->mass_cancel(wanted);
          } else {
            session.bus->open_orders(wanted);
          }
        },
        ask);
  }
}

void Gateway::report(size_t number, const Outgoing& message) {
  deliver(number, message);
  if (message.type != "8" && message.type != "9") return;
  Outgoing copy = message;
  add(copy.body, tag::CopyMsgIndicator, "Y");
  add(copy.body, tag::DeliverToCompID, sessions_[number].settings.target_comp_id);
  for (size_t other = 0; other < sessions_.size(); ++other) {
    if (sessions_[other].settings.drop_copy) deliver(other, copy);
  }
}

void Gateway::deliver(size_t number, const Outgoing& message) {
  Session& session = sessions_[number];
  if (session.store->waiting() == 0 && may_send(session)) {
    engine_->send(number, message);
  } else {
    session.store->put_aside(message);
  }
}

bool Gateway::may_send(const Session& session) const {
  const auto number = static_cast<size_t>(&session - sessions_.data());
  return session.peer && !session.closing && engine_->logged_on(number) &&
         session.frames.size() + session.peer->connection->waiting_bytes() < EnoughBytes;
}

void Gateway::send_waiting(size_t number) {
  Session& session = sessions_[number];
  if (session.store->waiting() == 0 || !may_send(session)) return;
  for (const Outgoing& message : session.store->take_waiting(SentPerTurn)) engine_->send(number, message);
  if (session.store->waiting() > 0) again_ = true;
}

// ---- The bus ----

void Gateway::wait_for_bus(size_t number) {
  Session& session = sessions_[number];
  // The descriptor is level-triggered, and what waits for it may not be.
  if (is_readable(session.bus->fd())) {
    asio::post(context_, [this, number] { process(number); });
    return;
  }
  session.bell->async_wait(asio::posix::stream_descriptor::wait_read, [this, number](const error_code& error) {
    if (!error) process(number);
  });
}

void Gateway::process(size_t number) {
  Session& session = sessions_[number];
  for (int turns = 0; turns < TurnsOfBus; ++turns) {
    const std::vector<client::Notice> notices = session.bus->process();
    if (notices.empty()) break;
    for (const client::Notice& notice : notices) {
      if (const auto* reject = std::get_if<v1::Reject>(&notice)) {
        io::log_warn("bus_rejects",
                     {{"sender", session.settings.sender}, {"field", reject->field()}, {"why", reject->text()}});
      }
    }
    turn([&] { session.desk->on_notices(notices); });
  }
  wait_for_bus(number);
}

/// What lasts for two ticks is logged once, and so is its end.
void Gateway::note_trouble(Session& session) {
  const auto problem = session.bus->problem();
  const std::string trouble = problem && std::exchange(session.troubled, true) ? problem->text : "";
  session.troubled = problem.has_value();
  if (trouble == session.trouble || (problem && trouble.empty())) return;
  if (trouble.empty()) {
    io::log_info("bus_reached", {{"sender", session.settings.sender}});
  } else {
    io::log_warn("bus_trouble", {{"sender", session.settings.sender}, {"why", trouble}});
  }
  session.trouble = trouble;
}

// ---- Time ----

void Gateway::tick() {
  turn([this] {
    engine_->on_time();
    if (++ticks_ % PruneEvery != 0) return;
    const auto retention = std::chrono::duration_cast<std::chrono::seconds>(options_.retention).count();
    for (Session& session : sessions_) session.store->forget(std::time(nullptr) - retention);
  });
  for (Session& session : sessions_) {
    if (session.bus) note_trouble(session);
  }
  if (!accepting_ && !stopping_) accept();
  if (stopping_ && (peers_.empty() || ++stop_ticks_ >= StopWithin)) return finish();
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const error_code& error) {
    if (!error) tick();
  });
}

void Gateway::stop() {
  if (std::exchange(stopping_, true)) return;
  error_code ignored;
  (void)acceptor_.close(ignored);
  turn([this] {
    for (size_t number = 0; number < sessions_.size(); ++number) engine_->log_out(number, "the gateway ends");
  });
  for (const auto& peer : std::vector(peers_)) {
    if (peer->session == Engine::None) peer->connection->close();
  }
  if (peers_.empty()) finish();
}

void Gateway::finish() {
  if (std::exchange(done_, true)) return;
  timer_.cancel();
  monitor_.close();
  for (Session& session : sessions_) {
    if (session.bell) session.bell->cancel();
  }
  on_done_();
}

std::string Gateway::why_unready() const {
  if (stopping_) return "the gateway ends";
  if (const auto status = store_->in_place(); !status.ok()) return std::string(status.message());
  for (const Session& session : sessions_) {
    if (!session.bus) continue;
    const auto problem = session.bus->problem();
    if (problem && problem->kind != client::Problem::Kind::BusImpaired) {
      return absl::StrCat("sender ", session.settings.sender, ": ", problem->text);
    }
  }
  return {};
}

std::string Gateway::metrics_text() {
  for (size_t number = 0; number < sessions_.size(); ++number) {
    const Session& session = sessions_[number];
    const bool reached =
        session.bus && (!session.bus->problem() || session.bus->problem()->kind == client::Problem::Kind::BusImpaired);
    metrics_.set(session.settings.target_comp_id, {.logged_on = engine_->logged_on(number),
                                                   .bus_reached = reached || session.settings.drop_copy,
                                                   .waiting = session.store->waiting(),
                                                   .undecided = session.desk ? session.desk->undecided() : 0});
  }
  return metrics_.text(store_->bytes());
}

}  // namespace cancelbus::fix
