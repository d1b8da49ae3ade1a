#include <optional>

#include "cancelbus/v1/backend.pb.h"
#include "service/btcturk/rest.hpp"
#include "tests/bench/relay.hpp"

namespace cancelbus::bench {
namespace {

void set(google::protobuf::Timestamp& time, int64_t ms) {
  time.set_seconds(ms / 1000);
  time.set_nanos(static_cast<int32_t>(ms % 1000) * 1'000'000);
}

v1::BackendRequest outcome_of(const v1::Task& task, const Response& response, int64_t sent_ms) {
  v1::BackendRequest request;
  v1::Outcome& outcome = *request.mutable_outcome();
  outcome.set_task_id(task.task_id());
  set(*outcome.mutable_sent(), sent_ms);
  set(*outcome.mutable_answered(), now_ms());
  const core::Answer answer = btcturk::read_cancel_reply({response.status, "", response.body});
  v1::CancelAck& ack = *outcome.mutable_ack();
  ack.set_order_id(task.cancel_order().order_id());
  ack.set_status(answer.verdict == core::Verdict::Accepted ? v1::CANCEL_ACK_STATUS_ACCEPTED
                                                           : v1::CANCEL_ACK_STATUS_REJECTED);
  ack.set_origin(v1::ORIGIN_EXCHANGE);
  ack.set_text(answer.text);
  ack.set_http_status(response.status);
  return request;
}

}  // namespace

void relay_worker(const RelayOptions& options) {
  zmq::context_t context{1};
  zmq::socket_t bus = client_socket(context, zmq::socket_type::dealer, options.keys);
  bus.connect(options.backend_endpoint);
  Tls tls(options.exchange_url, options.ca_file);
  btcturk::Signer signer = read_signer(options.api_key_file, options.api_secret_file);
  v1::BackendRequest ready;
  ready.mutable_ready()->set_version(1);
  ready.mutable_ready()->set_credit(1);
  while (true) {
    // As often as the product's worker sends its heartbeat.
    zmq::pollitem_t item{bus.handle(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, std::chrono::milliseconds(250)) == 0) {
      bus.send(encode(ready), zmq::send_flags::none);
      continue;
    }
    zmq::message_t frame;
    v1::BackendReply reply;
    if (!bus.recv(frame) || !decode(frame, reply) || !reply.has_task()) continue;
    const v1::Task& task = reply.task();
    const int64_t sent_ms = now_ms();
    const Response response =
        exchange(tls, btcturk::cancel_request(signer, task.cancel_order().order_id(), task.permit().stamp()));
    bus.send(encode(outcome_of(task, response, sent_ms)), zmq::send_flags::none);
  }
}

}  // namespace cancelbus::bench
