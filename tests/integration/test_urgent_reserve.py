"""Hundreds of NORMAL cancels of one strategy wait, and another gives an URGENT one: it is the next request that leaves, at
once where --urgent_reserve keeps permits for it, and else with the next permit."""

import pytest
from desks import strategy
from scene import requests

WAITING = 500
LIMIT, RESERVE = 10, 2  # a second


def start(stack, **bus_flags):
    for name in ("desk-a", "desk-b"):
        stack.access.grant("strategy", name)
    stack.start_exchange()
    stack.start_bus(**bus_flags)
    # One connection, so that requests arrive in the order in which they left.
    stack.start_worker(connections=1)
    stack.start_subscriber()
    stack.wait_connected(1)


def arrivals(stack):
    """The order ids of the DELETEs, in order of arrival."""
    return [arrival["order_id"] for arrival in requests(stack, "DELETE")]


def assert_nothing_that_waited_left_before(stack, urgent, normal):
    """Of the NORMAL cancels that arrived before the URGENT one, each had left when the bus received that."""
    received = urgent.ack().timeline.received
    arrived = arrivals(stack)
    before = arrived[:arrived.index(urgent.order_id)]
    assert before and len(before) < WAITING
    for order_id in before:
        assert normal[order_id].ack().timeline.dispatched <= received, f"{order_id} left before {urgent.order_id}"


@pytest.fixture
def desks(stack):
    """desks(urgent_reserve=...): two strategies and the cancels that the first has given, by order id, once as many have
    left as may in a second."""
    clients = []

    def desks(at_once, **bus_flags):
        start(stack, **bus_flags)
        clients.extend(strategy(stack, name).__enter__() for name in ("desk-a", "desk-b"))
        slow, quick = clients
        normal = {order_id: slow.submit(order_id) for order_id in stack.exchange.place_orders(WAITING)}
        list(normal.values())[-1].received()
        stack.wait_until(lambda: len(arrivals(stack)) >= at_once, "as many have left as may in a second")
        return quick, normal

    yield desks
    for client in clients:
        client.close()


def test_with_a_reserve_it_leaves_at_once(stack, desks):
    quick, normal = desks(LIMIT - RESERVE, urgent_reserve=f"{RESERVE}/1s,20/60s")
    assert stack.exchange.counters()["peak"]["1s"] <= LIMIT - RESERVE
    urgent = []

    def beside_all_normal_ones():
        [order_id] = stack.exchange.place_orders()
        urgent.append(quick.cancel(order_id, urgent=True))
        assert_nothing_that_waited_left_before(stack, urgent[-1], normal)
        return stack.exchange.counters()["peak"]["1s"] > LIMIT - RESERVE

    # On a slow machine it takes some until one arrives within the second of the NORMAL ones.
    stack.wait_until(beside_all_normal_ones, "an URGENT cancel leaves in a second that NORMAL ones have used up")
    assert stack.exchange.counters()["peak"]["1s"] <= LIMIT
    assert stack.exchange.counters()["refused_429"] == 0


def test_without_a_reserve_it_takes_the_next_permit(stack, desks):
    quick, normal = desks(LIMIT)
    [order_id] = stack.exchange.place_orders()
    assert_nothing_that_waited_left_before(stack, quick.cancel(order_id, urgent=True), normal)
    counters = stack.exchange.counters()
    assert counters["peak"]["1s"] <= LIMIT and counters["refused_429"] == 0
