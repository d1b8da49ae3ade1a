"""Every socket over IPv6: as an address in brackets, and by names that have only IPv6 addresses, or both kinds."""

import json
import subprocess
import urllib.request

import pytest
from names import needs_ipv6, resolving
from process import PATIENCE_SECONDS, clean_environment
from scene import curve_keys
from strategy_client import StrategyClient

PYTHON_STRATEGY = """
import sys
from cancelbus import blocking
with blocking.Client(sys.argv[1]) as bus:
    print(bus.cancel(int(sys.argv[2])).final().ord_status.name)
"""


pytestmark = needs_ipv6


@pytest.fixture
def on_ipv6(stack):
    stack.loopback = "[::1]"
    return stack.start(workers=1)


def by_name(endpoint, name):
    return f"tcp://{name}:{endpoint.rpartition(':')[2]}"


def cancel_with_tool(stack, environment, order_id):
    """With cancelctl, which is the C++ client. The order's status of its final."""
    done = subprocess.run([stack.bin_dir / "cancelctl", "cancel", "--json", "--sender=desk-a", str(order_id)],
                          env=clean_environment() | stack.client_environment | environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])["cancel_final"]["ord_status"]


def cancel_in_python(stack, environment, order_id):
    done = subprocess.run(["/usr/bin/python3", "-c", PYTHON_STRATEGY, "desk-a", str(order_id)],
                          env=clean_environment() | stack.client_environment | environment, capture_output=True, text=True,
                          timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_part_speaks_through_an_address_in_brackets(on_ipv6):
    bus = on_ipv6.processes["bus"]
    assert {name: url.rpartition(":")[0] for name, url in bus.endpoints.items()} == {
        "session": "tcp://[::1]", "event": "tcp://[::1]", "backend": "tcp://[::1]", "monitor": "http://[::1]"}
    first, second = on_ipv6.exchange.place_orders(2)
    assert cancel_with_tool(on_ipv6, {}, first) == "ORD_STATUS_CANCELED"
    assert cancel_in_python(on_ipv6, {}, second) == "CANCELED"


def test_the_bus_names_a_peer_by_its_address_in_brackets(on_ipv6):
    """Of a key that the policy does not know the log has the address alone."""
    on_ipv6.access.key("stranger")
    with StrategyClient(on_ipv6.session_endpoint, on_ipv6.event_endpoint, "stranger", manners=False,
                        curve=curve_keys(on_ipv6, "stranger")):
        on_ipv6.wait_until(lambda: '"reason":"unknown_key","who":"[::1]"' in on_ipv6.processes["bus"].log(),
                           "the bus has refused the stranger")


def ready_at(monitor):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{monitor}/readyz", timeout=PATIENCE_SECONDS) as page:
        return page.status == 200


def test_a_bus_at_all_ipv6_addresses_is_at_all_ipv4_ones_too(stack):
    stack.loopback = "[::]"
    bus = stack.start_bus()
    assert bus.endpoints["session"].startswith("tcp://[::]:")
    for host in ("127.0.0.1", "[::1]"):
        assert ready_at(f"http://{host}:{bus.endpoints['monitor'].rpartition(':')[2]}")
    session, event = (by_name(bus.endpoints[name], "127.0.0.1") for name in ("session", "event"))
    stack.access.key("stranger")
    with StrategyClient(session, event, "stranger", manners=False, curve=curve_keys(stack, "stranger")):
        stack.wait_until(lambda: '"reason":"unknown_key","who":"127.0.0.1"' in bus.log(), "the bus has refused the stranger")


@pytest.mark.parametrize("loopback, addresses", [("[::1]", ["::1"]), ("127.0.0.1", ["127.0.0.1", "::1"])])
def test_a_name_is_reached_by_the_kind_of_address_it_has(stack, build_dir, loopback, addresses):
    """One that has both kinds is reached by IPv4, though libzmq with IPv6 allowed would try ::1 alone, again and again."""
    stack.loopback = loopback
    stack.start_exchange()
    stack.start_bus()
    environment = resolving(build_dir, bus_test=addresses)
    for name in ("worker-1", "subscriber"):
        stack.wrappers[name] = ["/usr/bin/env", *(f"{key}={value}" for key, value in environment.items())]
    backend = by_name(stack.processes["bus"].endpoints["backend"], "bus.test")
    stack.start_worker(backend_endpoint=backend)
    stack.start_subscriber(backend_endpoint=backend)
    stack.wait_connected(workers=1)
    environment |= {f"CANCELBUS_{name.upper()}_ENDPOINT": by_name(stack.processes["bus"].endpoints[name], "bus.test")
                    for name in ("session", "event")}
    first, second = stack.exchange.place_orders(2)
    assert cancel_with_tool(stack, environment, first) == "ORD_STATUS_CANCELED"
    assert cancel_in_python(stack, environment, second) == "CANCELED"


def test_a_name_without_an_address_is_named_in_the_log(stack, build_dir):
    environment = resolving(build_dir, bus_test=[])
    stack.start_exchange()
    stack.wrappers["worker-1"] = ["/usr/bin/env", *(f"{key}={value}" for key, value in environment.items())]
    worker = stack.start_worker(backend_endpoint="tcp://bus.invalid:5552")
    stack.wait_until(lambda: '"why":"its name has no address"' in worker.log(), "the worker says that the name is unknown")
