#include "service/core/session_book.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::seconds;

const Tick T0{std::chrono::hours(1)};

TEST(SessionBook, NoPeerIsKnownBeforeHello) {
  SessionBook book;
  EXPECT_EQ(book.heard("p1", T0), nullptr);
  book.open("p1", "alice", {}, T0);
  ASSERT_NE(book.heard("p1", T0), nullptr);
  EXPECT_EQ(book.heard("p1", T0)->sender, "alice");
  book.open("p1", "bob", {}, T0);
  EXPECT_EQ(book.heard("p1", T0)->sender, "bob");
}

TEST(SessionBook, TheSilentAreDropped) {
  SessionBook book;
  book.open("p1", "alice", {}, T0);
  book.open("p2", "bob", {}, T0);
  book.sweep(T0 + SessionBook::Silent);
  EXPECT_NE(book.heard("p2", T0 + SessionBook::Silent), nullptr);
  book.sweep(T0 + SessionBook::Silent + Duration(1));
  EXPECT_EQ(book.heard("p1", T0 + seconds(11)), nullptr);
  EXPECT_NE(book.heard("p2", T0 + seconds(11)), nullptr);
}

TEST(SessionBook, TheLongestSilentMakesRoom) {
  SessionBook book;
  for (size_t i = 0; i < SessionBook::MaxSessions; ++i) {
    book.open("p" + std::to_string(i), "alice", {}, T0 + Duration(static_cast<int64_t>(i)));
  }
  book.heard("p0", T0 + seconds(1));
  book.open("new", "bob", {}, T0 + seconds(1));
  EXPECT_NE(book.heard("p0", T0 + seconds(1)), nullptr);
  EXPECT_EQ(book.heard("p1", T0 + seconds(1)), nullptr);
  for (size_t i = 2; i < SessionBook::MaxSessions; ++i) {
    ASSERT_NE(book.heard("p" + std::to_string(i), T0 + seconds(1)), nullptr) << i;
  }
}

}  // namespace
}  // namespace cancelbus::core
