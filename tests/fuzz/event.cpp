// An event as the store kept it: sent again on request, and read back.
#include <string>

#include "cancelbus/v1/session.pb.h"
#include "service/wire/event_codec.hpp"
#include "service/wire/session_codec.hpp"
#include "tests/fuzz/seeds.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/unit/wire/event_decoder.hpp"

namespace cancelbus::fuzz {
namespace {

void require_sent_again(std::string_view input) {
  constexpr uint64_t Epoch = 8;
  const auto again = wire::encode_retransmission(input, Epoch);
  v1::Event event;
  require(again.ok() == event.ParseFromString(std::string(input)), "every event can be sent again, and nothing else");
  if (!again.ok()) return;
  v1::SessionReply reply;
  require(reply.ParseFromString(*again) && reply.retransmission().poss_dup(), "marked as sent again");
  event.set_poss_dup(true);
  event.set_epoch(Epoch);
  require(reply.retransmission().SerializeAsString() == event.SerializeAsString(), "and otherwise as it was");
}

}  // namespace

bool event(std::string_view input) {
  require_sent_again(input);
  const auto read = wire::decode_event(input);
  if (!read.ok()) return false;
  const std::string once = wire::encode_event(read->publication, read->epoch);
  const auto again = wire::decode_event(once);
  require(again.ok(), "what was read can be written again");
  require(wire::encode_event(again->publication, again->epoch) == once, "and means the same");
  return true;
}

std::vector<std::string> event_seeds() {
  std::vector<std::string> seeds = goldens("Event.");
  core::CancelFinal final;
  final.cl_ord_id = "c-1";
  final.order_id = 5;
  final.quantities = {"1.5", "2", "0.5", "1.5", true};
  seeds.push_back(wire::encode_event({"client.desk-a.", 2, {}, final}, 9));
  seeds.push_back(wire::encode_event({"client.desk-a.", 1, {}, core::CancelAck{}}, 9));
  seeds.push_back(wire::encode_event({"venue.", 3, {}, core::CancelStatus{}}, 9));
  seeds.push_back(wire::encode_bus_status_event({}, 9));
  return seeds;
}

}  // namespace cancelbus::fuzz
