"""Probes are answered while more slow clients than a monitor keeps are connected to it: by bus, worker and subscriber."""

import socket
import urllib.request

import pytest
from conftest import orderly_stack
from test_readiness import ANY, ask, monitor_of

NAMES = ("bus", "worker", "subscriber")
MANY = 45
ROUNDS = 5
# What a slow client sends before it falls silent. None of them reads its answer, or closes.
SLOW = (b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: bus\r\n", b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\nand more")


@pytest.fixture(scope="module")
def monitors():
    """Where each of them listens; all are ready."""
    with orderly_stack() as stack:
        stack.start_exchange()
        bus = stack.start_bus()
        worker = stack.start_worker(monitor_address=ANY)
        subscriber = stack.start_subscriber(monitor_address=ANY)
        stack.wait_connected(workers=1)
        found = dict(zip(NAMES, (bus.endpoints["monitor"], monitor_of(stack, worker), monitor_of(stack, subscriber))))
        for name, monitor in found.items():
            stack.wait_until(lambda: ask(monitor, "readyz") == (200, "ok"), f"{name} is ready", timeout=20)
        yield found


def slow_client(address, beginning):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(10)
    client.connect(address)
    client.sendall(beginning)
    return client


@pytest.mark.parametrize("name", NAMES)
def test_slow_clients_do_not_keep_a_probe_from_its_answer(monitors, name):
    host, port = monitors[name].removeprefix("http://").split(":")
    slow = []
    try:
        for _ in range(ROUNDS):
            slow += [slow_client((host, int(port)), SLOW[number % len(SLOW)]) for number in range(MANY)]
            assert ask(monitors[name], "healthz") == (200, "ok")
            assert ask(monitors[name], "readyz") == (200, "ok")
    finally:
        for client in slow:
            client.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_load_balancer_asks_in_its_own_way(monitors, name):
    """With HEAD, or with an absolute target, as proxies do."""
    monitor = monitors[name]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": monitor}))
    with opener.open("http://cancelbus.example/healthz", timeout=10) as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"{monitor}/readyz", method="HEAD"), timeout=10) as answer:
        assert (answer.status, answer.headers["Content-Length"], answer.read()) == (200, "3", b"")
