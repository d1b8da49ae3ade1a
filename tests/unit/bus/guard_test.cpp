#include "service/bus/guard.hpp"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>
#include <zmq.h>

#include <array>

namespace cancelbus::bus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string new_key() {
  std::array<char, 41> public_key{}, secret{};
  zmq_curve_keypair(public_key.data(), secret.data());
  return public_key.data();
}

class GuardTest : public testing::Test {
 protected:
  static Policy policy(const std::string& text) {
    auto parsed = Policy::parse(text);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    return *std::move(parsed);
  }

  bool comes(const std::string& key, const char* door = "session") {
    return guard.enters({door, "127.0.0.1", key}, now);
  }
  int enter(const std::string& key, int times) {
    int entered = 0;
    for (int i = 0; i < times; ++i) entered += comes(key) ? 1 : 0;
    return entered;
  }

  double refusals_for(const std::string& reason) {
    const auto families = registry.Collect();
    for (const auto& metric : families.at(0).metric) {
      if (metric.label.at(0).value == reason) return metric.counter.value;
    }
    return 0;
  }

  const std::string desk = new_key(), other = new_key(), observer = new_key(), chief = new_key(), worker = new_key(),
                    feed = new_key();
  core::Tick now = core::Tick() + seconds(100);
  bool crowded = false;
  prometheus::Registry registry;
  Refusals refusals{registry};
  Guard guard{policy(absl::StrCat("strategy desk ", desk, "\nstrategy other ", other, "\nobserver observer ", observer,
                                  "\noperator chief ", chief, "\nworker worker ", worker, "\nsubscriber feed ", feed)),
              refusals, [this] { return crowded; }};
};

TEST_F(GuardTest, AKeyMakesSoManyConnectionsAndNoMore) {
  EXPECT_EQ(enter(desk, 150), 100);
  EXPECT_EQ(refusals_for("connections"), 50);
  EXPECT_FALSE(comes(desk));
  EXPECT_TRUE(comes(other));
  now += milliseconds(100);
  EXPECT_EQ(enter(desk, 150), 10);
}

TEST_F(GuardTest, TheLastRoomIsForThoseWithoutWhomNothingWorks) {
  crowded = true;
  EXPECT_FALSE(comes(desk));
  EXPECT_FALSE(comes(observer, "event"));
  EXPECT_TRUE(comes(chief));
  EXPECT_TRUE(comes(worker, "backend"));
  EXPECT_TRUE(comes(feed, "backend"));
  crowded = false;
  EXPECT_TRUE(comes(desk));
}

TEST_F(GuardTest, WhoHasNoBusinessStaysOutside) {
  EXPECT_FALSE(comes(new_key()));
  EXPECT_FALSE(comes(desk, "backend"));
  EXPECT_FALSE(comes(worker));
}

TEST_F(GuardTest, NoSubscriptionIsLongerThanATopic) {
  EXPECT_TRUE(guard.may_say(observer, "\x01" + std::string("client.") + std::string(32, 'x') + ".", now));
  EXPECT_FALSE(guard.may_say(observer, "\x01" + std::string("client.") + std::string(33, 'x') + ".", now));
  EXPECT_EQ(refusals_for("topic"), 1);
  EXPECT_FALSE(comes(observer, "event"));
}

TEST_F(GuardTest, ABarEndsByItselfAndIsLongerEachTime) {
  const auto oversteps = [&] { return !guard.may_say(observer, "\x01" + std::string(200, 'x'), now); };
  core::Duration length = std::chrono::minutes(1);
  for (int time = 1; time <= 8; ++time) {
    ASSERT_TRUE(comes(observer, "event")) << time;
    ASSERT_TRUE(oversteps());
    ASSERT_TRUE(oversteps()) << "while it is barred it makes nothing worse for itself";
    now += length - milliseconds(1);
    EXPECT_FALSE(comes(observer, "event")) << time;
    now += milliseconds(1);
    length = std::min<core::Duration>(2 * length, std::chrono::hours(1));
  }
  ASSERT_TRUE(oversteps());
  EXPECT_TRUE(comes(observer, "session")) << "from events alone";
  guard.replace(policy(absl::StrCat("observer observer ", observer)), now);
  EXPECT_TRUE(comes(observer, "event")) << "a new policy lets it in";
}

