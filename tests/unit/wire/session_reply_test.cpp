#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "cancelbus/v1/session.pb.h"
#include "service/wire/event_codec.hpp"
#include "service/wire/session_codec.hpp"
#include "service/wire/times.hpp"
#include "tests/unit/wire/samples.hpp"

namespace cancelbus::wire {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t Epoch = 0xFEDC'BA98'7654'3210;

v1::SessionReply parsed(const std::string& bytes) {
  v1::SessionReply frame;
  EXPECT_TRUE(frame.ParseFromString(bytes));
  return frame;
}

TEST(SessionReply, WelcomeTellsEpochAndPositions) {
  const auto welcome = parsed(encode_welcome({"peer", {{"client.desk-a.", 4}, {"venue.", 9}}}, Epoch)).welcome();
  EXPECT_EQ(welcome.epoch(), Epoch);
  ASSERT_EQ(welcome.position_size(), 2);
  EXPECT_EQ(welcome.position(0).topic(), "client.desk-a.");
  EXPECT_EQ(welcome.position(0).next_seq(), 4U);
  EXPECT_EQ(welcome.position(1).topic(), "venue.");
  EXPECT_EQ(welcome.position(1).next_seq(), 9U);
}

TEST(SessionReply, WelcomeAndHeartbeatTellOfABar) {
  const core::EventBar bar{"desk-a", samples::at(70), 43s, "subscribed to \"client.\""};
  const auto welcome = parsed(encode_welcome({"peer", {}}, Epoch, bar)).welcome();
  EXPECT_EQ(welcome.event_bar().name(), "desk-a");
  EXPECT_EQ(welcome.event_bar().remaining().seconds(), 43);
  EXPECT_EQ(welcome.event_bar().text(), "subscribed to \"client.\"");
  EXPECT_TRUE(welcome.event_bar().has_until());
  EXPECT_EQ(parsed(encode_heartbeat({"peer", {}}, {}, Epoch, bar)).heartbeat().event_bar().name(), "desk-a");
  EXPECT_FALSE(parsed(encode_welcome({"peer", {}}, Epoch)).welcome().has_event_bar());
  EXPECT_FALSE(parsed(encode_heartbeat({"peer", {}}, {}, Epoch)).heartbeat().has_event_bar());
  core::BusStatus status;
  status.event_bars = {bar};
  const auto sent = parsed(encode_status(status)).status();
  ASSERT_EQ(sent.event_bar_size(), 1);
  EXPECT_EQ(sent.event_bar(0).name(), "desk-a");
}

void expect_sample(const v1::Cause& cause) {
  EXPECT_EQ(cause.kind(), v1::CAUSE_KIND_BACKOFF);
  EXPECT_EQ(cause.limiter(), "query");
  EXPECT_EQ(cause.stops(), "queries");
  EXPECT_EQ(cause.text(), "Quota exceeded");
  EXPECT_EQ(cause.since().nanos(), 12'000'000);
  EXPECT_EQ(cause.remaining().seconds(), 4);
  EXPECT_EQ(cause.remaining().nanos(), 500'000'000);
  EXPECT_EQ(cause.http_status(), 429);
  EXPECT_EQ(cause.exchange_code(), 17);
}

TEST(SessionReply, HeartbeatTellsTheSameAndWhatCommandsWaitFor) {
  core::Cause other;
  other.kind = core::CauseKind::NoWorker;
  const auto heartbeat =
      parsed(encode_heartbeat({"peer", {{"client.desk-a.", 4}}}, {samples::cause(), other}, Epoch)).heartbeat();
  ASSERT_EQ(heartbeat.cause_size(), 2);
  expect_sample(heartbeat.cause(0));
  EXPECT_EQ(heartbeat.cause(1).kind(), v1::CAUSE_KIND_NO_WORKER);
  EXPECT_EQ(heartbeat.cause(1).limiter(), "");
  EXPECT_FALSE(heartbeat.cause(1).has_remaining());
  EXPECT_EQ(heartbeat.epoch(), Epoch);
  ASSERT_EQ(heartbeat.position_size(), 1);
  EXPECT_EQ(heartbeat.position(0).next_seq(), 4U);
}

TEST(SessionReply, ReceiptTellsWhatBecameOfTheCommand) {
  const core::SendReceipt refused{"peer",
                                  "c-1",
                                  core::ReceiptStatus::Refused,
                                  core::RejectReason::TtlTooShort,
                                  "time_to_live: shorter than the wait",
                                  1500ms};
  const auto receipt = parsed(encode_receipt(refused)).receipt();
  EXPECT_EQ(receipt.cl_ord_id(), "c-1");
  EXPECT_EQ(receipt.status(), v1::RECEIPT_STATUS_REFUSED);
  EXPECT_EQ(receipt.reason(), v1::CXL_REJ_REASON_TTL_TOO_SHORT);
  EXPECT_EQ(receipt.text(), "time_to_live: shorter than the wait");
  EXPECT_EQ(receipt.estimated_wait().seconds(), 1);
  EXPECT_EQ(receipt.estimated_wait().nanos(), 500'000'000);
  const core::SendReceipt applied{"peer", "c-1", core::ReceiptStatus::Applied, core::RejectReason::None, "", 0ms};
  EXPECT_EQ(parsed(encode_receipt(applied)).receipt().reason(), v1::CXL_REJ_REASON_UNSPECIFIED);
}

TEST(SessionReply, RetransmissionIsTheKeptEventMarkedAsPossiblyKnown) {
  const std::string kept = encode_event({"client.desk-a.", 12, samples::at(8), samples::final()}, Epoch);
  const auto reply = encode_retransmission(kept, Epoch);
  ASSERT_TRUE(reply.ok()) << reply.status();
  v1::Event event = parsed(*reply).retransmission();
  EXPECT_TRUE(event.poss_dup());
  event.clear_poss_dup();
  EXPECT_EQ(event.SerializeAsString(), kept);
}

TEST(SessionReply, WhatWasKeptFromAnEarlierEpochIsSentAgainInThisOne) {
  const std::string kept = encode_event({"client.desk-a.", 12, samples::at(8), samples::final()}, Epoch - 1);
  const auto reply = encode_retransmission(kept, Epoch);
  ASSERT_TRUE(reply.ok()) << reply.status();
  const v1::Event event = parsed(*reply).retransmission();
  EXPECT_EQ(event.epoch(), Epoch);
  EXPECT_EQ(event.seq(), 12U);
}

TEST(SessionReply, WhatTheStoreSpoiledIsNotSent) {
  EXPECT_EQ(encode_retransmission("\xFF\xFF", Epoch).status().message(), "what the store kept is not an Event");
}

TEST(SessionReply, RetransmitRejectTellsWhatIsKept) {
  const auto reject = parsed(encode_retransmit_reject({"peer", "client.desk-a.", 31}, Epoch)).retransmit_reject();
  EXPECT_EQ(reject.epoch(), Epoch);
  EXPECT_EQ(reject.topic(), "client.desk-a.");
  EXPECT_EQ(reject.first_kept_seq(), 31U);
}

TEST(SessionReply, HelloRequiredNamesTheCommand) {
  EXPECT_EQ(parsed(encode_hello_required({"peer", "c-1"})).hello_required().cl_ord_id(), "c-1");
  EXPECT_TRUE(parsed(encode_hello_required({"peer", ""})).has_hello_required());
}

TEST(SessionReply, ResolvedNamesTheCommand) {
  const core::SendResolved pending{"peer", {"desk-a", "c-1"}, core::ResolveStatus::Pending, "in flight"};
  const auto resolved = parsed(encode_resolved(pending)).resolved();
  EXPECT_EQ(resolved.sender_comp_id(), "desk-a");
  EXPECT_EQ(resolved.cl_ord_id(), "c-1");
  EXPECT_EQ(resolved.status(), v1::RESOLVE_STATUS_PENDING);
  EXPECT_EQ(resolved.text(), "in flight");
}

TEST(SessionReply, AMassCancelPreviewSaysWhatWouldBeAffectedAndHowLongItTakes) {
  const auto preview = parsed(encode_mass_cancel_preview(samples::mass_cancel_preview())).mass_cancel_preview();
  EXPECT_EQ(preview.cl_ord_id(), "m-1");
  EXPECT_EQ(preview.total_affected(), 44U);
  ASSERT_EQ(preview.orders_size(), 2);
  EXPECT_EQ(preview.orders(0).owner(), "desk-a");
  EXPECT_EQ(preview.orders(0).symbol(), "BTCTRY");
  EXPECT_EQ(preview.orders(0).orders(), 40U);
  EXPECT_EQ(preview.orders(1).owner(), "");
  EXPECT_EQ(preview.complete_as_of().nanos(), 13'000'000);
  EXPECT_EQ(preview.estimated_duration().seconds(), 4);
  EXPECT_EQ(preview.text(), "some may be missing");
}

TEST(SessionReply, OpenOrdersTellWhoseTheyAreAndHowMuchIsKnown) {
  core::OpenOrder order;
  order.order_id = 5'000'000'001;
  order.symbol = "BTCTRY";
  order.side = core::Side::Buy;
  order.price = "1500000.00";
  order.quantity = "0.04";
  order.leaves_qty = "0.01";
  order.client_order_id = "dA-17";
  order.owner = "desk-a";
  order.evidence = core::OpenOrder::Evidence::Sweep;
  order.as_of = samples::at(3);
  const auto page = parsed(encode_open_orders({"peer", samples::at(2), {order, {}}, 5'000'000'009, 7})).open_orders();
  EXPECT_EQ(page.complete_as_of().nanos(), 2'000'000);
  EXPECT_EQ(page.next_order_id(), 5'000'000'009);
  EXPECT_EQ(page.request_id(), 7U);
  ASSERT_EQ(page.open_order_size(), 2);
  const v1::OpenOrder& got = page.open_order(0);
  EXPECT_EQ(got.order_id(), 5'000'000'001);
  EXPECT_EQ(got.symbol(), "BTCTRY");
  EXPECT_EQ(got.side(), v1::SIDE_BUY);
  EXPECT_EQ(got.price(), "1500000.00");
  EXPECT_EQ(got.quantity(), "0.04");
  EXPECT_EQ(got.leaves_qty(), "0.01");
  EXPECT_EQ(got.client_order_id(), "dA-17");
  EXPECT_EQ(got.owner(), "desk-a");
  EXPECT_EQ(got.evidence(), v1::EVIDENCE_SWEEP);
  EXPECT_EQ(got.as_of().nanos(), 3'000'000);
  EXPECT_EQ(page.open_order(1).side(), v1::SIDE_UNSPECIFIED);
  EXPECT_EQ(page.open_order(1).evidence(), v1::EVIDENCE_STREAM);
  EXPECT_FALSE(parsed(encode_open_orders({})).open_orders().has_complete_as_of()) << "none is known yet";
}

TEST(SessionReply, CommandsTellWhyTheyWaitAndWhatComesNext) {
  core::UndecidedCommand command{.key = {"desk-a", "c1"}, .order_id = 5'000'000'001};
  command.symbol = "BTCTRY";
  command.client_order_id = "dA-17";
  command.received = samples::at(3);
  command.age = std::chrono::seconds(44);
  command.stage = core::Stage::InDoubt;
  command.since = samples::at(5);
  command.why = {503, 17, "HTTP 503: Service Unavailable"};
  command.acked = true;
  command.attempts = 2;
  command.next_step = "queries the order";
  command.next_in = std::chrono::milliseconds(1'500);
  command.operator_step = "look";
  const auto page = parsed(encode_commands({.peer = "peer",
                                            .as_of = samples::at(7),
                                            .commands = {command, {.key = {"desk-b", "c2"}}},
                                            .next = core::CommandPlace{5'000'000'002, {"desk-b", "c2"}},
                                            .request_id = 9}))
                        .commands();
  EXPECT_EQ(page.as_of().nanos(), 7'000'000);
  EXPECT_EQ(page.next().order_id(), 5'000'000'002);
  EXPECT_EQ(page.next().sender_comp_id(), "desk-b");
  EXPECT_EQ(page.next().cl_ord_id(), "c2");
  EXPECT_EQ(page.request_id(), 9U);
  ASSERT_EQ(page.command_size(), 2);
  const v1::UndecidedCommand& got = page.command(0);
  EXPECT_EQ(got.sender_comp_id(), "desk-a");
  EXPECT_EQ(got.cl_ord_id(), "c1");
  EXPECT_EQ(got.order_id(), 5'000'000'001);
  EXPECT_EQ(got.symbol(), "BTCTRY");
  EXPECT_EQ(got.client_order_id(), "dA-17");
  EXPECT_EQ(got.received().nanos(), 3'000'000);
  EXPECT_EQ(got.age().seconds(), 44);
  EXPECT_EQ(got.stage(), v1::CANCEL_STAGE_IN_DOUBT);
  EXPECT_EQ(got.since().nanos(), 5'000'000);
  EXPECT_EQ(got.text(), "HTTP 503: Service Unavailable");
  EXPECT_EQ(got.http_status(), 503);
  EXPECT_EQ(got.exchange_code(), 17);
  EXPECT_TRUE(got.acked());
  EXPECT_EQ(got.attempts(), 2U);
  EXPECT_EQ(got.next_step(), "queries the order");
  EXPECT_EQ(got.next_in().nanos(), 500'000'000);
  EXPECT_EQ(got.operator_step(), "look");
  EXPECT_FALSE(page.command(1).has_next_in());
  EXPECT_FALSE(parsed(encode_commands({})).commands().has_next()) << "the last page";
}

TEST(SessionReply, HistoryTellsOfCommandsAndWhatHappened) {
  core::HistoryCommand command{.key = {"desk-a", "c1"}, .order_id = 5'000'000'001};
  command.symbol = "BTCTRY";
  command.priority = core::Priority::Urgent;
  command.received = samples::at(1);
  command.expires = samples::at(2);
  command.ended = true;
  core::CancelAck ack;
  ack.cl_ord_id = "c1";
  command.ack = encode_event({"client.desk-a.", 3, samples::at(1), ack}, 6);
  command.final = "no event";
  command.rows.push_back({.at = samples::at(5),
                          .term = 2,
                          .line = 3,
                          .what = "ANSWER",
                          .status = "ACCEPTED",
                          .text = "SUCCESS",
                          .task = 4,
                          .attempt = 5,
                          .stamp_ms = 6,
                          .worker = "w1",
                          .http_status = 200,
                          .exchange_code = 7,
                          .amount = "2",
                          .left_amount = "1"});
  const auto page =
      parsed(encode_history({{command, {.key = {"desk-b", "c2"}}}, core::HistoryPlace{{"desk-b", "c2"}, 8, 9}}, 10, "",
                            11))
          .history();
  EXPECT_EQ(page.request_id(), 10U);
  EXPECT_EQ(page.next().sender_comp_id(), "desk-b");
  EXPECT_EQ(page.next().cl_ord_id(), "c2");
  EXPECT_EQ(page.next().bus_start(), 8U);
  EXPECT_EQ(page.next().line(), 9U);
  ASSERT_EQ(page.command_size(), 2);
  const v1::HistoryCommand& got = page.command(0);
  EXPECT_EQ(got.sender_comp_id(), "desk-a");
  EXPECT_EQ(got.cl_ord_id(), "c1");
  EXPECT_EQ(got.order_id(), 5'000'000'001);
  EXPECT_EQ(got.symbol(), "BTCTRY");
  EXPECT_EQ(got.priority(), v1::PRIORITY_URGENT);
  EXPECT_EQ(got.received().nanos(), 1'000'000);
  EXPECT_EQ(got.expires().nanos(), 2'000'000);
  EXPECT_TRUE(got.ended());
  EXPECT_EQ(got.ack().cancel_ack().cl_ord_id(), "c1");
  EXPECT_EQ(got.ack().epoch(), 11U);
  EXPECT_TRUE(got.ack().poss_dup());
  EXPECT_FALSE(got.has_final()) << "what was kept is no event";
  const v1::HistoryLine& line = got.line(0);
  EXPECT_EQ(line.at().nanos(), 5'000'000);
  EXPECT_EQ(line.bus_start(), 2U);
  EXPECT_EQ(line.line(), 3U);
  EXPECT_EQ(line.what(), "ANSWER");
  EXPECT_EQ(line.status(), "ACCEPTED");
  EXPECT_EQ(line.text(), "SUCCESS");
  EXPECT_EQ(line.task_id(), 4U);
  EXPECT_EQ(line.attempt(), 5U);
  EXPECT_EQ(line.stamp(), 6);
  EXPECT_EQ(line.worker(), "w1");
  EXPECT_EQ(line.http_status(), 200);
  EXPECT_EQ(line.exchange_code(), 7);
  EXPECT_EQ(line.amount(), "2");
  EXPECT_EQ(line.left_amount(), "1");
  const auto unreadable = parsed(encode_history({}, 10, "disk I/O error", 11)).history();
  EXPECT_EQ(unreadable.text(), "disk I/O error");
  EXPECT_FALSE(unreadable.has_next());
}

TEST(SessionReply, ARetrySaysWhatIsDueOrWhyNot) {
  const auto retrying = parsed(encode_retry({"peer", true, true, "a DELETE is due", 7})).retry();
  EXPECT_EQ(retrying.status(), v1::RETRY_STATUS_RETRYING);
  EXPECT_EQ(retrying.text(), "a DELETE is due");
  EXPECT_EQ(retrying.request_id(), 7U);
  EXPECT_EQ(parsed(encode_retry({"peer", false, false, "it has ended", 7})).retry().status(), v1::RETRY_STATUS_REFUSED);
}

TEST(SessionReply, RejectNamesTheField) {
  const auto reject =
      parsed(encode_reject({core::RejectReason::Malformed, "hello.sender_comp_id", "is empty"})).reject();
  EXPECT_EQ(reject.reason(), v1::CXL_REJ_REASON_MALFORMED);
  EXPECT_EQ(reject.field(), "hello.sender_comp_id");
  EXPECT_EQ(reject.text(), "is empty");
}

TEST(SessionReply, KillSwitch) {
  core::SendKillSwitch send{"peer", core::KillSwitchStatus::Released, "by force", 3, "kill-1", 77};
  const auto reply = parsed(encode_kill_switch(send)).kill_switch();
  EXPECT_EQ(reply.status(), v1::KILL_SWITCH_STATUS_RELEASED);
  EXPECT_EQ(reply.text(), "by force");
  EXPECT_EQ(reply.still_open(), 3U);
  EXPECT_EQ(reply.cl_ord_id(), "kill-1");
  EXPECT_EQ(reply.request_id(), 77U);
}

TEST(SessionReply, Goodbye) {
  const auto reply = parsed(encode_goodbye({"peer", "dead-man-1", "its orders are being canceled"})).goodbye();
  EXPECT_EQ(reply.cl_ord_id(), "dead-man-1");
  EXPECT_EQ(reply.text(), "its orders are being canceled");
}

TEST(SessionReply, StatusTellsTheBusAsAWhole) {
  const auto status = parsed(encode_status(samples::bus_status())).status();
  ASSERT_EQ(status.windows_size(), 2);
  EXPECT_EQ(status.windows(0).limiter(), "cancel");
  EXPECT_EQ(status.windows(0).used(), 7U);
  EXPECT_EQ(status.windows(0).limit(), 10U);
  EXPECT_EQ(status.windows(0).period().seconds(), 1);
  ASSERT_EQ(status.holds_size(), 1);
  EXPECT_EQ(status.holds(0).limiter(), "query");
  EXPECT_EQ(status.holds(0).until().seconds(), 1'700'000'004);
  EXPECT_EQ(status.holds(0).text(), "Quota exceeded");
  ASSERT_EQ(status.queues_size(), 1);
  EXPECT_EQ(status.queues(0).sender_comp_id(), "desk-a");
  EXPECT_EQ(status.queues(0).urgent(), 3U);
  EXPECT_EQ(status.queues(0).normal(), 44U);
  EXPECT_EQ(status.queues(0).oldest().nanos(), 4'000'000);
  EXPECT_EQ(status.commands_undecided(), 47U);
  EXPECT_EQ(status.cancels_in_flight(), 6U);
  EXPECT_EQ(status.queries_in_flight(), 2U);
  EXPECT_EQ(status.orders_in_doubt(), 5U);
  EXPECT_EQ(status.oldest_doubt().nanos(), 7'000'000);
  EXPECT_EQ(status.store_bytes(), 5'000'000'000U);
  ASSERT_EQ(status.workers_size(), 2);
  EXPECT_EQ(status.workers(0).name(), "host-7.4711");
  EXPECT_EQ(status.workers(0).credit(), 8U);
  EXPECT_EQ(status.workers(0).in_flight(), 5U);
  EXPECT_EQ(status.workers(0).benched(), "clock is off");
  EXPECT_EQ(status.workers(0).clock_offset().nanos(), -250'000'000);
  EXPECT_EQ(status.workers(0).clock_round_trip().nanos(), 12'000'000);
  EXPECT_FALSE(status.workers(0).has_silent_since());
  EXPECT_EQ(status.workers(1).benched(), "silent");
  EXPECT_EQ(status.workers(1).silent_since().seconds(), status.as_of().seconds() - 90);
  EXPECT_FALSE(status.workers(1).has_clock_offset());
  EXPECT_EQ(status.expected_workers(), 3U);
  EXPECT_TRUE(status.stream().connected());
  EXPECT_TRUE(status.stream().logged_in());
  EXPECT_TRUE(status.stream().live());
  EXPECT_EQ(status.stream().last_proof().nanos(), 10'000'000);
  EXPECT_EQ(status.stream().text(), "login refused");
  EXPECT_TRUE(status.store_writable());
  EXPECT_EQ(status.as_of().nanos(), 11'000'000);
  ASSERT_EQ(status.cause_size(), 1);
  expect_sample(status.cause(0));
  EXPECT_TRUE(status.observing());
  EXPECT_TRUE(status.headline().starts_with("OBSERVING: no cancel is sent; BACKOFF: Quota exceeded, "))
      << status.headline();
  EXPECT_EQ(status.complete_as_of().nanos(), 13'000'000);
  ASSERT_EQ(status.kill_switches_size(), 1);
  const v1::BusStatus::KillSwitch& kill = status.kill_switches(0);
  EXPECT_EQ(kill.scope(), v1::MASS_CANCEL_SCOPE_SENDER);
  EXPECT_EQ(kill.owner(), "desk-a");
  EXPECT_EQ(kill.symbol(), "BTCTRY");
  EXPECT_EQ(kill.side(), v1::SIDE_SELL);
  EXPECT_EQ(kill.client_order_id_prefix(), "dA-");
  EXPECT_EQ(kill.sender_comp_id(), "ops");
  EXPECT_EQ(kill.since().nanos(), 5'000'000);
  EXPECT_EQ(kill.reason(), "limits");
  EXPECT_EQ(kill.still_open(), 4U);
  EXPECT_FALSE(kill.proven_empty());
  EXPECT_EQ(kill.complete_as_of().nanos(), 6'000'000);
  EXPECT_EQ(kill.cl_ord_id(), "kill-1");
  EXPECT_EQ(kill.text(), "every command has ended");
  ASSERT_EQ(status.dead_man_switches_size(), 1);
  EXPECT_EQ(status.dead_man_switches(0).sender_comp_id(), "desk-a");
  EXPECT_EQ(status.dead_man_switches(0).window().seconds(), 5);
  EXPECT_EQ(status.dead_man_switches(0).silent_for().seconds(), 1);
  EXPECT_EQ(status.dead_man_switches(0).silent_for().nanos(), 500'000'000);
  EXPECT_TRUE(status.dead_man_switches(0).fired());
  ASSERT_EQ(status.open_order_count_size(), 2);
  EXPECT_EQ(status.open_order_count(0).owner(), "desk-a");
  EXPECT_EQ(status.open_order_count(0).orders(), 150U);
  EXPECT_EQ(status.open_order_count(1).owner(), "");
  EXPECT_EQ(status.sweep_trouble(), "BTCTRY: HTTP 500");
}

TEST(SessionReply, StatusTellsWhichBusItIsAndWhatItSeesOfTheExchange) {
  const auto status = parsed(encode_status(samples::bus_status())).status();
  EXPECT_EQ(status.account(), "desk");
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.started().seconds(), status.as_of().seconds() - 90);
  EXPECT_EQ(status.uptime().seconds(), 90);
  EXPECT_EQ(status.queue_empty_in().nanos(), 700'000'000);
  EXPECT_EQ(status.unauthorized_in_a_row(), 18U);
  EXPECT_EQ(status.unauthorized_limit(), 50U);
  EXPECT_EQ(status.holds(0).remaining().nanos(), 500'000'000);
  ASSERT_EQ(status.answers_size(), 3) << "429 has not come within ten minutes";
  EXPECT_EQ(status.answers(0).http_status(), 503);
  EXPECT_EQ(status.answers(0).last_minute(), 40U);
  EXPECT_EQ(status.answers(0).last_10_minutes(), 41U);
  EXPECT_EQ(status.answers(1).http_status(), 0);
  EXPECT_EQ(status.answers(2).http_status(), 200);
  ASSERT_EQ(status.doubts_size(), 1);
  EXPECT_EQ(status.doubts(0).order_id(), 4711);
  EXPECT_EQ(status.doubts(0).sender_comp_id(), "desk-a");
  EXPECT_EQ(status.doubts(0).cl_ord_id(), "c-1");
  EXPECT_EQ(status.doubts(0).since().nanos(), 7'000'000);
  EXPECT_EQ(status.doubts(0).http_status(), 503);
  EXPECT_EQ(status.doubts(0).exchange_code(), 9);
  EXPECT_EQ(status.doubts(0).text(), "Service Unavailable");
  EXPECT_EQ(status.doubts(0).attempts(), 3U);
}

TEST(SessionReply, NothingWaitsMeansThatThereIsNoTimeUntilTheQueueIsEmpty) {
  EXPECT_FALSE(parsed(encode_status({})).status().has_queue_empty_in());
}

TEST(SessionReply, ATimeIsShownInTheUnitThatFits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(span_text(-1s), "0 s");
  EXPECT_EQ(span_text(0s), "0 s");
  EXPECT_EQ(span_text(999'999us), "999 ms");
  EXPECT_EQ(span_text(1s), "1.0 s");
  EXPECT_EQ(span_text(9'999ms), "9.9 s");
  EXPECT_EQ(span_text(10s), "10 s");
  EXPECT_EQ(span_text(119s), "119 s");
  EXPECT_EQ(span_text(120s), "2 min");
  EXPECT_EQ(span_text(119min), "119 min");
  EXPECT_EQ(span_text(47h), "47 h");
  EXPECT_EQ(span_text(49h), "2 d");
}

TEST(SessionReply, TheHeadlineIsOneLineOfWhatHoldsCancelsUp) {
  const auto headline = [](const core::BusStatus& status) { return parsed(encode_status(status)).status().headline(); };
  core::BusStatus status;
  EXPECT_EQ(headline(status), "ok");
  status.observing = true;
  EXPECT_EQ(headline(status), "OBSERVING: no cancel is sent");
  status.observing = false;
  core::Cause first;
  first.kind = core::CauseKind::NoWorker;
  first.stops = "cancels and queries";
  first.text = "no worker is connected";
  first.since = samples::at(0);
  first.runbook = "CancelbusNoWorker";
  status.as_of = samples::at(14'000);
  status.causes = {first, samples::cause()};
  EXPECT_EQ(headline(status),
            "NO_WORKER: no worker is connected; for 14 s, stops cancels and queries; runbook: CancelbusNoWorker");
  status.causes = {samples::cause()};
  EXPECT_EQ(headline(status),
            "BACKOFF: Quota exceeded, 4 s left; for 13 s, stops queries (HTTP 429); runbook: CancelbusThrottled");
}

}  // namespace
}  // namespace cancelbus::wire
