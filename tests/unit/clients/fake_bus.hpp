// Stands in for the bus: a ROUTER and an XPUB on loopback ports, in a thread, that speak the session's contract.
//
// Used by the tests of Client and of cancelctl. It accepts every cancel and proves it at once, unless a test says
// otherwise with on_cancel.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "cancelbus/v1/session.pb.h"

namespace cancelbus::client {

class FakeBus {
 public:
  static constexpr uint64_t Epoch = 42;

  /// What a test may do with a command, in the bus's thread.
  class Desk {
   public:
    Desk(FakeBus& bus, std::string peer, const v1::CancelOrder& order);

    void receipt(v1::ReceiptStatus status, v1::CxlRejReason reason = v1::CXL_REJ_REASON_UNSPECIFIED) const;
    /// Publishes on the sender's topic.
    void ack(v1::CancelAckStatus status, bool final_follows = true) const;
    void final(v1::OrdStatus status) const;
    /// Keeps the ack for retransmission, but the publication is lost on the way.
    void ack_lost_on_the_way() const;

    const v1::CancelOrder& order;

   private:
    v1::Event make_ack(v1::CancelAckStatus status, bool final_follows) const;

    FakeBus& bus_;
    std::string peer_;
  };

  /// To be set before start().
  std::function<void(const Desk&)> on_cancel;
  /// Answers a request of a session that stands, in the bus's thread, instead of the bus; false: the bus answers.
  std::function<bool(const v1::SessionRequest&, v1::SessionReply&)> on_request;
  /// What a resolve is answered: the first of these, and the next one when it is repeated; the last one stays.
  std::vector<v1::ResolveStatus> resolved = {v1::RESOLVE_STATUS_SETTLED};
  /// What an OpenOrdersRequest is answered, by the order id at which its page begins; nothing if it is not here.
  std::map<int64_t, v1::OpenOrders> pages;

  ~FakeBus() { stop(); }

  /// On free ports the first time, on the same ones later; sessions are forgotten, events kept.
  void start();
  void stop();

  const std::string& session_endpoint() const { return session_endpoint_; }
  const std::string& event_endpoint() const { return event_endpoint_; }
  /// What heartbeats are answered from now on; unspecified: all is well.
  void impair(v1::CauseKind kind) { impaired_ = kind; }
  /// Every hello from now on is answered with this as a Reject; empty: with a welcome.
  void reject_hello(const std::string& field) {
    const std::lock_guard lock(mutex_);
    rejected_field_ = field;
  }
  /// Topics that were subscribed to since start(), also those that no longer are.
  std::set<std::string> subscriptions() const {
    const std::lock_guard lock(mutex_);
    return subscriptions_;
  }
  /// Commands that came, repetitions too.
  int commands_seen() const { return commands_seen_; }

 private:
  static void bind(zmq::socket_t& socket, const std::string& endpoint);
  void serve();
  void answer(const std::string& peer, const v1::SessionRequest& request);
  void cancel(const std::string& peer, const v1::CancelOrder& order);
  void retransmit(const std::string& peer, const v1::RetransmitRequest& request);
  void reply(const std::string& peer, const v1::SessionReply& reply);
  void publish(v1::Event event, bool lost_on_the_way = false);
  template <typename Message>
  void add_position(const std::string& peer, Message& message);

  std::string session_endpoint_ = "tcp://127.0.0.1:*";
  std::string event_endpoint_ = "tcp://127.0.0.1:*";
  zmq::context_t context_;
  zmq::socket_t router_;
  zmq::socket_t xpub_;
  std::jthread thread_;
  mutable std::mutex mutex_;
  std::string rejected_field_;
  std::set<std::string> subscriptions_;
  std::atomic<int> commands_seen_{0};
  std::atomic<v1::CauseKind> impaired_{v1::CAUSE_KIND_UNSPECIFIED};
  /// Topic by peer that said hello.
  std::map<std::string, std::string> sessions_;
  std::map<std::string, std::vector<v1::Event>> events_;
  std::set<std::string> known_;
};

}  // namespace cancelbus::client
