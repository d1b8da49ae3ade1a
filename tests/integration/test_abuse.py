"""An attacker with a key, or without one, does what it can against the rest, while a bystander works: it is counted and
logged with who it was, and of the bystander's commands none is refused, and each gets its one ack and final. How long
the bystander's heartbeats take meanwhile is printed beside how long they take undisturbed; no test asserts a time."""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from scene import bus_metric, count, curve_keys, encrypt, most_lines, refusals, refused

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_DUPLICATE, SessionReply, SessionRequest
from process import PATIENCE_SECONDS, clean_environment

MOST_DESCRIPTORS = 150  # Of these the bus keeps 64 for those without whom nothing works (service/bus/guard.hpp).


class Bystander:
    def __init__(self, stack):
        self._stack = stack
        stack.grant("strategy", "bystander")
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("bystander.py"), stack.session_endpoint, stack.event_endpoint,
             "bystander", *stack.access.flags("bystander").values()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=clean_environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
        assert self._hears() == "ready\n"
        with self.watching():
            pass
        self._undisturbed = self._seen["times"]

    def _hears(self):
        return self._process.stdout.readline()

    def _tell(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    @contextmanager
    def watching(self, what=None):
        """What is done within does it no harm."""
        orders = self._stack.exchange.place_orders(5)
        self._tell(" ".join(map(str, orders)))
        assert self._hears() == "watching\n"
        try:
            yield
        finally:
            self._tell("")  # whatever went wrong within: the next watch must find it at rest
            self._seen = json.loads(self._hears())
        assert self._seen["acks"] == [[cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED]] * len(orders)
        assert self._seen["finals"] == [[cancel_pb2.ORD_STATUS_CANCELED]] * len(orders)
        receipts = {status for statuses in self._seen["receipts"] for status in statuses}
        assert receipts <= {RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_DUPLICATE}
        if what:
            print(f"\nheartbeat and its answer, undisturbed: {summary(self._undisturbed)}; "
                  f"among {what}: {summary(self._seen['times'])}")

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def summary(times):
    times = sorted(times)
    return f"median {times[len(times) // 2]:.2f} ms, 99 % within {times[len(times) * 99 // 100]:.2f} ms of {len(times)}"


@pytest.fixture(scope="module")
def bystander(shared):
    bystander = Bystander(shared)
    yield bystander
    bystander.close()


@pytest.fixture
def knock(shared):
    """A socket of this key at one of the bus's doors: knock("evil", zmq.XSUB, "event")."""
    context = zmq.Context()
    kept = []

    def knock(name, kind=zmq.DEALER, door="session"):
        made = encrypt(context.socket(kind), curve_keys(shared, name))
        made.linger = 0
        made.connect(shared.processes["bus"].endpoints[door])
        kept.append(made)
        return made

    knock.leave = lambda: context.destroy(linger=0)
    yield knock
    knock.leave()


@pytest.fixture
def few_descriptors(shared):
    bus = shared.processes["bus"]
    _, most = resource.prlimit(bus.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(bus.pid, resource.RLIMIT_NOFILE, (MOST_DESCRIPTORS, most))
    yield
    resource.prlimit(bus.pid, resource.RLIMIT_NOFILE, (most, most))


def request(**fields):
    return SessionRequest(**fields).SerializeToString()


def hello(session, name):
    session.send(request(hello={"sender_comp_id": name}))
    assert session.poll(PATIENCE_SECONDS * 1000), "no answer to hello"
    return SessionReply.FromString(session.recv())


def send_until_refused(stack, reason, session, frames):
    """Sends all of these at once, and again on a machine that is too slow for these to be too many."""
    before = count(stack, reason)

    def is_refused():
        for frame in frames:
            session.send(frame)
        return count(stack, reason) > before

    stack.wait_until(is_refused, f"a refusal for {reason} is counted")


def test_strangers_who_hold_every_descriptor_do_not_stop_a_revocation(shared, bystander, knock, few_descriptors):
    shared.grant("strategy", "leaver")
    leaver = knock("leaver")
    assert hello(leaver, "leaver").HasField("welcome")
    host, port = shared.session_endpoint.removeprefix("tcp://").split(":")
    with bystander.watching("strangers who hold every descriptor"):
        strangers = [socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) for _ in range(MOST_DESCRIPTORS + 50)]
        for stranger in strangers[:MOST_DESCRIPTORS // 2]:
            assert stranger.recv(1), "the bus greets whom it accepts"
        shared.revoke("leaver")
        shared.wait_until(lambda: refusals(shared, "revoked", "leaver"), "it is logged")
        assert "policy_refused" not in shared.processes["bus"].log()
        leaver.send(request(cancel_order={"cl_ord_id": "late", "order_id": 1}))
        assert leaver.poll(PATIENCE_SECONDS * 1000)
        assert SessionReply.FromString(leaver.recv()).reject.reason == cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED
        for stranger in strangers:
            stranger.close()


def test_silent_connections_of_one_key_leave_room_for_those_who_are_needed(shared, bystander, knock, few_descriptors):
    for name in ("hog", "newcomer"):
        shared.grant("strategy", name)
    spy = knock("hog", zmq.XSUB, "event")
    spy.send(b"\x01bus.")
    assert spy.poll(PATIENCE_SECONDS * 1000)
    with bystander.watching("silent connections of one key"):
        with refused(shared, "descriptors", "hog"):
            for _ in range(MOST_DESCRIPTORS):
                knock("hog")

        def there_is_no_room():
            knock("newcomer")
            return refusals(shared, "descriptors", "newcomer")

        shared.wait_until(there_is_no_room, "the next connection is refused")
        assert shared.cancelctl("status").exit_code == 0, "an operator enters"
        with refused(shared, "topic", "hog"):
            spy.send(b"\x01")
        assert shared.cancelctl("status").exit_code == 0, "and the event socket is open again"
        knock.leave()


def test_dear_hellos_are_charged_for_before_they_are_read(shared, bystander, knock):
    shared.grant("strategy", "stutterer")
    stutterer = knock("stutterer")
    dear = request(hello={"sender_comp_id": "stutterer", "topics": [""] * 4_000})
    with bystander.watching("hellos with 4,000 empty topics"):
        with refused(shared, "rate", "stutterer"), refused(shared, "frame", "stutterer"):
            send_until_refused(shared, "rate", stutterer, 200 * [dear])


def test_long_subscriptions_are_not_kept(shared, bystander, knock):
    shared.grant("observer", "collector")
    collector = knock("collector", zmq.XSUB, "event")
    collector.send(b"\x01bus.")
    assert collector.poll(PATIENCE_SECONDS * 1000)
    with bystander.watching("long subscriptions"), refused(shared, "topic", "collector"):
        for number in range(60):
            collector.send(b"\x01client.%0100d." % number)


def test_a_flood_of_commands_that_are_refused_does_not_fill_the_log(shared, bystander, knock):
    shared.grant("strategy", "flood")
    flood = knock("flood")
    assert hello(flood, "flood").HasField("welcome")
    name = 'cancelbus_commands_refused_total{reason="WRONG_ACCOUNT"}'
    before = bus_metric(shared, name)
    began = time.monotonic()
    with bystander.watching("commands that are refused"):
        for number in range(1_000):
            flood.send(request(cancel_order={"cl_ord_id": f"flood-{number}", "order_id": 1, "account": "another"}))
        shared.wait_until(lambda: bus_metric(shared, name) == before + 1_000, "each is counted")
    lines = shared.wait_until(lambda: refusals(shared, "command", "flood"), "they are logged")
    assert len(lines) <= most_lines(began) and "flood-0: account: " in lines[0]["detail"]


def test_a_session_that_says_too_much_is_not_heard(shared, bystander, knock):
    shared.grant("strategy", "chatterbox")
    chatterbox = knock("chatterbox")
    assert hello(chatterbox, "chatterbox").HasField("welcome")
    with bystander.watching("10,000 messages at once"), refused(shared, "rate", "chatterbox"):
        send_until_refused(shared, "rate", chatterbox, 10_000 * [request(heartbeat={})])
