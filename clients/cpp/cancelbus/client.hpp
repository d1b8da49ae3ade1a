// A strategy's connection to cancelbus, for a loop of your own: sockets around a Session.
//
// Used by strategies and by cancelctl; blocking.hpp is the same with a thread of its own. One thread at a time. Nothing
// here throws: what can go wrong when opening is returned as a sentence, what happens later comes as a Notice. Odd
// about it: nothing moves unless process() is called whenever fd() is readable, or run_once() at least every second or
// two; else the bus is taken for silent.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cancelbus/cancel_summary.hpp"
#include "cancelbus/command.hpp"
#include "cancelbus/inquiry.hpp"
#include "cancelbus/mass_cancel.hpp"
#include "cancelbus/session.hpp"
#include "cancelbus/switches.hpp"

namespace cancelbus::client {

/// What is left empty is taken from the environment: CANCELBUS_SESSION_ENDPOINT and so on, CANCELBUS_SENDER.
struct ClientOptions {
  static constexpr size_t MaxBuses = 8;  ///< endpoints in one list
  /// tcp://127.0.0.1:5550 if the environment does not say either. Of several buses, of which one leads: up to MaxBuses
  /// endpoints, separated by commas. The client finds the one that leads, and follows when another does.
  std::string session_endpoint = {};
  /// tcp://127.0.0.1:5551. Of several buses the endpoint of each, in the same order.
  std::string event_endpoint = {};
  SessionOptions session = {};  ///< the name, topics and dead man's switch
  /// Files with our secret key and with the bus's public one, as cancelctl keygen writes them. The latter may hold two,
  /// a line each, which are tried in turn: see deploy/README.md on another key of the bus.
  std::string curve_key_file = {};
  std::string curve_server_key_file = {};  ///< the bus's public key, as above
  /// Instead of keys: plain sockets, to a bus on this machine that was started likewise.
  bool insecure_loopback = false;
};

/// What is wrong, and what to do about it.
struct Problem {
  /// Each calls for another action.
  enum class Kind {
    OptionError,     ///< an option is wrong; `text` begins with its name
    BusUnreachable,  ///< nothing answers, or what answers is not a bus
    KeyRefused,      ///< the bus and we do not accept each other's keys, or not this sender_comp_id, or a topic
    EventsBarred,  ///< the bus takes our commands, and gives our key no events for a while: they come later, by request
    BusImpaired,   ///< the bus is there, and something holds up the commands of all, as that no worker is connected
  };
  Kind kind = Kind::OptionError;  ///< what kind of trouble it is
  std::string text = {};          ///< a sentence for people, with what to do
};

/// A connection for a loop of your own. Used by one thread at a time. Commands that the bus has received go on there
/// without it.
class Client {
 public:
  /// Frames read from one socket in one turn, so that a flood of events cannot keep commands from going out.
  static constexpr int MaxFramesPerTurn = 1'000;
  /// Frames that wait in a socket. Beyond it sends are dropped and repeated by the session's rules, and events are
  /// missed and asked for again.
  static constexpr int HighWaterMark = 100'000;
  /// More than the bus sends; a guard against what is not a bus.
  static constexpr int64_t MaxFrameBytes = 1 << 20;