TEST_F(GuardTest, ABarIsForgottenAnHourAfterItHasEnded) {
  const auto oversteps = [&] { return !guard.may_say(observer, "\x01" + std::string(200, 'x'), now); };
  ASSERT_TRUE(oversteps());
  now += Guard::FirstBar;
  ASSERT_TRUE(oversteps());
  now += 2 * Guard::FirstBar + Guard::LongestBar;
  ASSERT_TRUE(oversteps());
  now += Guard::FirstBar;
  EXPECT_TRUE(comes(observer, "event")) << "as after the first time";
}

TEST_F(GuardTest, AKeyWhosePolicyTakesASenderAwayStaysOutUntilItsClientHasHeardSo) {
  const auto desk_may_use = [&](std::string_view senders) {
    return guard.replace(policy(absl::StrCat("observer observer ", observer, "\nstrategy desk ", desk,
                                             " senders=", std::string(senders))),
                         now);
  };
  desk_may_use("desk");
  EXPECT_FALSE(desk_may_use("desk,other")) << "no key lost anything";
  EXPECT_TRUE(comes(desk, "event"));
  EXPECT_TRUE(desk_may_use("desk"));
  EXPECT_FALSE(comes(desk, "event"));
  EXPECT_TRUE(comes(desk, "session"));
  EXPECT_TRUE(comes(observer, "event"));
  EXPECT_EQ(guard.bar_of(desk, {now, {}})->text, "its policy allows less than before");
  now += Guard::NarrowedBar;
  EXPECT_TRUE(comes(desk, "event"));
  ASSERT_FALSE(guard.may_say(desk,
                             "\x01"
                             "client.other.",
                             now));
  EXPECT_EQ(guard.bar_of(desk, {now, {}})->remaining, Guard::FirstBar) << "and not twice as long";
}

TEST_F(GuardTest, ABarSaysOfWhomForHowLongAndWhy) {
  const core::WallTime wall{std::chrono::hours(1)};
  EXPECT_TRUE(guard.bars({now, wall}).empty());
  ASSERT_FALSE(guard.may_say(other,
                             "\x01"
                             "client.",
                             now));
  ASSERT_FALSE(guard.may_say(desk,
                             "\x01"
                             "client.other.",
                             now));
  const auto bar = guard.bar_of(desk, {now + seconds(20), wall});
  ASSERT_TRUE(bar);
  EXPECT_EQ(bar->name, "desk");
  EXPECT_EQ(bar->remaining, seconds(40));
  EXPECT_EQ(bar->until, wall + seconds(40));
  EXPECT_EQ(bar->text, "subscribed to \"client.other.\"");
  EXPECT_FALSE(guard.bar_of(observer, {now, wall}));
  const auto all = guard.bars({now, wall});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].name, "desk");
  EXPECT_EQ(all[1].name, "other");
  EXPECT_TRUE(guard.bars({now + Guard::FirstBar, wall}).empty());
}

TEST_F(GuardTest, AKeyReadsSoManyTopicsAtATime) {
  const auto subscribe = [&](const std::string& key, int number) {
    now += milliseconds(10);
    return guard.may_say(key, absl::StrCat("\x01", "client.", number, "."), now);
  };
  for (int number = 0; number < 1'000; ++number) ASSERT_TRUE(subscribe(observer, number));
  EXPECT_TRUE(subscribe(observer, 7)) << "once more the same";
  EXPECT_TRUE(subscribe(chief, 1'000));
  EXPECT_TRUE(subscribe(observer, 1'000)) << "kept once for all its readers";
  EXPECT_TRUE(guard.may_say("", std::string("\0client.7.", 10), now)) << "libzmq says that it has no reader any more";
  EXPECT_TRUE(subscribe(observer, 1'001));
  EXPECT_TRUE(guard.may_say(observer, std::string("\0client.8.", 10), now)) << "a peer says so";
  EXPECT_FALSE(subscribe(observer, 1'002));
  EXPECT_EQ(refusals_for("subscriptions"), 1);
}

}  // namespace
}  // namespace cancelbus::bus
