"""Two buses share a store on PostgreSQL, which has a synchronous standby of its own. Whichever process dies or stalls, one
bus leads in the end, with the budget, every command and every event as they stood."""

import time
from contextlib import contextmanager

import pytest
import zmq
from buses import Buses
from database import cluster
from pairs import Pair, deletes
from postgres import postgres
from restarts import assert_each_ended_once, assert_limits_were_kept, assert_no_gaps
from scene import curve_keys, encrypt, metric, place_orders

from cancelbus.v1.session_pb2 import SessionReply, SessionRequest


@pytest.fixture
def pair(stack, database):
    database.primary.sql("DROP SCHEMA IF EXISTS cancelbus CASCADE")
    with Pair(stack, store=database.uri(), cancel_limits="10/10s") as pair:
        yield pair


@contextmanager
def stopped(process):
    process.pause()
    try:
        yield
    finally:
        process.resume()


def lease(database, column):
    return database.primary.sql(f"SELECT {column} FROM cancelbus.lease")


def test_the_leader_is_killed_and_the_other_bus_goes_on_within_seconds(pair, connect):
    pair.stack.exchange_flags["cancel_limits"] = "10/10s"
    pair.start()
    strategy = connect(pair.stack, topics=["venue."])
    first, *ids = place_orders(pair.stack, strategy, 14)
    done = strategy.cancel(first)
    strategy.wait_final(done)
    epoch, leader = strategy.epoch, pair.leads
    # So that requests are under way when the leader dies, and most of the budget is used.
    pair.stack.exchange.set_faults(latency={"order_ids": ids[:4], "answer_ms": 1500})
    commands = [strategy.cancel(order_id) for order_id in ids[:4]]
    pair.stack.wait_until(lambda: len(deletes(pair.stack)) == 5, "requests are under way")
    arrived = deletes(pair.stack)

    killed_at = time.monotonic()
    pair.process(leader).kill()
    assert pair.wait_leader() == pair.other(leader)
    commands += [strategy.cancel(order_id) for order_id in ids[4:]]
    gap = pair.gap(strategy, arrived, killed_at)
    print(f"from kill -9 of the leader to the first DELETE of the next: {gap:.1f} s")

    assert_each_ended_once(strategy, [done, *commands])
    assert strategy.epoch == epoch
    assert_no_gaps(strategy)
    counters = pair.stack.exchange.counters()
    assert_limits_were_kept(counters)
    assert counters["max_deletes_per_order"] == 1

    # The one that was killed comes back, and follows.
    pair.start_bus(leader)
    assert pair.wait_leader() == pair.other(leader)
    assert pair.get(leader, "/readyz") == (200, "ok, standby\n")
    assert pair.get(leader, "/leaderz")[0] == 503


def test_a_leader_that_stalls_is_fenced_when_it_goes_on(pair, connect, database):
    pair.stack.exchange_flags["cancel_limits"] = "10/10s"
    pair.start()
    strategy = connect(pair.stack, topics=["venue."])
    ids = place_orders(pair.stack, strategy, 9)
    leader = pair.leads
    commands = [strategy.cancel(order_id) for order_id in ids[:3]]
    with stopped(pair.process(leader)):
        assert pair.wait_leader() == pair.other(leader)
        commands += [strategy.cancel(order_id) for order_id in ids[3:]]
        strategy.wait_final(commands[-1])
    pair.stack.wait_until(lambda: pair.events(leader).count("follows") == 1, "the one that stalled follows")
    assert "leads_no_more" in pair.events(leader)
    assert pair.wait_leader() == pair.other(leader)
    assert_each_ended_once(strategy, commands)
    assert_no_gaps(strategy)
    assert_limits_were_kept(pair.stack.exchange.counters())
    assert pair.stack.exchange.counters()["max_deletes_per_order"] == 1
    assert lease(database, "term") == "2"


def test_without_the_database_standby_nothing_is_decided_until_it_is_back(pair, connect, database):
    pair.stack.exchange_flags["cancel_limits"] = "10/10s"
    pair.start()
    strategy = connect(pair.stack, topics=["venue."])
    ids = place_orders(pair.stack, strategy, 4)
    done = strategy.cancel(ids[0])
    strategy.wait_final(done)
    arrived = deletes(pair.stack)
    database.standby.stop()
    commands = [strategy.cancel(order_id) for order_id in ids[1:]]
    pair.stack.wait_until(lambda: not pair.leaders(), "no bus leads")
    assert len(deletes(pair.stack)) == len(arrived)
    assert not any(strategy.receipts[command] for command in commands)
    assert lease(database, "term") == "1"
    database.standby.start()
    pair.wait_leader()
    assert_each_ended_once(strategy, [done, *commands])
    assert_no_gaps(strategy)
    assert_limits_were_kept(pair.stack.exchange.counters())
    assert pair.stack.exchange.counters()["max_deletes_per_order"] == 1


