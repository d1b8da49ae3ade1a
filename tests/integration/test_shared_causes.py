"""The bus tells every client within seconds what commands wait for when they share a cause: no worker, a backoff, refused
keys, clocks, an exchange that fails, a store that refuses, a bus that ends. No command gets a CancelStatus for it."""

import json
import time

import cancelbus
import pytest
from cancelbus import CauseKind, blocking
from process import PATIENCE_SECONDS
from scene import bus_metric, full_disk, place_orders, requests

from cancelbus.v1 import cancel_pb2

RETRY_AFTER_SECONDS = 10


def client(stack, sender="desk-p"):
    key = stack.grant("strategy", sender, senders=sender)
    return blocking.Client(sender, session_endpoint=stack.session_endpoint, event_endpoint=stack.event_endpoint,
                           curve_key_file=str(key.key_file), curve_server_key_file=str(stack.access.bus.public_file),
                           connect_timeout=PATIENCE_SECONDS)


def wait_for(stack, bus, kind):
    """The cause of this kind, once the client's problem names it."""
    def named():
        problem = bus.problem
        causes = problem.causes if isinstance(problem, cancelbus.BusImpaired) else ()
        return next((cause for cause in causes if cause.kind == kind), None)

    return stack.wait_until(named, f"the client's problem is {kind}")


def wait_well(stack, bus):
    stack.wait_until(lambda: bus.problem is None, "the client has no problem")


def log_lines(stack, event, kind):
    lines = [json.loads(line) for line in stack.processes["bus"].log().splitlines() if f'"event":"{event}"' in line]
    return [line for line in lines if line["kind"] == kind]


def check_everywhere(stack, kind):
    """Status, cancelctl, metric and log say the same."""
    status = stack.status()
    kinds = [cause["kind"].removeprefix("CAUSE_KIND_") for cause in status["cause"]]
    assert kind in kinds and status["headline"].startswith(f"{kinds[0]}: ")
    assert f"{kind}: " in stack.cancelctl("status").out
    assert bus_metric(stack, f'cancelbus_cause{{kind="{kind.lower()}"}}') == 1
    assert log_lines(stack, "cause_began", kind)[-1]["level"] == "warn"


def check_nowhere(stack, kind, left=()):
    # A limit that the exchange's 429 has lowered is shown for longer, and is no problem of a client.
    stack.wait_until(lambda: stack.status()["headline"].startswith(("ok", "LIMIT_LOWERED: ", *left)),
                     "nothing stops commands")
    assert bus_metric(stack, f'cancelbus_cause{{kind="{kind.lower()}"}}') == 0
    stack.wait_until(lambda: len(log_lines(stack, "cause_ended", kind)) == len(log_lines(stack, "cause_began", kind)),
                     f"the log says that {kind} has ended")


def no_status_of(strategy):
    assert not [event for event in strategy.events[strategy.epoch, strategy.own_topic].values()
                if event.HasField("cancel_status")]


def test_no_worker_is_named_while_there_is_none(running, connect):
    stack = running
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    with client(stack) as bus:
        assert bus.problem is None
        for name in ("worker-1", "worker-2"):
            stack.processes[name].kill()
        command, cancel = strategy.cancel(order_id), bus.submit(order_id)
        cause = wait_for(stack, bus, CauseKind.NO_WORKER)
        assert cause.stops == "cancels and queries" and cause.since is not None
        with pytest.raises(cancelbus.NotYet, match="NO_WORKER"):
            cancel.final(timeout=0.1)
        check_everywhere(stack, "NO_WORKER")
        unknown = stack.cancelctl("cancel", str(order_id), "--timeout=3s")
        assert unknown.exit_code == 3
        assert "last heard: received" in unknown.out and "NO_WORKER" in unknown.out
        stack.start_worker("worker-3")
        assert cancel.final(timeout=PATIENCE_SECONDS).order_gone
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        wait_well(stack, bus)
    check_nowhere(stack, "NO_WORKER", left=("FEWER_WORKERS: ",))  # two died, and one came
    no_status_of(strategy)


