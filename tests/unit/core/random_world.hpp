// A gateway in a world that goes wrong at random: an exchange that lags, refuses and forgets to answer, workers that
// pause and die, a stream that goes mute, a bus that restarts. One seed, one run.
//
// What must hold whatever happens is checked on the way: by the store (acks, finals, seqs), at the exchange (arrivals
// in any period), at every DELETE given out, and against the truth at every final. After a while the world calms down,
// and then everything must come to its end.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "service/core/gateway.hpp"
#include "tests/scenario/memory_store.hpp"

namespace cancelbus::core {

class RandomWorld {
 public:
  explicit RandomWorld(uint64_t seed);
  void run();
  /// Of everything that the gateway did, in order.
  size_t fingerprint() const { return fingerprint_; }
  uint64_t steps() const { return steps_; }

 private:
  static constexpr OrderId Orders = 150;
  static constexpr Duration RequestTimeout = std::chrono::seconds(5);

  enum class State : uint8_t { Open, Canceled, Closed };
  struct ExchangeOrder {
    State state = State::Open;
    int quantity = 0;
    int left = 0;
    State state_before = State::Open;
    Duration changed{-std::chrono::hours(1)};
    bool edited = false;
    Duration told_open{-std::chrono::hours(1)};  ///< last final that said so
    std::vector<Duration> processed;             ///< when the DELETEs that it acted on were given out
  };
  struct Outcome {
    Answer answer;
    Duration sent;  ///< to the bus, last
  };
  struct Worker {
    WorkerId id = 0;
    PeerId peer;
    bool alive = true;
    Duration paused_until{};
    std::set<TaskId> holding;
    std::map<TaskId, Outcome> outcomes;  ///< not confirmed
    uint64_t series = 1;
    Duration heard{-std::chrono::hours(1)};  ///< by the present bus
    std::set<TaskId> listed;                 ///< then
  };
  struct Request {
    TaskId task = 0;
    LimiterKind kind = LimiterKind::Cancel;
    OrderId order = 0;
    Duration given_out{};
    bool ended = false;  ///< as the bus knows
  };
  struct Fact {
    uint64_t seq;
    OrderFact fact;
  };

  // Chance and time.
  uint64_t pick(uint64_t below) { return random_() % below; }
  bool chance(int percent) { return !calm_ && pick(100) < static_cast<uint64_t>(percent); }
  Duration ms(int64_t from, int64_t to);
  void in(Duration delay, std::function<void()> what) { agenda_.emplace(now_ + delay, std::move(what)); }
  Instant instant() const;

  // The bus.
  void start_bus(bool same_boot);
  void stop_bus();
  void feed(const Event& event);
  void deadlines();
  void note(const std::string& text);
  void did(const Publication& publication);
  void check_final(const CancelFinal& final);
  void check_end_without_final(const CommandKey& key, const CancelAck& ack);
  void check_delete(const SendTask& send);
  template <typename Send>
  void sent(const Send&) {}
  void sent(const SendReceipt& send);
  void sent(const SendTask& send);
  void sent(const SendConfirm& send);
  void sent(const SendRelogin& send);

  // Strategies.
  void strategy();
  void operator_speaks();
  void say_hello();

  // Workers.
  void new_worker(size_t index);
  void beat(size_t index);
  void take(size_t index, WorkerId id, Request request);
  void request(size_t index, WorkerId id, Request request);
  void outcome(size_t index, WorkerId id, TaskId task, Answer answer);
  void report(Worker& worker, TaskId task);
  void trouble();

  // The exchange.
  Answer arrives(const Request& request);
  Answer arrives_delete(const Request& request);
  Answer arrives_query(OrderId id);
  void count_arrival(LimiterKind kind);
  void set_state(ExchangeOrder& order, State state);
  void market();
  void edit(OrderId id);
  void emit(FactType type, OrderId id, int left);

  // The stream.
  void login();
  void push_fact(const Fact& fact);
  void report_stream();
  void stream_beat();

  std::mt19937_64 random_;
  const GatewayOptions options_;
  testing::MemoryStore store_;
  std::unique_ptr<Gateway> gateway_;
  std::multimap<Duration, std::function<void()>> agenda_;
  Duration now_{};
  Tick boot_{std::chrono::hours(1)};
  Duration other_boot_{-std::chrono::hours(1)};
  uint64_t generation_ = 0;
  bool drop_last_sends_ = false;
  bool calm_ = false;
  uint64_t steps_ = 0;
  size_t fingerprint_ = 0;

  std::map<OrderId, ExchangeOrder> orders_;
  std::map<LimiterKind, std::deque<Duration>> arrivals_;
  std::vector<Worker> workers_{3};
  WorkerId last_worker_ = 0;
  std::map<TaskId, Request> requests_;
  std::vector<CancelOrder> commands_;
  std::vector<std::string> senders_;  ///< of commands_
  std::map<CommandKey, Duration> applied_;
  std::set<OrderId> gone_told_;

  uint64_t logins_ = 0;
  bool logged_in_ = false;
  bool muted_ = false;
  uint64_t fact_seq_ = 0;
  std::deque<Fact> facts_;  ///< not confirmed
  Duration last_frame_{};
};

}  // namespace cancelbus::core
