// Whatever bytes come, every decoder answers, and what it lets through is within range.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "cancelbus/v1/session.pb.h"
#include "service/wire/backend_codec.hpp"
#include "service/wire/event_codec.hpp"
#include "service/wire/session_codec.hpp"
#include "tests/unit/wire/event_decoder.hpp"
#include "tests/unit/wire/samples.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;

void check(const core::CancelOrder& order) {
  EXPECT_GE(order.order_id, 1);
  EXPECT_FALSE(order.cl_ord_id.empty());
  EXPECT_LE(order.cl_ord_id.size(), 64U);
  EXPECT_LE(order.symbol.size(), 32U);
  if (order.time_to_live) {
    EXPECT_GE(*order.time_to_live, 1ms);
    EXPECT_LE(*order.time_to_live, 24h);
  }
}

/// True: let through.
bool offer_session(const std::string& bytes) {
  const auto result = decode_session_request(bytes, "peer");
  if (const auto* rejected = std::get_if<Rejected>(&result)) {
    EXPECT_FALSE(rejected->text.empty());
    return false;
  }
  const auto& event = std::get<core::Event>(result);
  if (const auto* command = std::get_if<core::CommandReceived>(&event)) check(command->order);
  if (const auto* hello = std::get_if<core::Hello>(&event)) {
    EXPECT_FALSE(hello->sender.empty());
  }
  return true;
}

bool offer_backend(const std::string& bytes) {
  const auto event = decode_backend_request(bytes, "peer");
  if (!event.ok()) return false;
  if (const auto* ended = std::get_if<core::TaskEnded>(&*event)) {
    EXPECT_NE(ended->task, 0U);
  }
  if (const auto* ready = std::get_if<core::WorkerReady>(&*event)) {
    EXPECT_NE(ready->worker, 0U);
    EXPECT_LE(ready->credit, 64U);
  }
  return true;
}

bool offer_worker(const std::string& bytes) { return decode_backend_reply(bytes).ok(); }

bool offer_reader(const std::string& bytes) { return decode_event(bytes).ok() && encode_retransmission(bytes, 1).ok(); }

std::string a_command() {
  v1::SessionRequest frame;
  frame.mutable_cancel_order()->set_cl_ord_id("c-1");
  frame.mutable_cancel_order()->set_order_id(5'000'000'001);
  frame.mutable_cancel_order()->set_symbol("BTCTRY");
  frame.mutable_cancel_order()->mutable_time_to_live()->set_seconds(2);
  return frame.SerializeAsString();
}

std::string an_outcome() {
  core::Answer answer;
  answer.verdict = core::Verdict::Accepted;
  answer.text = "SUCCESS";
  answer.sent = samples::at(1);
  return encode_outcome(7, answer).front();
}

std::string a_task() {
  core::SendTask task;
  task.task = 7;
  task.stamp_ms = 1'700'000'000'000;
  task.order.cl_ord_id = "c-1";
  task.order.order_id = 5'000'000'001;
  return encode_task(task, {1, "bus-a", 0});
}

/// Some bytes changed, cut or repeated: much nearer to the truth than noise.
std::string damaged(std::string bytes, std::mt19937_64& random) {
  for (uint64_t i = random() % 3; i > 0; --i) bytes[random() % bytes.size()] = static_cast<char>(random());
  if (random() % 4 == 0) bytes.resize(random() % bytes.size());
  if (random() % 4 == 0) bytes += bytes.substr(0, random() % (bytes.size() + 1));
  return bytes;
}

/// What reads frames from others, and a frame that it reads.
struct Reader {
  const char* name;
  std::string frame;
  bool (*offer)(const std::string&);
};

std::vector<Reader> readers() {
  return {
      {"session", a_command(), offer_session},
      {"backend", an_outcome(), offer_backend},
      {"worker", a_task(), offer_worker},
      {"event", encode_event({"client.desk-a.", 12, samples::at(8), samples::final()}, 1), offer_reader},
  };
}

constexpr int Runs = 20'000;

TEST(Garbage, RandomBytesAreRefusedOrWithinRangeAndTheNextGoodFrameIsRead) {
  std::mt19937_64 random(20240401);
  for (const Reader& reader : readers()) {
    SCOPED_TRACE(reader.name);
    int read = 0;
    for (int run = 0; run < Runs; ++run) {
      std::string bytes(random() % 80, '\0');
      for (char& c : bytes) c = static_cast<char>(random());
      read += reader.offer(bytes);
    }
    EXPECT_LT(read, Runs / 100) << "nearly all is rubbish";
    EXPECT_TRUE(reader.offer(reader.frame));
  }
}

TEST(Garbage, DamagedFramesAreRefusedOrWithinRangeAndTheNextGoodFrameIsRead) {
  std::mt19937_64 random(20240401);
  for (const Reader& reader : readers()) {
    SCOPED_TRACE(reader.name);
    ASSERT_TRUE(reader.offer(reader.frame)) << "the frame is good to begin with";
    int read = 0;
    for (int run = 0; run < Runs; ++run) read += reader.offer(damaged(reader.frame, random));
    EXPECT_GT(read, Runs / 20) << "else nothing is checked of what was read";
    EXPECT_LT(read, Runs * 19 / 20) << "else nothing is refused";
    EXPECT_TRUE(reader.offer(reader.frame));
  }
}

}  // namespace
}  // namespace cancelbus::wire
