#include "service/core/mass_cancels.hpp"

#include <gtest/gtest.h>

namespace cancelbus::core {
namespace {

using std::chrono::hours;

class MassCancelsTest : public ::testing::Test {
 protected:
  static MassCancelRecord record(const std::string& sender, const std::string& cl_ord_id) {
    MassCancelRecord record;
    record.key = {sender, cl_ord_id};
    return record;
  }
  void add(const std::string& sender, const std::string& cl_ord_id) { all.add(record(sender, cl_ord_id), Tick()); }
  void end(const std::string& sender, const std::string& cl_ord_id, Duration run_time) {
    MassCancelReport report;
    report.status = MassCancelStatus::Completed;
    all.find({sender, cl_ord_id})->reported(report, 1, Tick());
    all.close_ended(run_time);
    all.check();
  }
  std::string forgotten(Duration run_time) {
    std::string out;
    for (const CommandKey& key : all.forget(run_time)) out += key.cl_ord_id + " ";
    all.check();
    return out;
  }

  MassCancels all{hours(24)};
};

TEST_F(MassCancelsTest, ACommandIsAChildOfTheMassCancelBeforeItsFirstSlash) {
  add("alice", "m");
  EXPECT_TRUE(all.is_child({"alice", "m/7"}));
  EXPECT_TRUE(all.is_child({"alice", "m/7/2"}));
  EXPECT_FALSE(all.is_child({"alice", "m"}));
  EXPECT_FALSE(all.is_child({"alice", "mm/7"}));
  EXPECT_FALSE(all.is_child({"bob", "m/7"}));
}

TEST_F(MassCancelsTest, ASenderMayHaveEightOpenAndTheBus32) {
  for (int i = 0; i < 8; ++i) add("alice", std::to_string(i));
  EXPECT_EQ(all.why_full("alice"), "the sender has 8 open mass cancels");
  EXPECT_EQ(all.why_full("bob"), "");
  end("alice", "3", {});
  EXPECT_EQ(all.why_full("alice"), "");
  for (int i = 0; i < 25; ++i) add("b" + std::to_string(i), "m");
  EXPECT_EQ(all.why_full("carol"), "the bus has 32 open mass cancels");
}

TEST_F(MassCancelsTest, AnEndedOneIsForgottenWhenItsRetentionIsOver) {
  add("alice", "a");
  add("alice", "b");
  end("alice", "b", hours(1));
  EXPECT_NE(all.find({"alice", "b"}), nullptr);
  EXPECT_EQ(forgotten(hours(24)), "");
  EXPECT_EQ(forgotten(hours(25)), "b ");
  EXPECT_EQ(all.find({"alice", "b"}), nullptr);
  EXPECT_NE(all.find({"alice", "a"}), nullptr);
}

TEST_F(MassCancelsTest, AfterARestartRetentionGoesOn) {
  MassCancelRecord ended = record("alice", "late");
  ended.ended = true;
  ended.run_time = hours(2);
  all.restore(ended, Tick());
  ended.key.cl_ord_id = "early";
  ended.run_time = hours(1);
  all.restore(ended, Tick());
  all.restore(record("alice", "open"), Tick());
  all.restored();
  EXPECT_EQ(all.open().size(), 1U);
  EXPECT_EQ(forgotten(hours(25)), "early ");
  EXPECT_EQ(forgotten(hours(26)), "late ");
}

}  // namespace
}  // namespace cancelbus::core
