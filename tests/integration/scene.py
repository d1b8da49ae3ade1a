"""What the tests of this folder often need to know of a stack. Used by test_*.py; a strategy is a StrategyClient."""

import json
import os
import re
import resource
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from process import PATIENCE_SECONDS
from strategy_client import read_curve


def positive_number(variable, default):
    """What this environment variable asks for. Nothing to do is refused: a test that does nothing would pass."""
    text = os.environ.get(variable, str(default))
    if not re.fullmatch(r"[0-9]+", text) or int(text) == 0:
        raise ValueError(f"{variable}={text}: a test that does nothing proves nothing; give a whole number from 1")
    return int(text)


@contextmanager
def full_disk(stack):
    """No file of the bus may become longer than its write-ahead log is now: that is a full disk, to the bus alone."""
    bus = stack.processes["bus"].pid
    most = stack.store_file.with_name(stack.store_file.name + "-wal").stat().st_size
    _, hard = resource.prlimit(bus, resource.RLIMIT_FSIZE)
    resource.prlimit(bus, resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(bus, resource.RLIMIT_FSIZE, (hard, hard))


def curve_keys(stack, name):
    """What StrategyClient and encrypt() want to know of the key of this name."""
    return read_curve(stack.access.key(name).key_file, stack.access.bus.public_file)


def encrypt(socket, keys):
    """A pyzmq socket, before it connects."""
    socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = keys
    return socket


def place_orders(stack, strategy, count=1):
    """Ids of open orders that the bus has heard of on the stream: a 452 then means what it says.

    Frames keep their order from the exchange to the bus. So once the departure of one more order, canceled by hand, is
    told on venue., all that came before has been heard. `strategy` must read that topic.
    """
    *ids, sentinel = stack.exchange.place_orders(count + 1)
    hear_stream(stack, strategy, sentinel)
    return ids


def hear_stream(stack, strategy, sentinel=None):
    """Returns when the bus has heard all that the stream has said until now."""
    sentinel = sentinel or stack.exchange.place_orders(1)[0]
    stack.exchange.cancel_by_hand(sentinel)
    strategy.wait_until(lambda: departed(strategy, sentinel), f"the departure of {sentinel} on venue.")


def departed(strategy, order_id):
    """The unsolicited finals of this order on venue., as this strategy has heard them."""
    return [event.cancel_final for event in strategy.events[strategy.epoch, "venue."].values()
            if event.cancel_final.order_id == order_id]


def requests(stack, kind, order_id=None):
    """What the exchange met, as requests(stack, "DELETE"), in order of arrival."""
    return [arrival for arrival in stack.exchange.arrivals() if arrival["request"].startswith(f"{kind} /api/v1/order")
            and order_id in (None, arrival["order_id"])]


def statuses(stack, kind, order_id=None):
    """How it answered them: numbers, or "open", "reset", "abandoned"."""
    return [arrival["status"] for arrival in requests(stack, kind, order_id)]


def bus_status(strategy):
    since = len(strategy.replies)
    strategy.send(status_request={})
    return strategy.wait_reply("status", since=since).status


def bus_metric(stack, name):
    """A value of the bus's /metrics, as bus_metric(stack, 'cancelbus_requests_total{kind="cancel"}')."""
    return metric(stack.processes["bus"].endpoints["monitor"], name)


def metric(monitor_url, name):
    """0 if it was never counted."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{monitor_url}/metrics", timeout=PATIENCE_SECONDS) as page:
        text = page.read().decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def readiness(stack):
    """What the bus's /readyz answers, as (200, "ok\\n")."""
    try:
        with urllib.request.urlopen(f"{stack.processes['bus'].endpoints['monitor']}/readyz", timeout=PATIENCE_SECONDS) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def count(stack, reason):
    """How often the bus has refused something for this reason."""
    return bus_metric(stack, f'cancelbus_refused_total{{reason="{reason}"}}')


def refusals(stack, reason, who):
    """The bus's log's lines about it."""
    lines = [json.loads(line) for line in stack.processes["bus"].log().splitlines() if '"event":"refused"' in line]
    return [line for line in lines if (line["reason"], line["who"]) == (reason, who)]


def most_lines(began):
    """So many lines the bus's log may have of one reason and one peer since `began`, by time.monotonic(): 10 at once and one
    a second (service/bus/refusals.hpp)."""
    return 10 + (time.monotonic() - began)


@contextmanager
def refused(stack, reason, who):
    """What is done within is counted for this reason, and logged with this name, or has been a moment ago: then the line
    may be spared."""
    before = count(stack, reason)
    yield
    stack.wait_until(lambda: count(stack, reason) > before, f"a refusal for {reason} is counted")
    stack.wait_until(lambda: refusals(stack, reason, who), f"the refusal of {who} for {reason} is logged")


def takes(process_id, signal):
    """The process blocks this signal or handles it."""
    lines = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8").splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigBlk:", "SigCgt:"))]
    return any(mask >> (signal - 1) & 1 for mask in masks)


def run_check(start, **flags):
    """As run_check(stack.start_worker): its exit code, and what `--check` says. It is told of no bus."""
    process = start("check", check="true", **{"backend_endpoint": None} | flags)
    exit_code = process.wait_exit()
    assert exit_code != 2, process.tail()
    return exit_code, process.out()
