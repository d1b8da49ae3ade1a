#include "cancelbus/client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <utility>
#include <zmq.hpp>

#include "cancelbus/books.hpp"
#include "cancelbus/cancel_many.hpp"
#include "cancelbus/cl_ord_ids.hpp"
#include "cancelbus/command_book.hpp"
#include "cancelbus/connection_watch.hpp"
#include "cancelbus/describe.hpp"
#include "cancelbus/inquiry_book.hpp"
#include "cancelbus/links.hpp"
#include "cancelbus/mass_book.hpp"
#include "cancelbus/options.hpp"
#include "cancelbus/switch_book.hpp"
#include "cancelbus/wakeup.hpp"

namespace cancelbus::client {
namespace {

using std::chrono::steady_clock;

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

std::string_view text_of(const zmq::message_t& message) { return {message.data<char>(), message.size()}; }

}  // namespace

struct Client::Impl {
  explicit Impl(const ClientOptions& options)
      : session(options.session),
        dealer(context, zmq::socket_type::dealer),
        sub(context, zmq::socket_type::sub),
        links(dealer_watch, sub_watch, options) {
    prepare(dealer);
    prepare(sub);
    // Without a connection a send fails instead of piling up: old hellos and repetitions are of no use to a bus that
    // comes back.
    dealer.set(zmq::sockopt::immediate, 1);
    for (zmq::socket_t* socket : sockets) wakeup.watch(socket->get(zmq::sockopt::fd));
  }

