"""A client that never reads, reads slowly, sends garbage, vanishes, or sends 100,000 commands at once: others lose nothing.

How long others wait meanwhile is printed beside what they wait undisturbed, and not judged: pytest -s shows it.
"""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import orderly_stack
from scene import bus_metric, curve_keys, place_orders

from cancelbus.v1 import cancel_pb2
from strategy_client import StrategyClient
from process import clean_environment

# So many that waiting for budget does not hide what waiting there is for others.
LIMITS = "300/1s"
ORDERS = 30


@pytest.fixture(scope="module")
def shared():
    with orderly_stack() as stack:
        stack.start_exchange(cancel_limits=LIMITS, query_limits=LIMITS)
        stack.start_bus(cancel_limits=LIMITS, query_limits=LIMITS)
        stack.start_worker("worker-1")
        stack.start_worker("worker-2")
        stack.start_subscriber()
        stack.wait_connected(workers=2)
        stack.grant("operator", "rude", senders="rude")
        yield stack


@pytest.fixture
def rude(shared):
    """Starts a client of this kind, which is killed when the test ends."""
    begun = []

    def begin(kind):
        key = shared.access.key("rude")
        paths = os.pathsep.join(path for path in sys.path if path)
        client = subprocess.Popen([sys.executable, Path(__file__).with_name("rude_client.py"), kind, shared.session_endpoint,
                                   shared.event_endpoint, key.key_file, shared.access.bus.public_file],
                                  stdout=subprocess.PIPE, text=True, env=clean_environment() | {"PYTHONPATH": paths})
        begun.append(client)
        assert client.stdout.readline() == "at it\n"
        return client

    yield begin
    for client in begun:
        client.kill()
        client.wait()
        client.stdout.close()


@pytest.fixture
def steady(shared, connect):
    return connect(shared, "steady", topics=["venue."])


@pytest.fixture(scope="module")
def undisturbed(shared):
    """How long a command takes while nobody is rude."""
    shared.grant("strategy", "steady")
    with StrategyClient(shared.session_endpoint, shared.event_endpoint, "steady", ["venue."],
                        curve=curve_keys(shared, "steady")) as strategy:
        strategy.hello()
        return cancel_in_turn(strategy, place_orders(shared, strategy, ORDERS))[1]


def cancel_in_turn(strategy, order_ids):
    """Cancels one after the other. Returns the commands, and how long each took to its receipt, ack and final."""
    commands, times = [], {"receipt": [], "ack": [], "final": []}
    for order_id in order_ids:
        started = time.perf_counter()
        command = strategy.cancel(order_id)
        for step, told in (("receipt", lambda: strategy.receipts[command]), ("ack", lambda: strategy.acks(command)),
                           ("final", lambda: strategy.finals(command))):
            while not told():
                assert time.perf_counter() < started + 60, f"no {step} of {command}"
                strategy.live(0.0005)
            times[step].append((time.perf_counter() - started) * 1000)
        commands.append(command)
    return commands, times


def median_and_worst(times):
    return ", ".join(f"{step} {sorted(of_step)[len(of_step) // 2]:.1f} / {max(of_step):.1f}" for step, of_step in times.items())


def loses_nothing(stack, strategy, kind, undisturbed):
    """Cancels orders now, and whatever is told of them and to whom must be right."""
    commands, times = cancel_in_turn(strategy, place_orders(stack, strategy, ORDERS))
    print(f"\nms to (median / worst of {ORDERS}), undisturbed: {median_and_worst(undisturbed)}; beside a client that "
          f"{kind}: {median_and_worst(times)}")
    for command in commands:
        # wait_final() also waits for all that was published before it: no event is missing.
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert [ack.status for ack in strategy.acks(command)] == [cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED]
        assert len(strategy.finals(command)) == 1
    assert strategy.lost == []


@pytest.mark.parametrize("kind, counted", [
    ("never_reads", "cancelbus_replies_dropped_total"),
    ("reads_slowly", "cancelbus_replies_dropped_total"),
    ("sends_garbage", "cancelbus_frames_rejected_total"),
    ("vanishes", "cancelbus_commands_total"),
])
def test_beside_a_client_that(shared, rude, steady, undisturbed, kind, counted):
    before = bus_metric(shared, counted)
    client = rude(kind)
    loses_nothing(shared, steady, kind.replace("_", " "), undisturbed)
    assert client.poll() is None
    steady.wait_until(lambda: bus_metric(shared, counted) > before, f"{counted} shows what the client did")


def test_beside_a_client_that_sends_100000_commands_at_once(shared, rude, steady, undisturbed):
    started = time.monotonic()
    client = rude("flood")
    loses_nothing(shared, steady, "sends 100,000 commands at once", undisturbed)
    steady.wait_until(lambda: select.select([client.stdout], [], [], 0)[0], "the flood is answered", 60)
    answers = json.loads(client.stdout.readline())
    seconds = time.monotonic() - started
    print(f"it was answered {answers} within {seconds:.1f} s")
    # Each of them was answered; what was more than a session may say, 2,000 a second, was not taken.
    assert sum(answers.values()) == 100_000
    assert 100_000 - answers["CXL_REJ_REASON_BUS_FULL"] <= 2_000 * (seconds + 1)
    assert answers["RECEIPT_STATUS_APPLIED"] > 100
    steady.wait_until(lambda: bus_metric(shared, "cancelbus_commands_undecided") == 0, "the bus is done with the flood", 60)
