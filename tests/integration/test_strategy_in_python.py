"""A strategy in Python with pyzmq, written from the contract alone, gets its Receipt, CancelAck and CancelFinal."""

import re
import subprocess
import sys
from decimal import Decimal

import pytest
from conftest import BUILD, ROOT
from scene import place_orders, statuses

from cancelbus.v1 import cancel_pb2, session_pb2
from process import PATIENCE_SECONDS, clean_environment


def moment(timestamp):
    return timestamp.seconds + timestamp.nanos / 1e9


def test_one_cancel_from_hello_to_final(shared, connect):
    strategy = connect(shared, "desk-a", topics=["venue."])
    assert strategy.epoch != 0
    assert strategy.positions["client.desk-a."] == 1
    [order_id] = place_orders(shared, strategy)

    command = strategy.cancel(order_id, symbol="BTCTRY")
    final = strategy.wait_final(command)
    [ack] = strategy.acks(command)
    receipt = strategy.wait_receipt(command)

    assert receipt.status == session_pb2.RECEIPT_STATUS_APPLIED
    assert receipt.cl_ord_id == command
    assert (ack.cl_ord_id, ack.order_id) == (command, order_id)
    assert ack.status == cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED
    assert ack.origin == cancel_pb2.ORIGIN_EXCHANGE
    assert (ack.http_status, ack.text, ack.final_follows) == (200, "SUCCESS", True)
    assert (final.cl_ord_id, final.order_id, final.unsolicited) == (command, order_id, False)
    assert final.exec_type == cancel_pb2.EXEC_TYPE_CANCELED
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert final.evidence == cancel_pb2.EVIDENCE_CHANNEL_452
    assert final.symbol == "BTCTRY"

    times = final.timeline
    assert moment(times.received) <= moment(times.dispatched) <= moment(times.sent) <= moment(times.answered)
    assert moment(times.dispatched) <= moment(times.finalized)
    assert times.attempts == 1
    assert times.worker != ""

    own = strategy.events[strategy.epoch, "client.desk-a."]
    assert [own[seq].WhichOneof("event") for seq in sorted(own)] == ["cancel_ack", "cancel_final"]
    assert sorted(own) == [1, 2]
    assert shared.exchange.order(order_id)["status"] == "Canceled"
    assert statuses(shared, "DELETE", order_id) == [200]


def test_exact_quantities_of_an_order_that_filled_in_part(shared, connect):
    strategy = connect(shared, "desk-exact", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    shared.exchange.fill(order_id, "0.004")
    final = strategy.wait_final(strategy.cancel(order_id, exact_quantities=True))
    truth = shared.exchange.order(order_id)
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert final.evidence == cancel_pb2.EVIDENCE_ORDER_QUERY
    assert final.qty_exact
    assert Decimal(final.order_qty) == Decimal(truth["quantity"])
    assert Decimal(final.cum_qty) == Decimal("0.004")
    assert Decimal(final.leaves_qty) == Decimal(truth["left"]) == Decimal(final.order_qty) - Decimal("0.004")


def test_every_strategy_hears_its_own_and_a_drop_copy_hears_all(shared, connect):
    first, second = connect(shared, "desk-b"), connect(shared, "desk-c")
    copy = connect(shared, "auditor", topics=["client."])
    one, other = shared.exchange.place_orders(2)
    commands = {"desk-b": first.cancel(one), "desk-c": second.cancel(other)}
    first.wait_final(commands["desk-b"])
    second.wait_final(commands["desk-c"])

    def heard(sender):
        events = copy.events[copy.epoch, f"client.{sender}."].values()
        return [event.cancel_final.cl_ord_id for event in events if event.HasField("cancel_final")]

    copy.wait_until(lambda: heard("desk-b") and heard("desk-c"), "both finals on the drop copy")
    assert [heard("desk-b"), heard("desk-c")] == [[commands["desk-b"]], [commands["desk-c"]]]
    assert first.acks(commands["desk-c"]) == second.acks(commands["desk-b"]) == []


def test_two_strategies_cancel_one_order_with_one_request(shared, connect):
    first, second = connect(shared, "desk-d", topics=["venue."]), connect(shared, "desk-e")
    [order_id] = place_orders(shared, first)
    shared.exchange.set_faults(latency={"endpoint": "DELETE /api/v1/order", "order_ids": [order_id], "answer_ms": 500})
    try:
        commands = [(first, first.cancel(order_id)), (second, second.cancel(order_id))]
        for strategy, command in commands:
            assert strategy.wait_ack(command).final_follows
            assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    finally:
        shared.exchange.set_faults(latency=None)
    assert statuses(shared, "DELETE", order_id) == [200]


@pytest.fixture
def example(shared, tmp_path):
    """The program that proto/README.md prints, as it stands there but for the addresses and the files of keys."""
    [program] = re.findall(r"^```python\n(.*?)^```$", (ROOT / "proto" / "README.md").read_text(), re.M | re.S)
    key = shared.grant("strategy", "desk-a")
    for printed, here in (("tcp://127.0.0.1:5550", shared.session_endpoint), ("desk-a.key", str(key.key_file)),
                          ("tcp://127.0.0.1:5551", shared.event_endpoint), ("bus.pub", str(shared.access.bus.public_file))):
        assert program.count(printed) == 1
        program = program.replace(printed, here)
    file = tmp_path / "example.py"
    file.write_text(program)
    return file


def test_the_example_of_the_readme_works_as_printed(shared, example):
    [order_id] = shared.exchange.place_orders(1)
    ran = subprocess.run([sys.executable, example, str(order_id)], capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                         check=False, env=clean_environment() | {"PYTHONPATH": str(BUILD / "python")})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for word in ("RECEIPT_STATUS_APPLIED", "CANCEL_ACK_STATUS_ACCEPTED", "ORD_STATUS_CANCELED", str(order_id)):
        assert word in ran.stdout, ran.stdout + ran.stderr
    assert shared.exchange.order(order_id)["status"] == "Canceled"
