"""The exchange refuses a key: another worker tries, the one that met it waits for its probe, and few requests go.

Fifty unauthorized requests in a row would block the address.
"""

import json

import pytest
from scene import bus_status, place_orders, requests, statuses

from cancelbus.v1 import cancel_pb2
from throwaway import make_api_key


def unavailable(strategy):
    return {worker.name: worker.benched for worker in bus_status(strategy).workers if worker.benched}


def worker_lines(stack):
    """What the bus's log says of workers, as (event, why)."""
    lines = [json.loads(line) for line in stack.processes["bus"].log().splitlines()]
    return [(line["event"], line.get("why")) for line in lines if line["event"].startswith("worker_")]


def assert_refused(ack):
    assert (ack.status, ack.origin) == (cancel_pb2.CANCEL_ACK_STATUS_REJECTED, cancel_pb2.ORIGIN_EXCHANGE)
    assert (ack.cxl_rej_reason, ack.final_follows) == (cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED, False)
    assert ack.http_status == 401


def test_after_one_401_another_worker_cancels(running, connect):
    strategy = connect(running, topics=["venue."])
    [order_id] = place_orders(running, strategy)
    running.exchange.set_faults(answer={"payload": "cancel_401_success_true", "count": 1})
    command = strategy.cancel(order_id)
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert strategy.acks(command)[0].status == cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED
    assert statuses(running, "DELETE") == [401, 200]
    # The worker that met it has proven since that its key is good, by a query and not by a cancel.
    strategy.wait_until(lambda: unavailable(strategy) == {}, "the probe has succeeded")
    assert statuses(running, "GET", order_id) == [200]


def test_the_only_worker_proves_its_key_by_a_probe_first(stack, connect):
    stack.start_exchange()
    stack.start_bus()
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.set_faults(answer={"payload": "cancel_401_empty", "count": 1})
    command = strategy.cancel(order_id)
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(stack, "DELETE") == [401, 200]
    stack.wait_until(lambda: worker_lines(stack)[-1] == ("worker_may_work", None), "the log says that it works again")
    # Asked of the log: the status shows it for a second only.
    assert [event for event, why in worker_lines(stack) if why and "not authorized" in why] == ["worker_unavailable"]
    refused, done = requests(stack, "DELETE")
    [probe] = requests(stack, "GET")
    assert refused["time_us"] + 1_000_000 <= probe["time_us"] < done["time_us"]


def test_a_second_401_rejects_the_command(running, connect):
    strategy = connect(running, topics=["venue."])
    [order_id, another] = place_orders(running, strategy, 2)
    running.exchange.set_faults(answer={"payload": "cancel_401_empty", "order_ids": [order_id]})
    command = strategy.cancel(order_id)
    assert_refused(strategy.wait_ack(command))
    assert statuses(running, "DELETE") == [401, 401]
    # Both workers have met it. The next command waits for a probe, and then goes through.
    final = strategy.wait_final(strategy.cancel(another))
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(running, "DELETE", another) == [200]
    assert running.exchange.order(order_id)["status"] == "Untouched"
    assert strategy.finals(command) == []


@pytest.fixture
def bad_secret(stack):
    """The account's key, with a secret that is not its own."""
    other = make_api_key(stack.folder, "other")
    return {"api_key_file": stack.api_key.key_file, "api_secret_file": other.secret_file}


def test_workers_with_a_bad_secret_spend_few_requests_and_a_good_one_takes_over(stack, connect, bad_secret):
    stack.start_exchange()
    stack.start_bus()
    stack.start_worker("worker-1", **bad_secret)
    stack.start_worker("worker-2", **bad_secret)
    stack.start_subscriber()
    strategy = connect(stack, topics=["venue."])
    strategy.wait_until(lambda: len(unavailable(strategy)) == 2, "a list of open orders and a probe were refused")
    orders = place_orders(stack, strategy, 20)

    commands = [strategy.cancel(order_id) for order_id in orders]
    # From then on only probes are sent: after 1 s and 2 s more, each worker.
    strategy.wait_until(lambda: len(requests(stack, "GET")) >= 4, "both workers have probed twice")
    assert statuses(stack, "DELETE") == []
    stack.start_worker("worker-3")
    for command in commands:
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert [ack.status for ack in strategy.acks(command)] == [cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED]
    unauthorized = stack.exchange.counters()["unauthorized"]
    assert 5 <= sum(unauthorized.values()) <= 12, unauthorized
    assert [statuses(stack, "DELETE", order_id) for order_id in orders] == 20 * [[200]]
