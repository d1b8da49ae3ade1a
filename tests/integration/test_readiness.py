"""An orchestrator asks each process whether it may live and whether it is of use, while something it needs is missing."""

import json
import urllib.error
import urllib.request

import pytest
from process import PATIENCE_SECONDS
from scene import requests

ANY = "127.0.0.1:0"


def monitor_of(stack, process):
    """The port that worker and subscriber took is in their log."""
    def port():
        lines = (json.loads(line) for line in process.log().splitlines() if '"monitor_listens"' in line)
        return next((line["port"] for line in lines), None)

    return f"http://127.0.0.1:{stack.wait_until(port, f'{process.name} listens for an orchestrator')}"


def ask(monitor, page):
    """Status, and what it says."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{monitor}/{page}", timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()


def wait_says(stack, monitor, status, word):
    def says():
        answer = ask(monitor, "readyz")
        return answer[0] == status and word in answer[1]

    stack.wait_until(says, f"{monitor}/readyz says {status} {word}")
    assert ask(monitor, "healthz") == (200, "ok")  # A restart does not fix what is missing elsewhere.


@pytest.fixture
def exchange(stack):
    stack.start_exchange()
    return stack


def test_a_bus_is_ready_before_any_worker_comes(stack):
    bus = stack.start_bus()
    assert ask(bus.endpoints["monitor"], "readyz") == (200, "ok")
    assert ask(bus.endpoints["monitor"], "healthz") == (200, "ok")


def test_a_worker_is_not_ready_without_a_bus(exchange):
    exchange.start_bus()  # Addresses are chosen here; they stay the same.
    worker = exchange.start_worker(monitor_address=ANY)
    monitor = monitor_of(exchange, worker)
    wait_says(exchange, monitor, 200, "ok")
    exchange.processes["bus"].kill()
    wait_says(exchange, monitor, 503, "no connection to the bus")
    exchange.start_bus()
    wait_says(exchange, monitor, 200, "ok")


def test_a_worker_is_not_ready_without_the_exchange(exchange):
    exchange.start_bus()
    monitor = monitor_of(exchange, exchange.start_worker(monitor_address=ANY))
    wait_says(exchange, monitor, 200, "ok")
    exchange.processes["exchange"].kill()
    wait_says(exchange, monitor, 503, "no connection to the exchange")


def test_a_worker_is_not_ready_while_the_exchanges_time_is_not_in_milliseconds(exchange):
    exchange.start_bus()
    exchange.exchange.set_faults(answer={"endpoint": "GET /api/v2/server/time", "status": 200,
                                         "body": {"serverTime": 1_795_341_679}})
    monitor = monitor_of(exchange, exchange.start_worker(monitor_address=ANY))
    wait_says(exchange, monitor, 503, "it looks like seconds")
    exchange.wait_until(lambda: [worker["benched"] for worker in exchange.status().get("workers", ())] ==
                        ["clock: has not read the exchange's clock"], "the bus says what the worker has not read")
    exchange.exchange.set_faults(answer=None)
    wait_says(exchange, monitor, 200, "ok")


def test_a_worker_whose_key_is_refused_is_not_ready_until_it_is_accepted(exchange):
    exchange.start_bus()
    monitor = monitor_of(exchange, exchange.start_worker(monitor_address=ANY))
    exchange.start_subscriber()
    exchange.wait_connected(workers=1)
    order, = exchange.exchange.place_orders(1)
    exchange.exchange.set_faults(answer={"endpoint": "any", "status": 401, "body": "", "order_ids": [order]})
    exchange.start_cancelctl("cancel", "cancel", str(order))
    wait_says(exchange, monitor, 503, "the exchange refuses the key: HTTP 401")
    assert requests(exchange, "DELETE", order)
    exchange.exchange.set_faults(answer=None)
    wait_says(exchange, monitor, 200, "ok")


def test_a_worker_whose_key_the_bus_does_not_know_is_not_ready_until_it_does(exchange):
    exchange.start_bus()
    stranger = exchange.access.flags("stranger")
    monitor = monitor_of(exchange, exchange.start_worker(monitor_address=ANY, **stranger))
    wait_says(exchange, monitor, 503, "does not accept this worker's key")
    exchange.grant("worker", "stranger")
    wait_says(exchange, monitor, 200, "ok")


def test_a_subscriber_is_ready_with_bus_and_login(exchange):
    exchange.start_bus()
    exchange.exchange.set_faults(refuse_login={"message": "not today"})
    monitor = monitor_of(exchange, exchange.start_subscriber(monitor_address=ANY))
    wait_says(exchange, monitor, 503, "not logged in")
    exchange.exchange.set_faults(refuse_login=None)
    wait_says(exchange, monitor, 200, "ok")
    exchange.processes["bus"].kill()
    wait_says(exchange, monitor, 503, "no connection to the bus")
    exchange.start_bus()
    wait_says(exchange, monitor, 200, "ok")
