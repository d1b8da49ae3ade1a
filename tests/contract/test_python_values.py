"""The Python client's own enums and values against the contract's descriptors: what is added there must be added here. And
their JSON against protobuf's own."""

import dataclasses
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build")) / "python")]

from cancelbus import bus_status, enums, values  # noqa: E402
from cancelbus.convert import as_json, decimal_of  # noqa: E402
from cancelbus.v1 import cancel_pb2, session_pb2  # noqa: E402
from google.protobuf.json_format import MessageToDict, ParseDict  # noqa: E402

ADD = "the contract has gained something: add it to clients/python/cancelbus/values.py, enums.py or bus_status.py"
ENUMS = [(enums.ReceiptStatus, session_pb2.ReceiptStatus), (enums.ResolveStatus, session_pb2.ResolveStatus),
         (enums.AckStatus, cancel_pb2.CancelAckStatus),
         (enums.Reason, cancel_pb2.CxlRejReason), (enums.Origin, cancel_pb2.Origin),
         (enums.ExecType, cancel_pb2.ExecType), (enums.OrdStatus, cancel_pb2.OrdStatus),
         (enums.Evidence, cancel_pb2.Evidence), (enums.Stage, cancel_pb2.CancelStage),
         (enums.CauseKind, cancel_pb2.CauseKind), (enums.MassCancelScope, cancel_pb2.MassCancelScope),
         (enums.MassCancelStatus, cancel_pb2.MassCancelStatus), (enums.KillSwitchStatus, session_pb2.KillSwitchStatus),
         (enums.CommandState, session_pb2.CommandState), (enums.RetryStatus, session_pb2.RetryStatus), (enums.Priority, cancel_pb2.Priority)]
# CancelAck has one name that is shorter here, BusStatus three that are plural. None: what only the client needs.
MESSAGES = [(values.Timeline, cancel_pb2.Timeline, {}), (values.Receipt, session_pb2.Receipt, {}),
            (values.Ack, cancel_pb2.CancelAck, {"cxl_rej_reason": "reason"}), (values.Final, cancel_pb2.CancelFinal, {}),
            (values.Status, cancel_pb2.CancelStatus, {}), (values.Resolved, session_pb2.Resolved, {}),
            (values.MassCancelReport, cancel_pb2.MassCancelReport, {}),
            (values.NotAffected, cancel_pb2.MassCancelReport.NotAffected, {}),
            (values.MassCancelPreview, session_pb2.MassCancelPreview, {}),
            (values.PreviewedOrders, session_pb2.MassCancelPreview.Orders, {}),
            (values.KillSwitchReply, session_pb2.KillSwitchReply, {"request_id": None}),
            (values.GoodbyeReply, session_pb2.GoodbyeReply, {}),
            (values.RetryReply, session_pb2.RetryReply, {"request_id": None}), (values.UndecidedCommand, session_pb2.UndecidedCommand, {}),
            (values.HistoryLine, session_pb2.HistoryLine, {}), (values.HistoryCommand, session_pb2.HistoryCommand, {}),
            (bus_status.Cause, cancel_pb2.Cause, {}), (bus_status.EventBar, cancel_pb2.EventBar, {}),
            (bus_status.WindowStatus, cancel_pb2.BusStatus.Window, {}), (bus_status.HoldStatus, cancel_pb2.BusStatus.Hold, {}),
            (bus_status.QueueStatus, cancel_pb2.BusStatus.Queue, {}), (bus_status.WorkerStatus, cancel_pb2.BusStatus.Worker, {}),
            (bus_status.StreamStatus, cancel_pb2.BusStatus.Stream, {}),
            (bus_status.KillSwitch, cancel_pb2.BusStatus.KillSwitch, {}),
            (bus_status.DeadManSwitch, cancel_pb2.BusStatus.DeadManSwitch, {}),
            (bus_status.AnswerCount, cancel_pb2.BusStatus.Answers, {}), (bus_status.Doubt, cancel_pb2.BusStatus.Doubt, {}),
            (bus_status.Standby, cancel_pb2.BusStatus.Standby, {}),
            (bus_status.BusStatus, cancel_pb2.BusStatus, {"cause": "causes", "event_bar": "event_bars",
                                                         "open_order_count": "open_order_counts"})]


