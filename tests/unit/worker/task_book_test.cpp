#include "service/worker/task_book.hpp"

#include <gtest/gtest.h>

namespace cancelbus::worker {
namespace {

using namespace std::chrono_literals;

constexpr core::Tick Start{1h};

core::Answer accepted() {
  core::Answer answer;
  answer.verdict = core::Verdict::Accepted;
  return answer;
}

std::vector<core::TaskId> due_ids(TaskBook& book, core::Tick now) {
  std::vector<core::TaskId> ids;
  for (const auto& [task, answer] : book.take_due(now)) ids.push_back(task);
  return ids;
}

TEST(TaskBook, TakesATaskOnce) {
  TaskBook book;
  EXPECT_TRUE(book.take(7));
  EXPECT_FALSE(book.take(7));
  book.finish(7, accepted(), Start);
  EXPECT_FALSE(book.take(7));
  EXPECT_TRUE(book.confirm(7));
  EXPECT_TRUE(book.take(7)) << "nothing is remembered after the confirmation";
}

TEST(TaskBook, RepeatsAnOutcomeUntilItIsConfirmed) {
  TaskBook book;
  book.take(1);
  book.take(2);
  EXPECT_EQ(book.next_due(), core::Never);
  book.finish(2, accepted(), Start);
  EXPECT_EQ(book.next_due(), Start + 500ms);
  EXPECT_EQ(due_ids(book, Start + 499ms), std::vector<core::TaskId>{});
  EXPECT_EQ(due_ids(book, Start + 500ms), std::vector<core::TaskId>{2});
  EXPECT_EQ(due_ids(book, Start + 999ms), std::vector<core::TaskId>{});
  EXPECT_EQ(due_ids(book, Start + 1s), std::vector<core::TaskId>{2});
  EXPECT_TRUE(book.confirm(2));
  EXPECT_EQ(due_ids(book, Start + 1h), std::vector<core::TaskId>{});
  EXPECT_EQ(book.tasks(), std::vector<core::TaskId>{1});
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
  book.finish(1, accepted(), Start);
  book.confirm(1);
  EXPECT_TRUE(book.take(TaskBook::MostTasks + 1));
}

}  // namespace
}  // namespace cancelbus::worker
