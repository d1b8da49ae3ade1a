"""`cancelctl backup` while strategies cancel: what the copy holds, and what a bus that is started on it does."""

import json
import resource
import sqlite3
import subprocess
from datetime import datetime

from process import clean_environment
from scene import bus_status, place_orders, requests

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.cancel_pb2 import Event
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED

LIMITS = "100/1s"
LOST_AFTER = 8  # seconds: the request_timeout of a worker must fit in
BACKUPS = 5
COMMANDS = 300


def backup(stack, name, *flags, store=None):
    """Exactly this: cancelctl() would name a bus, which backup needs none of."""
    copy = stack.folder / "copies" / name
    copy.parent.mkdir(exist_ok=True)
    return copy, stack.run("cancelctl", "backup", f"--store={store or stack.store_file}", *flags, copy)


def start_fast(stack):
    """With limits of one second, after which nothing of before counts."""
    stack.start_exchange(cancel_limits=LIMITS, query_limits=LIMITS)
    start_bus(stack)
    start_worker(stack)
    stack.start_subscriber()
    stack.wait_connected(1)


def start_bus(stack, **flags):
    stack.start_bus(**{"cancel_limits": LIMITS, "query_limits": LIMITS, "lost_after": f"{LOST_AFTER}s"} | flags)


def start_worker(stack):
    stack.start_worker("worker-1", connections=16, request_timeout="2s")


