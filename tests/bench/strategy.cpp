// bench-strategy: a strategy that cancels orders as it is told, and says when. It speaks to cancel-bus and to the bare
// relay alike, with sockets and messages only: what the client library adds is in neither.
//
// Each line on stdin is a batch: how many cancels may be open at once, then order ids. For each cancel it prints the
// order id and, in nanoseconds of CLOCK_MONOTONIC, when it sent the command, got the ack and got the final; after a
// batch `done`. It ends with stdin. A batch in which nothing happens for 30 s ends the process with exit code 1.
#include <absl/container/flat_hash_map.h>
#include <absl/flags/flag.h>
#include <absl/flags/parse.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <iostream>
#include <optional>
#include <utility>

#include "cancelbus/v1/session.pb.h"
#include "tests/bench/wire.hpp"

ABSL_FLAG(std::string, session_endpoint, "", "of the bus");
ABSL_FLAG(std::string, event_endpoint, "", "of the bus");
ABSL_FLAG(std::string, curve_key_file, "", "our secret CURVE key");
ABSL_FLAG(std::string, curve_server_key_file, "", "the public CURVE key of the bus");
ABSL_FLAG(std::string, sender, "bench", "the sender_comp_id");

namespace cancelbus::bench {
namespace {

constexpr int64_t Second = 1'000'000'000;
constexpr int64_t Patience = 30 * Second;

struct Cancel {
  int64_t order = 0;
  int64_t sent = 0;
  int64_t acked = 0;
  int64_t ended = 0;
};

class Strategy {
 public:
  explicit Strategy(const CurveFiles& keys)
      : session_(client_socket(context_, zmq::socket_type::dealer, keys)),
        events_(client_socket(context_, zmq::socket_type::sub, keys)),
        sender_(absl::GetFlag(FLAGS_sender)) {
    events_.set(zmq::sockopt::subscribe, absl::StrCat("client.", sender_, "."));
    events_.connect(absl::GetFlag(FLAGS_event_endpoint));
    session_.connect(absl::GetFlag(FLAGS_session_endpoint));
    v1::SessionRequest hello;
    hello.mutable_hello()->set_sender_comp_id(sender_);
    session_.send(encode(hello), zmq::send_flags::none);
    const int64_t give_up_at = now_ns() + Patience;
    while (!welcome_) {
      if (now_ns() > give_up_at) give_up("the bus did not answer a hello");
      turn(nullptr);
    }
    // The subscription must have arrived, too; a final that is lost would end its batch with an error.
    for (const int64_t until = now_ns() + Second / 2; now_ns() < until;) turn(nullptr);
  }

  /// Until stdin is at its end.
  void run() {
    std::string line;
    while (next_line(line)) {
      std::deque<int64_t> orders;
      for (const auto word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
        int64_t number = 0;
        if (!absl::SimpleAtoi(word, &number)) give_up(absl::StrCat("not a number: ", word));
        orders.push_back(number);
      }
      if (orders.size() < 2) give_up("a batch needs a number of open cancels, and orders");
      const size_t most = static_cast<size_t>(orders.front());
      orders.pop_front();
      batch(std::move(orders), most);
      std::printf("done\n");
      std::fflush(stdout);
    }
  }

 private:
  bool next_line(std::string& line) {
    while (std::cin.rdbuf()->in_avail() <= 0) {
      zmq::pollitem_t in{nullptr, STDIN_FILENO, ZMQ_POLLIN, 0};
      if (zmq::poll(&in, 1, std::chrono::milliseconds(0)) > 0) break;
      turn(&in);
    }
    return static_cast<bool>(std::getline(std::cin, line));
  }

  void batch(std::deque<int64_t> orders, size_t most) {
    last_news_ = now_ns();
    while (!orders.empty() || !open_.empty()) {
      while (!orders.empty() && open_.size() < most) {
        send(orders.front());
        orders.pop_front();
      }
      turn(nullptr);
      if (now_ns() - last_news_ > Patience) give_up(absl::StrCat(open_.size(), " cancels got no final"));
    }
  }

  void send(int64_t order) {
    v1::SessionRequest request;
    request.mutable_cancel_order()->set_cl_ord_id(absl::StrCat("bench-", order));
    request.mutable_cancel_order()->set_order_id(order);
    Cancel& cancel = open_[order];
    cancel.order = order;
    cancel.sent = now_ns();
    session_.send(encode(request), zmq::send_flags::none);
  }

  // Waits for a message, or for `also`, and until the next heartbeat at most.
  void turn(const zmq::pollitem_t* also) {
    zmq::pollitem_t items[] = {
        {events_.handle(), 0, ZMQ_POLLIN, 0}, {session_.handle(), 0, ZMQ_POLLIN, 0}, also ? *also : zmq::pollitem_t{}};
    zmq::poll(items, also ? 3 : 2, std::chrono::milliseconds(250));
    zmq::message_t frame;
    while (events_.recv(frame, zmq::recv_flags::dontwait)) {
      if (events_.recv(frame)) on_event(frame);
    }
    while (session_.recv(frame, zmq::recv_flags::dontwait)) on_reply(frame);
    if (now_ns() < next_heartbeat_) return;
    next_heartbeat_ = now_ns() + Second;
    v1::SessionRequest heartbeat;
    heartbeat.mutable_heartbeat();
    if (welcome_) session_.send(encode(heartbeat), zmq::send_flags::none);
  }

  void on_reply(const zmq::message_t& frame) {
    v1::SessionReply reply;
    if (!decode(frame, reply)) give_up("the bus sent what is no SessionReply");
    if (reply.has_welcome()) welcome_ = true;
    if (reply.has_receipt() && reply.receipt().status() == v1::RECEIPT_STATUS_REFUSED) {
      give_up(absl::StrCat("a command was refused: ", reply.receipt().text()));
    }
    if (reply.has_reject()) give_up(absl::StrCat("the bus rejected a message: ", reply.reject().text()));
  }

  void on_event(const zmq::message_t& frame) {
    const int64_t now = now_ns();
    v1::Event event;
    if (!decode(frame, event)) give_up("the bus sent what is no Event");
    if (event.has_cancel_ack()) {
      const v1::CancelAck& ack = event.cancel_ack();
      if (ack.status() != v1::CANCEL_ACK_STATUS_ACCEPTED) give_up(absl::StrCat("not accepted: ", ack.text()));
      if (const auto cancel = open_.find(ack.order_id()); cancel != open_.end()) cancel->second.acked = now;
    }
    if (!event.has_cancel_final()) return;
    const auto found = open_.find(event.cancel_final().order_id());
    if (found == open_.end()) return;
    const Cancel& cancel = found->second;
    std::printf("%lld %lld %lld %lld\n", static_cast<long long>(cancel.order), static_cast<long long>(cancel.sent),
                static_cast<long long>(cancel.acked), static_cast<long long>(now));
    last_news_ = now;
    open_.erase(found);
  }

  zmq::context_t context_{1};
  zmq::socket_t session_;
  zmq::socket_t events_;
  std::string sender_;
  bool welcome_ = false;
  absl::flat_hash_map<int64_t, Cancel> open_;  // by order
  int64_t last_news_ = 0;
  int64_t next_heartbeat_ = 0;
};

}  // namespace
}  // namespace cancelbus::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  cancelbus::bench::Strategy({absl::GetFlag(FLAGS_curve_key_file), absl::GetFlag(FLAGS_curve_server_key_file)}).run();
}