@pytest.mark.parametrize("ours, contract", ENUMS)
def test_enums_have_every_value(ours, contract):
    [unspecified] = [name for name, number in contract.items() if number == 0]
    prefix = unspecified.removesuffix("UNSPECIFIED")
    assert {member.name: member.value for member in ours} == \
        {name.removeprefix(prefix): number for name, number in contract.items()}, ADD
    assert {member.contract_name(): member.value for member in ours} == dict(contract.items())
    assert ours(77).contract_name() == 77


@pytest.mark.parametrize("ours, contract, renamed", MESSAGES)
def test_values_have_every_field(ours, contract, renamed):
    names = [renamed.get(name, name) for name in contract.DESCRIPTOR.fields_by_name if renamed.get(name, name) is not None]
    assert [field.name for field in dataclasses.fields(ours) if field.name != "message"] == names, ADD


def test_a_value_of_a_later_contract_stays_what_it_is():
    later = enums.AckStatus(77)
    assert (int(later), later.name, str(later)) == (77, "UNKNOWN_77", "UNKNOWN_77")
    assert later == enums.AckStatus(77) and later not in list(enums.AckStatus)
    ack = values.ack_of(cancel_pb2.CancelAck(cl_ord_id="a", status=77))
    assert not (ack.accepted or ack.rejected or ack.in_doubt)
    final = values.final_of(cancel_pb2.CancelFinal(ord_status=78))
    assert not (final.order_open or final.order_gone)


def test_unknown_fields_are_kept():
    later = cancel_pb2.CancelAck(cl_ord_id="a").SerializeToString() + b"\xa2\x06\x05later"
    assert values.ack_of(cancel_pb2.CancelAck.FromString(later)).message.SerializeToString() == later


def test_what_is_not_known_is_none():
    final = values.final_of(cancel_pb2.CancelFinal(price="0.0457300000000000"))
    assert str(final.price) == "0.04573"
    assert final.cum_qty is None and final.timeline.received is None


@pytest.mark.parametrize("text, shown", [
    ("0.01", "0.01"), ("0.0100000000000000", "0.01"), ("100.0000", "100"), ("0.0000000000000000", "0"), ("1E+3", "1000"),
    ("-0.0", "0"), ("2000000", "2000000"), ("12345678901234567890.12345678901234567890", "12345678901234567890.1234567890123456789")])
def test_a_decimal_is_exact_and_has_no_noise(text, shown):
    value = decimal_of(text)
    assert str(value) == shown and value == Decimal(text)


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "many"])
def test_what_is_no_number_is_not_known(text):
    assert decimal_of(text) is None


ACK = {"cl_ord_id": "a-1", "order_id": "61508264", "status": "CANCEL_ACK_STATUS_REJECTED",
       "cxl_rej_reason": "CXL_REJ_REASON_UNKNOWN_ORDER", "origin": "ORIGIN_EXCHANGE", "text": "no such order", "http_status": 400,
       "exchange_code": 1019, "final_follows": True,
       "timeline": {"received": "2026-03-02T09:30:00Z", "dispatched": "2026-03-02T09:30:00.120Z",
                    "answered": "2026-03-02T09:30:00.123456Z", "attempts": 1, "worker": "w1"}}
FINAL = {"cl_ord_id": "a-1", "order_id": "61508264", "exec_type": "EXEC_TYPE_CANCELED", "ord_status": "ORD_STATUS_CANCELED",
         "evidence": "EVIDENCE_CHANNEL_452", "unsolicited": False, "symbol": "BTCTRY", "price": "2000000", "order_qty": "0.01",
         "leaves_qty": "0.01", "cum_qty": "", "qty_exact": False,
         "timeline": {"finalized": "2026-03-02T09:30:00Z", "attempts": 0, "worker": ""}}


