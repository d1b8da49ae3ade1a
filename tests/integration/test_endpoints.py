"""Several buses, of which one leads: workers, subscriber and clients that are given the endpoints of all find it.

The bus that does not lead is made up here: it answers each request as a standby does, with the real bus's key.
"""

import threading

import cancelbus
import pytest
import zmq
from cancelbus import blocking
from cancelbus.v1 import session_pb2
from process import PATIENCE_SECONDS
from python_client import client, options_for
from scene import requests

FREE = "tcp://127.0.0.1:*"


class Standby:
    """A bus that another one leads."""

    def __init__(self, stack):
        self.requests = 0
        self._context = zmq.Context()
        self._session, self._event = (self._bind(kind, stack) for kind in (zmq.ROUTER, zmq.XPUB))
        self.session_endpoint, self.event_endpoint = (
            socket.getsockopt_string(zmq.LAST_ENDPOINT) for socket in (self._session, self._event))
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _bind(self, kind, stack):
        socket = self._context.socket(kind)
        socket.linger = 0
        secret = stack.access.bus.key_file.read_bytes().strip()
        socket.curve_server, socket.curve_secretkey, socket.curve_publickey = 1, secret, zmq.curve_public(secret)
        socket.bind(FREE)
        return socket

    def _serve(self):
        answer = session_pb2.SessionReply(not_leading={"term": 1, "leader": "bus-a"}).SerializeToString()
        while not self._ends.is_set():
            if self._session.poll(50):
                peer, _ = self._session.recv_multipart()
                self.requests += 1
                self._session.send_multipart([peer, answer])

    def close(self):
        self._ends.set()
        self._thread.join()
        self._context.destroy(linger=0)


@pytest.fixture
def standby(shared):
    made = Standby(shared)
    yield made
    made.close()


def both(standby, stack):
    """Options for the two buses, the one that does not lead first."""
    return {"session_endpoint": f"{standby.session_endpoint},{stack.session_endpoint}",
            "event_endpoint": f"{standby.event_endpoint},{stack.event_endpoint}"}


def test_the_python_client_finds_the_bus_that_leads(shared, standby):
    order, = shared.exchange.place_orders(1)
    with client(shared, "desk-a", blocking.Client, **both(standby, shared)) as bus:
        final = bus.cancel(order).final(timeout=PATIENCE_SECONDS)
        assert final.ord_status == cancelbus.OrdStatus.CANCELED
        assert bus.status().term > 0
    assert standby.requests > 0 and len(requests(shared, "DELETE", order)) == 1


def test_the_python_client_passes_over_what_does_not_answer(shared):
    order, = shared.exchange.place_orders(1)
    options = {"session_endpoint": f"tcp://127.0.0.1:1,{shared.session_endpoint}",
               "event_endpoint": f"tcp://127.0.0.1:2,{shared.event_endpoint}"}
    with client(shared, "desk-a", blocking.Client, **options) as bus:
        assert bus.cancel(order).final(timeout=PATIENCE_SECONDS).ord_status == cancelbus.OrdStatus.CANCELED


def test_cancelctl_and_the_cpp_client_find_the_bus_that_leads(shared, standby):
    order, = shared.exchange.place_orders(1)
    flags = {**options_for(shared), **both(standby, shared)}
    done = shared.run("cancelctl", *(f"--{flag}={value}" for flag, value in flags.items()), "cancel", str(order))
    assert done.exit_code == 0, done.log
    assert standby.requests > 0 and len(requests(shared, "DELETE", order)) == 1


def test_clients_and_workers_follow_the_bus_to_another_address(stack, connect):
    """A bus dies, and another one leads on the same store: here the only one, at other endpoints."""
    stack.start_exchange()
    # No connection leaves from there, and so none takes a port while no bus has it.
    stack.loopback = "127.0.0.2"
    first = stack.start_bus()
    before = {name: stack._endpoint(name) for name in ("session", "event", "backend")}
    for name in (*before, "monitor"):
        del stack._addresses[name]
    first.kill()
    second = stack.start_bus()
    after = {name: stack._endpoint(name) for name in before}
    lists = {name: f"{before[name]},{after[name]}" for name in before}
    second.kill()

    def lead(endpoints):
        stack._addresses |= {name: endpoint.removeprefix("tcp://") for name, endpoint in endpoints.items()}
        del stack._addresses["monitor"]
        return stack.start_bus()

    bus = lead(before)
    for name in ("worker-1", "worker-2"):
        stack.start_worker(name, backend_endpoint=lists["backend"])
    stack.start_subscriber(backend_endpoint=lists["backend"])
    stack.wait_connected(2)
    one, other = stack.exchange.place_orders(2)
    with client(stack, "desk-a", blocking.Client, session_endpoint=lists["session"], event_endpoint=lists["event"]) as desk:
        term = desk.status().term
        assert desk.cancel(one).final(timeout=PATIENCE_SECONDS).ord_status == cancelbus.OrdStatus.CANCELED
        bus.kill()
        lead(after)
        assert desk.cancel(other).final(timeout=PATIENCE_SECONDS).ord_status == cancelbus.OrdStatus.CANCELED
        assert desk.status().term == term + 1
    assert stack.exchange.counters()["refused_429"] == 0


@pytest.mark.parametrize("option, value, says", [
    ("session_endpoint", "tcp://a:1,tcp://b:1", "name 2 and 1 endpoints"),
    ("session_endpoint", "tcp://a:1,", "'' is not an endpoint"),
    ("session_endpoint", "tcp://a:1,tcp://a:1", "none of them twice"),
], ids=["lists of two lengths", "an empty one", "one twice"])
def test_the_python_client_refuses(shared, option, value, says):
    with pytest.raises(cancelbus.OptionError, match=says):
        client(shared, "desk-a", blocking.Client, **{option: value})
