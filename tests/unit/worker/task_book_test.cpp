#include "service/worker/task_book.hpp"

#include <gtest/gtest.h>

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;

constexpr core::Tick Start{1h};

using Frames = std::vector<std::string>;

TEST(TaskBook, TakesATaskOnce) {
  TaskBook book;
  EXPECT_TRUE(book.take(7));
  EXPECT_FALSE(book.take(7));
  book.finish(7, {"seven"}, Start);
  EXPECT_FALSE(book.take(7));
  EXPECT_TRUE(book.confirm(7));
  EXPECT_TRUE(book.take(7)) << "nothing is remembered after the confirmation";
}

TEST(TaskBook, RepeatsAnOutcomeUntilItIsConfirmed) {
  TaskBook book;
  book.take(1);
  book.take(2);
  EXPECT_EQ(book.next_due(), core::Never);
  book.finish(2, {"two"}, Start);
  EXPECT_EQ(book.next_due(), Start);
  EXPECT_EQ(book.take_due(Start), Frames{"two"});
  EXPECT_EQ(book.next_due(), Start + 500ms);
  EXPECT_EQ(book.take_due(Start + 499ms), Frames{});
  EXPECT_EQ(book.take_due(Start + 500ms), Frames{"two"});
  EXPECT_EQ(book.take_due(Start + 999ms), Frames{});
  EXPECT_EQ(book.take_due(Start + 1s), Frames{"two"});
  EXPECT_TRUE(book.confirm(2));
  EXPECT_EQ(book.take_due(Start + 1h), Frames{});
  EXPECT_EQ(book.tasks(), std::vector<core::TaskId>{1});
}

TEST(TaskBook, SendsManyFramesInPortionsAndBeginsAgainAfterTheLast) {
  TaskBook book;
  book.take(1);
  Frames frames;
  for (int i = 0; i < 40; ++i) frames.push_back(std::to_string(i));
  book.finish(1, frames, Start);
  const auto part = [&frames](int from, int to) { return Frames(frames.begin() + from, frames.begin() + to); };
  EXPECT_EQ(book.take_due(Start), part(0, 16));
  EXPECT_EQ(book.take_due(Start), Frames{});
  EXPECT_EQ(book.next_due(), Start + 20ms);
  EXPECT_EQ(book.take_due(Start + 20ms), part(16, 32));
  EXPECT_EQ(book.take_due(Start + 40ms), part(32, 40));
  EXPECT_EQ(book.next_due(), Start + 540ms);
  EXPECT_EQ(book.take_due(Start + 540ms), part(0, 16));
  EXPECT_TRUE(book.confirm(1)) << "in the middle as well";
  EXPECT_EQ(book.next_due(), core::Never);
}

TEST(TaskBook, AConfirmationOfWhatIsUnderWayOrUnknownChangesNothing) {
  TaskBook book;
  book.take(1);
  EXPECT_FALSE(book.confirm(1));
  EXPECT_FALSE(book.confirm(2));
  EXPECT_EQ(book.tasks(), std::vector<core::TaskId>{1});
}

TEST(TaskBook, HasALimit) {
  TaskBook book;
  for (core::TaskId task = 1; task <= TaskBook::MostTasks; ++task) ASSERT_TRUE(book.take(task));
  EXPECT_FALSE(book.take(TaskBook::MostTasks + 1));
  book.finish(1, {"one"}, Start);
  book.confirm(1);
  EXPECT_TRUE(book.take(TaskBook::MostTasks + 1));
}

}  // namespace
}  // namespace cancelbus::worker
