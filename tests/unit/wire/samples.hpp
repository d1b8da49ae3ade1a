// One value of each kind with every field set, for the tests of what the bus writes.
#pragma once

#include <chrono>
#include <string>

#include "cancelbus/v1/backend.pb.h"
#include "service/core/actions.hpp"
#include "service/core/records.hpp"
#include "service/core/status.hpp"

namespace cancelbus::wire::samples {

inline core::WallTime at(int milliseconds) {
  return core::WallTime(std::chrono::milliseconds(1'700'000'000'000 + milliseconds));
}

/// Of the contract, but no bus sends it.
inline std::string drain() {
  v1::BackendReply frame;
  frame.mutable_drain();
  return frame.SerializeAsString();
}

inline core::Timeline timeline() { return {at(1), at(2), at(3), at(4), std::nullopt, at(5), 6, "host-7.4711"}; }

inline core::CancelAck ack() {
  return {"c-1",
          5'000'000'001,
          core::AckStatus::Rejected,
          core::RejectReason::UnknownOrder,
          core::Origin::Exchange,
          "NO_ORDER_MATCHES_YOUR_REQUEST",
          400,
          1052,
          true,
          timeline()};
}

inline core::CancelFinal final() {
  return {"c-1",
          5'000'000'001,
          core::OrdStatus::Filled,
          core::Evidence::OrderQuery,
          true,
          "BTCTRY",
          {"1500000.00", "0.0457300000000000", "0.01", "0.03573", true},
          timeline()};
}

inline core::CancelStatus status() { return {"c-1", 5'000'000'001, core::Stage::Stuck, "still open", at(9)}; }

inline core::MassCancelReport mass_cancel_report() {
  core::MassCancelReport report;
  report.cl_ord_id = "m-1";
  report.status = core::MassCancelStatus::Progress;
  report.total_affected = 15;
  report.canceled = 5;
  report.filled = 4;
  report.still_open = 3;
  report.in_doubt = 2;
  report.unsent = 1;
  report.not_affected = {{5'000'000'001, core::RejectReason::Blocked, "ORDER_CANCEL_BLOCKED"}};
  report.not_affected_total = 201;
  report.text = "waits for a complete list of the open orders";
  report.complete_as_of = core::Instant{{}, at(13)};
  report.estimated_completion = at(14);
  return report;
}

inline core::SendMassCancelPreview mass_cancel_preview() {
  return {"peer",
          "m-1",
          44,
          {{"desk-a", "BTCTRY", 40}, {"", "ETHTRY", 4}},
          at(13),
          std::chrono::milliseconds(4'500),
          "some may be missing"};
}

inline core::Cause cause() {
  core::Cause cause{core::CauseKind::Backoff, core::LimiterKind::Query, "queries", "Quota exceeded", at(12)};
  cause.remaining = std::chrono::milliseconds(4'500);
  cause.http_status = 429;
  cause.exchange_code = 17;
  cause.runbook = "CancelbusThrottled";
  return cause;
}

inline core::BusStatus bus_status() {
  using namespace std::chrono_literals;
  core::BusStatus status;
  status.observing = true;
  status.windows = {{"cancel", 7, {10, 1s}}, {"query", 8, {900, 60s}}};
  status.queues = {{"desk-a", 3, 44, at(4)}};
  status.undecided = 47;
  status.cancels_in_flight = 6;
  status.queries_in_flight = 2;
  status.orders_in_doubt = 5;
  status.oldest_doubt = at(7);
  status.workers = {{"host-7.4711", 8, 5, "clock is off", -250ms, 12ms},
                    {.name = "host-8.4712", .unavailable = "silent", .silent_for = 90s, .dead = true}};
  status.expected_workers = 3;
  status.stream = {true, true, true, at(10), "login refused"};
  status.store_writable = true;
  status.store_bytes = 5'000'000'000;
  status.causes = {cause()};
  status.complete_as_of = at(13);
  status.open_orders = {{"desk-a", 150}, {"", 7}};
  status.sweep_trouble = "BTCTRY: HTTP 500";
  core::MassCancelRequest kill;
  kill.cl_ord_id = "kill-1";
  kill.whose = core::MassCancelRequest::Whose::Sender;
  kill.scope = {core::Scope::Whose::Owner, "desk-a", "BTCTRY", core::Side::Sell, "dA-"};
  kill.reason = "limits";
  status.kill_switches = {{kill, "ops", at(5), 4, false, at(6), "every command has ended"}};
  status.dead_man_switches = {{"desk-a", 5s, 1500ms, true}};
  status.account = "desk";
  status.version = "1.2.3";
  status.uptime = 90s;
  status.queue_empty_in = 4700ms;
  status.unauthorized_in_a_row = 18;
  status.unauthorized_limit = 50;
  status.answers = {{503, 40, 41, 1'000}, {0, 2, 3, 9}, {200, 0, 7, 8}, {429, 0, 0, 5}};
  status.doubts = {{4711, {"desk-a", "c-1"}, at(7), {503, 9, "Service Unavailable"}, 3}};
  status.as_of = at(11);
  return status;
}

}  // namespace cancelbus::wire::samples
