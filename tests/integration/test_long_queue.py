"""A bus starts on a store with a long queue, and another takes one over: every command is there, and the first DELETE leaves
soon. How soon is printed, and not judged: it depends on the machine.

CANCELBUS_QUEUE says how many commands a takeover finds; a restart on SQLite finds ten times as many.
"""

import time

import pytest
from buses import Buses
from scene import positive_number, requests
from stores import PostgresStore, SqliteStore

QUEUE = positive_number("CANCELBUS_QUEUE", 1000)


@pytest.fixture
def quick(stack):
    """A stack whose buses do not check all that they know after each step."""
    del stack.bus_flags["check_invariants"]
    return stack


def place_in_a_row(stack, count):
    """The first of so many orders whose ids follow each other."""
    stack.start_exchange()
    ids = [order_id for _ in range(0, count, 1000) for order_id in stack.exchange.place_orders(min(count, 1000))]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    return ids[0]


def give_one(stack, connect, order_id):
    strategy = connect(stack)
    strategy.wait_receipt(strategy.cancel(order_id))


def start_others(stack):
    for name in ("worker-1", "worker-2"):
        stack.start_worker(name)
    stack.start_subscriber()


def first_delete(stack, order_ids, since):
    """When the first one arrived after `since`, by time.time()."""
    def found():
        times = [arrival["time_us"] / 1e6 for arrival in requests(stack, "DELETE") if arrival["order_id"] in order_ids]
        return [at for at in times if at > since]

    return min(stack.wait_until(found, "a DELETE"))


def assert_knows(bus, count):
    assert f'"event":"store_loaded","commands":{count},' in bus.log(), bus.tail(30)


def test_a_restart_on_sqlite(quick, connect, capsys):
    count = 10 * QUEUE
    first = place_in_a_row(quick, count)
    quick.start_bus()
    give_one(quick, connect, first)
    quick.processes["bus"].kill()
    SqliteStore(quick).copy_command(count - 1)
    start_others(quick)
    began = time.time()
    quick.start_bus()
    ready = time.time() - began
    sent = first_delete(quick, range(first, first + count), began) - began
    assert_knows(quick.processes["bus"], count)
    with capsys.disabled():
        print(f"\nrestart with {count} undecided commands: ready after {ready:.2f} s, first DELETE after {sent:.2f} s")


def test_a_takeover(quick, database, connect, capsys):
    store = PostgresStore(quick, database)
    first = place_in_a_row(quick, QUEUE)
    buses = Buses(quick).start()
    leader = buses.wait_leader()
    give_one(quick, connect, first)
    store.copy_command(QUEUE - 1)
    start_others(quick)
    quick.wait_connected(2)
    began = time.time()
    buses.process(leader).kill()
    sent = first_delete(quick, range(first + 1, first + QUEUE), began) - began
    assert_knows(buses.process(buses.wait_leader()), QUEUE)
    with capsys.disabled():
        print(f"\ntakeover with {QUEUE} undecided commands: first DELETE {sent:.2f} s after kill -9 of the leader")
