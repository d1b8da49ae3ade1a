"""The exchange answers 429: nothing is sent until it may be, then the command goes first, and no second 429 comes."""

import pytest
from scene import bus_status, place_orders, requests, statuses

from cancelbus.v1 import cancel_pb2

QUERY = "GET /api/v1/order/{id}"
# What the exchange says in its Retry-After, and what is added to it: time enough to look at the hold, on any machine.
RETRY_AFTER_SECONDS, MARGIN_SECONDS = 5, 1


@pytest.fixture
def one_at_a_time(stack):
    """One connection, so that requests arrive in the order in which they were sent."""
    stack.start_exchange()
    stack.start_bus()
    stack.start_worker("worker-1", connections=1)
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    return stack


def hold_of(strategy, limiter):
    return [hold for hold in bus_status(strategy).holds if hold.limiter == limiter]


def test_a_429_holds_the_budget_and_the_command_keeps_its_place(one_at_a_time, connect):
    stack = one_at_a_time
    strategy = connect(stack, topics=["venue."])
    ids = place_orders(stack, strategy, 3)
    stack.exchange.set_faults(answer={"payload": "cancel_429_ip", "order_ids": ids[:1], "count": 1,
                                       "retry_after_s": RETRY_AFTER_SECONDS})
    commands = [strategy.cancel(ids[0])]
    [hold] = strategy.wait_until(lambda: hold_of(strategy, "cancel"), "the limiter is held")
    assert "TOO_MANY_REQUESTS" in hold.text
    commands += [strategy.cancel(order_id) for order_id in ids[1:]]
    receipt = strategy.wait_receipt(commands[-1])
    assert receipt.estimated_wait.seconds + receipt.estimated_wait.nanos / 1e9 > 0
    assert strategy.acks(commands[0]) == []

    for command in commands:
        final = strategy.wait_final(command)
        assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
        [ack] = strategy.acks(command)
        assert ack.status == cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED
    met = requests(stack, "DELETE")
    assert [(request["order_id"], request["status"]) for request in met] == (
        [(ids[0], 429)] + [(order_id, 200) for order_id in ids])
    pause_us = met[1]["time_us"] - met[0]["ended_us"]
    assert pause_us >= (RETRY_AFTER_SECONDS + MARGIN_SECONDS) * 1_000_000
    assert hold_of(strategy, "cancel") == []


def test_a_429_to_a_query_holds_queries_alone(one_at_a_time, connect):
    stack = one_at_a_time
    strategy = connect(stack, topics=["venue."])
    silent, other = place_orders(stack, strategy, 2)
    refusal = {"payload": "cancel_429_account", "endpoint": QUERY, "retry_after_s": RETRY_AFTER_SECONDS, "count": 1}
    stack.exchange.set_faults(no_452={"order_ids": [silent]}, answer=refusal)
    asked = strategy.cancel(silent)
    strategy.wait_until(lambda: hold_of(strategy, "query"), "queries are held")
    assert hold_of(strategy, "cancel") == []
    command = strategy.cancel(other)
    assert strategy.wait_final(command).evidence == cancel_pb2.EVIDENCE_CHANNEL_452
    assert strategy.finals(asked) == []
    assert hold_of(strategy, "query") != []

    assert strategy.wait_final(asked).evidence == cancel_pb2.EVIDENCE_ORDER_QUERY
    assert statuses(stack, "GET") == [429, 200]
    refused, answered = requests(stack, "GET")
    assert answered["time_us"] - refused["ended_us"] >= (RETRY_AFTER_SECONDS + MARGIN_SECONDS) * 1_000_000
    assert statuses(stack, "DELETE") == [200, 200]
