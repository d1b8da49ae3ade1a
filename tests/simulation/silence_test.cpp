// The judge of promise 9 on made-up worlds: what it must refuse and what it must let pass.
#include "tests/simulation/silence.hpp"

#include <gtest/gtest.h>

namespace cancelbus::simulation {
namespace {

struct SilenceTest : ::testing::Test {
  World world{1, nullptr};
  Store store{1h, true};
  Ledger ledger{world, store};
  core::GatewayOptions options = with_few_statuses();
  Silence silence{world, store, ledger, options};
  core::PeerId peer = "p";  ///< the worker's connection

  SilenceTest() {
    store.tick = [this] { return world.now(); };
    silence.bus_started();
  }
  static core::GatewayOptions with_few_statuses() {
    core::GatewayOptions options;
    options.statuses_per_second = 2;
    return options;
  }
  void wait(Duration length) {
    world.agenda.after(length, [] {});
    world.agenda.run_next(Never - Duration(1));
  }
  void ready(uint32_t credit = 4, bool clock = true) {
    core::WorkerReady ready;
    ready.peer = peer;
    ready.worker = 7;
    ready.credit = credit;
    if (clock) ready.clock.emplace();
    silence.heard(ready);
  }
  /// A worker is heard for so long.
  void work(Duration length) {
    for (; length > Duration::zero(); length -= 250ms) {
      ready();
      wait(250ms);
    }
    ready();
  }
  std::string answer(std::initializer_list<v1::CauseKind> kinds) {
    v1::HeartbeatReply reply;
    for (const v1::CauseKind kind : kinds) {
      reply.add_cause()->set_kind(kind);
      reply.mutable_cause()->rbegin()->set_limiter("cancel");
    }
    silence.judging_deadlines();
    silence.answering(reply);
    return world.failure;
  }
  void end(core::TaskId task, core::Verdict verdict, core::LimiterKind kind = core::LimiterKind::Cancel) {
    give(task, kind);
    report(task, verdict, peer);
  }
  void give(core::TaskId task, core::LimiterKind kind = core::LimiterKind::Cancel) {
    core::SendTask sent;
    sent.kind = kind;
    sent.peer = peer;
    sent.task = task;
    silence.sending(sent);
  }
  void report(core::TaskId task, core::Verdict verdict, const core::PeerId& from) {
    core::Answer answer;
    answer.verdict = verdict;
    silence.heard(core::TaskEnded{from, task, answer});
  }
  std::string decide(core::Stage stage, int times) {
    core::Actions actions;
    for (int i = 0; i < times; ++i) {
      actions.records.push_back(core::Publication{"client.a.", 1, {}, core::CancelStatus{"c", 1, stage, "why", {}}});
    }
    silence.decided(actions, world.now());
    return world.failure;
  }
};

TEST_F(SilenceTest, WantsALoweredLimitNamedUntilItIsWholeAgain) {
  const core::RateRule& rule = options.cancel_limits.front();
  const auto commit = [&](uint32_t limit) {
    core::LoweredLimits limits;
    limits.entries.push_back({core::LimiterKind::Cancel, {.period = rule.period, .limit = limit}});
    core::Actions actions;
    actions.records.push_back(limits);
    silence.decided(actions, world.now());
  };
  commit(rule.limit / 2);
  work(1s);
  EXPECT_EQ(answer({}), "");
  work(2s);
  EXPECT_EQ(answer({v1::CAUSE_KIND_LIMIT_LOWERED}), "");
  commit(rule.limit);
  work(1s);
  EXPECT_EQ(answer({v1::CAUSE_KIND_LIMIT_LOWERED}), "");
  work(2s);
  EXPECT_EQ(answer({}), "");
  EXPECT_NE(answer({v1::CAUSE_KIND_LIMIT_LOWERED}).find("names a lowered limit of cancel"), std::string::npos);
}

TEST_F(SilenceTest, RefusesALoweredLimitThatIsNotNamed) {
  core::LoweredLimits limits;
  limits.entries.push_back({core::LimiterKind::Cancel, {.period = options.cancel_limits.front().period, .limit = 1}});
  core::Actions actions;
  actions.records.push_back(limits);
  silence.decided(actions, world.now());
  work(3s);
  EXPECT_NE(answer({}).find("does not name a lowered limit of cancel"), std::string::npos);
}

TEST_F(SilenceTest, RefusesACauseThatNoCommandWaitsFor) {
  work(3s);
  EXPECT_EQ(answer({}), "");
  EXPECT_NE(answer({v1::CAUSE_KIND_QUEUE}).find("names CAUSE_KIND_QUEUE: no command waits for it"), std::string::npos);
}

TEST_F(SilenceTest, WantsNoWorkerNamedTwoSecondsAfterTheLease) {
  wait(2s);
  EXPECT_EQ(answer({}), "");
  wait(1500ms);
  EXPECT_EQ(answer({v1::CAUSE_KIND_NO_WORKER}), "");
  EXPECT_NE(answer({}).find("does not name CAUSE_KIND_NO_WORKER"), std::string::npos);
}

TEST_F(SilenceTest, WantsItNamedAlsoOfAWorkerThatCannotBeGivenAnything) {
  for (int i = 0; i < 16; ++i) {
    ready(0);
    wait(250ms);
  }
  EXPECT_NE(answer({}).find("does not name CAUSE_KIND_NO_WORKER"), std::string::npos);
}

TEST_F(SilenceTest, WantsTheClockNamedOfAWorkerThatCannotReadIt) {
  for (int i = 0; i < 16; ++i) {
    ready(4, false);
    wait(250ms);
  }
  EXPECT_EQ(answer({v1::CAUSE_KIND_CLOCK}), "");
  EXPECT_NE(answer({v1::CAUSE_KIND_NO_WORKER}).find("cannot read the exchange's clock"), std::string::npos);
}

TEST_F(SilenceTest, WantsFailingCancelsNamedWhateverTheQueriesRead) {
  work(3s);
  for (core::TaskId task = 1; task <= 4; task += 2) {
    end(task, core::Verdict::Doubtful);
    end(task + 1, core::Verdict::Read, core::LimiterKind::Query);
  }
  work(3s);
  EXPECT_EQ(answer({v1::CAUSE_KIND_EXCHANGE_FAILING}), "");
  EXPECT_NE(answer({}).find("does not name CAUSE_KIND_EXCHANGE_FAILING"), std::string::npos);
}

TEST_F(SilenceTest, WantsItNamedNoMoreTwoSecondsAfterAWorkerCame) {
  work(1s);
  EXPECT_EQ(answer({v1::CAUSE_KIND_NO_WORKER}), "");
  work(1500ms);
  EXPECT_EQ(answer({}), "");
  EXPECT_NE(answer({v1::CAUSE_KIND_NO_WORKER}).find("names CAUSE_KIND_NO_WORKER"), std::string::npos);
}

TEST_F(SilenceTest, WantsTheKeysNamedThatWereRefused) {
  work(3s);
  end(1, core::Verdict::Unauthorized);
  work(1s);
  EXPECT_EQ(answer({}), "");
  work(1500ms);
  EXPECT_EQ(answer({v1::CAUSE_KIND_KEYS_REFUSED}), "");
  EXPECT_NE(answer({}).find("does not name CAUSE_KIND_KEYS_REFUSED"), std::string::npos);
}

TEST_F(SilenceTest, LetsTheKeyBeNamedOnceItsWorkerRepeatsTheRefusalOnAConnectionThatTheBusKnows) {
  work(3s);
  give(1);
  report(1, core::Verdict::Unauthorized, "q");
  work(250ms);
  EXPECT_EQ(answer({}), "");
  peer = "q";
  ready();
  end(2, core::Verdict::Read, core::LimiterKind::Query);
  report(1, core::Verdict::Unauthorized, "q");
  EXPECT_EQ(answer({v1::CAUSE_KIND_KEYS_REFUSED}), "");
  work(2500ms);
  EXPECT_NE(answer({}).find("does not name CAUSE_KIND_KEYS_REFUSED"), std::string::npos);
}

TEST_F(SilenceTest, WantsNoKeyNamedForARefusalThatTheBusHasNotTaken) {
  work(3s);
  give(1);
  report(1, core::Verdict::Unauthorized, "q");
  peer = "q";
  work(3s);
  EXPECT_EQ(answer({}), "");
  EXPECT_NE(answer({v1::CAUSE_KIND_KEYS_REFUSED}).find("no key was refused"), std::string::npos);
}

TEST_F(SilenceTest, WantsTheKeyNamedNoMoreOfAWorkerWhoseLeaseEnds) {
  work(3s);
  end(1, core::Verdict::Unauthorized);
  work(2500ms);
  wait(options.worker_lease - 30ms);
  EXPECT_EQ(answer({v1::CAUSE_KIND_KEYS_REFUSED}), "");
  wait(20ms);
  EXPECT_EQ(answer({v1::CAUSE_KIND_NO_WORKER}), "") << "it may be silent for the bus already";
}

TEST_F(SilenceTest, WantsARefusingStoreNamedAndAFullOneOnceACommitHasShownIt) {
  const auto commit = [this] { store.commit({}, [](const absl::Status&) {}); };
  store.wall = [] { return Beginning; };
  store.set_misplaced(true);
  silence.store_writable(false);
  work(3s);
  EXPECT_EQ(answer({v1::CAUSE_KIND_STORE}), "");
  store.set_misplaced(false);
  store.set_full(true);
  EXPECT_EQ(answer({}), "") << "nothing has been written since";
  commit();
  EXPECT_NE(answer({}).find("does not name CAUSE_KIND_STORE"), std::string::npos);
}

TEST_F(SilenceTest, WantsAFailingExchangeNamedFromTheSecondRequestOn) {
  work(3s);
  end(1, core::Verdict::Doubtful);
  work(3s);
  EXPECT_EQ(answer({}), "");
  end(2, core::Verdict::WrongRequest);
  work(3s);
  EXPECT_EQ(answer({v1::CAUSE_KIND_EXCHANGE_FAILING}), "");
  EXPECT_NE(answer({}).find("does not name CAUSE_KIND_EXCHANGE_FAILING"), std::string::npos);
}

TEST_F(SilenceTest, WantsItNamedNoMoreTwoSecondsAfterOneWasLetIn) {
  work(3s);
  end(1, core::Verdict::Doubtful);
  end(2, core::Verdict::Doubtful);
  end(3, core::Verdict::Refused);
  EXPECT_EQ(answer({v1::CAUSE_KIND_EXCHANGE_FAILING}), "");
  work(2500ms);
  EXPECT_NE(answer({v1::CAUSE_KIND_EXCHANGE_FAILING}).find("names CAUSE_KIND_EXCHANGE_FAILING"), std::string::npos);
}

TEST_F(SilenceTest, WantsFailedCancelsNamedForAMinuteByTheBussClock) {
  work(3s);
  end(1, core::Verdict::Doubtful);
  end(2, core::Verdict::Doubtful);
  end(3, core::Verdict::Read, core::LimiterKind::Query);
  work(59'500ms);
  EXPECT_EQ(answer({v1::CAUSE_KIND_EXCHANGE_FAILING}), "");
  wait(470ms);
  EXPECT_EQ(answer({}), "") << "the bus's clock may have run faster";
}

TEST_F(SilenceTest, WantsFailedCancelsNamedUntilTheMinuteIsNearlyOver) {
  work(3s);
  end(1, core::Verdict::Doubtful);
  end(2, core::Verdict::Doubtful);
  end(3, core::Verdict::Read, core::LimiterKind::Query);
  work(59'500ms);
  EXPECT_NE(answer({}).find("the last two cancels got no usable answer"), std::string::npos);
}

TEST_F(SilenceTest, WantsABackoffNamedWhileItLasts) {
  const core::HoldRecord hold{core::LimiterKind::Cancel, world.now() + 10s, {}, "", 10s, {}};
  core::Actions actions;
  actions.records.push_back(hold);
  silence.decided(actions, world.now());
  silence.committed(hold);
  work(3s);
  EXPECT_EQ(answer({v1::CAUSE_KIND_BACKOFF}), "");
  work(8s);
  EXPECT_EQ(answer({}), "");
  work(3s);
  EXPECT_NE(answer({v1::CAUSE_KIND_BACKOFF}).find("names a backoff"), std::string::npos);
}

TEST_F(SilenceTest, CountsStatusesAndLetsBackOnBookGoFirst) {
  EXPECT_EQ(decide(core::Stage::InDoubt, 2), "");
  EXPECT_EQ(decide(core::Stage::BackOnBook, 3), "");
  wait(1s);
  EXPECT_EQ(decide(core::Stage::Stuck, 2), "");
  EXPECT_NE(decide(core::Stage::InDoubt, 1).find("3 statuses within a second"), std::string::npos);
}

}  // namespace
}  // namespace cancelbus::simulation
