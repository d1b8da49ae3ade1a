// A strategy's side of the session with the bus: hello, heartbeats, commands repeated until they are answered, events
// in order.
//
// Used by Client, which adds the sockets. Pure: frames, the user's calls and the time go in; frames to send and notices
// for the user come out. Same inputs, same outputs. A command's ttl counts from the user's call, so a repetition
// carries what is left of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cancelbus/event_reader.hpp"
#include "cancelbus/inquiries.hpp"
#include "cancelbus/mass_requests.hpp"
#include "cancelbus/open_orders.hpp"
#include "cancelbus/switch_requests.hpp"
#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// Seq of the next event to read, in the epoch in which it counts.
struct ReadPosition {
  uint64_t epoch = 0;     ///< of the bus's store; not 0
  uint64_t next_seq = 0;  ///< from 1
};

/// With which name a strategy comes, what it follows, and whether the bus acts when it falls silent.
struct SessionOptions {
  static constexpr size_t MaxTopics = 64;                         ///< of one session
  static constexpr std::chrono::milliseconds MinWindow{2'000};    ///< of `cancel_on_disconnect`
  static constexpr std::chrono::milliseconds MaxWindow{600'000};  ///< likewise
  /// `[A-Za-z0-9_-]{1,32}`.
  std::string sender_comp_id;
  /// Topic prefixes to follow besides the sender's own topic, at most MaxTopics.
  std::vector<std::string> topics = {};
  /// Ask at each hello for a CancelStatus of every undecided command of this sender.
  bool open_commands = false;
  /// Arms the sender's dead man's switch at each hello: when the bus has heard nothing of the sender for this long, on
  /// any session, it cancels the sender's own orders. MinWindow to MaxWindow. It stays armed when this client ends
  /// without goodbye(). A bus of an earlier version ignores it: BusStatus.dead_man_switches says what is armed.
  std::optional<std::chrono::milliseconds> cancel_on_disconnect = {};
  /// Where reading the own topic goes on, for a program that keeps on disk what it has read: all that was published
  /// since then comes, or LostEvents. With another epoch NewEpoch comes instead. None: it starts with what comes next.
  std::optional<ReadPosition> resume = {};
};

/// The bus knows us: commands flow. Again after each interruption.
struct Connected {
  uint64_t epoch = 0;  ///< of the bus's store; another one means that seqs begin anew
  /// Seq of the next event that the bus publishes on the own topic.
  uint64_t next_seq = 0;
};
/// Nothing was heard from the bus for a while; the session goes on trying. Told once, until it is connected again.
struct Silent {
  std::chrono::seconds silent_for{};  ///< since the last frame of the bus
};
/// Client only: the bus is there and will not have us. The client goes on trying; `why` says what to do.
struct NotReached {
  std::string endpoint;  ///< the one that does not answer as a bus
  /// The bus refused our key; otherwise the two sides do not understand each other.
  bool key_refused = false;
  std::string why;  ///< a sentence, with what to do
};
/// What commands wait for, as the bus says with each heartbeat, the most serious first. Told when a cause begins or
/// ends; empty: none is left.
struct Causes {
  std::vector<v1::Cause> causes;  ///< all that last now
};
/// A frame of the bus could not be read, and was skipped.
struct Unreadable {
  std::string what;  ///< which frame, and what is wrong with it
};

/// What the user sees. Receipt, CancelAck, CancelFinal and CancelStatus are of this session's own commands: at most one
/// Receipt (none if the ack overtook it), one CancelAck and one CancelFinal each, however often they were repeated on
/// the wire. A second Receipt can only be REFUSED: the first was of an earlier command with this cl_ord_id. After a
/// NewEpoch the undecided commands are sent anew, and acked anew. Event is everything that was
/// followed, the own topic included, each once and in order. Reject says that the bus could not read what we sent.
/// Resolved comes each time that the bus answers a resolve(), until it says SETTLED or REFUSED. OpenOrders comes once
/// for each open_orders(), and Commands, History, RetryReply or InquiryRefused once for each inquire().
/// MassCancelReport is of this session's own mass cancels, after at most one Receipt each; a MassCancelPreview or a
/// Receipt that refuses answers one with dry_run. KillSwitchReply or KillSwitchUnknown comes once for each
/// kill_switch(), GoodbyeReply or GoodbyeUnknown once for goodbye().
using Notice = std::variant<Connected, Silent, v1::Receipt, v1::CancelAck, v1::CancelFinal, v1::CancelStatus, v1::Event,
                            v1::BusStatus, v1::Reject, v1::Resolved, OpenOrders, v1::Commands, v1::History,
                            v1::RetryReply, InquiryRefused, LostEvents, NewEpoch, Unreadable, NotReached, Causes,
                            v1::MassCancelReport, v1::MassCancelPreview, MassCancelLost, MassCancelUnknown,
                            v1::KillSwitchReply, v1::GoodbyeReply, KillSwitchUnknown, GoodbyeUnknown>;

class Session {
 public:
  static constexpr auto HelloEvery = std::chrono::seconds(1);
  static constexpr auto HeartbeatEvery = std::chrono::seconds(1);
  static constexpr auto RepeatUntilReceipt = std::chrono::seconds(1);
  static constexpr auto RepeatUntilAck = std::chrono::seconds(10);
  static constexpr auto RecordEvery = std::chrono::seconds(1);
  static constexpr auto SilentAfter = std::chrono::seconds(3);
  /// Of several buses the next one is tried when none has welcomed us for so long, and at once when one says that it
  /// does not lead, but no more often than every NextAfterRefusal.
  static constexpr auto NextAfter = std::chrono::seconds(2);
  static constexpr auto NextAfterRefusal = std::chrono::milliseconds(250);
  /// Commands on the wire that wait for a receipt; more of them wait here, so that a large batch is not repeated in
  /// full while the bus works through it.
  static constexpr size_t MaxUnreceipted = 1'000;

  explicit Session(SessionOptions options);

  /// Prefixes to subscribe to once we are Connected: a topic that we may not read is refused by then, with words.
  std::vector<std::string> subscriptions() const;
  void start(Time now);
  /// False if the cl_ord_id names an undecided command already, and after goodbye(); nothing is sent then.
  bool cancel(v1::CancelOrder order, Time now);
  /// Also with dry_run. False if the cl_ord_id names an open one, or an undecided command, already, and after
  /// goodbye(); nothing is sent then.
  bool mass_cancel(v1::MassCancel request, Time now);
  /// Asks until a BusStatus came.
  void ask_status(Time now);
  /// For operators: asks until the bus has settled the command or refused to. One at a time: a later call replaces it.
  void resolve(v1::ResolveRequest request, Time now);
  /// Asks until all pages came. Returns the answer's number; several are answered in turn.
  uint64_t open_orders(const OpenOrdersFilter& filter);
  /// Asks for a page of undecided commands or of the history, or for a retry, until it is answered. Returns the
  /// request_id that it sets; several are answered in turn.
  uint64_t inquire(v1::SessionRequest request);
  /// For operators: from now on workers and subscriber tell what they receive from the exchange, as Events on topic
  /// `record.`, which must be among `topics`. Asks every second until the bus rejects it.
  void record(Time now);
  /// Asks until it is answered. Returns the request_id that it sets; several are answered in turn. 0 after goodbye().
  uint64_t kill_switch(v1::KillSwitchRequest request);
  /// Asks until it is answered. False if it was said before. From the first on nothing else is sent than kill switch
  /// requests that were given before, and hellos while the bus has not answered, with keep_orders such as arm nothing;
  /// after the answer nothing at all, because whatever the bus hears of the sender arms its switch anew. Listings that
  /// are open end refused; commands without a receipt are not repeated. Events are read on, without asking for what was
  /// lost.
  bool goodbye(bool keep_orders);
  bool is_leaving() const { return switches_.is_leaving(); }

  void on_reply(std::string_view frame, Time now);
  void on_event(std::string_view topic, std::string_view payload, Time now);
  /// The session socket has a connection again: hello goes first on it.
  void on_reconnected(Time now);
  void on_time(Time now);
  /// The bus that we talk to does not lead, or does not answer: another one is to be tried, if there is one, and
  /// on_reconnected() called when that has a connection. True once each time.
  bool take_next_bus() { return std::exchange(next_bus_wanted_, false); }

  /// When on_time() wants to be called next; never in the past of the last on_time().
  Time next_deadline() const;
  std::vector<v1::SessionRequest> take_frames();
  std::vector<Notice> take_notices();

  /// Of our key, as the bus said last; none if it gets events.
  const std::optional<v1::EventBar>& event_bar() const { return event_bar_; }
  /// The bus does what record() asks for.
  bool recording() const { return open_ && recording_; }
  /// As of the last heartbeat's answer; empty while not connected.
  std::vector<v1::Cause> causes() const;
  /// Commands whose last word has not come, and mass cancels whose last report has not.
  size_t undecided() const { return commands_.size() + mass_.open(); }

 private:
  struct Command {
    v1::CancelOrder order;
    Time asked_at;
    /// When to repeat it; Never while it waits here or needs no repetition.
    Time due = Never;
    /// Counted in unreceipted_.
    bool on_the_wire = false;
    /// By a receipt or an ack, after which nothing was lost that may have told more of it.
    bool received = false;
    bool receipt_told = false;
    bool acked = false;
    /// Its ack was read in its place, so that its final will be.
    bool is_live() const { return received && due == Never; }
  };
  using Commands = std::map<std::string, Command>;

  void say_hello(Time now);
  void on_reply(v1::SessionReply& reply, Time now);
  void on_welcome(const v1::Welcome& welcome, Time now);
  void on_heartbeat(v1::HeartbeatReply& reply, Time now);
  void on_not_leading(Time now);
  bool is_outdated(uint64_t epoch, uint64_t term);
  void on_reject(const v1::Reject& reject);
  void on_receipt(v1::Receipt& receipt, Time now);
  void doubt_receipt(Command& command, Time now);
  void on_retransmission(v1::Event& event, Time now);

  void drain_reader(Time now);
  void deliver(v1::Event event, Time now);
  /// `repeat_at`: when to repeat a command that it acks; Never: the event was read in its place.
  void apply(const v1::Event& event, Time repeat_at, Time now);
  void apply(const v1::CancelAck& ack, Time repeat_at);
  void apply(const v1::CancelFinal& final);
  void forget_what_was_told();
  template <typename Told>
  void tell(std::vector<Told> told);
  void refuse_listings();

  /// The command that an ack, a final or a status is about.
  template <typename News>
  Commands::iterator find(const News& news);
  void mark_received(Command& command, Time repeat_at);
  void leave_the_wire(Command& command);
  void end(Commands::iterator command);
  void queue_unreceived();
  void ask_what_is_due(Time now);
  void send_waiting(Time now);
  void send(Command& command, Time now);
  void repeat_due(Time now);
  void schedule(Command& command, Time due);

  SessionOptions options_;
  std::string own_topic_;
  EventReader reader_;
  bool open_ = false;
  bool silent_told_ = false;
  std::vector<v1::Cause> causes_;
  std::optional<v1::EventBar> event_bar_;
  Time last_heard_ = Never;
  Time next_bus_due_ = Never;
  bool next_bus_wanted_ = false;
  Time bus_since_ = Time::min();  ///< the one that we talk to
  uint64_t term_ = 0;             ///< the highest that was seen of a bus of these epochs
  std::set<uint64_t> epochs_;
  Time hello_due_ = Never;
  Time heartbeat_due_ = Never;
  Time status_due_ = Never;
  v1::ResolveRequest resolve_;
  Time resolve_due_ = Never;
  OpenOrdersReader open_orders_;
  Inquiries inquiries_;
  Time record_due_ = Never;
  bool recording_ = false;

  Commands commands_;
  /// cl_ord_ids to send when there is room; may name commands that have ended or were received meanwhile, and one twice
  /// that was used again.
  std::deque<std::string> waiting_;
  /// When to repeat which command; an entry counts only if it agrees with the command's `due`.
  std::multimap<Time, std::string> repeats_;
  size_t unreceipted_ = 0;
  MassRequests mass_;
  SwitchRequests switches_;

  std::vector<v1::SessionRequest> frames_;
  std::vector<Notice> notices_;
};

}  // namespace cancelbus::client
