#include "cancelbus/blocking.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "cancelbus/cl_ord_ids.hpp"
#include "cancelbus/warnings.hpp"

namespace cancelbus::blocking {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Held by a command's callback alone: when that is gone nothing will come any more, and it gives what is known.
template <typename Value>
class Promise {
 public:
  explicit Promise(std::shared_ptr<const Value> known) : known_(std::move(known)) {}
  ~Promise() { give(*known_); }
  void give(const Value& value) {
    if (!std::exchange(given_, true)) promise_.set_value(value);
  }
  std::shared_future<Value> future() { return promise_.get_future().share(); }

 private:
  const std::shared_ptr<const Value> known_;
  std::promise<Value> promise_;
  bool given_ = false;
};

// The user's own callback comes after the future has its value.
template <typename Value>
std::function<void(const Value&)> keep(std::shared_future<Value>& future, std::function<void(const Value&)> callback,
                                       std::shared_ptr<const Value> known) {
  const auto promise = std::make_shared<Promise<Value>>(std::move(known));
  future = promise->future();
  return [promise, callback = std::move(callback)](const Value& value) {
    promise->give(value);
    if (callback) callback(value);
  };
}

template <typename Value>
std::function<void(const Value&)> keep(std::shared_future<Value>& future, std::function<void(const Value&)> callback) {
  return keep(future, std::move(callback), std::make_shared<const Value>(client::ClientClosed{}));
}

// What of the ttl is left when the thread has come to it; a ttl that is wrong is told as such.
void shorten(std::optional<milliseconds>& time_to_live, steady_clock::time_point called) {
  if (!time_to_live || *time_to_live < milliseconds(1)) return;
  const auto waited = std::chrono::floor<milliseconds>(steady_clock::now() - called);
  *time_to_live = std::max(milliseconds(1), *time_to_live - waited);
}

bool tells_of_a_command(const Notice& notice) {
  return std::holds_alternative<v1::Receipt>(notice) || std::holds_alternative<v1::CancelAck>(notice) ||
         std::holds_alternative<v1::CancelFinal>(notice) || std::holds_alternative<v1::CancelStatus>(notice) ||
         std::holds_alternative<v1::MassCancelReport>(notice) || std::holds_alternative<v1::KillSwitchReply>(notice) ||
         std::holds_alternative<v1::GoodbyeReply>(notice);
}

void print(const std::string& sentence) { std::fprintf(stderr, "cancelbus: %s\n", sentence.c_str()); }

}  // namespace

// Shared by the Client and its thread, so that either may end first.
class Client::Loop {
 public:
  using Job = std::function<void(client::Client&)>;