  void encrypt(const CurveKeys& keys) {
    links.encrypt(keys.own.public_key);
    for (auto* watch : {&dealer_watch, &sub_watch}) watch->encrypt(keys);
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

  // A bus bars a key that subscribes to what it may not read, and tells it nothing: so we ask first, by hello. What is
  // published before the subscription arrives shows in the next heartbeat.
  void subscribe() {
    if (std::exchange(subscribed, true)) return;
    for (const auto& prefix : session.subscriptions()) sub.set(zmq::sockopt::subscribe, prefix);
  }

  // The policy may have changed since.
  void unsubscribe() {
    if (!std::exchange(subscribed, false)) return;
    for (const auto& prefix : session.subscriptions()) sub.set(zmq::sockopt::unsubscribe, prefix);
    // libzmq has queued them for the connection that comes next, when the last one broke.
    sub_watch.renew();
  }

  // To the next bus that may lead. Hello follows when there is a connection.
  void move() {
    connected = false;
    unsubscribe();
    dealer_watch.move_to(links.session_endpoint());
    sub_watch.move_to(links.event_endpoint());
    cut_off = true;
  }

  void note(const Notice& notice) {
    if (std::holds_alternative<Connected>(notice)) {
      connected = true;
      rejected_hello.reset();
      subscribe();
    } else if (std::holds_alternative<Silent>(notice)) {
      connected = false;
    } else if (const auto* reject = std::get_if<v1::Reject>(&notice);
               reject != nullptr && reject->field().starts_with("hello")) {
      unsubscribe();
      rejected_hello = {reject->reason() == v1::CXL_REJ_REASON_NOT_AUTHORIZED ? Problem::Kind::KeyRefused
                                                                              : Problem::Kind::OptionError,
                        reject->field() + ": " + reject->text()};
    }
  }

  // All is noted before anybody is called, who may end us.
  void collect_notices() {
    for (Notice& notice : session.take_notices()) {
      note(notice);
      notices.push_back(std::move(notice));
    }
    for (auto* watch : {&dealer_watch, &sub_watch}) {
      const auto reason = watch->read();
      if (watch == &sub_watch && reason == NotReachedReason::KeyRefused) {
        bar_untold = true;
      } else if (reason) {
        notices.emplace_back(NotReached{watch == &dealer_watch ? links.session_endpoint() : links.event_endpoint(),
                                        *reason == NotReachedReason::KeyRefused, links.why_not(*reason)});
      }
    }
    if (!dealer_watch.up()) unsubscribe();
    if (connected && links.is_barred() && std::exchange(bar_untold, false)) {
      notices.emplace_back(NotReached{links.event_endpoint(), false, Links::barred_text(session.event_bar())});
    }
  }

  Cancel cancel(int64_t order_id, const CancelOptions& options, Callbacks callbacks) {
    v1::CancelOrder order;
    std::string complaint = make_order(order_id, options, order);
    if (options.cl_ord_id.empty()) order.set_cl_ord_id(cl_ord_ids.next());
    auto reason = v1::CXL_REJ_REASON_MALFORMED;
    if (complaint.empty() && session.is_leaving()) {
      complaint = GoodbyeWasSaid;
      reason = v1::CXL_REJ_REASON_OTHER;
    }
    const auto [handle, to_be_sent] = commands.add(order, std::move(complaint), std::move(callbacks), reason);
    if (to_be_sent) session.cancel(std::move(order), steady_clock::now());
    return handle;
  }

  void cancel_many(std::shared_ptr<CancelSummary> orders, const CancelOptions& options, CancelMany::Done done) {
    const auto give = [this](int64_t order_id, const CancelOptions& own, Callbacks callbacks) {
      return cancel(order_id, own, std::move(callbacks)).cl_ord_id();
    };
    many.push_back(
        std::make_shared<CancelMany>(std::move(orders), options, give, std::move(done), steady_clock::now()));
  }

  void go_on_with_many() {
    for (const auto& one : std::vector(many)) one->go_on(steady_clock::now());
    std::erase_if(many, [](const auto& one) { return one->is_done(); });
  }

  size_t undecided() const {
    size_t count = commands.undecided() + mass.open() + switches.open();
    for (const auto& one : many) count += one->waiting();
    return count;
  }

  void close() {
    for (const auto& one : std::exchange(many, {})) one->close();
    listings.clear();
    inquiries.close();
    commands.close();
    mass.close();
    switches.close();
  }

  void tell_listing(const Notice& notice) {
    const auto* answer = std::get_if<OpenOrders>(&notice);
    if (answer == nullptr) return;
    if (const auto asked = listings.extract(answer->id)) asked.mapped()(*answer);
  }

  void call_back() {
    for (const Notice& notice : notices) {
      commands.tell(notice);
      mass.tell(notice);
      switches.tell(notice);
      tell_listing(notice);
      inquiries.tell(notice);
    }
    mass.settle();
    switches.settle();
    go_on_with_many();
    for (auto& receipt : commands.settle()) notices.emplace_back(std::move(receipt));
  }

  bool waits_for(const zmq::socket_t& socket) const {
    const short wanted = &socket == &dealer && cut_off ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
    return (socket.get(zmq::sockopt::events) & wanted) != 0;
  }

  Time next_deadline() const {
    if (std::any_of(sockets.begin(), sockets.end(), [this](const auto* socket) { return waits_for(*socket); })) {
      return Wakeup::Now;
    }
    Time at = std::min({session.next_deadline(), dealer_watch.next_deadline(), sub_watch.next_deadline()});
    for (const auto& one : many) at = std::min(at, one->next_deadline());
    return at;
  }

  // Replies before events, so that a receipt is mostly told before its ack.
  void read() {
    dealer_watch.reconnect();
    sub_watch.reconnect();
    if (cut_off && (dealer.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0) {
      cut_off = false;
      session.on_reconnected(steady_clock::now());
    }
    read_replies();
    read_events();
    session.on_time(steady_clock::now());
    if (session.take_next_bus() && links.next_bus()) move();
    collect_notices();
    flush();  // after the subscriptions: the answers come to them
  }

  void finish() {
    flush();
    wakeup.at(next_deadline());
  }

  // What a signal interrupted goes on in the next turn.
  void unless_interrupted(void (Impl::*part)()) {
    try {
      (this->*part)();
    } catch (const zmq::error_t& e) {
      if (e.num() != EINTR) std::abort();
      wakeup.at(Wakeup::Now);
    }
  }

  std::vector<Notice> turn() {
    if (std::exchange(in_turn, true)) return {};
    unless_interrupted(&Impl::read);
    call_back();
    unless_interrupted(&Impl::finish);
    in_turn = false;
    return std::exchange(notices, {});
  }

  std::optional<Problem> problem() const {
    if (rejected_hello) return rejected_hello;
    if (auto problem = links.problem()) return problem;
    if (connected && links.is_barred()) {
      return Problem{Problem::Kind::EventsBarred,
                     links.event_endpoint() + ": " + Links::barred_text(session.event_bar())};
    }
    auto causes = session.causes();
    // A lowered limit makes commands slower, and stops none.
    std::erase_if(causes, [](const v1::Cause& cause) { return cause.kind() == v1::CAUSE_KIND_LIMIT_LOWERED; });
    if (connected && !causes.empty()) {
      return Problem{Problem::Kind::BusImpaired, describe_all(causes)};
    }
    if (connected) return {};
    return Problem{Problem::Kind::BusUnreachable,
                   "the connection to " + links.session_endpoint() +
                       " stands, but the bus says nothing: is it a cancel-bus, is it stopped?"};
  }

  Session session;
  zmq::context_t context;
  zmq::socket_t dealer;
  zmq::socket_t sub;
  ConnectionWatch dealer_watch{context, dealer};
  ConnectionWatch sub_watch{context, sub};
  const std::array<zmq::socket_t*, 4> sockets = {&dealer, &sub, &dealer_watch.reports(), &sub_watch.reports()};
  Wakeup wakeup;
  Links links;
  bool subscribed = false;
  bool connected = false;
  std::optional<Problem> rejected_hello;
  /// The event endpoint has refused our key, and the user does not know yet.
  bool bar_untold = false;
  CommandBook commands;
  ClOrdIds cl_ord_ids;
  MassBook mass{session, cl_ord_ids};
  SwitchBook switches{session};
  std::vector<std::shared_ptr<CancelMany>> many;
  InquiryBook inquiries{session};
  std::map<uint64_t, std::function<void(const OpenOrders&)>> listings;
  std::vector<Notice> notices;
  bool in_turn = false;
  /// A send found no connection: the next one is a new session with the bus.
  bool cut_off = false;
};

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
// A callback may destroy us: then the sockets live until it has returned.
Client::~Client() { impl_->close(); }

std::unique_ptr<Client> Client::open(const ClientOptions& given, std::string& error) noexcept {
  ClientOptions options = given;
  std::optional<CurveKeys> keys;
  error = complete(options, keys);
  if (!error.empty()) return nullptr;
  std::string at = "a socket cannot be made: ";
  try {
    auto impl = std::make_shared<Impl>(options);
    if (keys) impl->encrypt(*keys);
    at = "event_endpoint \"" + options.event_endpoint + "\" cannot be used: ";
    impl->sub_watch.connect(impl->links.event_endpoint());
    at = "session_endpoint \"" + options.session_endpoint + "\" cannot be used: ";
    impl->dealer_watch.connect(impl->links.session_endpoint());
    impl->session.start(steady_clock::now());
    impl->wakeup.at(Wakeup::Now);
    return std::unique_ptr<Client>(new Client(std::move(impl)));
  } catch (const std::exception& e) {
    error = at + e.what();
    return nullptr;
  }
}

Cancel Client::cancel(int64_t order_id, const CancelOptions& options, Callbacks callbacks) noexcept {
  Cancel handle = impl_->cancel(order_id, options, std::move(callbacks));
  impl_->wakeup.at(Wakeup::Now);
  return handle;
}

std::shared_ptr<const CancelSummary> Client::cancel_many(const std::vector<int64_t>& order_ids,
                                                         const CancelOptions& options,
                                                         std::function<void(const CancelSummary&)> on_done) noexcept {
  const auto summary = std::make_shared<CancelSummary>(order_ids);
  cancel_into(summary, options, std::move(on_done));
  return summary;
}

void Client::cancel_into(std::shared_ptr<CancelSummary> summary, const CancelOptions& options,
                         std::function<void(const CancelSummary&)> on_done) noexcept {
  impl_->cancel_many(std::move(summary), options, std::move(on_done));
  impl_->wakeup.at(Wakeup::Now);
}

MassCancel Client::mass_cancel(const MassCancelOptions& options, MassCancelCallbacks callbacks) noexcept {
  MassCancel handle = impl_->mass.give(options, std::move(callbacks));
  impl_->wakeup.at(Wakeup::Now);
  return handle;
}

void Client::preview_mass_cancel(const MassCancelOptions& options,
                                 std::function<void(const MassCancelPreview&)> callback) noexcept {
  impl_->mass.preview(options, std::move(callback));
  impl_->wakeup.at(Wakeup::Now);
}

void Client::kill_switch(const KillSwitchOptions& options,
                         std::function<void(const KillSwitchAnswer&)> callback) noexcept {
  impl_->switches.give(options, std::move(callback));
  impl_->wakeup.at(Wakeup::Now);
}

void Client::goodbye(bool keep_orders, std::function<void(const GoodbyeAnswer&)> callback) noexcept {
  impl_->switches.say_goodbye(keep_orders, std::move(callback));
  impl_->wakeup.at(Wakeup::Now);
}

void Client::ask_status() noexcept {
  impl_->session.ask_status(steady_clock::now());
  impl_->wakeup.at(Wakeup::Now);
}

void Client::open_orders(const OpenOrdersFilter& filter, std::function<void(const OpenOrders&)> on_done) noexcept {
  const uint64_t id = impl_->session.open_orders(filter);
  if (on_done) impl_->listings[id] = std::move(on_done);
  impl_->wakeup.at(Wakeup::Now);
}

void Client::commands(const CommandsFilter& filter, std::function<void(const CommandList&)> on_done) noexcept {
  impl_->inquiries.commands(filter, std::move(on_done));
  impl_->wakeup.at(Wakeup::Now);
}

void Client::history(const HistoryFilter& filter, std::function<void(const HistoryList&)> on_done) noexcept {
  impl_->inquiries.history(filter, std::move(on_done));
  impl_->wakeup.at(Wakeup::Now);
}

void Client::retry(const std::string& sender_comp_id, const std::string& cl_ord_id,
                   std::function<void(const RetryAnswer&)> on_done) noexcept {
  impl_->inquiries.retry(sender_comp_id, cl_ord_id, std::move(on_done));
  impl_->wakeup.at(Wakeup::Now);
}

void Client::resolve(v1::ResolveRequest request) noexcept {
  impl_->session.resolve(std::move(request), steady_clock::now());
  impl_->wakeup.at(Wakeup::Now);
}

void Client::record() noexcept {
  impl_->session.record(steady_clock::now());
  impl_->wakeup.at(Wakeup::Now);
}

int Client::fd() const noexcept { return impl_->wakeup.fd(); }

std::vector<Notice> Client::process() noexcept {
  const auto impl = impl_;
  return impl->turn();
}

std::vector<Notice> Client::run_once(std::chrono::milliseconds timeout) noexcept {
  const auto impl = impl_;
  const Time until = steady_clock::now() + std::min<std::chrono::milliseconds>(timeout, std::chrono::hours(24));
  while (true) {
    std::vector<Notice> notices = impl->turn();
    if (!notices.empty() || steady_clock::now() >= until) return notices;
    if (!impl->wakeup.wait(until)) return {};
  }
}

size_t Client::undecided() const noexcept { return impl_->undecided(); }

std::optional<Problem> Client::problem() const noexcept { return impl_->problem(); }

bool Client::recording() const noexcept { return impl_->session.recording(); }

std::vector<v1::Cause> Client::causes() const noexcept { return impl_->session.causes(); }

}  // namespace cancelbus::client
