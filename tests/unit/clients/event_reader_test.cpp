#include "cancelbus/event_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace cancelbus::client {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t Epoch = 7;
const std::string Topic = "client.desk-a.";

class EventReaderTest : public testing::Test {
 protected:
  void positions(uint64_t next_seq, uint64_t epoch = Epoch, const std::string& topic = Topic) {
    EventReader::Positions list;
    list.Add()->set_topic(topic);
    list.Mutable(0)->set_next_seq(next_seq);
    reader_.on_positions(epoch, list, now_);
  }

  bool event(uint64_t seq, uint64_t epoch = Epoch, const std::string& topic = Topic) {
    v1::Event e;
    e.set_epoch(epoch);
    e.set_topic(topic);
    e.set_seq(seq);
    return reader_.on_event(e, now_);
  }

  void reject(uint64_t first_kept, uint64_t epoch = Epoch) {
    v1::RetransmitReject r;
    r.set_epoch(epoch);
    r.set_topic(Topic);
    r.set_first_kept_seq(first_kept);
    reader_.on_reject(r, now_);
  }

  void pass(milliseconds time) {
    now_ += time;
    reader_.on_time(now_);
  }

  /// "8" an event, "ask 8+2" a request, "lost 8-9", "epoch 7->8".
  std::vector<std::string> out() {
    std::vector<std::string> lines;
    for (const auto& output : reader_.take())
      lines.push_back(std::visit([](const auto& o) { return line(o); }, output));
    return lines;
  }

  static std::string line(const v1::Event& e) {
    return (e.topic() == Topic ? "" : e.topic()) + std::to_string(e.seq());
  }
  static std::string line(const v1::RetransmitRequest& r) {
    return "ask " + std::to_string(r.from_seq()) + "+" + std::to_string(r.count());
  }
  static std::string line(const LostEvents& l) {
    return "lost " + std::to_string(l.from_seq) + "-" + std::to_string(l.to_seq);
  }
  static std::string line(const NewEpoch& e) {
    return "epoch " + std::to_string(e.before) + "->" + std::to_string(e.now);
  }

  EventReader reader_;
  Time now_{};
};

TEST_F(EventReaderTest, ReadsOnFromTheFirstPositions) {
  positions(8);
  EXPECT_FALSE(event(7));
  EXPECT_TRUE(event(8));
  EXPECT_TRUE(event(9));
  EXPECT_THAT(out(), ElementsAre("8", "9"));
  EXPECT_EQ(reader_.next_deadline(), Never);
}

TEST_F(EventReaderTest, KeepsWhatComesBeforeTheFirstPositions) {
  event(7);
  event(8);
  EXPECT_THAT(out(), IsEmpty());
  positions(8);
  EXPECT_THAT(out(), ElementsAre("8"));
}

TEST_F(EventReaderTest, AsksAtOnceForAHoleBetweenEvents) {
  positions(1);
  event(1);
  event(4);
  EXPECT_THAT(out(), ElementsAre("1", "ask 2+2"));
  event(5);
  EXPECT_THAT(out(), IsEmpty()) << "one request is under way already";
  event(2);
  event(3);
  EXPECT_THAT(out(), ElementsAre("2", "3", "4", "5"));
  EXPECT_EQ(reader_.next_deadline(), Never);
}

TEST_F(EventReaderTest, AsksForEachOfSeveralHoles) {
  positions(1);
  event(2);
  event(4);
  EXPECT_THAT(out(), ElementsAre("ask 1+1"));
  event(1);
  EXPECT_THAT(out(), ElementsAre("1", "2", "ask 3+1"));
  event(3);
  EXPECT_THAT(out(), ElementsAre("3", "4"));
}

TEST_F(EventReaderTest, HandsOutNothingTwice) {
  positions(1);
  event(2);
  event(2);
  event(1);
  EXPECT_FALSE(event(1));
  EXPECT_FALSE(event(2));
  EXPECT_THAT(out(), ElementsAre("ask 1+1", "1", "2"));
}

TEST_F(EventReaderTest, PutsReorderedEventsInOrder) {
  positions(1);
  for (const uint64_t seq : {3, 1, 4, 2, 6, 5}) event(seq);
  EXPECT_THAT(out(), ElementsAre("ask 1+2", "1", "2", "3", "4", "ask 5+1", "5", "6"));
}