  Loop(std::unique_ptr<client::Client> bus, Settings settings)
      : settings_(std::move(settings)), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), bus_(std::move(bus)) {
    if (event_ < 0) throw std::system_error(errno, std::generic_category());
    if (!settings_.on_warning) settings_.on_warning = print;
  }
  ~Loop() { ::close(event_); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void do_soon(Job job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake();
  }

  void run() {
    while (!stopped_) {
      for (const Job& job : take_jobs()) job(*bus_);
      take(bus_->process());
      if (!stopped_) wait();
    }
    // What is left of commands ends here, where their callbacks were called.
    bus_.reset();
    take_jobs();
  }

  void stop() {
    stopped_ = true;
    wake();
  }

  // In a callback: the thread is in the middle of run(), and comes back to it.
  void stop_from_within() {
    stopped_ = true;
    bus_.reset();
    thread.detach();
  }

  // Nothing if the bus has welcomed us.
  std::optional<Problem> wait_for_bus() {
    if (settings_.connect_timeout <= milliseconds(0)) return {};
    std::unique_lock lock(mutex_);
    const auto refused = [this] { return problem_ && problem_->kind != Problem::Kind::BusUnreachable; };
    changed_.wait_for(lock, std::min<milliseconds>(settings_.connect_timeout, std::chrono::hours(24)),
                      [&] { return connected_ || refused(); });
    if (connected_) return {};
    return problem_.value_or(Problem{Problem::Kind::BusUnreachable, "the bus has not answered in time"});
  }

  std::optional<Problem> problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

  client::ClOrdIds cl_ord_ids;
  std::thread thread;

 private:
  void wake() const {
    const uint64_t one = 1;
    (void)!::write(event_, &one, sizeof one);
  }

  std::vector<Job> take_jobs() {
    const std::lock_guard lock(mutex_);
    return std::exchange(jobs_, {});
  }

  void wait() {
    pollfd sources[] = {{bus_->fd(), POLLIN, 0}, {event_, POLLIN, 0}};
    const auto most = std::clamp<milliseconds>(settings_.warn_every, milliseconds(1), client::Session::HeartbeatEvery);
    (void)::poll(sources, std::size(sources), static_cast<int>(most.count()));
    uint64_t news = 0;
    (void)!::read(event_, &news, sizeof news);
  }

  // Whatever is called here, or was by process(), may have ended us.
  void take(const std::vector<Notice>& notices) {
    if (stopped_) return;
    update(notices);
    const std::string problem = problem_ ? problem_->text : "";
    for (const Notice& notice : notices) {
      const auto sentence = client::warning(notice, problem);
      if (sentence && !stopped_) settings_.on_warning(*sentence);
      if (settings_.on_notice && !stopped_) settings_.on_notice(notice);
    }
    if (!stopped_) warn_of_waiting(notices, problem);
  }

  void update(const std::vector<Notice>& notices) {
    auto problem = bus_->problem();
    const std::lock_guard lock(mutex_);
    problem_ = std::move(problem);
    for (const Notice& notice : notices) connected_ = connected_ || std::holds_alternative<client::Connected>(notice);
    changed_.notify_all();
  }

  // Nothing is waited for in silence.
  void warn_of_waiting(const std::vector<Notice>& notices, const std::string& problem) {
    const auto now = steady_clock::now();
    const bool heard = std::any_of(notices.begin(), notices.end(), tells_of_a_command);
    if (heard || bus_->undecided() == 0) heard_ = warned_ = now;
    if (now - warned_ < settings_.warn_every) return;
    warned_ = now;
    settings_.on_warning(std::to_string(bus_->undecided()) +
                         " commands wait for their last word, and nothing was heard of " + "them for " +
                         std::to_string(std::chrono::floor<std::chrono::seconds>(now - heard_).count()) +
                         " s: " + (problem.empty() ? "the bus is there, and works on them" : problem));
  }

  Settings settings_;
  const int event_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job> jobs_;
  std::optional<Problem> problem_;
  bool connected_ = false;
  std::atomic<bool> stopped_ = false;

  // The thread's own.
  std::unique_ptr<client::Client> bus_;
  /// Of a command of ours, or there was none.
  steady_clock::time_point heard_ = steady_clock::now();
  steady_clock::time_point warned_ = heard_;
};

Client::Client(std::shared_ptr<Loop> loop) : loop_(std::move(loop)) {}

std::unique_ptr<Client> Client::open(const ClientOptions& options, Problem& problem, Settings settings) noexcept {
  std::string error;
  auto bus = client::Client::open(options, error);
  if (!bus) {
    problem = {Problem::Kind::OptionError, error};
    return nullptr;
  }
  // Signals are for the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::unique_ptr<Client> opened;
  try {
    auto loop = std::make_shared<Loop>(std::move(bus), std::move(settings));
    loop->thread = std::thread([loop] { loop->run(); });
    opened.reset(new Client(std::move(loop)));
  } catch (const std::exception& e) {
    problem = {Problem::Kind::OptionError, std::string("a thread cannot be made: ") + e.what()};
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!opened) return nullptr;
  if (const auto why = opened->loop_->wait_for_bus()) {
    problem = *why;
    return nullptr;
  }
  return opened;
}

Client::~Client() {
  if (loop_->thread.get_id() == std::this_thread::get_id()) {
    loop_->stop_from_within();
  } else {
    loop_->stop();
    loop_->thread.join();
  }
}

Cancel Client::cancel(int64_t order_id, const CancelOptions& options, Callbacks callbacks) noexcept {
  CancelOptions named = options;
  if (named.cl_ord_id.empty()) named.cl_ord_id = loop_->cl_ord_ids.next();
  Cancel cancel;
  cancel.cl_ord_id_ = named.cl_ord_id;
  cancel.order_id_ = order_id;
  callbacks.on_received = keep(cancel.received_, std::move(callbacks.on_received));
  callbacks.on_ack = keep(cancel.ack_, std::move(callbacks.on_ack));
  callbacks.on_final = keep(cancel.final_, std::move(callbacks.on_final));
  loop_->do_soon([order_id, named, callbacks, called = steady_clock::now()](client::Client& bus) {
    CancelOptions now = named;
    shorten(now.time_to_live, called);
    bus.cancel(order_id, now, callbacks);
  });
  return cancel;
}

