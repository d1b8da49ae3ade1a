"""The wall clocks of the hosts are wrong, each in its own way, and are set while everything runs: no stamp is wrong, no
worker is excluded, and nothing that ended is executed again."""

import time

import pytest
from scene import bus_status, place_orders, requests, statuses
from wall_clock import WallClock

from cancelbus.v1 import cancel_pb2, session_pb2

HOURS = 3_600.0
# What a worker may ask at once, and each second (service/worker/clock_schedule.hpp).
AT_ONCE, PER_SECOND = 5, 1
# It takes so long until a bus that forgets by the wall clock has looked at its store (service/io/event_table.cpp).
PRUNE_SECONDS = 10


def time_requests(stack):
    """How often the exchange was asked for its time."""
    return sum(stack.exchange.counters()["requests"].get("GET /api/v2/server/time", {}).values())


def cancel_some(stack, strategy, count=3):
    orders = place_orders(stack, strategy, count)
    for order_id in orders:
        assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert [statuses(stack, "DELETE", order_id) for order_id in orders] == [[200]] * count


@pytest.mark.parametrize("errors", [
    {"bus": -1.5},
    {"bus": -3},
    {"bus": 8},
    {"worker-1": 2},
    {"bus": -2 * HOURS, "worker-1": 2, "worker-2": -40},
], ids=str)
def test_hosts_whose_wall_clocks_differ(stack, connect, errors):
    for name, seconds in errors.items():
        WallClock(stack, name, seconds)
    began = time.monotonic()
    stack.start(workers=2)
    strategy = connect(stack, topics=["venue."])
    cancel_some(stack, strategy)
    assert [worker.benched for worker in bus_status(strategy).workers] == ["", ""]
    counted = time_requests(stack)
    assert counted <= 2 * (AT_ONCE + PER_SECOND * (time.monotonic() - began)), "a flood"
    counters = stack.exchange.counters()
    assert (counters["max_unauthorized_in_a_row"], counters["repeated_stamps"]) == (0, 0)
    assert not any('"stale_stamp"' in process.log() for process in stack.processes.values())


def test_a_wall_clock_that_is_set_for_a_while_makes_nothing_that_ended_new_again(store, connect):
    stack = store.stack
    clock = WallClock(stack, "bus")
    stack.start(workers=1)
    strategy = connect(stack, topics=["venue."])
    order_id, = place_orders(stack, strategy, 1)
    command = strategy.cancel(order_id)
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED

    clock.set(26 * HOURS)  # beyond --retention
    began = time.monotonic()
    while time.monotonic() - began <= PRUNE_SECONDS:  # it looks at its store with a commit
        cancel_some(stack, strategy, 1)
    clock.set(0)
    cancel_some(stack, strategy, 1)

    since = len(strategy.replies)
    strategy.cancel(order_id, cl_ord_id=command)
    assert strategy.wait_reply("receipt", since=since).receipt.status == session_pb2.RECEIPT_STATUS_DUPLICATE
    assert len(requests(stack, "DELETE", order_id)) == 1
