"""The Python client's own enums and values against the contract's descriptors: what is added there must be added here."""

import dataclasses
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build")) / "python")]

from cancelbus import values  # noqa: E402
from cancelbus.v1 import cancel_pb2, session_pb2  # noqa: E402

MEND = "the contract has gained something: add it to clients/python/cancelbus/values.py"
ENUMS = [(values.ReceiptStatus, session_pb2.ReceiptStatus), (values.ResolveStatus, session_pb2.ResolveStatus),
         (values.AckStatus, cancel_pb2.CancelAckStatus),
         (values.Reason, cancel_pb2.CxlRejReason), (values.Origin, cancel_pb2.Origin),
         (values.ExecType, cancel_pb2.ExecType), (values.OrdStatus, cancel_pb2.OrdStatus),
         (values.Evidence, cancel_pb2.Evidence), (values.Stage, cancel_pb2.CancelStage),
         (values.CauseKind, cancel_pb2.CauseKind)]
# BusStatus is a digest; CancelAck and CancelFinal have one name that is shorter here.
MESSAGES = [(values.Timeline, cancel_pb2.Timeline, {}), (values.Receipt, session_pb2.Receipt, {}),
            (values.Ack, cancel_pb2.CancelAck, {"cxl_rej_reason": "reason"}), (values.Final, cancel_pb2.CancelFinal, {}),
            (values.Status, cancel_pb2.CancelStatus, {}), (values.Resolved, session_pb2.Resolved, {}),
            (values.Cause, cancel_pb2.Cause, {})]


@pytest.mark.parametrize("ours, contract", ENUMS)
def test_enums_have_every_value(ours, contract):
    [unspecified] = [name for name, number in contract.items() if number == 0]
    prefix = unspecified.removesuffix("UNSPECIFIED")
    assert {member.name: member.value for member in ours} == \
        {name.removeprefix(prefix): number for name, number in contract.items()}, MEND


@pytest.mark.parametrize("ours, contract, renamed", MESSAGES)
def test_values_have_every_field(ours, contract, renamed):
    names = [renamed.get(name, name) for name in contract.DESCRIPTOR.fields_by_name]
    assert [field.name for field in dataclasses.fields(ours) if field.name != "message"] == names, MEND


def test_a_value_of_a_later_contract_stays_what_it_is():
    later = values.AckStatus(77)
    assert (int(later), later.name, str(later)) == (77, "UNKNOWN_77", "UNKNOWN_77")
    assert later == values.AckStatus(77) and later not in list(values.AckStatus)
    ack = values.ack_of(cancel_pb2.CancelAck(cl_ord_id="a", status=77))
    assert not (ack.accepted or ack.rejected or ack.in_doubt)
    final = values.final_of(cancel_pb2.CancelFinal(ord_status=78))
    assert not (final.order_open or final.order_gone)


def test_unknown_fields_are_kept():
    later = cancel_pb2.CancelAck(cl_ord_id="a").SerializeToString() + b"\xa2\x06\x05later"
    assert values.ack_of(cancel_pb2.CancelAck.FromString(later)).message.SerializeToString() == later


def test_what_is_not_known_is_none():
    final = values.final_of(cancel_pb2.CancelFinal(price="0.0457300000000000"))
    assert str(final.price) == "0.0457300000000000"
    assert final.cum_qty is None and final.timeline.received is None