std::shared_future<CancelSummary> Client::cancel_many(const std::vector<int64_t>& order_ids,
                                                      const CancelOptions& options,
                                                      std::function<void(const CancelSummary&)> on_done) noexcept {
  const auto summary = std::make_shared<CancelSummary>(order_ids);
  std::shared_future<CancelSummary> future;
  on_done = keep<CancelSummary>(future, std::move(on_done), summary);
  loop_->do_soon([summary, options, done = std::move(on_done), called = steady_clock::now()](client::Client& bus) {
    CancelOptions now = options;
    shorten(now.time_to_live, called);
    bus.cancel_into(summary, now, done);
  });
  return future;
}

std::shared_future<OpenOrders> Client::open_orders(const OpenOrdersFilter& filter) noexcept {
  std::shared_future<OpenOrders> future;
  const auto closed = std::make_shared<OpenOrders>();
  closed->refused = "the client was closed";
  auto done = keep<OpenOrders>(future, {}, closed);
  loop_->do_soon([filter, done = std::move(done)](client::Client& bus) { bus.open_orders(filter, done); });
  return future;
}

std::shared_future<CommandList> Client::commands(const CommandsFilter& filter) noexcept {
  std::shared_future<CommandList> future;
  const auto closed = std::make_shared<CommandList>();
  closed->refused = "the client was closed";
  auto done = keep<CommandList>(future, {}, closed);
  loop_->do_soon([filter, done = std::move(done)](client::Client& bus) { bus.commands(filter, done); });
  return future;
}

std::shared_future<HistoryList> Client::history(const HistoryFilter& filter) noexcept {
  std::shared_future<HistoryList> future;
  const auto closed = std::make_shared<HistoryList>();
  closed->refused = "the client was closed";
  auto done = keep<HistoryList>(future, {}, closed);
  loop_->do_soon([filter, done = std::move(done)](client::Client& bus) { bus.history(filter, done); });
  return future;
}

std::shared_future<RetryAnswer> Client::retry(const std::string& sender_comp_id,
                                              const std::string& cl_ord_id) noexcept {
  std::shared_future<RetryAnswer> future;
  const auto closed = std::make_shared<RetryAnswer>();
  closed->refused = "the client was closed";
  auto done = keep<RetryAnswer>(future, {}, closed);
  loop_->do_soon([sender_comp_id, cl_ord_id, done = std::move(done)](client::Client& bus) {
    bus.retry(sender_comp_id, cl_ord_id, done);
  });
  return future;
}

MassCancel Client::mass_cancel(const MassCancelOptions& options, MassCancelCallbacks callbacks) noexcept {
  MassCancel mass;
  callbacks.on_received = keep(mass.received_, std::move(callbacks.on_received));
  callbacks.on_end = keep(mass.end_, std::move(callbacks.on_end));
  loop_->do_soon([options, callbacks](client::Client& bus) { bus.mass_cancel(options, callbacks); });
  return mass;
}

std::shared_future<MassCancelPreview> Client::preview_mass_cancel(const MassCancelOptions& options) noexcept {
  std::shared_future<MassCancelPreview> future;
  const auto callback = keep<MassCancelPreview>(future, {});
  loop_->do_soon([options, callback](client::Client& bus) { bus.preview_mass_cancel(options, callback); });
  return future;
}

std::shared_future<KillSwitchAnswer> Client::kill_switch(const KillSwitchOptions& options) noexcept {
  std::shared_future<KillSwitchAnswer> future;
  const auto callback = keep<KillSwitchAnswer>(future, {});
  loop_->do_soon([options, callback](client::Client& bus) { bus.kill_switch(options, callback); });
  return future;
}

std::shared_future<GoodbyeAnswer> Client::goodbye(bool keep_orders) noexcept {
  std::shared_future<GoodbyeAnswer> future;
  const auto callback = keep<GoodbyeAnswer>(future, {});
  loop_->do_soon([keep_orders, callback](client::Client& bus) { bus.goodbye(keep_orders, callback); });
  return future;
}

void Client::ask_status() noexcept {
  loop_->do_soon([](client::Client& bus) { bus.ask_status(); });
}

std::optional<Problem> Client::problem() const noexcept { return loop_->problem(); }

}  // namespace cancelbus::blocking
