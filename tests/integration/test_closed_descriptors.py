"""Standard input, output or error are closed when a process starts: no file of its own gets such a number, or its log
would be written into it."""

import os
import sqlite3
import subprocess
from contextlib import closing

import pytest
from scene import place_orders

from cancelbus.v1 import cancel_pb2
from process import clean_environment, die_with_parent

NUMBERS = (0, 1, 2)


def without(*numbers):
    """A wrapper of a command that starts with these closed."""
    return ["/bin/sh", "-c", 'exec "$@" ' + " ".join(f"{number}>&-" for number in numbers), "sh"]


def opened(process):
    return {number: os.readlink(f"/proc/{process.pid}/fd/{number}") for number in NUMBERS}


@pytest.mark.parametrize("closed", [(0,), (2,), (0, 1, 2)], ids=str)
def test_what_is_closed_leads_to_dev_null_and_all_work(stack, connect, closed):
    stack.grant("strategy", "desk-a")
    stack.start_exchange()
    stack.start_bus().stop()  # what prints nothing cannot say where it listens: that stays as it was
    stack.wrappers = dict.fromkeys(("bus", "worker-1", "subscriber"), without(*closed))
    stack.launch_bus()
    stack.start_worker("worker-1")
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    for name in stack.wrappers:
        process = stack.processes[name]
        assert opened(process) == {number: "/dev/null" if number in (0, *closed)
                                   else str(process.out_file if number == 1 else process.log_file)
                                   for number in NUMBERS}, name
    strategy = connect(stack, topics=["venue."])
    for order_id in place_orders(stack, strategy, 3):
        assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert stack.processes["bus"].stop() == 0
    with closing(sqlite3.connect(stack.store_file)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    for file in stack.folder.iterdir():
        if file.is_file() and file.suffix != ".log":
            assert b'"event":"' not in file.read_bytes(), file.name


def test_so_they_do_in_cancelctl(stack):
    stack.start_bus()
    command = [*without(*NUMBERS), stack.bin_dir / "cancelctl", "watch"]
    with subprocess.Popen(command, env=clean_environment() | stack.client_environment,
                          preexec_fn=die_with_parent()) as watch:
        try:
            stack.wait_until(lambda: sockets(watch) and opened(watch) == dict.fromkeys(NUMBERS, "/dev/null"), "it runs")
            watch.terminate()
            assert watch.wait(30) == 0
        finally:
            watch.kill()


def sockets(process):
    return [entry for entry in os.scandir(f"/proc/{process.pid}/fd") if link_of(entry).startswith("socket:")]


def link_of(entry):
    """Of a descriptor that was closed meanwhile there is none."""
    try:
        return os.readlink(entry.path)
    except FileNotFoundError:
        return ""
