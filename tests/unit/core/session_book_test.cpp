#include "service/core/session_book.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

const Tick T0{std::chrono::hours(1)};

TEST(SessionBook, NobodyIsKnownBeforeHello) {
  SessionBook book;
  EXPECT_EQ(book.heard("p1", T0), nullptr);
  book.open("p1", "alice", {}, T0);
  ASSERT_NE(book.heard("p1", T0), nullptr);
  EXPECT_EQ(book.heard("p1", T0)->sender, "alice");
  book.open("p1", "bob", {}, T0);
  EXPECT_EQ(book.heard("p1", T0)->sender, "bob");
  EXPECT_EQ(book.size(), 1u);
}

TEST(SessionBook, TheSilentAreDropped) {
  SessionBook book;
  book.open("p1", "alice", {}, T0);
  book.open("p2", "bob", {}, T0);
  book.heard("p2", T0 + seconds(5));
  book.sweep(T0 + SessionBook::Silent);
  EXPECT_EQ(book.size(), 2u);
  book.sweep(T0 + SessionBook::Silent + Duration(1));
  EXPECT_EQ(book.heard("p1", T0), nullptr);
  EXPECT_NE(book.heard("p2", T0 + seconds(11)), nullptr);
}

TEST(SessionBook, TheLongestSilentMakesRoom) {
  SessionBook book;
  for (size_t i = 0; i < SessionBook::MaxSessions; ++i) {
    book.open("p" + std::to_string(i), "alice", {}, T0 + Duration(static_cast<int64_t>(i)));
  }
  book.heard("p0", T0 + seconds(1));
  book.open("new", "bob", {}, T0 + seconds(1));
  EXPECT_EQ(book.size(), SessionBook::MaxSessions);
  EXPECT_NE(book.heard("p0", T0 + seconds(1)), nullptr);
  EXPECT_EQ(book.heard("p1", T0 + seconds(1)), nullptr);
}

TEST(SessionBook, PositionsAreOfItsOwnTopicAndThoseUnderItsPrefixesEachOnce) {
  SessionBook book;
  for (const char* name : {"client.alice.", "client.bob.", "venue."}) book.topic(name).next_seq = 7;
  const auto positions = [&](std::vector<std::string> topics) {
    std::string text;
    for (const auto& p : book.positions(book.open("p", "alice", std::move(topics), T0))) {
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

TEST(SessionBook, ATopicWithoutEventsStandsAtOne) {
  SessionBook book;
  const auto positions = book.positions(book.open("p", "carol", {}, T0));
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_EQ(positions[0].topic, "client.carol.");
  EXPECT_EQ(positions[0].next_seq, 1u);
  EXPECT_EQ(book.find_topic("client.carol."), nullptr);
}

TEST(SessionBook, PositionsFitOneFrame) {
  SessionBook book;
  for (size_t i = 0; i < 2 * SessionBook::MaxPositions; ++i) book.topic(client_topic("s" + std::to_string(i)));
  EXPECT_EQ(book.positions(book.open("p", "s0", {"client."}, T0)).size(), SessionBook::MaxPositions);
}

TEST(SessionBook, TopicsGoOnWhereTheStoreSaysTheyStood) {
  SessionBook book;
  book.restore({"client.alice.", 42});
  EXPECT_EQ(book.topic("client.alice.").next_seq, 42u);
}

}  // namespace
}  // namespace cancelbus::core