def rows(copy, sql):
    with sqlite3.connect(f"file:{copy}?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def assert_consistent(copy):
    """The database, each topic, and each command with its events."""
    assert rows(copy, "PRAGMA quick_check") == [("ok",)]
    for topic, first, last, count in rows(copy, "SELECT topic, MIN(seq), MAX(seq), COUNT(*) FROM events GROUP BY topic"):
        assert (first, last) == (1, count), topic
    events = {(topic, seq): Event.FromString(payload)
              for topic, seq, payload in rows(copy, "SELECT topic, seq, payload FROM events")}
    for sender, command, ack, final in rows(copy, "SELECT sender_comp_id, cl_ord_id, ack_seq, final_seq FROM cancels"):
        for kind, seq in (("cancel_ack", ack), ("cancel_final", final)):
            if seq:
                event = events[f"client.{sender}.", seq]
                assert event.WhichOneof("event") == kind and getattr(event, kind).cl_ord_id == command


def logged(stack, event):
    lines = [json.loads(line) for line in stack.processes["bus"].log().splitlines() if f'"event":"{event}"' in line]
    assert len(lines) == 1, lines
    return lines[0]


def test_while_strategies_cancel(stack, connect):
    start_fast(stack)
    strategy = connect(stack)
    commands = [strategy.cancel(order_id) for order_id in stack.exchange.place_orders(COMMANDS)]
    for number in range(BACKUPS):
        wanted = COMMANDS * number // BACKUPS + 1
        strategy.wait_until(lambda: sum(bool(strategy.acks(command)) for command in commands) >= wanted,
                            f"{wanted} acks", timeout=60)
        acked = {command for command in commands if strategy.acks(command)}
        ended = {command for command in commands if strategy.finals(command)}
        copy, done = backup(stack, f"{number}.db", "--json")
        assert done.exit_code == 0, done.log
        assert_consistent(copy)
        assert acked <= {command for command, in rows(copy, "SELECT cl_ord_id FROM cancels WHERE ack_seq > 0")}
        assert ended <= {command for command, in rows(copy, "SELECT cl_ord_id FROM cancels WHERE final_seq > 0")}
        told, = done.json_lines
        assert told["file"] == str(copy) and int(told["bytes"]) == copy.stat().st_size
        assert [(int(told["commands"]), int(told["events"]))] == rows(
            copy, "SELECT (SELECT COUNT(*) FROM cancels), (SELECT COUNT(*) FROM events)")
        assert rows(copy, "SELECT value FROM meta WHERE key='backed_up'") == [(told["backed_up"],)]
    for command in commands:
        strategy.wait_final(command, timeout=60)
    assert stack.exchange.counters()["refused_429"] == 0
    # No log, no journal and no folder beside them.
    assert {file.name for file in copy.parent.iterdir()} == {f"{number}.db" for number in range(BACKUPS)}


def test_a_bus_that_is_started_on_a_copy(stack, connect):
    start_fast(stack)
    strategy = connect(stack, topics=["venue."])
    first, second, third, fourth = place_orders(stack, strategy, 4)
    ended = strategy.cancel(first)
    strategy.wait_final(ended)
    # Without a worker it is undecided for as long as the backup takes.
    assert stack.processes["worker-1"].stop() == 0
    undecided = strategy.cancel(second)
    strategy.wait_receipt(undecided)
    copy, done = backup(stack, "copy.db")
    assert done.exit_code == 0 and "2 commands" in done.out, done.log
    start_worker(stack)
    assert strategy.wait_final(undecided).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    unknown = strategy.cancel(third)
    strategy.wait_final(unknown)

    explain = ["explain", f"{strategy.sender}/{ended}"]
    assert (stack.run("cancelctl", *explain, f"--store={copy}").out
            == stack.run("cancelctl", *explain, f"--store={stack.store_file}").out)

    epoch = strategy.epoch
    assert stack.processes["bus"].stop() == 0
    met = len(requests(stack, "DELETE") + requests(stack, "GET"))
    start_bus(stack, store=f"sqlite:{copy}")
    distrusted = datetime.fromisoformat(logged(stack, "commits_may_be_lost")["time"].replace("Z", "+00:00"))
    strategy.wait_until(lambda: strategy.epoch not in (0, epoch), "another epoch", timeout=30)
    assert bus_status(strategy).holds
    new = strategy.cancel(fourth)
    assert strategy.wait_receipt(new).status == RECEIPT_STATUS_APPLIED
    # Given after the backup: to this bus it is another command.
    strategy.receipts.clear()
    strategy.cancel(third, unknown)
    assert strategy.wait_receipt(unknown).status == RECEIPT_STATUS_APPLIED

    final = strategy.wait_final(new, timeout=60)
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    strategy.wait_until(lambda: len(strategy.finals(undecided)) == 2, "the final of what was undecided again", timeout=60)
    assert strategy.finals(undecided)[1].ord_status == cancel_pb2.ORD_STATUS_CANCELED
    strategy.wait_until(lambda: len(strategy.acks(unknown)) == 2, "the ack of what it did not know", timeout=60)
    later = sorted(arrival["time_us"] for arrival in requests(stack, "DELETE") + requests(stack, "GET"))[met:]
    assert later[0] >= (distrusted.timestamp() + LOST_AFTER + 1) * 1e6
    assert len(requests(stack, "DELETE", third)) == 2
    assert stack.exchange.counters()["refused_429"] == 0


def test_what_cannot_be_read_or_written_is_named_and_leaves_nothing(stack):
    stack.start_bus()
    folder = stack.folder / "copies"
    folder.mkdir()
    _, missing = backup(stack, "copy.db", store=f"sqlite:{stack.folder}/no.db")
    assert missing.exit_code == 2 and "--store" in missing.log and "no.db" in missing.log
    copy = folder / "copy.db"

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))

    command = [stack.bin_dir / "cancelctl", "backup", f"--store={stack.store_file}", copy]
    done = subprocess.run(command, preexec_fn=full, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert done.returncode == 1 and done.stderr == f"cancelctl: FILE: {copy}: disk I/O error (File too large)\n"
    assert not list(folder.iterdir())
    assert backup(stack, "copy.db")[1].exit_code == 0
    _, again = backup(stack, "copy.db")
    assert again.exit_code == 1 and f"FILE: {copy}: it exists" in again.log
    later = folder / "later.db"
    later.write_bytes(copy.read_bytes())
    db = sqlite3.connect(later)
    db.execute("PRAGMA user_version=7")
    db.close()
    _, future = backup(stack, "other.db", store=later)
    assert future.exit_code == 2 and f"{later}: schema version 7" in future.log
    assert {file.name for file in folder.iterdir()} == {"copy.db", "later.db"}