def test_the_primary_dies_and_its_standby_is_promoted(pair, connect, stack):
    # A database of its own: nothing brings the old primary back.
    with postgres(with_standby=True) as own:
        pair.flags["store"] = own.uri()
        pair.stack.exchange_flags["cancel_limits"] = "10/10s"
        pair.start()
        strategy = connect(stack, topics=["venue."])
        ids = place_orders(stack, strategy, 6)
        done = strategy.cancel(ids[0])
        strategy.wait_final(done)
        epoch = strategy.epoch
        own.primary.kill()
        own.standby.promote()
        pair.stack.wait_until(lambda: not pair.leaders(), "no bus leads")
        # It has no standby of its own, so no bus leads. The operator accepts that.
        for name in pair.NAMES:
            pair.process(name).kill()
        pair.flags["store_sync"] = "normal"
        for name in pair.NAMES:
            pair.start_bus(name)
        pair.wait_leader()
        commands = [strategy.cancel(order_id) for order_id in ids[1:]]
        assert_each_ended_once(strategy, [done, *commands])
        assert strategy.epoch == epoch, "commits had waited for the standby, so all of them are there"
        assert_no_gaps(strategy)
        assert_limits_were_kept(stack.exchange.counters())


def test_the_primary_and_the_leader_fall_silent_together(pair, connect, stack):
    """As a machine that lost its power, whose connections are not reset: the bus that follows has one to that primary."""
    with cluster("standby_1", "standby_2") as own:
        pair.flags["store"] = own.uri()
        pair.stack.exchange_flags["cancel_limits"] = "10/10s"
        pair.start()
        strategy = connect(stack, topics=["venue."])
        ids = place_orders(stack, strategy, 6)
        done = strategy.cancel(ids[0])
        strategy.wait_final(done)
        epoch, leader = strategy.epoch, pair.leads
        own.primary.pause()
        pair.process(leader).kill()
        own.fail_over()
        assert pair.wait_leader() == pair.other(leader)
        commands = [strategy.cancel(order_id) for order_id in ids[1:]]
        assert_each_ended_once(strategy, [done, *commands])
        assert strategy.epoch == epoch
        assert_no_gaps(strategy)
        assert_limits_were_kept(stack.exchange.counters())
        assert pair.stack.processes[pair.leads].stop() == 0


def test_two_buses_start_at_once_on_an_empty_database(stack, database):
    database.primary.sql("DROP SCHEMA IF EXISTS cancelbus CASCADE")
    buses = Buses(stack, store=database.uri())
    for name in buses.NAMES:
        buses.launch_bus(name)
    for name in buses.NAMES:
        buses.remember(buses.process(name).wait_ready())
    leader = buses.wait_leader()
    assert lease(database, "term") == "1"
    stack.wait_until(lambda: "follows" in buses.events(buses.other(leader)), "the other one follows")


def test_a_standby_answers_that_it_does_not_lead(pair, connect, database):
    pair.start()
    follows = pair.other(pair.leads)
    pair.stack.grant("strategy", "desk-z", senders="desk-z")
    context = zmq.Context()
    socket = encrypt(context.socket(zmq.DEALER), curve_keys(pair.stack, "desk-z"))
    socket.linger = 0
    socket.connect(f"tcp://{pair.addresses[follows]['session']}")
    try:
        socket.send(SessionRequest(hello={"sender_comp_id": "desk-z"}).SerializeToString())
        assert socket.poll(60_000), "no reply"
        reply = SessionReply.FromString(socket.recv())
        assert reply.WhichOneof("reply") == "not_leading"
        assert reply.not_leading.term == 1
        assert reply.not_leading.leader == lease(database, "leader_id")
    finally:
        socket.close()
        context.term()


def test_a_standby_is_not_ready_while_the_database_requires_no_synchronous_standby(pair, database):
    pair.start()
    follows = pair.other(pair.leads)
    pair.stack.wait_until(lambda: pair.get(follows, "/readyz")[0] == 200, "the standby is ready")
    required = database.primary.sql("SHOW synchronous_standby_names")
    database.primary.set("synchronous_standby_names", "")
    try:
        pair.stack.wait_until(lambda: pair.get(follows, "/readyz")[0] == 503, "the standby is not ready")
        assert "synchronous_standby_names" in pair.get(follows, "/readyz")[1]
    finally:
        database.primary.set("synchronous_standby_names", required)
    pair.wait_leader()
    for name in pair.NAMES:
        pair.stack.wait_until(lambda: pair.get(name, "/readyz")[0] == 200, f"{name} is ready again")


def test_metrics_say_who_follows_and_how_old_the_lease_is(pair, connect):
    pair.start()
    leads, follows = pair.leads, pair.other(pair.leads)

    def value(name, of):
        return metric(pair.process(of).endpoints["monitor"], f"cancelbus_{name}")

    pair.stack.wait_until(lambda: value("standby_ready", follows) == 1, "the standby is ready")
    pair.stack.wait_until(lambda: value("standby_buses", leads) == 1, "the leader has seen the standby")
    assert value("store_synchronous_servers", leads) == 1
    # A leader renews four times in a lease, and leads no more when it has not for a whole one.
    assert 0 < value("lease_renewed_seconds", leads) < 2
    pair.process(follows).kill()
    pair.stack.wait_until(lambda: value("standby_buses", leads) == 0, "the leader misses the standby")