@pytest.mark.parametrize("json_of, contract, make", [(ACK, cancel_pb2.CancelAck, values.ack_of),
                                                  (FINAL, cancel_pb2.CancelFinal, values.final_of)])
def test_to_dict_is_the_json_of_the_contract(json_of, contract, make):
    message = ParseDict(json_of, contract())
    shown = make(message).to_dict()
    assert json.loads(json.dumps(shown)) == shown == json_of
    assert ParseDict(shown, contract()) == message
    known = MessageToDict(message, preserving_proto_field_name=True)
    assert {name: shown[name] for name in known if name != "timeline"} == {name: value for name, value in known.items() if name != "timeline"}


def test_to_dict_tells_later_values_as_numbers():
    assert values.ack_of(cancel_pb2.CancelAck(status=77)).to_dict()["status"] == 77


@pytest.mark.parametrize("span, shown", [(timedelta(), "0s"), (timedelta(seconds=2), "2s"), (timedelta(milliseconds=1500), "1.500s"),
                                         (timedelta(microseconds=-1), "-0.000001s")])
def test_a_duration_in_json(span, shown):
    assert as_json(span) == shown


def test_a_status_digested():
    status = bus_status.bus_status_of(cancel_pb2.BusStatus(
        windows=[{"limiter": "cancel", "used": 3, "limit": 5, "period": {"seconds": 1}, "configured_limit": 10},
                 {"limiter": "query", "used": 1, "limit": 60, "period": {"seconds": 60}}],
        workers=[{"name": "w1"}, {"name": "w2", "benched": "clock"}], stream={"live": True}))
    assert status.budget_used == {"5 in 1 s": 3} and status.windows[0].configured_limit == 10
    assert status.workers_available == 1 and status.stream_live


STATUS = {"as_of": "2026-03-02T09:30:00Z", "store_bytes": "4096", "headline": "ok", "windows": [
              {"limiter": "cancel", "used": 3, "limit": 5, "period": "1s", "configured_limit": 10}],
          "cause": [{"kind": "CAUSE_KIND_NO_WORKER", "text": "no worker is connected", "remaining": "1.500s"}],
          "event_bar": [{"name": "desk-b", "text": "subscribed to client."}], "open_order_count": [{"owner": "desk-a", "orders": 3}],
          "kill_switches": [{"scope": "MASS_CANCEL_SCOPE_SENDER", "owner": "desk-a", "symbol": "BTCTRY", "side": "SIDE_SELL",
                             "client_order_id_prefix": "dA-", "sender_comp_id": "ops", "since": "2026-03-02T09:29:00Z",
                             "reason": "runaway quotes", "still_open": 2, "proven_empty": False,
                             "complete_as_of": "2026-03-02T09:29:58Z", "cl_ord_id": "k1", "text": "2 orders are open"}],
          "dead_man_switches": [{"sender_comp_id": "desk-a", "window": "10s", "silent_for": "1.500s", "fired": True}],
          "account": "desk", "version": "1.2.3", "started": "2026-03-02T09:00:00Z", "uptime": "1800s", "unauthorized_in_a_row": 18,
          "answers": [{"http_status": 503, "last_minute": 40, "last_10_minutes": 41}], "unauthorized_limit": 50,
          "queue_empty_in": "4.700s", "holds": [{"limiter": "cancel", "remaining": "3s"}],
          "doubts": [{"order_id": "4711", "sender_comp_id": "desk-a", "cl_ord_id": "c1", "since": "2026-03-02T09:29:00Z",
                      "http_status": 503, "exchange_code": 9, "text": "Service Unavailable", "attempts": 3}],
          "term": "12", "leader": "bus-a-3f9c21", "standbys": [{"name": "bus-b-77e0d4", "heard_ago": "0.250s"}],
          "replication": "synchronous, on db-2"}