def test_a_backoff_says_how_long_it_lasts_and_by_which_answer(running, connect):
    stack = running
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.set_faults(answer={"payload": "cancel_429_ip", "count": 1, "retry_after_s": RETRY_AFTER_SECONDS})
    with client(stack) as bus:
        cancel = bus.submit(order_id)
        cause = wait_for(stack, bus, CauseKind.BACKOFF)
        assert (cause.limiter, cause.stops, cause.http_status) == ("cancel", "cancels", 429)
        assert 0 < cause.remaining.total_seconds() <= RETRY_AFTER_SECONDS + 1
        check_everywhere(stack, "BACKOFF")
        assert cancel.final(timeout=PATIENCE_SECONDS + RETRY_AFTER_SECONDS).order_gone
        wait_well(stack, bus)
    check_nowhere(stack, "BACKOFF")


def test_refused_keys_are_named_with_the_answer(running, connect):
    stack = running
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.set_faults(answer={"status": 401, "endpoint": "any"})
    with client(stack) as bus:
        cancel = bus.submit(order_id)
        cause = wait_for(stack, bus, CauseKind.KEYS_REFUSED)
        assert cause.http_status == 401
        check_everywhere(stack, "KEYS_REFUSED")
        stack.exchange.set_faults(answer=None)
        wait_well(stack, bus)
        cancel.received(timeout=PATIENCE_SECONDS)
    check_nowhere(stack, "KEYS_REFUSED")


def test_an_exchange_that_gives_no_usable_answer_is_failing(running, connect):
    stack = running
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.set_faults(answer={"status": 502, "endpoint": "any"})
    with client(stack) as bus:
        cancel = bus.submit(order_id)
        cause = wait_for(stack, bus, CauseKind.EXCHANGE_FAILING)
        assert (cause.http_status, cause.stops) == (502, "")
        check_everywhere(stack, "EXCHANGE_FAILING")
        ack = cancel.ack(timeout=PATIENCE_SECONDS)
        assert ack.in_doubt and ack.http_status == 502 and "502" in ack.text
        stack.exchange.set_faults(answer=None)
        assert cancel.final(timeout=PATIENCE_SECONDS).order_gone
        wait_well(stack, bus)
    check_nowhere(stack, "EXCHANGE_FAILING")


def test_workers_whose_clock_readings_do_not_count(stack, connect):
    stack.start_exchange()
    stack.exchange.set_faults(answer={"endpoint": "GET /api/v2/server/time", "status": 200,
                                      "body": {"serverTime": int(time.time())}})  # seconds
    stack.start_bus()
    stack.start_worker("worker-1")
    stack.start_subscriber()
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    with client(stack) as bus:
        cancel = bus.submit(order_id)
        cause = wait_for(stack, bus, CauseKind.CLOCK)
        assert cause.stops == "cancels and queries" and cause.text
        check_everywhere(stack, "CLOCK")
        assert not requests(stack, "DELETE")
        stack.exchange.set_faults(answer=None)
        assert cancel.final(timeout=PATIENCE_SECONDS).order_gone
        wait_well(stack, bus)
    check_nowhere(stack, "CLOCK")


def test_a_store_that_refuses_is_named_until_there_is_space(running, connect):
    stack = running
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    with client(stack) as bus:
        with full_disk(stack):
            cancel = bus.submit(order_id)
            cause = wait_for(stack, bus, CauseKind.STORE)
            assert cause.stops == "commands, cancels and queries" and cause.text
            check_everywhere(stack, "STORE")
            assert not requests(stack, "DELETE")
        assert cancel.final(timeout=PATIENCE_SECONDS).order_gone
        wait_well(stack, bus)
    check_nowhere(stack, "STORE")


def test_a_bus_that_was_asked_to_end_says_so_while_it_finishes(running, connect):
    stack = running
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.set_faults(latency={"order_ids": [order_id], "answer_ms": 3000})
    with client(stack) as bus:
        cancel = bus.submit(order_id)
        stack.wait_until(lambda: requests(stack, "DELETE", order_id), "its request is at the exchange")
        stack.processes["bus"].ask_to_end()
        cause = wait_for(stack, bus, CauseKind.DRAINING)
        assert cause.stops == "cancels and queries"
        assert log_lines(stack, "cause_began", "DRAINING")[-1]["level"] == "warn"
        assert stack.processes["bus"].wait_exit() == 0
        stack.start_bus()
        assert cancel.final(timeout=PATIENCE_SECONDS).order_gone
        wait_well(stack, bus)
    assert len(requests(stack, "DELETE", order_id)) == 1
