#include "service/bus/recording.hpp"

#include <gtest/gtest.h>

namespace cancelbus::bus {
namespace {

using namespace std::chrono_literals;

class RecordingTest : public testing::Test {
 protected:
  double value(const std::string& name) {
    for (const auto& family : registry.Collect()) {
      if (family.name != name) continue;
      const auto& metric = family.metric.at(0);
      return family.type == prometheus::MetricType::Gauge ? metric.gauge.value : metric.counter.value;
    }
    return -1;
  }

  core::Tick now = core::Tick(1h);
  prometheus::Registry registry;
  Recording recording{registry};
};

TEST_F(RecordingTest, WithoutARecordingNoWorkerIsAsked) {
  EXPECT_FALSE(recording.due(now));
  EXPECT_EQ(recording.next_deadline(), core::Never);
  EXPECT_FALSE(recording.admits(1, now));
  EXPECT_EQ(value("cancelbus_recording"), 0);
  EXPECT_EQ(value("cancelbus_records_dropped_total"), 1);
}

TEST_F(RecordingTest, WorkersAreAskedAtOnceAndThenEverySecond) {
  recording.ask("ops", now);
  EXPECT_EQ(recording.next_deadline(), now);
  EXPECT_TRUE(recording.due(now));
  EXPECT_FALSE(recording.due(now)) << "once for each time";
  EXPECT_EQ(recording.next_deadline(), now + 1s);
  EXPECT_TRUE(recording.due(now + 1s));
  EXPECT_EQ(value("cancelbus_recording"), 1);
}

TEST_F(RecordingTest, ItEndsALeaseAfterTheLastRequest) {
  recording.ask("ops", now);
  recording.due(now);
  recording.ask("ops", now + 1s);
  for (now += 1s; now < core::Tick(1h) + 4s; now += 1s) {
    EXPECT_TRUE(recording.due(now));
    EXPECT_EQ(now + recording.left(now), core::Tick(1h) + 4s) << "so that workers end with it";
  }
  EXPECT_FALSE(recording.due(now));
  EXPECT_EQ(value("cancelbus_recording"), 0);
  EXPECT_EQ(recording.next_deadline(), core::Never);
  EXPECT_FALSE(recording.admits(1, now));
  recording.ask("ops", now);
  EXPECT_TRUE(recording.due(now)) << "and begins anew";
}

TEST_F(RecordingTest, SoMuchIsPublishedInASecond) {
  recording.ask("ops", now);
  EXPECT_TRUE(recording.due(now));
  EXPECT_TRUE(recording.admits(Recording::MostBytes, now));
  EXPECT_FALSE(recording.admits(1, now));
  EXPECT_TRUE(recording.due(now + 1s));
  EXPECT_TRUE(recording.admits(1, now + 1s));
  EXPECT_EQ(value("cancelbus_records_total"), 2);
  EXPECT_EQ(value("cancelbus_records_dropped_total"), 1);
}

}  // namespace
}  // namespace cancelbus::bus
