// Puts the events of many topics in order: each once, by seq, with what was lost asked for again.
//
// Used by Session; usable alone by anything that reads the bus's events. Pure: events, positions and the time go in,
// events in order and retransmission requests come out. A position that is ahead of the events is no loss yet, because
// positions and events travel on two sockets; it becomes one when nothing came for `Grace`.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

/// A moment of the steady clock.
using Time = std::chrono::steady_clock::time_point;
/// No deadline.
constexpr Time Never = Time::max();

/// The bus no longer keeps these events: they will not come.
struct LostEvents {
  std::string topic;      ///< of these events
  uint64_t from_seq = 0;  ///< the first that is lost
  /// Included.
  uint64_t to_seq = 0;
};

/// The bus has a new store, or cannot vouch for the end of the old one. Reading goes on from the new positions; what
/// was not read before is lost.
struct NewEpoch {
  uint64_t before = 0;  ///< the epoch of the former store
  uint64_t now = 0;     ///< and of the new one
};

class EventReader {
 public:
  using Output = std::variant<v1::Event, LostEvents, NewEpoch, v1::RetransmitRequest>;
  using Positions = google::protobuf::RepeatedPtrField<v1::TopicPosition>;

  /// Most events that one request may ask for, by contract.
  static constexpr uint64_t MaxCount = 500;
  /// Events kept per topic while one before them is missing; what exceeds it is asked for again later.
  static constexpr size_t MaxAhead = 10'000;
  /// Events kept whose epoch has not been announced yet.
  static constexpr size_t MaxEarly = 1'000;
  /// No topic gets this far, and no bus has epoch 0. What says otherwise is ignored: it would turn the arithmetic over.
  static constexpr uint64_t MaxSeq = uint64_t{1} << 62;
  static constexpr auto Grace = std::chrono::milliseconds(250);
  static constexpr auto AskAgainAfter = std::chrono::seconds(1);

  /// Before the first positions: if the bus is still in this epoch, reading this topic starts at `next_seq`, so that
  /// what was published since then is asked for; otherwise NewEpoch comes first. Without it reading starts at the first
  /// positions.
  void resume(uint64_t epoch, std::string topic, uint64_t next_seq);
  /// From a welcome or a heartbeat. The first positions of an epoch say where reading starts; later ones show what is
  /// missing.
  void on_positions(uint64_t epoch, const Positions& positions, Time now);
  /// A live event or a retransmission. False if it stands before what was read: a repetition.
  bool on_event(v1::Event event, Time now);
  void on_reject(const v1::RetransmitReject& reject, Time now);
  void on_time(Time now);

  Time next_deadline() const;
  /// What came out since the last call, in order.
  std::vector<Output> take();

 private:
  struct Topic {
    /// Seq of the next event to hand out.
    uint64_t next = 1;
    /// One past the highest seq known to exist.
    uint64_t end = 1;
    /// One past the last seq asked for; 0 if nothing was.
    uint64_t asked_to = 0;
    Time ask_at = Never;
    std::map<uint64_t, v1::Event> ahead;
  };

  void adopt(uint64_t epoch);
  uint64_t start_of(const v1::TopicPosition& position) const;
  bool accept(v1::Event event, Time now);
  void hand_out(Topic& topic);
  void plan(const std::string& name, Topic& topic, Time now);
  void ask(const std::string& name, Topic& topic, Time now);

  struct Resume {
    uint64_t epoch = 0;  ///< 0: nothing is resumed
    std::string topic;
    uint64_t next_seq = 0;
  };

  Resume resume_;
  uint64_t epoch_ = 0;
  std::map<std::string, Topic> topics_;
  std::vector<v1::Event> early_;
  std::vector<Output> out_;
};

}  // namespace cancelbus::client