def test_a_status_in_json():
    message = ParseDict(STATUS, cancel_pb2.BusStatus())
    shown = bus_status.bus_status_of(message).to_dict()
    assert json.loads(json.dumps(shown)) == shown
    whole = MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)
    del shown["stream"]  # which a status without one has as well
    assert shown == whole


def test_a_report_in_json():
    report = {"cl_ord_id": "m", "status": "MASS_CANCEL_STATUS_COMPLETED", "total_affected": 1, "canceled": 1, "not_affected_total": 1,
              "not_affected": [{"order_id": "7", "reason": "CXL_REJ_REASON_BLOCKED", "text": "blocked"}]}
    message = ParseDict(report, cancel_pb2.MassCancelReport())
    shown = values.mass_cancel_report_of(message).to_dict()
    assert shown == MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)


UNDECIDED = {"sender_comp_id": "desk-a", "cl_ord_id": "a-1", "order_id": "61508264", "received": "2026-03-02T09:30:00Z", "age": "44s",
             "stage": "CANCEL_STAGE_IN_DOUBT", "since": "2026-03-02T09:30:00.500Z", "text": "HTTP 503", "http_status": 503, "acked": True,
             "attempts": 2, "next_step": "queries the order", "next_in": "1.500s"}
LINE = {"at": "2026-03-02T09:30:00Z", "bus_start": "3", "line": 4, "what": "DELETE", "task_id": "5", "attempt": 1, "stamp": "6", "worker": "w1"}


@pytest.mark.parametrize("json_of, contract, make", [(UNDECIDED, session_pb2.UndecidedCommand, values.undecided_command_of),
                                                  (LINE, session_pb2.HistoryLine, values.history_line_of)])
def test_what_is_listed_in_json(json_of, contract, make):
    message = ParseDict(json_of, contract())
    assert make(message).to_dict() == MessageToDict(message, including_default_value_fields=True, preserving_proto_field_name=True)


def test_the_switches_of_a_status():
    status = bus_status.bus_status_of(ParseDict(STATUS, cancel_pb2.BusStatus()))
    [kill], [dead_man] = status.kill_switches, status.dead_man_switches
    assert (kill.scope, kill.side) == (enums.MassCancelScope.SENDER, enums.Side.SELL)
    assert (kill.since, kill.complete_as_of) == (datetime(2026, 3, 2, 9, 29, tzinfo=timezone.utc),
                                                 datetime(2026, 3, 2, 9, 29, 58, tzinfo=timezone.utc))
    assert (dead_man.window, dead_man.silent_for) == (timedelta(seconds=10), timedelta(seconds=1.5)) and dead_man.fired


def test_what_a_status_sees_of_the_exchange():
    status = bus_status.bus_status_of(ParseDict(STATUS, cancel_pb2.BusStatus()))
    [answers], [doubt] = status.answers, status.doubts
    assert (answers.http_status, answers.last_minute, answers.last_10_minutes) == (503, 40, 41)
    assert (doubt.order_id, doubt.cl_ord_id, doubt.attempts, doubt.text) == (4711, "c1", 3, "Service Unavailable")
    assert (status.uptime, status.queue_empty_in) == (timedelta(minutes=30), timedelta(seconds=4.7))
    assert status.holds[0].remaining == timedelta(seconds=3)


def test_a_bar_in_words():
    bar = bus_status.event_bar_of(cancel_pb2.EventBar(name="desk-a", until={"seconds": 1_800_000_060}, remaining={"seconds": 43},
                                                      text='subscribed to "client."'))
    assert str(bar) == 'the key of desk-a is barred from events until 08:01:00 UTC (43 s left): subscribed to "client."'


def test_the_version_is_the_project_s():
    import cancelbus
    assert f"VERSION {cancelbus.__version__} " in (ROOT / "CMakeLists.txt").read_text()
