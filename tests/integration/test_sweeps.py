"""Sweeps: what the stream has lost they put right, what it knows better they leave alone, and cancels do not wait for them."""

import time
from contextlib import ExitStack

import pytest
from cancelbus import blocking
from cancelbus.v1 import cancel_pb2
from newer_backend import NewerBackend
from python_client import client
from scene import bus_metric, place_orders

LIST = "GET /api/v1/openOrders"
HOUR = "3600s"


@pytest.fixture
def start(stack):
    """Exchange, bus, worker and subscriber, and the operator's client: start(guess="..."), start(sweep_interval="2s")."""
    with ExitStack() as clients:
        def start(guess=None, **bus_flags):
            stack.exchange_flags = {} if guess is None else {"guess": guess}
            stack.start(workers=1, **bus_flags)
            return stack, clients.enter_context(client(stack, "ctl-test", kind=blocking.Client))

        yield start


def requests(stack):
    """For open orders, in order of arrival; the number that each was answered with."""
    return [str(arrival["status"]) for arrival in stack.exchange.arrivals() if arrival["request"] == LIST]


def listed(bus):
    return [order.order_id for order in bus.open_orders().orders]


def wait_complete(stack, bus, later_than=None):
    def complete():
        status = bus.status()
        return status if status.complete_as_of and (later_than is None or status.complete_as_of > later_than) else None
    return stack.wait_until(complete, "a sweep is complete")


def wait_trouble(stack, bus, words):
    stack.wait_until(lambda: words in bus.status().sweep_trouble, f"the sweeps' trouble is {words}")


def looks_during_sweeps(stack, bus, sweeps):
    """What is listed while so many more sweeps are complete."""
    before = bus_metric(stack, 'cancelbus_sweeps_total{result="complete"}')
    while bus_metric(stack, 'cancelbus_sweeps_total{result="complete"}') < before + sweeps:
        yield listed(bus)
        time.sleep(0.05)


def test_an_order_that_left_without_a_word_is_gone_with_the_next_sweep(start):
    stack, bus = start(guess="web_cancel_sends_452=no", sweep_interval="2s")
    silent, other = stack.exchange.place_orders(2)
    stack.wait_until(lambda: listed(bus) == [silent, other], "both are listed")
    stack.exchange.cancel_by_hand(silent)
    stack.wait_until(lambda: listed(bus) == [other], "a sweep does not list the one that left")


def test_a_sweep_that_lags_the_stream_takes_nothing_away_and_brings_nothing_back(start):
    stack, bus = start(sweep_interval="2s")
    stack.exchange.set_faults(stale_open_orders={"delay_ms": 1900})
    wait_complete(stack, bus)
    came, left = stack.exchange.place_orders(2)
    stack.wait_until(lambda: listed(bus) == [came, left], "both are listed")
    stack.exchange.cancel_by_hand(left)
    stack.wait_until(lambda: listed(bus) == [came], "one has left")
    assert all(look == [came] for look in looks_during_sweeps(stack, bus, 3))


def test_after_a_gap_of_the_stream_a_sweep_tells_what_it_has_missed(start):
    stack, bus = start(sweep_interval=HOUR)
    gone, stays = stack.exchange.place_orders(2)
    stack.wait_until(lambda: set(listed(bus)) == {gone, stays}, "both are listed")
    before = wait_complete(stack, bus)
    stack.processes["subscriber"].kill()
    stack.exchange.cancel_by_hand(gone)
    [came] = stack.exchange.place_orders(1)
    stack.start_subscriber("subscriber-2")
    stack.wait_until(lambda: listed(bus) == [stays, came], "what happened in the gap is known")
    assert bus.status().complete_as_of > before.complete_as_of


@pytest.mark.parametrize("answer, words", [
    ({"status": 500, "body": "no"}, "HTTP 500"), ({"status": 200, "body": "rubbish"}, "rubbish"),
    ({"status": 200, "body": '{"success":true,"data":{"asks":[],"bids":[{"id":0}]}}'}, "is not legible")])
def test_a_sweep_without_a_legible_answer_is_none_and_cancels_go_on(start, connect, answer, words):
    stack, bus = start()
    wait_complete(stack, bus)
    stack.exchange.set_faults(answer={"endpoint": LIST, **answer})
    strategy = connect(stack, topics=["venue."])
    stack.processes["subscriber"].kill()  # A gap asks for a sweep.
    stack.start_subscriber("subscriber-2")
    stack.wait_until(lambda: bus.status().sweep_trouble, "a sweep has failed")
    before = bus.status()
    assert words in before.sweep_trouble and bus_metric(stack, "cancelbus_sweep_trouble") == 1
    [order] = place_orders(stack, strategy)
    final = strategy.wait_final(strategy.cancel(order))
    assert (final.ord_status, final.evidence) == (cancel_pb2.ORD_STATUS_CANCELED, cancel_pb2.EVIDENCE_CHANNEL_452)
    assert bus.status().causes == () and bus.status().complete_as_of == before.complete_as_of
    assert bus.status().sweep_trouble in stack.cancelctl("status").out
    stack.exchange.set_faults(answer=None)
    wait_complete(stack, bus, later_than=before.complete_as_of)
    assert bus.status().sweep_trouble == ""


