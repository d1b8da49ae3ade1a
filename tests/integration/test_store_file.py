"""The store's file under other hands: a second bus, a program that reads or writes it, an operator who moves it away."""

import signal
import sqlite3
from contextlib import closing, contextmanager

import pytest
from scene import bus_metric, place_orders, readiness, requests

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_REFUSED

WRITABLE = "cancelbus_store_writable"


def second_bus(stack, store):
    """Runs a bus with ports of its own on this path, to its end."""
    return stack.run("cancel-bus", f"--store=sqlite:{store}", "--session_endpoint=tcp://127.0.0.1:*",
                     "--event_endpoint=tcp://127.0.0.1:*", "--backend_endpoint=tcp://127.0.0.1:*",
                     "--monitor_address=127.0.0.1:0", f"--curve_key_file={stack.access.bus.key_file}",
                     f"--policy_file={stack.access.policy_file}")


@contextmanager
def written_by_another(stack):
    with closing(sqlite3.connect(stack.store_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("COMMIT")


@contextmanager
def moved_away(stack, suffix):
    file = stack.store_file.with_name(stack.store_file.name + suffix)
    aside = stack.folder / "aside"
    file.rename(aside)
    yield file
    aside.rename(file)


def assert_refused_now(strategy, order_id):
    receipt = strategy.wait_receipt(strategy.cancel(order_id))
    assert receipt.status == RECEIPT_STATUS_REFUSED
    assert receipt.reason == cancel_pb2.CXL_REJ_REASON_STORE_UNAVAILABLE


def assert_works(stack, strategy, order_id):
    strategy.wait_until(lambda: bus_metric(stack, WRITABLE) == 1, "the store is written again")
    command = strategy.cancel(order_id)
    assert strategy.wait_receipt(command).status == RECEIPT_STATUS_APPLIED
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert readiness(stack)[0] == 200


@pytest.mark.parametrize("way", ["a symbolic link", "its lock file removed"])
def test_a_second_bus_is_refused_by(running, way):
    store = running.store_file
    if way == "a symbolic link":
        store = running.folder / "link.db"
        store.symlink_to(running.store_file)
    else:
        running.store_file.with_name(running.store_file.name + ".lock").unlink()
    second = second_bus(running, store)
    assert (second.exit_code, second.out) == (2, "")
    assert f"--store: {store}: another cancel-bus uses this store" in second.log


def test_a_second_bus_is_refused_by_a_hard_link(running):
    other = running.folder / "other.db"
    other.hardlink_to(running.store_file)
    second = second_bus(running, other)
    assert (second.exit_code, second.out) == (2, "")
    assert "another cancel-bus" in second.log or "hard links" in second.log


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_nothing_is_promised_while_a_file_of_the_store_is_away(running, connect, suffix):
    strategy = connect(running, topics=["venue."])
    first, second = place_orders(running, strategy, 2)
    with moved_away(running, suffix) as file:
        strategy.wait_until(lambda: bus_metric(running, WRITABLE) == 0, "the bus notices")
        assert_refused_now(strategy, first)
        assert readiness(running) == (503, f"{file}: the file was deleted while the bus uses it: put the same file back\n")
        assert requests(running, "DELETE") == []
    assert_works(running, strategy, second)


def test_a_copy_in_its_place_is_not_the_store(running, connect):
    strategy = connect(running, topics=["venue."])
    first, second = place_orders(running, strategy, 2)
    with moved_away(running, "") as file:
        file.write_bytes((running.folder / "aside").read_bytes())
        strategy.wait_until(lambda: "was replaced" in readiness(running)[1], "the bus notices")
        assert_refused_now(strategy, first)
    assert_works(running, strategy, second)


def test_the_bus_turns_while_another_process_writes_the_store(running, connect):
    strategy = connect(running, topics=["venue."])
    waiting, refused, last = place_orders(running, strategy, 3)
    with written_by_another(running):
        unwritten = strategy.cancel(waiting)
        strategy.wait_until(lambda: bus_metric(running, WRITABLE) == 0, "the bus notices")
        assert_refused_now(strategy, refused)
        code, why = readiness(running)
        assert (code, why) == (503, "store: database is locked\n")
        assert requests(running, "DELETE") == []
    assert strategy.wait_final(unwritten).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert_works(running, strategy, last)


def test_sigterm_is_obeyed_while_another_process_writes_the_store(running, connect):
    strategy = connect(running, topics=["venue."])
    [order_id] = place_orders(running, strategy, 1)
    bus = running.processes["bus"]
    with written_by_another(running):
        strategy.cancel(order_id)
        strategy.wait_until(lambda: bus_metric(running, WRITABLE) == 0, "the bus notices")
        bus.popen.send_signal(signal.SIGTERM)
        running.wait_until(lambda: '"event":"draining"' in bus.log(), "the bus drains")
    # What was decided is written before it ends.
    assert bus.wait_exit(30) == 0


def test_a_reader_that_holds_a_transaction_stops_nothing_and_is_counted(running, connect):
    strategy = connect(running, topics=["venue."])
    log = running.store_file.with_name(running.store_file.name + "-wal")
    with closing(sqlite3.connect(running.store_file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM cancels").fetchone()
        for order_id in place_orders(running, strategy, 3):
            assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        running.wait_until(lambda: bus_metric(running, "cancelbus_store_log_bytes") == log.stat().st_size > 0,
                           "the log is counted")
        total = running.store_file.stat().st_size + log.stat().st_size
        running.wait_until(lambda: bus_metric(running, "cancelbus_store_bytes") == total, "and the whole store")


def test_an_earlier_version_gets_its_store_back(stack, connect):
    stack.start_exchange()
    stack.start_bus()
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(1)
    strategy = connect(stack, topics=["venue."])
    first, second = place_orders(stack, strategy, 2)
    strategy.wait_final(strategy.cancel(first))
    bus = stack.processes["bus"]
    refused = stack.run("cancel-bus", *bus.command[1:], "--store_downgrade_to=1")
    assert refused.exit_code == 2 and "another cancel-bus uses this store" in refused.log
    bus.ask_to_end()
    assert bus.wait_exit(30) == 0
    done = stack.run("cancel-bus", *bus.command[1:], "--store_downgrade_to=1")
    assert (done.exit_code, done.out) == (0, ""), done.log
    with closing(sqlite3.connect(stack.store_file)) as store:
        assert store.execute("PRAGMA user_version").fetchone() == (1,)
    # The bus of this version takes it up again.
    stack.start_bus()
    stack.wait_connected(1)
    assert strategy.wait_final(strategy.cancel(second)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    seqs = sorted(strategy.events[strategy.epoch, strategy.own_topic])
    assert seqs == list(range(1, len(seqs) + 1))
