#include "clients/cancelctl/text.hpp"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include "clients/cancelctl/json_line.hpp"
#include "clients/cancelctl/scope.hpp"

namespace cancelbus::ctl {
namespace {

using google::protobuf::util::TimeUtil;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr WallTime Noon{std::chrono::seconds(1'700'000'000) + std::chrono::nanoseconds(123'456'789)};

v1::CancelFinal sample_final() {
  v1::CancelFinal final;
  final.set_cl_ord_id("c-1");
  final.set_order_id(9'007'199'254'740'993);
  final.set_ord_status(v1::ORD_STATUS_CANCELED);
  final.set_evidence(v1::EVIDENCE_CHANNEL_452);
  final.set_cum_qty("0.1");
  final.set_order_qty("0.5");
  *final.mutable_timeline()->mutable_sent() = TimeUtil::NanosecondsToTimestamp(Noon.time_since_epoch().count());
  return final;
}

TEST(Text, AcksSayWhoRefusedAndWhy) {
  v1::CancelAck ack;
  ack.set_status(v1::CANCEL_ACK_STATUS_ACCEPTED);
  ack.set_final_follows(true);
  EXPECT_EQ(describe(ack), "ack ACCEPTED; final follows");
  ack.set_status(v1::CANCEL_ACK_STATUS_REJECTED);
  ack.set_origin(v1::ORIGIN_EXCHANGE);
  ack.set_cxl_rej_reason(v1::CXL_REJ_REASON_UNKNOWN_ORDER);
  ack.set_text("NO\x1b[2JORDER");
  ack.set_http_status(400);
  EXPECT_EQ(describe(ack), "ack REJECTED by EXCHANGE, UNKNOWN_ORDER: NO?[2JORDER (HTTP 400); final follows");
}

TEST(Text, NothingThatATerminalObeysIsShown) {
  EXPECT_EQ(printable("a\x1b[2J\n\x7f"), "a?[2J??");
  EXPECT_EQ(printable("\xC2\x9B"
                      "2J \xC2\x85 \xC2\xA0 \xC3\x9F \xC2"),
            "?2J ? \xC2\xA0 \xC3\x9F \xC2");
}

TEST(Text, FinalsSayWhatIsProven) {
  v1::CancelFinal final = sample_final();
  EXPECT_EQ(describe(final), "final CANCELED (CHANNEL_452), filled 0.1 of 0.5 (not exact)");
  final.set_ord_status(v1::ORD_STATUS_NEW);
  final.set_evidence(v1::EVIDENCE_ORDER_QUERY);
  final.set_qty_exact(true);
  EXPECT_EQ(describe(final), "final NEW: the order is STILL OPEN (ORDER_QUERY), filled 0.1 of 0.5");
}

TEST(Text, ValuesOfALaterContractAreShownByNumber) {
  v1::CancelStatus status;
  status.set_stage(static_cast<v1::CancelStage>(77));
  EXPECT_EQ(describe(status), "stage 77");
}

TEST(Text, AnEventIsOneLine) {
  v1::Event event;
  event.set_topic("client.desk-a.");
  event.set_seq(12);
  event.set_poss_dup(true);
  *event.mutable_sending_time() = TimeUtil::NanosecondsToTimestamp(Noon.time_since_epoch().count());
  *event.mutable_cancel_final() = sample_final();
  EXPECT_EQ(event_line(event),
            "2023-11-14T22:13:20.123456789Z client.desk-a. #12 order 9007199254740993 (c-1) final CANCELED "
            "(CHANNEL_452), filled 0.1 of 0.5 (not exact) [repeated]");
}

TEST(Text, ElapsedTimes) {
  EXPECT_EQ(elapsed_text(std::chrono::microseconds(31'440)), "31.4 ms");
  EXPECT_EQ(elapsed_text(std::chrono::milliseconds(2'130)), "2.1 s");
}

TEST(Text, StatusTableShowsWhatHoldsCommandsUp) {
  v1::BusStatus status;
  auto* window = status.add_windows();
  window->set_limiter("cancel");
  window->set_used(7);
  window->set_limit(300);
  window->mutable_period()->set_seconds(60);
  EXPECT_THAT(
      status_table(status, Paint()),
      AllOf(HasSubstr("cancel  7     300  60s"), HasSubstr("bus      ok"), HasSubstr("workers  none"),
            HasSubstr("queue    empty"), HasSubstr("stream   not connected"), HasSubstr("DOES NOT TAKE WRITES")));
  v1::Cause& cause = *status.add_cause();
  cause.set_kind(v1::CAUSE_KIND_BACKOFF);
  cause.set_stops("cancels");
  cause.set_text("TOO_MANY\x1b");
  cause.set_http_status(429);
  cause.set_runbook("CancelbusThrottled");
  cause.mutable_remaining()->set_seconds(12);
  *status.mutable_as_of() = TimeUtil::MillisecondsToTimestamp(5'000);
  *cause.mutable_since() = TimeUtil::MillisecondsToTimestamp(2'000);
  status.add_cause()->set_kind(v1::CAUSE_KIND_EXCHANGE_FAILING);
  v1::EventBar& bar = *status.add_event_bar();
  bar.set_name("desk-b");
  bar.set_text("subscribed to \"client.\x1b\"");
  *bar.mutable_until() = TimeUtil::MillisecondsToTimestamp(65'000);
  bar.mutable_remaining()->set_seconds(60);
  status.add_queues()->set_sender_comp_id("desk-a");
  status.add_workers()->set_benched("refused by the exchange");
  *status.add_workers()->mutable_clock_offset() = TimeUtil::MillisecondsToDuration(-512);
  auto& dead = *status.add_workers();
  dead.set_benched("silent");
  *dead.mutable_silent_since() = TimeUtil::MillisecondsToTimestamp(1'000);
  status.set_expected_workers(2);
  status.mutable_stream()->set_live(true);
  status.set_store_writable(true);
  EXPECT_THAT(status_table(status, Paint()),
              AllOf(HasSubstr("bus      BACKOFF: TOO_MANY?, 12 s left; for 3.0 s, stops cancels (HTTP 429); runbook: "
                              "CancelbusThrottled\n"
                              "         EXCHANGE_FAILING: "),
                    HasSubstr("barred   the key of desk-b is barred from events until 00:01:05 UTC (60 s left): "
                              "subscribed to \"client.?\"\n"),
                    HasSubstr("desk-a  0       0"), HasSubstr("not known       no: refused by the exchange"),
                    HasSubstr("workers  1 of 2 expected may work\n"), HasSubstr("no: silent for 4.0 s\n"),
                    HasSubstr("-512.0 ms       yes"), HasSubstr("stream   live"), HasSubstr("takes writes")));
}

TEST(Text, ATimeIsShownInTheUnitThatFits) {
  using namespace std::chrono_literals;
  EXPECT_EQ(span_text(-1s), "0 s");
  EXPECT_EQ(span_text(999'999us), "999 ms");
  EXPECT_EQ(span_text(2'190ms), "2.1 s");
  EXPECT_EQ(span_text(32s), "32 s");
  EXPECT_EQ(span_text(119min), "119 min");
  EXPECT_EQ(span_text(47h), "47 h");
  EXPECT_EQ(span_text(49h), "2 d");
  google::protobuf::Duration broken;
  broken.set_seconds(1LL << 60);
  broken.set_nanos(-1);
  EXPECT_EQ(span_text(broken), "46296 d");
}

TEST(Text, ASizeHasAUnit) {
  EXPECT_EQ(bytes_text(0), "0 bytes");
  EXPECT_EQ(bytes_text(999), "999 bytes");
  EXPECT_EQ(bytes_text(1'000), "1.0 kB");
  EXPECT_EQ(bytes_text(12'345'678), "12.3 MB");
  EXPECT_EQ(bytes_text(999'999), "1.0 MB");
  EXPECT_EQ(bytes_text(5'000'000'000), "5.0 GB");
  EXPECT_EQ(bytes_text(~uint64_t{0}), "18.4 EB");
}

TEST(Text, StatusTableSaysHowTheExchangeAnswers) {
  v1::BusStatus status;
  EXPECT_THAT(status_table(status, Paint()), AllOf(Not(HasSubstr("answers")), Not(HasSubstr("refused"))));
  const auto add = [&status](int http_status, uint32_t minute, uint32_t ten) {
    auto& answers = *status.add_answers();
    answers.set_http_status(http_status);
    answers.set_last_minute(minute);
    answers.set_last_10_minutes(ten);
  };
  add(503, 40, 41);
  add(0, 2, 2);
  add(200, 0, 1'203);
  status.set_unauthorized_in_a_row(18);
  status.set_unauthorized_limit(50);
  EXPECT_THAT(
      status_table(status, Paint()),
      AllOf(HasSubstr(
                "answers  HTTP 503 ×40, no answer ×2 in 60 s; HTTP 503 ×41, no answer ×2, HTTP 200 ×1203 in 10 min\n"),
            HasSubstr("refused  18 of 50 requests refused in a row: at 50 the exchange blocks the address\n")));
}

TEST(Text, StatusTableListsWhatIsInDoubtAndHowLongTheQueueIs) {
  v1::BusStatus status;
  *status.mutable_as_of() = TimeUtil::MillisecondsToTimestamp(65'000);
  status.set_orders_in_doubt(3);
  auto& doubt = *status.add_doubts();
  doubt.set_order_id(4711);
  doubt.set_sender_comp_id("desk-a\x1b");
  doubt.set_cl_ord_id("c-1");
  *doubt.mutable_since() = TimeUtil::MillisecondsToTimestamp(25'000);
  doubt.set_http_status(503);
  doubt.set_text("Service Unavailable");
  doubt.set_attempts(3);
  status.add_doubts()->set_order_id(4712);
  *status.mutable_doubts(1)->mutable_since() = TimeUtil::MillisecondsToTimestamp(64'000);
  status.mutable_doubts(1)->set_attempts(1);
  EXPECT_THAT(status_table(status, Paint()),
              HasSubstr("  order 4711 (desk-a?/c-1) for 40 s, 3 attempts, last answer: HTTP 503, Service Unavailable\n"
                        "  order 4712 (/) for 1.0 s, 1 attempt, last answer: none\n"
                        "  and 1 more\n"));
  auto& queue = *status.add_queues();
  queue.set_sender_comp_id("desk-a");
  queue.set_urgent(7);
  queue.set_normal(180);
  EXPECT_EQ(queue_text(status), "187 orders wait for budget");
  status.mutable_queue_empty_in()->set_seconds(19);
  EXPECT_THAT(status_table(status, Paint()),
              HasSubstr("queue    187 orders wait for budget, empty in 19 s at the earliest\n"));
  status.set_headline("QUEUE: 187 orders");
  EXPECT_THAT(describe(status), AllOf(StartsWith("QUEUE: 187 orders; "), HasSubstr("187 queued, empty in 19 s, ")));
}

TEST(Text, StatusTableSaysWhichBusItIs) {
  v1::BusStatus status;
  EXPECT_EQ(which_text(status), "");
  status.set_version("1.2.3");
  status.mutable_uptime()->set_seconds(3 * 3'600);
  EXPECT_EQ(which_text(status), "version 1.2.3, up 3 h");
  status.set_account("desk\x1b");
  EXPECT_THAT(status_table(status, Paint()), EndsWith(", version 1.2.3, account desk?, up 3 h\n"));
}

TEST(Text, StatusTableSaysWhoLeads) {
  v1::BusStatus status;
  EXPECT_THAT(status_table(status, Paint()), Not(HasSubstr("leader")));
  status.set_term(12);
  status.set_leader("bus-a-3f9c\x1b");
  EXPECT_THAT(status_table(status, Paint()), HasSubstr("\nleader   bus-a-3f9c? in term 12\n"));
  auto& standby = *status.add_standbys();
  standby.set_name("bus-b-77e0");
  standby.mutable_heard_ago()->set_nanos(300'000'000);
  status.set_replication("synchronous, on db-2");
  EXPECT_EQ(leader_text(status),
            "bus-a-3f9c? in term 12, standby bus-b-77e0 (300 ms ago); replication: synchronous, on db-2");
}

TEST(Text, StatusTableCountsOpenOrdersByOwner) {
  v1::BusStatus status;
  EXPECT_THAT(status_table(status, Paint()), HasSubstr("orders   0 known, not complete yet\n"));
  *status.mutable_as_of() = TimeUtil::MillisecondsToTimestamp(65'000);
  *status.mutable_complete_as_of() = TimeUtil::MillisecondsToTimestamp(60'500);
  status.add_open_order_count()->set_owner("desk-a\x1b");
  status.mutable_open_order_count(0)->set_orders(12);
  status.add_open_order_count()->set_orders(3);
  EXPECT_EQ(open_orders_text(status), "15 known (desk-a? 12, no known owner 3), complete as of 4.5 s ago");
  EXPECT_EQ(tone_of_open_orders(status), Tone::Plain);
  status.set_sweep_trouble("BTCTRY: HTTP 500\x1b");
  EXPECT_THAT(status_table(status, Paint()), HasSubstr("complete as of 4.5 s ago; BTCTRY: HTTP 500?\n"));
  EXPECT_EQ(tone_of_open_orders(status), Tone::Doubt);
}

TEST(Text, StatusTableListsSwitches) {
  v1::BusStatus status;
  EXPECT_THAT(status_table(status, Paint()), AllOf(Not(HasSubstr("kill")), Not(HasSubstr("dead man"))));
  auto& proven = *status.add_kill_switches();
  proven.set_scope(v1::MASS_CANCEL_SCOPE_ALL);
  proven.set_sender_comp_id("ctl-1");
  proven.set_reason("quotes\x1b");
  *proven.mutable_since() = TimeUtil::MillisecondsToTimestamp(65'000);
  proven.set_proven_empty(true);
  *proven.mutable_complete_as_of() = TimeUtil::MillisecondsToTimestamp(70'000);
  auto& open = *status.add_kill_switches();
  open.set_scope(v1::MASS_CANCEL_SCOPE_OWN);
  open.set_owner("desk-a");
  open.set_symbol("BTCTRY");
  open.set_side(v1::SIDE_SELL);
  open.set_client_order_id_prefix("dA-");
  open.set_sender_comp_id("desk-a");
  open.set_still_open(12);
  open.set_text("a sweep is awaited");
  auto& silent = *status.add_dead_man_switches();
  silent.set_sender_comp_id("desk-b");
  silent.mutable_window()->set_seconds(30);
  silent.mutable_silent_for()->set_seconds(31);
  silent.set_fired(true);
  status.add_dead_man_switches()->mutable_silent_for()->set_seconds(INT64_MAX);
  EXPECT_THAT(
      status_table(status, Paint()),
      AllOf(HasSubstr("kill     every order: ENGAGED by ctl-1 at 1970-01-01T00:01:05Z: quotes?; 0 still open, "
                      "proven empty as of 1970-01-01T00:01:10Z\n"),
            HasSubstr("kill     sell orders of desk-a in BTCTRY with a client order id from \"dA-\": ENGAGED by "
                      "desk-a at 1970-01-01T00:00:00Z: ; 12 still open, not proven empty: a sweep is awaited\n"),
            HasSubstr("dead man desk-b silent for 31 s, fires after 30 s: FIRED\n"),
            HasSubstr("dead man  silent for 46296 d, fires after 0 s\n")));
  EXPECT_THAT(describe(status), StartsWith("2 kill switches ENGAGED; "));
}

TEST(Text, AScopeIsSaidInWordsAndAsFlags) {
  const auto both = [](const Scope& scope) { return text(scope) + " |" + flags_of(scope); };
  EXPECT_EQ(both({}), "every order |");
  EXPECT_EQ(both({.side = v1::SIDE_BUY}), "every buy order | --side buy");
  EXPECT_EQ(both({.kind = v1::MASS_CANCEL_SCOPE_UNOWNED, .symbol = "BTCTRY"}),
            "orders of no known owner in BTCTRY | --unowned --symbol BTCTRY");
  EXPECT_EQ(both({.kind = v1::MASS_CANCEL_SCOPE_SENDER, .owner = "desk-a"}), "orders of desk-a | --owner desk-a");
  EXPECT_EQ(both({.kind = v1::MASS_CANCEL_SCOPE_OWN, .owner = "desk-a"}),
            "orders of desk-a | --owner desk-a --sender desk-a");
  EXPECT_EQ(flags_of({.prefix = "it's"}), " --prefix 'it'\\''s'");
  EXPECT_EQ(text(Scope{.kind = static_cast<v1::MassCancelScope>(9)}), "orders of scope 9");
}

TEST(Text, OpenOrdersAreATable) {
  EXPECT_EQ(orders_table({}), "");
  v1::OpenOrder order;
  order.set_order_id(1001);
  order.set_symbol("BTCTRY");
  order.set_side(v1::SIDE_SELL);
  order.set_price("3000000");
  order.set_quantity("0.5");
  order.set_leaves_qty("0.25");
  order.set_client_order_id("dA-1\x1b");
  order.set_owner("desk-a");
  order.set_evidence(v1::EVIDENCE_SWEEP);
  *order.mutable_as_of() = TimeUtil::MillisecondsToTimestamp(65'000);
  v1::OpenOrder bare;
  bare.set_order_id(7);
  bare.set_side(static_cast<v1::Side>(9));
  EXPECT_EQ(orders_table({order, bare}),
            R"(  ORDER  PAIR    SIDE  PRICE    QUANTITY  LEFT  OWNER   CLIENT ORDER ID  KNOWN BY     AS OF
  1001   BTCTRY  SELL  3000000  0.5       0.25  desk-a  dA-1?            SWEEP        1970-01-01T00:01:05Z
  7              9                                                       UNSPECIFIED
)");
}

TEST(Text, StatusTableSaysFirstThatTheBusObserves) {
  v1::BusStatus status;
  status.set_observing(true);
  const std::string observing = "bus      OBSERVING: no cancel is sent; the bus runs with --observe\n";
  EXPECT_THAT(status_table(status, Paint()), AllOf(StartsWith(observing), Not(HasSubstr("ok"))));
  status.add_cause()->set_kind(v1::CAUSE_KIND_NO_WORKER);
  EXPECT_THAT(status_table(status, Paint()), StartsWith(observing + "         NO_WORKER: "));
}

TEST(Text, TheStreamSaysItsStateOnceAndWhyItIsNotLoggedIn) {
  v1::BusStatus status;
  v1::BusStatus::Stream& stream = *status.mutable_stream();
  stream.set_text("cannot connect: refused");
  EXPECT_EQ(stream_text(status), "not connected, cannot connect: refused");
  stream.set_connected(true);
  stream.set_text("connected");
  EXPECT_EQ(stream_text(status), "connected, not logged in");
  stream.set_logged_in(true);
  stream.set_text("logged in");
  EXPECT_EQ(stream_text(status), "logged in, nothing heard yet");
  stream.set_live(true);
  *stream.mutable_last_proof() = TimeUtil::MillisecondsToTimestamp(65'000);
  *status.mutable_as_of() = TimeUtil::MillisecondsToTimestamp(97'000);
  EXPECT_EQ(stream_text(status), "live, last event 32 s ago");
}

TEST(JsonLineTest, AMessageStandsUnderItsType) {
  const std::string line = JsonLine("cancel_final", Noon)
                               .add("order_id", int64_t{9'007'199'254'740'993})
                               .add("submitted", Noon)
                               .add("cancel_final", sample_final())
                               .str();
  EXPECT_THAT(line, AllOf(HasSubstr(R"("type":"cancel_final","heard":"2023-11-14T22:13:20.123456789Z")"),
                          HasSubstr(R"("cl_ord_id":"c-1")"), HasSubstr(R"("order_id":"9007199254740993")"),
                          HasSubstr(R"("ord_status":"ORD_STATUS_CANCELED")"), HasSubstr(R"("unsolicited":false)"),
                          HasSubstr(R"("sent":"2023-11-14T22:13:20.123456789Z")"), EndsWith("}\n")));
  google::protobuf::Struct parsed;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &parsed).ok()) << line;
}

TEST(JsonLineTest, AnEventIsMergedWithItsType) {
  v1::Event event;
  event.set_topic("venue.");
  event.set_seq(3);
  *event.mutable_cancel_final() = sample_final();
  const std::string line = JsonLine(type_of(event), Noon).merge(event).str();
  google::protobuf::Struct parsed;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &parsed).ok()) << line;
  EXPECT_EQ(parsed.fields().at("type").string_value(), "cancel_final");
  EXPECT_EQ(parsed.fields().at("topic").string_value(), "venue.");
  EXPECT_EQ(parsed.fields().at("cancel_final").struct_value().fields().at("cl_ord_id").string_value(), "c-1");
}

TEST(JsonLineTest, TextIsEscaped) {
  const std::string nasty = "a\"b\\c\nd\x01 ü";
  const std::string line = JsonLine("unknown", Noon).add("text", nasty).str();
  google::protobuf::Struct parsed;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &parsed).ok()) << line;
  EXPECT_EQ(parsed.fields().at("text").string_value(), nasty);
}

}  // namespace
}  // namespace cancelbus::ctl
