#include "service/wire/event_codec.hpp"

#include <gtest/gtest.h>

#include <variant>

#include "cancelbus/v1/cancel.pb.h"
#include "tests/unit/wire/event_decoder.hpp"
#include "tests/unit/wire/samples.hpp"

namespace cancelbus::wire {
namespace {

constexpr uint64_t Epoch = 0xFEDC'BA98'7654'3210;

template <typename Body>
core::Publication publication(Body body) {
  return {"client.desk-a.", 12, samples::at(8), std::move(body)};
}

template <typename Body>
v1::Event published(Body body) {
  v1::Event event;
  EXPECT_TRUE(event.ParseFromString(encode_event(publication(std::move(body)), Epoch)));
  return event;
}

TEST(Event, HasItsPlaceAndTime) {
  const v1::Event event = published(samples::ack());
  EXPECT_EQ(event.epoch(), Epoch);
  EXPECT_EQ(event.topic(), "client.desk-a.");
  EXPECT_EQ(event.seq(), 12U);
  EXPECT_EQ(event.sending_time().seconds(), 1'700'000'000);
  EXPECT_EQ(event.sending_time().nanos(), 8'000'000);
  EXPECT_FALSE(event.poss_dup());
}

TEST(Event, AckSaysWhatTheCoreSaid) {
  const v1::CancelAck ack = published(samples::ack()).cancel_ack();
  EXPECT_EQ(ack.cl_ord_id(), "c-1");
  EXPECT_EQ(ack.order_id(), 5'000'000'001);
  EXPECT_EQ(ack.status(), v1::CANCEL_ACK_STATUS_REJECTED);
  EXPECT_EQ(ack.cxl_rej_reason(), v1::CXL_REJ_REASON_UNKNOWN_ORDER);
  EXPECT_EQ(ack.origin(), v1::ORIGIN_EXCHANGE);
  EXPECT_EQ(ack.text(), "NO_ORDER_MATCHES_YOUR_REQUEST");
  EXPECT_EQ(ack.http_status(), 400);
  EXPECT_EQ(ack.exchange_code(), 1052);
  EXPECT_TRUE(ack.final_follows());
  EXPECT_EQ(ack.timeline().received().nanos(), 1'000'000);
  EXPECT_EQ(ack.timeline().dispatched().nanos(), 2'000'000);
  EXPECT_EQ(ack.timeline().sent().nanos(), 3'000'000);
  EXPECT_EQ(ack.timeline().answered().nanos(), 4'000'000);
  EXPECT_EQ(ack.timeline().finalized().nanos(), 5'000'000);
  EXPECT_EQ(ack.timeline().attempts(), 6U);
  EXPECT_EQ(ack.timeline().worker(), "host-7.4711");
}

TEST(Event, MassCancelReportSaysWhatTheCoreSaid) {
  const v1::MassCancelReport report = published(samples::mass_cancel_report()).mass_cancel_report();
  EXPECT_EQ(report.cl_ord_id(), "m-1");
  EXPECT_EQ(report.status(), v1::MASS_CANCEL_STATUS_PROGRESS);
  EXPECT_EQ(report.total_affected(), 15U);
  EXPECT_EQ(report.canceled(), 5U);
  EXPECT_EQ(report.filled(), 4U);
  EXPECT_EQ(report.still_open(), 3U);
  EXPECT_EQ(report.in_doubt(), 2U);
  EXPECT_EQ(report.unsent(), 1U);
  ASSERT_EQ(report.not_affected_size(), 1);
  EXPECT_EQ(report.not_affected(0).order_id(), 5'000'000'001);
  EXPECT_EQ(report.not_affected(0).reason(), v1::CXL_REJ_REASON_BLOCKED);
  EXPECT_EQ(report.not_affected(0).text(), "ORDER_CANCEL_BLOCKED");
  EXPECT_EQ(report.not_affected_total(), 201U);
  EXPECT_EQ(report.text(), "waits for a complete list of the open orders");
  EXPECT_EQ(report.complete_as_of().nanos(), 13'000'000);
  EXPECT_EQ(report.estimated_completion().nanos(), 14'000'000);
}

TEST(Event, TheLargestMassCancelReportFitsIntoAFrame) {
  core::MassCancelReport report = samples::mass_cancel_report();
  report.not_affected.assign(200, {INT64_MAX, core::RejectReason::Blocked, std::string(256, 'x')});
  EXPECT_LT(encode_event(publication(report), Epoch).size(), 48U * 1024);
}

TEST(Event, FinalSaysWhatTheCoreSaid) {
  const v1::CancelFinal final = published(samples::final()).cancel_final();
  EXPECT_EQ(final.cl_ord_id(), "c-1");
  EXPECT_EQ(final.order_id(), 5'000'000'001);
  EXPECT_EQ(final.exec_type(), v1::EXEC_TYPE_TRADE);
  EXPECT_EQ(final.ord_status(), v1::ORD_STATUS_FILLED);
  EXPECT_EQ(final.evidence(), v1::EVIDENCE_ORDER_QUERY);
  EXPECT_TRUE(final.unsolicited());
  EXPECT_EQ(final.symbol(), "BTCTRY");
  EXPECT_EQ(final.price(), "1500000.00");
  EXPECT_EQ(final.order_qty(), "0.0457300000000000");
  EXPECT_EQ(final.leaves_qty(), "0.01");
  EXPECT_EQ(final.cum_qty(), "0.03573");
  EXPECT_TRUE(final.qty_exact());
  EXPECT_EQ(final.timeline().attempts(), 6U);
}

TEST(Event, StatusSaysWhatTheCoreSaid) {
  const v1::CancelStatus status = published(samples::status()).cancel_status();
  EXPECT_EQ(status.cl_ord_id(), "c-1");
  EXPECT_EQ(status.order_id(), 5'000'000'001);
  EXPECT_EQ(status.stage(), v1::CANCEL_STAGE_STUCK);
  EXPECT_EQ(status.text(), "still open");
  EXPECT_EQ(status.since().nanos(), 9'000'000);
}

TEST(Event, WhatHasNotHappenedIsAbsent) {
  const v1::Event event = published(core::CancelAck{});
  EXPECT_FALSE(event.cancel_ack().timeline().has_received());
  EXPECT_FALSE(event.cancel_ack().timeline().has_finalized());
  EXPECT_EQ(event.cancel_ack().status(), v1::CANCEL_ACK_STATUS_IN_DOUBT);
}

TEST(Event, TextOfTheExchangeIsCutAndMadeLegible) {
  core::CancelAck ack = samples::ack();
  ack.text = std::string(255, 'x') + "\xC4\xB1";
  EXPECT_EQ(published(ack).cancel_ack().text(), std::string(255, 'x'));
  ack.text = "emir \xFF";
  EXPECT_EQ(published(ack).cancel_ack().text(), "emir ?");
}

TEST(Event, BusStatusIsNotSequenced) {
  v1::Event event;
  ASSERT_TRUE(event.ParseFromString(encode_bus_status_event(samples::bus_status(), Epoch)));
  EXPECT_EQ(event.epoch(), Epoch);
  EXPECT_EQ(event.topic(), "bus.");
  EXPECT_EQ(event.seq(), 0U);
  EXPECT_EQ(event.sending_time().nanos(), 11'000'000);
  EXPECT_EQ(event.bus_status().commands_undecided(), 47U);
}

// ---- Read again ----

TEST(Event, IsReadAsItWasWritten) {
  const auto again = [](const core::Publication& written) {
    const std::string bytes = encode_event(written, Epoch);
    const auto read = decode_event(bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->epoch, Epoch);
    EXPECT_FALSE(read->poss_dup);
    EXPECT_EQ(read->publication.topic, written.topic);
    EXPECT_EQ(read->publication.seq, written.seq);
    EXPECT_EQ(read->publication.sending_time, written.sending_time);
    EXPECT_EQ(read->publication.body.index(), written.body.index());
    EXPECT_EQ(encode_event(read->publication, Epoch), bytes);
  };
  again(publication(samples::ack()));
  again(publication(samples::final()));
  again(publication(samples::status()));
}

TEST(Event, UnreadableOnesAreNamed) {
  const auto error = [](const v1::Event& event) {
    return std::string(decode_event(event.SerializeAsString()).status().message());
  };
  v1::Event event = published(samples::ack());
  event.mutable_cancel_ack()->clear_status();
  EXPECT_EQ(error(event), "cancel_ack.status: not known");
  event = published(samples::ack());
  event.mutable_cancel_ack()->set_cxl_rej_reason(static_cast<v1::CxlRejReason>(99));
  EXPECT_EQ(error(event), "cancel_ack.cxl_rej_reason: not known");
  event = published(samples::ack());
  event.mutable_cancel_ack()->clear_origin();
  EXPECT_EQ(error(event), "cancel_ack.origin: not known");
  event = published(samples::final());
  event.mutable_cancel_final()->clear_ord_status();
  EXPECT_EQ(error(event), "cancel_final.ord_status: not known");
  event = published(samples::final());
  event.mutable_cancel_final()->clear_evidence();
  EXPECT_EQ(error(event), "cancel_final.evidence: not known");
  event = published(samples::status());
  event.mutable_cancel_status()->clear_stage();
  EXPECT_EQ(error(event), "cancel_status.stage: not known");
  event = published(samples::status());
  event.mutable_cancel_status()->mutable_since()->set_nanos(-1);
  EXPECT_EQ(error(event), "cancel_status.since: not a valid time");
  event.mutable_sending_time()->set_nanos(-1);
  EXPECT_EQ(error(event), "sending_time: not a valid time");
  EXPECT_EQ(error(v1::Event()), "event: none of those known here is set");
  EXPECT_EQ(decode_event(encode_bus_status_event({}, 1)).status().message(), "event: a bus_status has no sequence");
  EXPECT_EQ(decode_event("\xFF").status().message(), "frame: not an Event");
}

}  // namespace
}  // namespace cancelbus::wire