  /// Null and a sentence in `error`, which begins with the option's name, if an endpoint or a key file cannot be used.
  /// The bus need not be there yet. Topics are subscribed to once the bus has said welcome, and no longer when it
  /// refuses our hello: so a client that asks for too much hears it in a Reject, and is not taken for an intruder.
  static std::unique_ptr<Client> open(const ClientOptions& options, std::string& error) noexcept;
  /// Takes no command back; no callback is called any more.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Waits for nothing. What is wrong with the options is told as Refused, by the next process().
  Cancel cancel(int64_t order_id, const CancelOptions& options = {}, Callbacks callbacks = {}) noexcept;
  /// Cancels each of these orders once. At most 1,000 of the commands are open at a time; the others wait here, and so
  /// does what a full queue refuses, which is given again until the time to live is over, or until the queue has
  /// refused 30 times in a row while none of these was open. A name in `options` becomes NAME-1, NAME-2 and so on. What
  /// is returned fills as finals come; `on_done` is called once, when all have come.
  std::shared_ptr<const CancelSummary> cancel_many(const std::vector<int64_t>& order_ids,
                                                   const CancelOptions& options = {},
                                                   std::function<void(const CancelSummary&)> on_done = {}) noexcept;
  /// The same, with a summary that the caller has made.
  void cancel_into(std::shared_ptr<CancelSummary> summary, const CancelOptions& options,
                   std::function<void(const CancelSummary&)> on_done) noexcept;
  /// Cancels every open order in a scope. Waits for nothing; what is wrong with the options is told as Refused, by the
  /// next process(). It goes on at the bus without this client.
  MassCancel mass_cancel(const MassCancelOptions& options = {}, MassCancelCallbacks callbacks = {}) noexcept;
  /// What that would do now; `callback` is called once, unless the client is destroyed first. Nothing is done.
  void preview_mass_cancel(const MassCancelOptions& options,
                           std::function<void(const MassCancelPreview&)> callback) noexcept;
  /// Engages or releases a kill switch; `callback` is called once, unless the client is destroyed first. Asked every
  /// second until it is answered; several are answered in turn. What is wrong with the options is REFUSED by the next
  /// process(). To engage what is engaged, or release what has just been released, changes nothing. An engaged switch
  /// outlives this client.
  void kill_switch(const KillSwitchOptions& options,
                   std::function<void(const KillSwitchAnswer&)> callback = {}) noexcept;
  /// The strategy ends on purpose: with `keep_orders` its dead man's switch is disarmed and its orders stay, without,
  /// an armed switch fires at once. Said every second until it is answered, then `callback` is called once; destroy the
  /// client afterwards. Wait first for the receipts of what must arrive: from the first goodbye on this client repeats
  /// no command, refuses new ones, asks for nothing, and sends no heartbeat, because the bus would take the sender for
  /// alive. While the bus is away it goes on; after a reconnection the hello, which no longer arms the switch, goes
  /// first. A bus of an earlier version refuses it, and has no switch that is armed. A client that ends without an
  /// answer leaves an armed switch to fire after its window. A second goodbye is refused.
  void goodbye(bool keep_orders, std::function<void(const GoodbyeAnswer&)> callback = {}) noexcept;
  /// A BusStatus notice will come.
  void ask_status() noexcept;
  /// An OpenOrders notice will come, and `on_done` is called once with the same; several are answered in turn.
  void open_orders(const OpenOrdersFilter& filter = {}, std::function<void(const OpenOrders&)> on_done = {}) noexcept;
  /// The undecided commands that the key may see: `on_done` is called once with all pages, unless the client is
  /// destroyed first; several are answered in turn. Each page is a Commands notice too.
  void commands(const CommandsFilter& filter = {}, std::function<void(const CommandList&)> on_done = {}) noexcept;
  /// What happened to commands, as the bus's store knows it: `on_done` is called once with up to `filter.limit` of
  /// them. As commands().
  void history(const HistoryFilter& filter, std::function<void(const HistoryList&)> on_done) noexcept;
  /// For operators: the next request of this command's order is due now; `on_done` is called once. As commands(). A
  /// request that is repeated because its answer is late may have another one sent.
  void retry(const std::string& sender_comp_id, const std::string& cl_ord_id,
             std::function<void(const RetryAnswer&)> on_done = {}) noexcept;
  /// For operators: Resolved notices will come, the last of them SETTLED or REFUSED.
  void resolve(v1::ResolveRequest request) noexcept;
  /// For operators, and with topic `record.` alone: what workers and subscriber receive from the exchange comes as
  /// Events, redacted, until the client is destroyed.
  void record() noexcept;

  /// Readable (POLLIN) as long as process() has something to do: for poll, epoll and the like, level-triggered. Neither
  /// read nor close it.
  int fd() const noexcept;
  /// Does what is due, without waiting: reads, calls callbacks, sends. Returns the news in order; nothing when called
  /// from a callback.
  std::vector<Notice> process() noexcept;
  /// As process(), but waits for news, until some came, the time (at most a day) is over, or a signal interrupted it.
  std::vector<Notice> run_once(std::chrono::milliseconds timeout) noexcept;

  /// Commands whose last word has not come; orders of cancel_many() that wait for theirs and open mass cancels among
  /// them.
  size_t undecided() const noexcept;
  /// What is wrong at the moment; none if all is well.
  std::optional<Problem> problem() const noexcept;
  /// The bus does what record() asks for.
  bool recording() const noexcept;
  /// What the bus says that commands wait for, the most serious first.
  std::vector<v1::Cause> causes() const noexcept;

 private:
  struct Impl;
  explicit Client(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace cancelbus::client