TEST_F(EventReaderTest, AsksAgainWhenNothingComes) {
  positions(1);
  event(3);
  EXPECT_THAT(out(), ElementsAre("ask 1+2"));
  pass(milliseconds(999));
  EXPECT_THAT(out(), IsEmpty());
  pass(milliseconds(1));
  EXPECT_THAT(out(), ElementsAre("ask 1+2"));
  pass(milliseconds(600));
  event(1);  // progress: the rest may be on its way
  EXPECT_EQ(reader_.next_deadline(), now_ + EventReader::AskAgainAfter);
  pass(milliseconds(1000));
  EXPECT_THAT(out(), ElementsAre("1", "ask 2+1"));
}

TEST_F(EventReaderTest, NoticesALateLossByPositionsAfterAGrace) {
  positions(3);
  positions(5);
  EXPECT_THAT(out(), IsEmpty()) << "3 and 4 may be on their way on the other socket";
  pass(EventReader::Grace - milliseconds(1));
  EXPECT_THAT(out(), IsEmpty());
  pass(milliseconds(1));
  EXPECT_THAT(out(), ElementsAre("ask 3+2"));
}

TEST_F(EventReaderTest, TakesEventsThatAreMerelyLateForNoLoss) {
  positions(3);
  positions(5);
  event(3);
  event(4);
  pass(milliseconds(5000));
  EXPECT_THAT(out(), ElementsAre("3", "4"));
}

TEST_F(EventReaderTest, AsksForLongHolesInPieces) {
  positions(1);
  event(1001);
  EXPECT_THAT(out(), ElementsAre("ask 1+500"));
  for (uint64_t seq = 1; seq <= 499; ++seq) event(seq);
  EXPECT_EQ(out().back(), "499");
  event(500);
  EXPECT_THAT(out(), ElementsAre("500", "ask 501+500"));
  for (uint64_t seq = 501; seq <= 1000; ++seq) event(seq);
  EXPECT_EQ(out().back(), "1001");
  EXPECT_EQ(reader_.next_deadline(), Never);
}

TEST_F(EventReaderTest, KeepsABoundedNumberAheadAndAsksForTheRestLater) {
  positions(1);
  const uint64_t last = EventReader::MaxAhead + 50;
  for (uint64_t seq = 2; seq <= last; ++seq) event(seq);
  EXPECT_THAT(out(), ElementsAre("ask 1+1"));
  event(1);
  const auto lines = out();
  EXPECT_EQ(lines.size(), EventReader::MaxAhead + 2);
  EXPECT_EQ(lines.back(), "ask " + std::to_string(EventReader::MaxAhead + 2) + "+49");
}

TEST_F(EventReaderTest, NamesWhatIsNoLongerKept) {
  positions(1);
  event(8);
  EXPECT_THAT(out(), ElementsAre("ask 1+7"));
  reject(5);
  EXPECT_THAT(out(), ElementsAre("lost 1-4", "ask 5+3"));
  for (const uint64_t seq : {5, 6, 7}) event(seq);
  EXPECT_THAT(out(), ElementsAre("5", "6", "7", "8"));
}

