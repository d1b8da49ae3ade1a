#include "service/wire/recording.hpp"

#include <gtest/gtest.h>

#include "cancelbus/v1/backend.pb.h"
#include "cancelbus/v1/session.pb.h"
#include "service/wire/backend_codec.hpp"
#include "service/wire/frame.hpp"
#include "service/wire/session_codec.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;
using Speaker = ReceivedRecord::Speaker;

base::Recorded recorded(const std::string& kind) {
  return {.source = "worker host/1",
          .source_id = 9,
          .number = 42,
          .received = core::WallTime(1'700'000'000s),
          .kind = kind,
          .request = "GET /api/v1/order/5",
          .task_id = 7,
          .status = 429,
          .head = "Retry-After: 1\n",
          .text = "{}",
          .truncated = false,
          .round_trip = 15ms};
}

v1::Event as_published(const base::Recorded& one) {
  const auto received = decode_recorded(encode_recorded(one));
  EXPECT_TRUE(received);
  v1::Event event;
  EXPECT_TRUE(event.ParseFromString(encode_recorded_event(received->message, core::WallTime(1'700'000'001s), 3)));
  return event;
}

TEST(Recording, ComesThroughTheBusAsItWasSaid) {
  const v1::Event event = as_published(recorded("response"));
  EXPECT_EQ(event.topic(), "record.");
  EXPECT_EQ(event.seq(), 0u);
  EXPECT_EQ(event.epoch(), 3u);
  EXPECT_EQ(event.sending_time().seconds(), 1'700'000'001);
  const v1::Recorded& one = event.recorded();
  EXPECT_EQ(one.source(), "worker host/1");
  EXPECT_EQ(one.source_id(), 9u);
  EXPECT_EQ(one.number(), 42u);
  EXPECT_EQ(one.received().seconds(), 1'700'000'000);
  EXPECT_EQ(one.request(), "GET /api/v1/order/5");
  EXPECT_EQ(one.task_id(), 7u);
  EXPECT_EQ(one.status(), 429);
  EXPECT_EQ(one.head(), "Retry-After: 1\n");
  EXPECT_EQ(one.text(), "{}");
  EXPECT_EQ(one.round_trip().nanos(), 15'000'000);
  EXPECT_FALSE(one.truncated());
  EXPECT_FALSE(as_published(recorded("frame")).recorded().has_round_trip());
}

TEST(Recording, TextsAreUtf8AndAFrameFits) {
  base::Recorded one = recorded("response");
  one.source = one.request = one.kind = one.head = one.text = std::string(200'000, '\xff');
  const std::string frame = encode_recorded(one);
  EXPECT_LE(frame.size(), MaxFrameBytes);
  v1::BackendRequest request;
  ASSERT_TRUE(parse_frame(frame, request));
  EXPECT_EQ(request.recorded().text(), std::string(48 * 1024, '?'));
  EXPECT_TRUE(request.recorded().truncated());
}

TEST(Recording, TheKindSaysWhoMaySayIt) {
  for (const auto& [kind, speaker] : std::vector<std::pair<std::string, Speaker>>{{"response", Speaker::Worker},
                                                                                  {"no_response", Speaker::Worker},
                                                                                  {"frame", Speaker::Subscriber},
                                                                                  {"closed", Speaker::Subscriber},
                                                                                  {"later", Speaker::Subscriber},
                                                                                  {"", Speaker::Anybody}}) {
    EXPECT_EQ(decode_recorded(encode_recorded(recorded(kind)))->speaker, speaker) << kind;
  }
}

TEST(Recording, NothingElseIsTakenForIt) {
  EXPECT_FALSE(decode_recorded(encode_outcome(7, {}).front()));
  EXPECT_FALSE(decode_recorded(""));
  EXPECT_FALSE(decode_recorded("\xA2\x01\xff"));
  EXPECT_FALSE(decode_recorded(std::string("\xA2\x01\x00", 3) + std::string(MaxFrameBytes, '\0')));
  EXPECT_EQ(decode_backend_request(encode_recorded(recorded("frame")), "peer").status().message(),
            "request: none of those known here is set");

  v1::SessionRequest record, heartbeat;
  record.mutable_record();
  heartbeat.mutable_heartbeat();
  EXPECT_TRUE(is_record_request(record.SerializeAsString()));
  EXPECT_FALSE(is_record_request(heartbeat.SerializeAsString()));
  EXPECT_FALSE(is_record_request("\xA2\x01"));
  const auto decoded = decode_session_request(record.SerializeAsString(), "peer");
  EXPECT_EQ(std::get<Rejected>(decoded).field, "request") << "the core hears nothing of it";
}

TEST(Recording, ARecordHasALease) {
  const auto reply = decode_backend_reply(encode_record(3s));
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(std::get<Record>(*reply).lease, 3s);
  for (const core::Duration lease : {core::Duration(0), core::Duration(-1s), core::Duration(10s + 1ns)}) {
    EXPECT_EQ(decode_backend_reply(encode_record(lease)).status().message(),
              "record.lease: must be above 0 and at most 10 s");
  }
  v1::SessionReply answer;
  ASSERT_TRUE(answer.ParseFromString(encode_recording(3s)));
  EXPECT_EQ(answer.recording().lease().seconds(), 3);
}

}  // namespace
}  // namespace cancelbus::wire
