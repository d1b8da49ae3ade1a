"""A store that is older than what workers have seen, and buses beside each other that do not share one.

The bus's limits are short here, so that what may be missing counts no more after a few seconds.
"""

import json
import shutil
from datetime import datetime, timedelta

import pytest
from scene import bus_status, requests

LIMITS = "20/1s"
LOST_AFTER = 6  # seconds: the least, and the request_timeout of a worker must fit in
# Less what a busy machine takes between the moment from which the bus counts and the line in its log.
PAUSE = timedelta(seconds=LOST_AFTER + 1 - 1)


def start_fast(stack, **worker_flags):
    stack.start_exchange(cancel_limits=LIMITS, query_limits=LIMITS)
    start_bus(stack)
    for name in ("worker-1", "worker-2"):
        stack.start_worker(name, request_timeout="2s", **worker_flags)
    stack.start_subscriber()
    stack.wait_connected(2)


def start_bus(stack):
    return stack.start_bus(**SHORT)


SHORT = {"cancel_limits": LIMITS, "query_limits": LIMITS, "lost_after": f"{LOST_AFTER}s"}


def start_other_bus(stack, store):
    """With the same keys, and addresses of its own."""
    process = stack._start("other-bus", "cancel-bus", {
        **{f"{name}_endpoint": f"tcp://{stack.loopback}:*" for name in ("session", "event", "backend")},
        "monitor_address": f"{stack.loopback}:0", "store": f"sqlite:{store}",
        "curve_key_file": stack.access.bus.key_file, "policy_file": stack.access.policy_file, "check_invariants": "true", **SHORT})
    process.wait_ready()
    return process


def store_files(stack):
    return [stack.store_file.with_name(stack.store_file.name + suffix) for suffix in ("", "-wal", "-shm")]


def copy_store(stack, folder):
    """Of a bus that does not run. Returns what puts the copy in the place of the store."""
    folder.mkdir()
    for file in store_files(stack):
        if file.exists():
            shutil.copy(file, folder)

    def put_back():
        remove_store(stack)
        for file in folder.iterdir():
            shutil.copy(file, stack.folder)

    return put_back


def remove_store(stack):
    for file in store_files(stack):
        file.unlink(missing_ok=True)


def lines(process, event):
    return [line for line in map(json.loads, process.log().splitlines()) if line["event"] == event]


def time_of(line):
    return datetime.fromisoformat(line["time"].replace("Z", "+00:00"))


def first_sent(stack, order_id):
    return min(time_of(line) for name in ("worker-1", "worker-2") for line in lines(stack.processes[name], "task_taken")
               if line["order_id"] == order_id and line["kind"] == "cancel")


def status_of_older_store(strategy):
    status = bus_status(strategy)
    return status if any(cause.runbook == "An older store" for cause in status.cause) else None


@pytest.mark.parametrize("what", ["an older copy", "a copy of the same term", "a new store"])
def test_a_bus_whose_store_lacks_what_workers_have_seen(stack, connect, what):
    start_fast(stack)
    strategy = connect(stack)
    first, second, third = stack.exchange.place_orders(3)
    strategy.wait_final(strategy.cancel(first))
    bus = stack.processes["bus"]
    if what == "a copy of the same term":
        bus.pause()  # so that the copy is of one moment
        put_in_place = copy_store(stack, stack.folder / "older")
        bus.resume()
    else:
        bus.kill()
        put_in_place = copy_store(stack, stack.folder / "older")
        start_bus(stack)
    if what == "a new store":
        def put_in_place():
            remove_store(stack)
    known = strategy.cancel(second)
    strategy.wait_final(known)
    epoch, seen = strategy.epoch, bus_status(strategy)
    stack.processes["bus"].kill()
    put_in_place()
    bus = start_bus(stack)

    command = strategy.cancel(third)
    strategy.wait_until(lambda: strategy.epoch != epoch, "a new epoch")
    status = strategy.wait_until(lambda: status_of_older_store(strategy), "the cause is shown")
    assert status.term > seen.term and status.leader != seen.leader
    assert f"term {seen.term} of {seen.leader}" in status.headline
    strategy.wait_final(command)
    assert not [event for event in strategy.events[strategy.epoch, strategy.own_topic].values() if event.term != status.term]
    told = lines(bus, "older_store")
    assert [(line["seen_term"], line["seen_leader"]) for line in told] == [(seen.term, seen.leader)]
    assert first_sent(stack, third) >= time_of(told[0]) + PAUSE
    strategy.wait_until(lambda: not bus_status(strategy).cause, "the cause has ended")
    # Nothing was promised of what the store had lost, but that no order is canceled twice for nothing.
    assert len(requests(stack, "DELETE", first)) == len(requests(stack, "DELETE", second)) == 1
    assert stack.exchange.counters()["refused_429"] == 0


def test_a_restart_on_the_same_store_goes_on_at_once(stack, connect):
    start_fast(stack)
    strategy = connect(stack)
    first, second = stack.exchange.place_orders(2)
    strategy.wait_final(strategy.cancel(first))
    epoch, before = strategy.epoch, bus_status(strategy)
    stack.processes["bus"].kill()
    bus = start_bus(stack)
    strategy.wait_final(strategy.cancel(second))
    after = bus_status(strategy)
    assert (strategy.epoch, after.term) == (epoch, before.term + 1) and after.leader != before.leader
    assert lines(bus, "older_store") == []
    assert {reply.welcome.term for reply in strategy.replies if reply.HasField("welcome")} == {before.term, after.term}


def test_two_buses_that_do_not_share_a_store(stack, connect):
    """Neither sends beside the other, and when one of them is gone the other goes on."""
    stack.start_exchange(cancel_limits=LIMITS, query_limits=LIMITS)
    bus = start_bus(stack)
    other = start_other_bus(stack, stack.folder / "other.db")
    both = f"{stack._endpoint('backend')},{other.endpoints['backend']}"
    for name in ("worker-1", "worker-2"):
        stack.start_worker(name, request_timeout="2s", backend_endpoint=both)
    stack.start_subscriber(backend_endpoint=both)
    stack.wait_until(lambda: lines(bus, "older_store") and lines(other, "older_store"), "each knows of the other")
    strategy = connect(stack)
    order, = stack.exchange.place_orders(1)
    command = strategy.cancel(order)
    strategy.wait_receipt(command)
    strategy.wait_until(lambda: len(lines(bus, "older_store")) > 1, "they still stop each other")
    assert requests(stack, "DELETE") == []
    other.kill()
    strategy.wait_final(command)
    last = lines(bus, "older_store")[-1]
    assert first_sent(stack, order) >= time_of(last) + PAUSE
    assert last["term"] == last["seen_term"] + 1
