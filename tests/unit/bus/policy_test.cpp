#include "service/bus/policy.hpp"

#include <gtest/gtest.h>
#include <zmq.h>

#include <array>

#include "service/io/curve.hpp"

namespace cancelbus::bus {
namespace {

struct Keys {
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};

  Keys() { zmq_curve_keypair(public_key.data(), secret_key.data()); }
};

std::string fresh_key() { return Keys().public_key.data(); }

// A secret key that shows that it is none: half of all do.
std::string telling_secret_key() {
  for (;;) {
    const Keys keys;
    if (!io::may_be_public(keys.secret_key.data())) return keys.secret_key.data();
  }
}

std::string refusal(const std::string& text) {
  const auto policy = Policy::parse(text);
  return policy.ok() ? "accepted" : std::string(policy.status().message());
}

class PolicyTest : public testing::Test {
 protected:
  const std::string key = fresh_key();
  const std::string other = fresh_key();

  Entry entry(const std::string& line) const {
    auto policy = Policy::parse(line);
    EXPECT_TRUE(policy.ok()) << policy.status();
    const Entry* found = policy->find(key);
    EXPECT_NE(found, nullptr);
    return *found;
  }
};

TEST_F(PolicyTest, ReadsEntriesCommentsAndEmptyLines) {
  const auto policy = Policy::parse("# who may\n\n  strategy desk-a " + key +
                                    "\t senders=a,b weight=7\r\n\toperator ops " + other + "\n");
  ASSERT_TRUE(policy.ok()) << policy.status();
  ASSERT_EQ(policy->entries().size(), 2U);
  EXPECT_EQ(policy->entries()[0], (Entry{Role::Strategy, "desk-a", key, {"a", "b"}, 7}));
  EXPECT_EQ(policy->entries()[1], (Entry{Role::Operator, "ops", other, {"ctl-*"}, 1}));
  EXPECT_EQ(policy->find(fresh_key()), nullptr);
}

TEST_F(PolicyTest, RefusesTheWholeWithLineAndField) {
  const std::string good = "strategy desk-a " + key + "\n";
  EXPECT_EQ(refusal(""), "no entry: expected lines ROLE NAME PUBLICKEY");
  EXPECT_EQ(refusal(good + "king x " + other),
            "line 2: role: \"king\" is none of strategy, observer, worker, subscriber, operator");
  EXPECT_EQ(refusal("anyone x " + other).substr(0, 14), "line 1: role: ");
  EXPECT_EQ(refusal("strategy"), "line 1: name: is missing: expected ROLE NAME PUBLICKEY");
  EXPECT_EQ(refusal("strategy desk-a"), "line 1: key: is missing: expected ROLE NAME PUBLICKEY");
  EXPECT_EQ(refusal("strategy desk.a " + key),
            "line 1: name: \"desk.a\" is not 1 to 32 of the characters A-Z a-z 0-9 _ -");
  EXPECT_EQ(refusal(good + "observer desk-a " + other), "line 2: name: \"desk-a\" stands in line 1");
  EXPECT_EQ(refusal(good + "observer eye " + key), "line 2: key: stands in line 1 already");
  EXPECT_EQ(refusal("strategy desk-a " + key.substr(1)), "line 1: key: is not a public key of 40 Z85 characters");
  EXPECT_EQ(refusal("strategy desk-a " + key.substr(1) + "~"), "line 1: key: is not a public key of 40 Z85 characters");
  EXPECT_EQ(refusal("strategy desk-a " + std::string(40, '#')),
            "line 1: key: is not a public key of 40 Z85 characters");
  EXPECT_EQ(refusal("strategy desk-a " + key + " senders=a,b*c"),
            "line 1: senders: \"b*c\" is not 1 to 32 of the characters A-Z a-z 0-9 _ - with perhaps a * at its end");
  EXPECT_EQ(refusal("worker w " + key + " senders=a"), "line 1: senders: role worker has none");
  EXPECT_EQ(refusal("observer o " + key + " weight=2"), "line 1: weight: role observer has none");
  for (const char* weight : {"0", "1001", "-1", "x", "", "1.5"}) {
    EXPECT_EQ(refusal("strategy desk-a " + key + " weight=" + weight),
              std::string("line 1: weight: \"") + weight + "\" is not a whole number from 1 to 1000");
  }
  EXPECT_EQ(refusal("strategy desk-a " + key + " weight=2 weight=2"), "line 1: weight: is given twice");
  EXPECT_EQ(refusal("strategy desk-a " + key + " colour=red"),
            "line 1: option: \"colour=red\" is none of senders=A,B weight=N prefixes=dA-,dB- cancels=own|any");
}

TEST_F(PolicyTest, SaysThatASecretKeyIsOneAndDoesNotShowIt) {
  const std::string secret = telling_secret_key();
  const std::string said = refusal("strategy desk-a " + secret);
  EXPECT_EQ(said.substr(0, 28), "line 1: key: is a secret key");
  EXPECT_EQ(said.find(secret), std::string::npos);
}

TEST_F(PolicyTest, ShowsNoKeyThatStandsInAnothersPlace) {
  for (const std::string& line :
       {other + " desk-a " + key, "strategy " + other + " " + key, "strategy desk-a " + key + " " + other,
        "strategy desk-a " + key + " weight=" + other, "strategy desk-a " + key + " senders=a," + other}) {
    const std::string said = refusal(line);
    EXPECT_NE(said, "accepted");
    EXPECT_EQ(said.find(other), std::string::npos) << said;
  }
}

TEST_F(PolicyTest, ShowsNothingThatATerminalObeys) {
  EXPECT_EQ(refusal("strategy \x1b[2J\xff " + key),
            "line 1: name: \"?[2J?\" is not 1 to 32 of the characters A-Z a-z 0-9 _ -");
}

TEST_F(PolicyTest, HasLimits) {
  std::string senders = "strategy desk-a " + key + " senders=s";
  for (size_t i = 1; i < Policy::MaxSenders; ++i) senders += ",s" + std::to_string(i);
  EXPECT_EQ(refusal(senders), "accepted");
  EXPECT_EQ(refusal(senders + ",t"), "line 1: senders: more than 64");

  std::string many;
  for (size_t i = 0; i <= Policy::MaxEntries; ++i) many += "strategy s" + std::to_string(i) + " " + fresh_key() + "\n";
  EXPECT_EQ(refusal(many), "line 1001: entries: more than 1000");
  EXPECT_EQ(refusal(std::string(Policy::MaxBytes + 1, '#')), "the file is larger than 1 MiB");
}

TEST_F(PolicyTest, AStrategyReadsItsOwn) {
  const Entry entry = this->entry("strategy desk-a " + key + " senders=a,b-*");
  EXPECT_TRUE(entry.may_be("a"));
  EXPECT_TRUE(entry.may_be("b-1"));
  EXPECT_FALSE(entry.may_be("desk-a"));
  EXPECT_FALSE(entry.may_be("ab"));
  EXPECT_FALSE(entry.may_be("b"));
  EXPECT_FALSE(entry.may_be(""));
  for (const char* topic : {"client.a.", "client.b-1.", "venue.", "bus."}) EXPECT_TRUE(entry.may_read(topic)) << topic;
  for (const char* topic : {"", "c", "client", "client.", "client.a", "client.ab.", "client.c.", "client.b-", "venue",
                            "client..", "client.a.b", "v"}) {
    EXPECT_FALSE(entry.may_read(topic)) << topic;
  }
  EXPECT_TRUE(entry.may_cancel());
  EXPECT_FALSE(entry.may_resolve() || entry.may_record());
}

TEST_F(PolicyTest, EachRoleHasItsDoorsAndRights) {
  const Entry strategy = entry("strategy s " + key), observer = entry("observer o " + key),
              worker = entry("worker w " + key), subscriber = entry("subscriber f " + key),
              ops = entry("operator op " + key);
  for (const Entry* entry : {&strategy, &observer, &ops}) {
    EXPECT_TRUE(entry->may_enter(Door::Session) && entry->may_enter(Door::Event));
    EXPECT_FALSE(entry->may_enter(Door::Backend) || entry->may_work() || entry->may_feed());
  }
  for (const Entry* entry : {&worker, &subscriber}) {
    EXPECT_FALSE(entry->may_enter(Door::Session) || entry->may_enter(Door::Event));
    EXPECT_TRUE(entry->may_enter(Door::Backend));
    EXPECT_FALSE(entry->may_cancel() || entry->may_resolve() || entry->may_read("bus.") || entry->may_be(entry->name));
  }
  EXPECT_TRUE(worker.may_work() && !worker.may_feed());
  EXPECT_TRUE(subscriber.may_feed() && !subscriber.may_work());
  EXPECT_FALSE(observer.may_cancel() || observer.may_resolve());
  EXPECT_TRUE(ops.may_cancel() && ops.may_resolve());
  for (const char* topic : {"c", "client.", "client.x.", "venue.", "bus.", "records", "x"}) {
    EXPECT_TRUE(observer.may_read(topic) && ops.may_read(topic)) << topic;
  }
  EXPECT_TRUE(strategy.may_be("s") && !strategy.may_be("ctl-1"));
  EXPECT_TRUE(observer.may_be("o") && observer.may_be("ctl-1"));
  EXPECT_TRUE(ops.may_be("ctl-1") && !ops.may_be("op"));
}

TEST_F(PolicyTest, PrefixesSayWhoseOrdersAreWhose) {
  const auto policy = Policy::parse("strategy desk-a " + key + " prefixes=dA-,eA-\nstrategy desk-b " + other +
                                    " senders=b prefixes=dB-");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_EQ(policy->prefixes(), (std::vector<core::OwnerPrefix>{{"dA-", "desk-a"}, {"eA-", "desk-a"}, {"dB-", "b"}}));
}

TEST_F(PolicyTest, TwoEntriesOfOneSenderMayHaveTheSamePrefixes) {
  const auto policy = Policy::parse("strategy desk-a " + key + " prefixes=dA-\nstrategy desk-a2 " + other +
                                    " senders=desk-a prefixes=dA-,dA-2");
  ASSERT_TRUE(policy.ok()) << policy.status() << ": a key is being replaced";
}

TEST_F(PolicyTest, PrefixesOfTwoSendersMayNotContainEachOther) {
  const std::string first = "strategy desk-a " + key + " prefixes=dA-x\n";
  EXPECT_EQ(refusal(first + "strategy desk-b " + other + " prefixes=dB-,dA-"),
            "prefixes: \"dA-x\" of desk-a begins with \"dA-\" of desk-b: an order would belong to both");
  EXPECT_EQ(refusal(first + "strategy desk-b " + other + " prefixes=dA-x"),
            "prefixes: \"dA-x\" of desk-b begins with \"dA-x\" of desk-a: an order would belong to both");
}

TEST_F(PolicyTest, AnEntryWithPrefixesHasOneSender) {
  const std::string why =
      "line 1: prefixes: the entry needs exactly one sender, which is no pattern: orders of these "
      "prefixes are its";
  EXPECT_EQ(refusal("strategy desk-a " + key + " senders=a,b prefixes=dA-"), why);
  EXPECT_EQ(refusal("strategy desk-a " + key + " prefixes=dA- senders=a*"), why);
  EXPECT_EQ(entry("strategy desk-a " + key + " prefixes=dA- senders=a").prefixes, std::vector<std::string>{"dA-"});
}

TEST_F(PolicyTest, PrefixesAreChecked) {
  const std::string line = "strategy desk-a " + key;
  EXPECT_EQ(refusal(line + " prefixes="),
            "line 1: prefixes: \"\" is not 1 to 32 printable ASCII characters without a space");
  EXPECT_EQ(refusal(line + " prefixes=dA-,").substr(0, 20), "line 1: prefixes: \"\"");
  EXPECT_EQ(refusal(line + " prefixes=" + std::string(33, 'x')).substr(0, 18), "line 1: prefixes: ");
  EXPECT_EQ(refusal(line + " prefixes=d\x80").substr(0, 18), "line 1: prefixes: ");
  EXPECT_EQ(refusal(line + " prefixes=a prefixes=b"), "line 1: prefixes: is given twice");
  EXPECT_EQ(refusal("operator ops " + key + " prefixes=a"), "line 1: prefixes: role operator has none");
  std::string many = " prefixes=p";
  for (int i = 0; i < 64; ++i) many += ",p" + std::to_string(i);
  EXPECT_EQ(refusal(line + many), "line 1: prefixes: more than 64");
}

TEST_F(PolicyTest, CancelsSaysWhoseOrdersMayBeCanceled) {
  const std::string line = "strategy desk-a " + key;
  EXPECT_FALSE(entry(line).cancels_own);
  EXPECT_FALSE(entry(line + " cancels=any").cancels_own);
  EXPECT_TRUE(entry(line + " cancels=own").cancels_own);
  EXPECT_EQ(refusal(line + " cancels=mine"), "line 1: cancels: \"mine\" is neither own nor any");
  EXPECT_EQ(refusal("operator ops " + key + " cancels=own"), "line 1: cancels: role operator has no such option");
}

TEST_F(PolicyTest, AStrategySeesTheOpenOrdersOfItsOwnNames) {
  const Entry strategy = entry("strategy desk-a " + key + " senders=a,b-*");
  EXPECT_TRUE(strategy.may_see_orders_of("a"));
  EXPECT_TRUE(strategy.may_see_orders_of("b-1"));
  EXPECT_FALSE(strategy.may_see_orders_of("c"));
  EXPECT_FALSE(strategy.may_see_all_orders());
  for (const char* role : {"observer", "operator"}) {
    const Entry all = entry(role + std::string(" eye ") + key);
    EXPECT_TRUE(all.may_see_all_orders() && all.may_see_orders_of("c")) << role;
  }
  EXPECT_FALSE(entry("worker w " + key).may_see_orders_of("w"));
}

TEST_F(PolicyTest, WhatIsRecordedIsForOperatorsAlone) {
  const Entry strategy = entry("strategy s " + key + " senders=*"), observer = entry("observer o " + key),
              worker = entry("worker w " + key), subscriber = entry("subscriber f " + key),
              ops = entry("operator op " + key);
  EXPECT_TRUE(ops.may_record());
  for (const Entry* entry : {&strategy, &observer, &worker, &subscriber}) EXPECT_FALSE(entry->may_record());
  // Also each beginning that covers it.
  for (const char* topic : {"", "r", "rec", "record", "record.", "record.x"}) {
    EXPECT_TRUE(ops.may_read(topic)) << topic;
    for (const Entry* entry : {&strategy, &observer, &worker, &subscriber})
      EXPECT_FALSE(entry->may_read(topic)) << topic;
  }
}

}  // namespace
}  // namespace cancelbus::bus