TEST_F(EventReaderTest, LosesNothingThatItHolds) {
  positions(1);
  event(3);
  event(6);
  out();
  reject(9);  // the bus keeps none of these any more
  EXPECT_THAT(out(), ElementsAre("lost 1-2", "3", "ask 4+2"));
  reject(9);
  EXPECT_THAT(out(), ElementsAre("lost 4-5", "6"));
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(EventReaderTest, GivesUpOnALateLossThatIsNotKept) {
  positions(1);
  positions(4);
  pass(EventReader::Grace);
  EXPECT_THAT(out(), ElementsAre("ask 1+3"));
  reject(4);
  event(4);
  EXPECT_THAT(out(), ElementsAre("lost 1-3", "4"));
  EXPECT_EQ(reader_.next_deadline(), Never);
}

TEST_F(EventReaderTest, IgnoresRejectsOfFormerRequestsEpochsAndUnknownTopics) {
  positions(5);
  event(7);
  out();
  reject(3);
  reject(6, Epoch + 1);
  v1::RetransmitReject r;
  r.set_epoch(Epoch);
  r.set_topic("client.unknown.");
  r.set_first_kept_seq(9);
  reader_.on_reject(r, now_);
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(EventReaderTest, ReadsOnFromTheFirstPositionsOfANewEpoch) {
  positions(40);
  positions(3, Epoch + 1);
  EXPECT_THAT(out(), ElementsAre("epoch 7->8"));
  event(41);  // a straggler of the former epoch
  event(4, Epoch + 1);
  event(3, Epoch + 1);
  EXPECT_THAT(out(), ElementsAre("ask 3+1", "3", "4"));
  EXPECT_EQ(reader_.next_deadline(), Never);
}

TEST_F(EventReaderTest, ForgetsTheHolesOfAFormerEpoch) {
  positions(40);
  event(42);
  positions(1, Epoch + 1);
  pass(milliseconds(5000));
  EXPECT_THAT(out(), ElementsAre("ask 40+2", "epoch 7->8"));
}

TEST_F(EventReaderTest, KeepsEventsOfAnEpochThatIsNotYetAnnounced) {
  positions(40);
  event(1, Epoch + 1);
  EXPECT_THAT(out(), IsEmpty());
  positions(1, Epoch + 1);
  EXPECT_THAT(out(), ElementsAre("epoch 7->8", "1"));
  EXPECT_EQ(reader_.next_deadline(), Never);
}

TEST_F(EventReaderTest, ReadsATopicThatAppearedLaterFromItsBeginning) {
  positions(1);
  event(2, Epoch, "client.new.");
  EXPECT_THAT(out(), ElementsAre("ask 1+1"));
  event(1, Epoch, "client.new.");
  EXPECT_THAT(out(), ElementsAre("client.new.1", "client.new.2"));
}

TEST_F(EventReaderTest, GoesOnWhereAnEarlierReaderStopped) {
  reader_.resume(Epoch, Topic, 5);
  positions(8);
  pass(EventReader::Grace);
  EXPECT_THAT(out(), ElementsAre("ask 5+3"));
  event(5);
  event(6);
  event(7);
  EXPECT_THAT(out(), ElementsAre("5", "6", "7"));
}

TEST_F(EventReaderTest, OfWhatAnEarlierReaderHasMissedNothingMayBeKept) {
  reader_.resume(Epoch, Topic, 5);
  positions(8);
  pass(EventReader::Grace);
  reject(7);
  EXPECT_THAT(out(), ElementsAre("ask 5+3", "lost 5-6", "ask 7+1"));
}

TEST_F(EventReaderTest, AnotherEpochThanTheEarlierReadersIsTold) {
  reader_.resume(Epoch, Topic, 5);
  positions(2, Epoch + 1);
  pass(EventReader::Grace);
  event(2, Epoch + 1);
  EXPECT_THAT(out(), ElementsAre("epoch 7->8", "2"));
}

TEST_F(EventReaderTest, APlaceThatTheBusHasNotReachedIsNotWaitedFor) {
  reader_.resume(Epoch, Topic, 50);
  positions(8);
  event(8);
  EXPECT_THAT(out(), ElementsAre("8"));
}

TEST_F(EventReaderTest, TopicsDoNotDelayEachOther) {
  positions(1);
  positions(1, Epoch, "venue.");
  event(2);
  event(1, Epoch, "venue.");
  EXPECT_THAT(out(), ElementsAre("ask 1+1", "venue.1"));
}

TEST_F(EventReaderTest, LastValuesPassThrough) {
  positions(0, Epoch, "bus.");
  event(0, Epoch, "bus.");
  event(0, Epoch, "bus.");
  pass(milliseconds(5000));
  EXPECT_THAT(out(), ElementsAre("bus.0", "bus.0"));
}

TEST_F(EventReaderTest, AnEventOfEpochZeroIsIgnored) {
  EXPECT_TRUE(event(1, 0));
  EXPECT_THAT(out(), IsEmpty());
  positions(1);
  EXPECT_THAT(out(), IsEmpty());
  event(1);
  EXPECT_THAT(out(), ElementsAre("1"));
}

TEST_F(EventReaderTest, SeqsBeyondReasonAreIgnored) {
  constexpr uint64_t Last = std::numeric_limits<uint64_t>::max();
  positions(5);
  positions(Last);
  event(Last);
  reject(Last);
  pass(milliseconds(1250));
  EXPECT_THAT(out(), IsEmpty());
  event(5);
  EXPECT_THAT(out(), ElementsAre("5"));
}

}  // namespace
}  // namespace cancelbus::client
