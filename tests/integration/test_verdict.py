"""In each of ten bad states one command, or one look at the page, names the cause and the heading of the runbook that says
what to do: stream mute, one of two workers dead, all dead, 503s, 429, key refused, a strategy's key barred, store refusing,
clocks, a long queue. Status, page, top, log, metric and the Python client use the same words."""

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest
from cancelbus import CauseKind, blocking
from conftest import orderly_stack
from process import PATIENCE_SECONDS
from python_client import client
from scene import bus_metric, bus_status, full_disk, hear_stream, place_orders
from test_barred_key import bar

RUNBOOK = (Path(__file__).resolve().parents[2] / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
WORKERS = ("worker-1", "worker-2")
SCREEN_ROWS = 24
# "for 3.2 s" and "187 orders" are not the same a moment later.
CHANGES = re.compile(r"\d+(\.\d+)?( (ms|s|min|h|d)\b)?")


@pytest.fixture(scope="module")
def bus():
    with orderly_stack() as stack:
        yield stack.start(workers=2, expected_workers="2", account="desk")


@pytest.fixture
def strategy(bus, connect):
    return connect(bus, f"desk-{time.monotonic_ns()}", topics=["venue."])


def page(stack):
    """What the page shows is made of."""
    with urllib.request.urlopen(f"{stack.processes['bus'].endpoints['monitor']}/status", timeout=PATIENCE_SECONDS) as reply:
        return json.load(reply)["bus_status"]


def wait_ok(stack):
    stack.wait_until(lambda: stack.status().get("headline") == "ok", "nothing is wrong any more")
    assert stack.cancelctl("status").out.startswith("bus      ok\n")


def first_words(stack, command):
    """What the command says of the bus first."""
    [line] = [line for line in stack.cancelctl(command).out.splitlines()[:SCREEN_ROWS] if line.startswith("bus ")]
    return CHANGES.sub("…", line.removeprefix("bus").strip())


def named(stack, kind, heading):
    """The cause, once it is the headline: named everywhere, with a heading that the runbook has."""
    def worst():
        causes = page(stack)["cause"]
        return causes[0] if causes and causes[0]["kind"] == f"CAUSE_KIND_{kind}" else None

    cause = stack.wait_until(worst, f"{kind} is the headline")
    assert cause["runbook"] == heading
    assert re.search(rf"^###? {heading}$", RUNBOOK, re.MULTILINE)
    headline = page(stack)["headline"]
    assert headline.startswith(f"{kind}: ") and headline.endswith(f"; runbook: {heading}")
    for command in ("status", "top"):
        stack.wait_until(lambda: first_words(stack, command) == CHANGES.sub("…", page(stack)["headline"]),
                         f"{command} begins with the headline")
    began = [json.loads(line) for line in stack.processes["bus"].log().splitlines() if '"event":"cause_began"' in line]
    assert began[-1]["level"] == "warn" and heading in {line["runbook"] for line in began if line["kind"] == kind}
    assert bus_metric(stack, f'cancelbus_cause{{kind="{kind.lower()}"}}') == 1
    with client(stack, "desk-p", blocking.Client) as python:
        status = python.status(timeout=PATIENCE_SECONDS)
    assert status.causes[0].kind == CauseKind[kind] and status.causes[0].runbook == heading
    return cause


def test_which_bus_it_is(bus):
    wait_ok(bus)
    status = page(bus)
    assert status["account"] == "desk" and re.fullmatch(r"\d+\.\d+\.\d+", status["version"])
    assert float(status["uptime"].removesuffix("s")) > 0 and status["started"] < status["as_of"]
    shown = bus.cancelctl("status").out
    assert re.search(rf"^as of .*, version {status['version']}, account desk, up \S+ \w+$", shown, re.MULTILINE)


def test_the_stream_is_mute(bus, strategy):
    [order_id] = place_orders(bus, strategy)
    bus.exchange.stream(mute=True)
    strategy.wait_final(strategy.cancel(order_id))
    cause = named(bus, "STREAM", "CancelbusStreamMuted")
    assert cause["stops"] == "finals by the stream" and "muted" in cause["text"]
    bus.exchange.stream(mute=False)
    hear_stream(bus, strategy)
    wait_ok(bus)


def test_the_exchange_answers_503(bus, strategy, connect):
    [order_id] = place_orders(bus, strategy)
    bus.exchange.set_faults(answer={"status": 503, "endpoint": "any"})
    command = strategy.cancel(order_id)
    assert named(bus, "EXCHANGE_FAILING", "CancelbusExchangeFailing")["http_status"] == 503
    status = bus.wait_until(lambda: (s := page(bus))["doubts"] and s, "the order is listed as in doubt")
    [answers] = [answers for answers in status["answers"] if answers["http_status"] == 503]
    assert 2 <= answers["last_minute"] <= answers["last_10_minutes"]
    [doubt] = status["doubts"]
    assert (doubt["order_id"], doubt["cl_ord_id"], doubt["http_status"]) == (str(order_id), command, 503)
    assert [doubt.cl_ord_id for doubt in bus_status(strategy).doubts] == [command]
    assert not bus_status(connect(bus, "desk-other")).doubts
    shown = bus.cancelctl("status").out
    assert re.search(r"^answers  .*HTTP 503 ×\d+.* in 60 s; .*HTTP 503 ×\d+.* in 10 min$", shown, re.MULTILINE)
    assert re.search(rf"^  order {order_id} \(desk-\d+/{command}\) for .* attempts?, last answer: HTTP 503", shown, re.MULTILINE)
    assert bus_metric(bus, 'cancelbus_exchange_responses_total{http_status="503"}') >= answers["last_10_minutes"]
    bus.exchange.set_faults(answer=None)
    strategy.wait_final(command)
    wait_ok(bus)


def test_the_exchange_refuses_the_key(bus, strategy):
    [order_id] = place_orders(bus, strategy)
    bus.exchange.set_faults(answer={"status": 401, "endpoint": "any"})
    command = strategy.cancel(order_id)
    assert named(bus, "KEYS_REFUSED", "CancelbusKeyRefused")["stops"] == "cancels and queries"
    assert re.search(r"^refused  \d+ of 50 requests refused in a row: ", bus.cancelctl("status").out, re.MULTILINE)
    assert re.search(r"^  \S+ .* no: not authorized by the exchange", bus.cancelctl("status").out, re.MULTILINE)
    bus.exchange.set_faults(answer=None)
    strategy.wait_ack(command)
    wait_ok(bus)
    assert page(bus)["unauthorized_in_a_row"] == 0


def test_a_strategy_s_key_is_barred(bus):
    bus.grant("strategy", "desk-b")
    bar(bus, "desk-b")
    cause = named(bus, "KEY_BARRED", "A barred key")
    assert cause["text"] == 'the key of desk-b is barred from events: subscribed to "client."'
    assert 0 < float(cause["remaining"].removesuffix("s")) <= 60
    bus.reload()
    wait_ok(bus)


def test_the_store_refuses(bus, strategy):
    [order_id] = place_orders(bus, strategy)
    with full_disk(bus):
        command = strategy.cancel(order_id)
        assert named(bus, "STORE", "CancelbusStoreRefuses")["stops"] == "commands, cancels and queries"
        assert "DOES NOT TAKE WRITES" in bus.cancelctl("status").out
    strategy.wait_final(command)
    wait_ok(bus)


def test_one_of_two_workers_is_dead_and_then_the_other(bus):
    bus.processes["worker-2"].kill()
    assert named(bus, "FEWER_WORKERS", "CancelbusFewerWorkers")["text"].startswith("1 of 2 expected workers may work; ")
    assert re.search(r"^workers  1 of 2 expected may work$", bus.cancelctl("status").out, re.MULTILINE)
    bus.processes["worker-1"].kill()
    assert named(bus, "NO_WORKER", "CancelbusNoWorker")["text"].endswith(": silent")
    for name in WORKERS:
        bus.start_worker(name)
    wait_ok(bus)


def test_no_reading_of_the_exchange_s_clock_counts(bus):
    for name in WORKERS:
        bus.processes[name].stop()
    seconds = {"serverTime": int(time.time())}
    bus.exchange.set_faults(answer={"endpoint": "GET /api/v2/server/time", "status": 200, "body": seconds})
    for name in WORKERS:
        bus.start_worker(name)
    assert named(bus, "CLOCK", "clock")["stops"] == "cancels and queries"
    bus.exchange.set_faults(answer=None)
    wait_ok(bus)


def test_a_queue_of_two_hundred_and_then_a_429(bus, strategy):
    for order_id in bus.exchange.place_orders(200):
        strategy.cancel(order_id)
    assert named(bus, "QUEUE", "CancelbusBudgetSpent")["stops"] == ""
    status = page(bus)
    queued = sum(queue["urgent"] + queue["normal"] for queue in status["queues"])
    assert float(status["queue_empty_in"].removesuffix("s")) >= queued // 10 - 1  # 10 a second at most
    shown = bus.cancelctl("status").out
    assert re.search(r"^queue    \d+ orders wait for budget, empty in \d+(\.\d)? s at the earliest$", shown, re.MULTILINE)
    bus.exchange.set_faults(answer={"payload": "cancel_429_ip", "count": 1, "retry_after_s": 30})
    cause = named(bus, "BACKOFF", "CancelbusThrottled")
    assert (cause["limiter"], cause["stops"], cause["http_status"]) == ("cancel", "cancels", 429)
    [hold] = page(bus)["holds"]
    assert 0 < float(hold["remaining"].removesuffix("s")) <= 31