def test_a_429_of_a_sweep_is_a_backoff_of_sweeps_alone(start, connect):
    stack, bus = start(sweep_interval="2s")
    wait_complete(stack, bus)
    stack.exchange.set_faults(answer={"endpoint": LIST, "status": 429, "retry_after_s": 4, "count": 1})
    stack.wait_until(lambda: "429" in requests(stack), "a sweep was refused")
    refused = len(requests(stack))
    strategy = connect(stack, topics=["venue."])
    for order in place_orders(stack, strategy, 3):
        assert strategy.wait_final(strategy.cancel(order)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert len(requests(stack)) == refused and bus.status().causes == ()
    stack.wait_until(lambda: len(requests(stack)) > refused, "the next sweep")
    arrivals = [arrival for arrival in stack.exchange.arrivals() if arrival["request"] == LIST]
    assert arrivals[refused]["time_us"] - arrivals[refused - 1]["time_us"] >= 4_000_000


def test_a_sweep_that_is_not_answered_holds_no_cancel_up(start, connect):
    stack, bus = start(sweep_interval="2s")
    wait_complete(stack, bus)
    stack.exchange.set_faults(stall={"endpoint": LIST})
    stack.wait_until(lambda: "open" in requests(stack), "a sweep is at the exchange")
    strategy = connect(stack, topics=["venue."])
    orders = place_orders(stack, strategy, 20)
    for command in [strategy.cancel(order) for order in orders]:
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    stack.wait_until(lambda: bus.status().sweep_trouble, "the sweep has failed")
    stack.exchange.set_faults(stall=None)


def test_an_exchange_that_lists_by_pair_alone_needs_pairs(start):
    stack, bus = start(guess="pair_required=yes")
    [order] = stack.exchange.place_orders(1)
    wait_trouble(stack, bus, "--pairs")
    stack.wait_until(lambda: listed(bus) == [order], "the stream tells of the order")
    assert bus.status().complete_as_of is None
    assert "orders   1 known (no known owner 1), not complete yet" in stack.cancelctl("status").out
    table = stack.cancelctl("orders")
    assert table.exit_code == 3 and "1 open orders known; others may be missing" in table.out
    assert '"event":"sweep_failed"' in stack.processes["bus"].log()


def test_pairs_are_asked_for_one_by_one_and_so_is_one_that_the_stream_names(stack):
    stack.exchange_flags = {"guess": "pair_required=yes"}
    stack.start_exchange()
    before = [stack.exchange.place_orders(1, pair=pair)[0] for pair in ("BTCTRY", "ETHUSDT", "XRPTRY")]
    stack.start_bus(pairs="BTCTRY,ETHUSDT", sweep_interval="2s")
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(1)
    with client(stack, "ctl-test", kind=blocking.Client) as bus:
        wait_complete(stack, bus)
        assert listed(bus) == before[:2]
        [named] = stack.exchange.place_orders(1, pair="XRPTRY")
        stack.wait_until(lambda: listed(bus) == [*before, named], "the third pair is swept too")


def test_sweeps_take_half_of_their_budget_at_most(start):
    stack, bus = start(sweep_interval="2s", open_orders_limits="4/60s")
    stack.wait_until(lambda: len(requests(stack)) == 2, "two sweeps")
    stack.wait_until(lambda: "waits for a worker or for budget" in bus.status().sweep_trouble, "the third waits for budget")
    assert len(requests(stack)) == 2
    [window] = [window for window in bus.status().windows if window.limiter == "open_orders"]
    assert (window.used, window.limit) == (2, 4)


def test_a_bus_that_observes_sweeps(start):
    stack, bus = start(observe="true")
    [order] = stack.exchange.place_orders(1)
    wait_complete(stack, bus)
    assert listed(bus) == [order] and requests(stack)[0] == "200"


class OlderWorkers(NewerBackend):
    """Between a bus and workers that do not know the task."""

    def _said(self, name, oneof, frame):
        from cancelbus.v1 import backend_pb2
        message = getattr(backend_pb2, name).FromString(frame)
        if name == "BackendRequest" and message.HasField("ready"):
            message.ready.ClearField("open_orders")
        yield message.SerializeToString()


def test_a_worker_of_an_earlier_version_is_not_given_the_task(stack):
    stack.start_exchange()
    stack.start_bus()
    between = OlderWorkers(stack)
    try:
        stack.start_worker("old-worker", **between.flags)
        stack.start_subscriber()
        stack.wait_connected(1)
        with client(stack, "ctl-test", kind=blocking.Client) as bus:
            wait_trouble(stack, bus, "no worker is connected that knows the task open_orders")
            assert requests(stack) == []
            stack.start_worker("new-worker")
            wait_complete(stack, bus)
            assert bus.status().sweep_trouble == ""
    finally:
        stack.processes["old-worker"].stop()
        between.close()
