"""A client that never reads, reads slowly, sends garbage, vanishes, or sends 100,000 commands at once: others lose nothing.

How long others wait meanwhile is printed beside what they wait undisturbed, and not judged: pytest -s shows it.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from conftest import orderly_stack
from scene import bus_metric, curve_keys, place_orders

from cancelbus.v1 import cancel_pb2
from strategy_client import StrategyClient
from process import PATIENCE_SECONDS, clean_environment
from rude_client import FLOOD

# So many that waiting for budget does not hide what waiting there is for others.
LIMITS = "300/1s"
ORDERS = 30


def start(stack, **flags):
    stack.start_exchange(cancel_limits=LIMITS, query_limits=LIMITS)
    # On a busy machine no worker is to be silent past its lease: its cancels would be in doubt.
    stack.start_bus(cancel_limits=LIMITS, query_limits=LIMITS, worker_lease="10s", **flags)
    stack.start_worker("worker-1")
    stack.start_worker("worker-2")
    stack.start_subscriber()
    stack.wait_connected(workers=2)
    stack.grant("operator", "rude", senders="rude")
    return stack


@pytest.fixture(scope="module")
def shared():
    with orderly_stack() as stack:
        yield start(stack)


@pytest.fixture
def fresh(stack):
    """A bus that has no replies to drop but those to the clients of the one test: none has left yet. With many thousand
    commands every look at all of them takes long, and the longer it takes, the more of the flood is let in."""
    return start(stack, check_invariants="false")


@pytest.fixture
def rude():
    """Starts a client of this kind, which is killed when the test ends."""
    begun = []

    def begin(stack, kind):
        key = stack.access.key("rude")
        paths = os.pathsep.join(path for path in sys.path if path)
        client = subprocess.Popen([sys.executable, Path(__file__).with_name("rude_client.py"), kind, stack.session_endpoint,
                                   stack.event_endpoint, key.key_file, stack.access.bus.public_file], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  env=clean_environment() | {"PYTHONPATH": paths})
        begun.append(client)
        assert client.stdout.readline() == "at it\n"
        return client

    yield begin
    for client in begun:
        client.kill()
        client.wait()
        client.stdin.close()
        client.stdout.close()


@pytest.fixture
def steady(shared, connect):
    return connect(shared, "steady", topics=["venue."])


@pytest.fixture(scope="module")
def undisturbed(shared):
    """How long a command takes while no client is rude."""
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
                assert time.perf_counter() < started + PATIENCE_SECONDS, f"no {step} of {command}"
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
    client = rude(shared, kind)
    loses_nothing(shared, steady, kind.replace("_", " "), undisturbed)
    assert client.poll() is None
    steady.wait_until(lambda: bus_metric(shared, counted) > before, f"{counted} shows what the client did")


DROPPED, TAKEN, TOO_FAST = ("cancelbus_replies_dropped_total", "cancelbus_commands_total",
                            'cancelbus_refused_total{reason="rate"}')


def tell(client, line):
    """Says this line to the flooding client; see rude_client.py."""
    client.stdin.write(f"{line}\n")
    client.stdin.flush()


def answer(strategy, client, patience=PATIENCE_SECONDS):
    """What the client prints next. The strategy lives on meanwhile."""
    strategy.wait_until(lambda: select.select([client.stdout], [], [], 0)[0], "answer of the flooding client", patience)
    return client.stdout.readline()


def test_beside_a_client_that_sends_100000_commands_at_once(fresh, rude, connect):
    steady = connect(fresh, "steady", topics=["venue."])
    undisturbed = cancel_in_turn(steady, place_orders(fresh, steady, ORDERS))[1]
    before = {name: bus_metric(fresh, name) for name in (DROPPED, TAKEN, TOO_FAST)}

    def counted(name):
        return bus_metric(fresh, name) - before[name]

    started = time.monotonic()
    client = rude(fresh, "flood")
    loses_nothing(fresh, steady, "sends 100,000 commands at once", undisturbed)
    assert answer(steady, client) == "sent\n"

    # It read nothing until then. A reply to such a client may be dropped, and then it is counted, as one to its other
    # requests is: no other is missing, and no command has two receipts. Where a slow machine let it read nothing for so
    # long that the bus ended the connection, commands and replies were lost with it, and cannot be counted.
    tell(client, "read")
    read = json.loads(answer(steady, client, 4 * PATIENCE_SECONDS))
    seconds = time.monotonic() - started
    answers, dropped = Counter(read["receipts"]), counted(DROPPED)
    print(f"it was answered {dict(answers)} within {seconds:.1f} s, {dropped:.0f} replies were dropped, "
          f"its connection {'broke' if read['broke'] else 'held'}")
    assert FLOOD <= answers.total() + dropped <= FLOOD + read["unanswered"] or read["broke"]
    # A session may send 2,000 messages at once and 2,000 a second. What is more is refused, with or without a reply.
    assert answers["CXL_REJ_REASON_BUS_FULL"] <= counted(TOO_FAST)
    assert counted(TAKEN) - ORDERS <= 2_000 * (seconds + 1)
    assert counted(TAKEN) - ORDERS > 100

    # Now it reads: each command without a receipt gets one when it is repeated, and none is taken twice.
    tell(client, "repeat")
    repeated = Counter(json.loads(answer(steady, client, 4 * PATIENCE_SECONDS))["receipts"])
    assert answers.total() + repeated.total() == FLOOD
    assert counted(DROPPED) == dropped or read["broke"]
    known = answers["RECEIPT_STATUS_APPLIED"] + repeated["RECEIPT_STATUS_APPLIED"] + repeated["RECEIPT_STATUS_DUPLICATE"]
    assert known == counted(TAKEN) - ORDERS
    steady.wait_until(lambda: bus_metric(fresh, "cancelbus_commands_undecided") == 0, "the bus is done with the flood")
