#include "service/core/topics.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

TEST(Topics, SeqsFollowEachOther) {
  Topics topics;
  EXPECT_EQ(topics.next_seq("venue."), 1u);
  EXPECT_EQ(topics.take_seq("venue."), 1u);
  EXPECT_EQ(topics.take_seq("venue."), 2u);
  EXPECT_EQ(topics.next_seq("venue."), 3u);
  EXPECT_EQ(topics.take_seq("client.alice."), 1u);
}

TEST(Topics, PositionsAreOfTheSendersTopicAndThoseUnderThePrefixesEachOnce) {
  Topics topics;
  for (const char* name : {"client.alice.", "client.bob.", "venue."}) topics.restore({name, 7});
  const auto positions = [&](const std::vector<std::string>& prefixes) {
    std::string text;
    for (const TopicPosition& p : topics.positions("alice", prefixes)) {
      text += p.topic + std::to_string(p.next_seq) + " ";
    }
    return text;
  };
  EXPECT_EQ(positions({}), "client.alice.7 ");
  EXPECT_EQ(positions({"client.", "venue.", "client.bob."}), "client.alice.7 client.bob.7 venue.7 ");
  EXPECT_EQ(positions({""}), "client.alice.7 client.bob.7 venue.7 ");
  EXPECT_EQ(positions({"client.al"}), "client.alice.7 ");
  EXPECT_EQ(positions({"nothing."}), "client.alice.7 ");
}

TEST(Topics, ATopicWithoutEventsStandsAtOne) {
  const std::vector<TopicPosition> positions = Topics().positions("carol", {});
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_EQ(positions[0].topic, "client.carol.");
  EXPECT_EQ(positions[0].next_seq, 1u);
}

TEST(Topics, PositionsFitOneFrame) {
  Topics topics;
  for (size_t i = 0; i < 2 * Topics::MaxPositions; ++i) topics.take_seq(client_topic("s" + std::to_string(i)));
  EXPECT_EQ(topics.positions("s0", {"client."}).size(), Topics::MaxPositions);
}

TEST(Topics, GoOnWhereTheStoreSaysTheyStood) {
  Topics topics;
  topics.restore({"client.alice.", 42});
  EXPECT_EQ(topics.take_seq("client.alice."), 42u);
}

}  // namespace
}  // namespace cancelbus::core
