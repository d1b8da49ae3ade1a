"""A rolling upgrade: bus, workers and subscriber of two versions speak to each other, and no strategy notices."""

from contextlib import ExitStack

import pytest
from conftest import orderly_stack
from newer_backend import NewerBackend
from scene import bus_metric, place_orders, statuses

from cancelbus.v1 import cancel_pb2


@pytest.fixture(scope="module")
def shared():
    with ExitStack() as at_last, orderly_stack() as stack:
        stack.start_exchange()
        stack.start_bus()
        stack.between = NewerBackend(stack)
        at_last.callback(stack.between.close)  # all else ends through it
        for name in ("worker-1", "worker-2"):
            stack.start_worker(name, **stack.between.flags)
        stack.start_subscriber(**stack.between.flags)
        stack.wait_connected(workers=2)
        yield stack


def test_what_is_new_is_ignored_on_both_sides(shared, connect):
    strategy = connect(shared, "desk-a", topics=["venue."])
    commands = [strategy.cancel(order_id) for order_id in place_orders(shared, strategy, count=20)]
    for command in commands:
        final = strategy.wait_final(command)
        assert (final.ord_status, final.evidence) == (cancel_pb2.ORD_STATUS_CANCELED, cancel_pb2.EVIDENCE_CHANNEL_452)
        assert [ack.status for ack in strategy.acks(command)] == [cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED]
    assert min(shared.between.passed.values()) > 40
    assert bus_metric(shared, 'cancelbus_frames_rejected_total') > 0  # the unknown kinds of requests


def test_a_fact_of_an_unknown_type_has_the_order_queried_and_stops_nothing(shared, connect):
    strategy = connect(shared, "desk-b", topics=["venue."])
    strange, ordinary = place_orders(shared, strategy, count=2)
    shared.between.strange_orders.add(strange)
    command = strategy.cancel(strange)
    final = strategy.wait_final(command)
    assert (final.ord_status, final.evidence) == (cancel_pb2.ORD_STATUS_CANCELED, cancel_pb2.EVIDENCE_ORDER_QUERY)
    assert statuses(shared, "DELETE", strange) == [200]
    after = strategy.wait_final(strategy.cancel(ordinary))
    assert (after.ord_status, after.evidence) == (cancel_pb2.ORD_STATUS_CANCELED, cancel_pb2.EVIDENCE_CHANNEL_452)
