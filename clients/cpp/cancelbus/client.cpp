#include "cancelbus/client.hpp"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <random>
#include <utility>
#include <zmq.hpp>

#include "cancelbus/connection_watch.hpp"
#include "cancelbus/curve.hpp"

namespace cancelbus::client {
namespace {

using google::protobuf::util::TimeUtil;
using std::chrono::steady_clock;

// 2.8e12 values: two runs of one sender do not meet within the bus's memory of a day.
std::string random_prefix() {
  static constexpr std::string_view Letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::uniform_int_distribution<size_t> pick(0, Letters.size() - 1);
  std::string prefix;
  for (int i = 0; i < 8; ++i) prefix += Letters[pick(random)];
  return prefix;
}

void prepare(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, Client::HighWaterMark);
  socket.set(zmq::sockopt::rcvhwm, Client::HighWaterMark);
  socket.set(zmq::sockopt::maxmsgsize, Client::MaxFrameBytes);
  socket.set(zmq::sockopt::reconnect_ivl, 100);
  socket.set(zmq::sockopt::reconnect_ivl_max, 1'000);
  // A peer that vanished without a word is noticed on the event socket too, which never sends by itself.
  socket.set(zmq::sockopt::heartbeat_ivl, 1'000);
  socket.set(zmq::sockopt::heartbeat_timeout, 5'000);
}

// Empty, or what is wrong, with the option's name before it.
std::string read_keys(const ClientOptions& options, std::optional<KeyPair>& own, std::string& server_key) {
  const bool given = !options.curve_key_file.empty() || !options.curve_server_key_file.empty();
  if (options.insecure_loopback) {
    if (given) return "insecure_loopback contradicts curve_key_file and curve_server_key_file";
    for (const auto& [name, endpoint] :
         {std::pair{"session_endpoint", &options.session_endpoint}, {"event_endpoint", &options.event_endpoint}}) {
      if (!is_loopback(*endpoint)) {
        return std::string(name) + " \"" + *endpoint +
               "\" is not on this machine, and insecure_loopback allows nothing else";
      }
    }
    return {};
  }
  for (const auto& [name, path] : {std::pair{"curve_key_file", &options.curve_key_file},
                                   {"curve_server_key_file", &options.curve_server_key_file}}) {
    if (path->empty()) {
      return std::string(name) +
             " is missing: a client needs its own key and the bus's public one; without them only insecure_loopback";
    }
  }
  if (const auto complaint = read_key_file(options.curve_key_file, own.emplace()); !complaint.empty()) {
    return "curve_key_file \"" + options.curve_key_file + "\" " + complaint;
  }
  if (const auto complaint = read_public_key_file(options.curve_server_key_file, server_key); !complaint.empty()) {
    return "curve_server_key_file \"" + options.curve_server_key_file + "\" " + complaint;
  }
  if (server_key == own->public_key) {
    return "curve_server_key_file \"" + options.curve_server_key_file + "\" is our own public key, not the bus's";
  }
  return {};
}

std::string explanation(NotReachedReason reason, bool encrypted) {
  switch (reason) {
    case NotReachedReason::KeyRefused:
      return "the bus refused our key: it is not in its policy file, or not in a role for this endpoint; the bus's log "
             "says which";
    case NotReachedReason::NotEncrypted:
      return encrypted ? "the other side does not speak CURVE: it runs with --insecure_loopback, or is no cancel-bus"
                       : "the bus speaks only with those who have keys: curve_key_file and curve_server_key_file";
    case NotReachedReason::HungUp:
      return encrypted ? "the other side hung up in the middle of the handshake: most likely curve_server_key_file is "
                         "not the public key of this bus"
                       : "the other side hung up in the middle of the handshake: the bus may want keys";
  }
  return "";
}

std::string_view text_of(const zmq::message_t& message) { return {message.data<char>(), message.size()}; }

}  // namespace

struct Client::Impl {
  explicit Impl(const ClientOptions& options)
      : session(options.session),
        dealer(context, zmq::socket_type::dealer),
        sub(context, zmq::socket_type::sub),
        session_endpoint(options.session_endpoint),
        event_endpoint(options.event_endpoint) {
    prepare(dealer);
    prepare(sub);
    // Without a connection a send fails instead of piling up: old hellos and repetitions are of no use to a bus that
    // comes back.
    dealer.set(zmq::sockopt::immediate, 1);
  }

  void encrypt(const KeyPair& own, const std::string& server_key) {
    encrypted = true;
    for (zmq::socket_t* socket : {&dealer, &sub}) {
      socket->set(zmq::sockopt::curve_publickey, own.public_key);
      socket->set(zmq::sockopt::curve_secretkey, own.secret_key);
      socket->set(zmq::sockopt::curve_serverkey, server_key);
    }
  }

  void flush() {
    for (const auto& frame : session.take_frames()) {
      const std::string bytes = frame.SerializeAsString();
      // A frame that finds no connection is dropped; the session repeats what matters.
      if (!dealer.send(zmq::buffer(bytes), zmq::send_flags::dontwait)) cut_off = true;
    }
  }

  void read_events() {
    for (int n = 0; n < MaxFramesPerTurn; ++n) {
      zmq::message_t topic, payload, more;
      if (!sub.recv(topic, zmq::recv_flags::dontwait)) return;
      if (topic.more()) (void)sub.recv(payload, zmq::recv_flags::none);
      for (bool rest = payload.more(); rest; rest = more.more()) (void)sub.recv(more, zmq::recv_flags::none);
      session.on_event(text_of(topic), text_of(payload), steady_clock::now());
    }
  }

  void read_replies() {
    for (int n = 0; n < MaxFramesPerTurn; ++n) {
      zmq::message_t frame;
      if (!dealer.recv(frame, zmq::recv_flags::dontwait)) return;
      session.on_reply(text_of(frame), steady_clock::now());
    }
  }

  // Whoever subscribes to what is not theirs is thrown out by the bus, and told nothing: so we ask first, by hello.
  // What is published before the subscription arrives shows in the next heartbeat.
  void subscribe_once_welcome() {
    if (subscribed) return;
    subscribed = true;
    for (const auto& prefix : session.subscriptions()) sub.set(zmq::sockopt::subscribe, prefix);
  }

  void collect_notices() {
    for (Notice& notice : session.take_notices()) {
      if (std::holds_alternative<Connected>(notice)) subscribe_once_welcome();
      notices.push_back(std::move(notice));
    }
    for (auto* watch : {&dealer_watch, &sub_watch}) {
      if (const auto reason = watch->read()) {
        notices.emplace_back(NotReached{watch == &dealer_watch ? session_endpoint : event_endpoint,
                                        *reason == NotReachedReason::KeyRefused, explanation(*reason, encrypted)});
      }
    }
  }

  void wait(Time until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
    const short on_dealer = cut_off ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
    zmq::pollitem_t items[] = {{dealer.handle(), 0, on_dealer, 0},
                               {sub.handle(), 0, ZMQ_POLLIN, 0},
                               {dealer_watch.reports().handle(), 0, ZMQ_POLLIN, 0},
                               {sub_watch.reports().handle(), 0, ZMQ_POLLIN, 0}};
    zmq::poll(items, std::size(items), std::max(left, std::chrono::milliseconds(0)));
    if ((items[0].revents & ZMQ_POLLOUT) == 0) return;
    cut_off = false;
    session.on_reconnected(steady_clock::now());
  }

  // Replies before events, so that a receipt is mostly told before its ack.
  void turn() {
    dealer_watch.reconnect(session_endpoint);
    sub_watch.reconnect(event_endpoint);
    read_replies();
    read_events();
    session.on_time(steady_clock::now());
    collect_notices();
    flush();  // after the subscriptions: the answers come to them
  }

  Session session;
  zmq::context_t context;
  zmq::socket_t dealer;
  zmq::socket_t sub;
  ConnectionWatch dealer_watch{context, dealer};
  ConnectionWatch sub_watch{context, sub};
  std::string session_endpoint;
  std::string event_endpoint;
  bool encrypted = false;
  bool subscribed = false;
  std::vector<Notice> notices;
  /// A send found no connection: the next one is a new session with the bus.
  bool cut_off = false;
  std::string id_prefix = random_prefix();
  uint64_t commands = 0;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

std::unique_ptr<Client> Client::open(const ClientOptions& options, std::string& error) noexcept {
  std::optional<KeyPair> own;
  std::string server_key;
  error = read_keys(options, own, server_key);
  if (!error.empty()) return nullptr;
  std::string at = "a socket cannot be made: ";
  try {
    auto impl = std::make_unique<Impl>(options);
    if (own) impl->encrypt(*own, server_key);
    at = "event_endpoint \"" + options.event_endpoint + "\" cannot be used: ";
    impl->sub.connect(options.event_endpoint);
    at = "session_endpoint \"" + options.session_endpoint + "\" cannot be used: ";
    impl->dealer.connect(options.session_endpoint);
    impl->session.start(steady_clock::now());
    return std::unique_ptr<Client>(new Client(std::move(impl)));
  } catch (const zmq::error_t& e) {
    error = at + e.what();
    return nullptr;
  }
}

std::string Client::cancel(int64_t order_id, const CancelOptions& options) noexcept {
  char number[24];
  std::snprintf(number, sizeof number, "-%07llu", static_cast<unsigned long long>(++impl_->commands));
  v1::CancelOrder order;
  order.set_cl_ord_id(impl_->id_prefix + number);
  order.set_order_id(order_id);
  order.set_priority(options.urgent ? v1::PRIORITY_URGENT : v1::PRIORITY_NORMAL);
  order.set_exact_quantities(options.exact_quantities);
  if (options.time_to_live) {
    *order.mutable_time_to_live() = TimeUtil::MillisecondsToDuration(options.time_to_live->count());
  }
  std::string name = order.cl_ord_id();
  cancel(std::move(order));
  return name;
}

bool Client::cancel(v1::CancelOrder order) noexcept {
  if (!order.has_transact_time()) {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    *order.mutable_transact_time() = TimeUtil::NanosecondsToTimestamp(std::chrono::nanoseconds(since_epoch).count());
  }
  return impl_->session.cancel(std::move(order), steady_clock::now());
}

void Client::ask_status() noexcept { impl_->session.ask_status(steady_clock::now()); }

void Client::resolve(v1::ResolveRequest request) noexcept {
  impl_->session.resolve(std::move(request), steady_clock::now());
}

std::vector<Notice> Client::run_once(std::chrono::milliseconds timeout) noexcept {
  const Time until = steady_clock::now() + timeout;
  try {
    impl_->turn();
    while (true) {
      std::vector<Notice> notices = std::exchange(impl_->notices, {});
      if (!notices.empty() || steady_clock::now() >= until) return notices;
      impl_->wait(std::min(until, impl_->session.next_deadline()));
      impl_->turn();
    }
  } catch (const zmq::error_t& e) {
    if (e.num() != EINTR) std::abort();
    return std::exchange(impl_->notices, {});
  }
}

size_t Client::undecided() const noexcept { return impl_->session.undecided(); }

}  // namespace cancelbus::client
