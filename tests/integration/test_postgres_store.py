"""The store on PostgreSQL, for one bus: an orderly end, its rows, and what it refuses. Restarts: test_restart.py."""

import json

import pytest
from postgres import postgres
from restarts import assert_each_ended_once, assert_no_gaps
from scene import place_orders, requests
from stores import PostgresStore

from cancelbus.v1 import cancel_pb2


@pytest.fixture
def on_postgres(stack, database):
    """A stack of which nothing is started; its buses have an empty store in the database."""
    return PostgresStore(stack, database).stack


def test_after_an_orderly_end_the_next_bus_leads_at_once(on_postgres, connect, database):
    stack = on_postgres.start()
    strategy = connect(stack, topics=["venue."])
    first, second = place_orders(stack, strategy, 2)
    strategy.wait_final(strategy.cancel(first))
    epoch = strategy.epoch
    assert stack.processes["bus"].stop() == 0
    assert database.primary.sql("SELECT term, released FROM cancelbus.lease") == "1|t"
    stack.start_bus()
    assert "follows" not in [json.loads(line)["event"] for line in stack.processes["bus"].log().splitlines()]
    assert strategy.wait_final(strategy.cancel(second)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert strategy.epoch == epoch
    assert_no_gaps(strategy)
    assert database.primary.sql("SELECT term, released FROM cancelbus.lease") == "2|f"


def test_every_row_is_there_for_people(on_postgres, connect, database):
    stack = on_postgres.start()
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    command = strategy.cancel(order_id)
    strategy.wait_final(command)
    rows = database.primary.sql("SELECT sender_comp_id, order_id, attempts, ack_status, ord_status, ended "
                                "FROM cancelbus.commands")
    assert rows == f"desk-a|{order_id}|1|ACCEPTED|CANCELED|t"
    explained = stack.cancelctl("explain", f"desk-a/{command}")
    assert explained.exit_code == 0, explained.log
    assert "DELETE" in explained.out and "CANCELED" in explained.out
    assert_each_ended_once(strategy, [command])
    assert len(requests(stack, "DELETE", order_id)) == 1


def test_a_database_without_a_synchronous_standby_is_refused(stack):
    with postgres() as lonely:
        bus = stack.launch_bus(store=lonely.uri())
        assert bus.wait_exit() == 2
        assert "synchronous_standby_names" in bus.log() and "--store_sync=normal" in bus.log()
        stack.start_bus(store=lonely.uri(), store_sync="normal")
        assert lonely.primary.sql("SELECT synchronous FROM cancelbus.lease") == "f"
        assert stack.processes["bus"].stop() == 0
