"""What the processes print is not read: the pipe is full, or its reader has gone. They work and end as ever; what they
could not write is counted, and reported to the next reader."""

import json
import os
import re
import signal
import sys
import urllib.request

import pytest
from scene import metric, place_orders

from cancelbus.v1 import cancel_pb2

SERVICES = ("bus", "worker-1", "subscriber")
DROPPED = "cancelbus_log_lines_dropped_total"
MONITORED = {"monitor_address": "127.0.0.1:0"}


class Pipe:
    """A named pipe as a process's standard output or standard error, with the test as its reader."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        self.reader = None
        self.open()

    def open(self):
        self.reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def close(self):
        if self.reader is not None:
            os.close(self.reader)
            self.reader = None

    def fill(self):
        """By a description of its own, so that the processes' keeps its flags."""
        writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        for size in (4096, 1):
            try:
                while True:
                    os.write(writer, b"x" * size)
            except BlockingIOError:
                pass
        os.close(writer)

    def read_until(self, stack, *texts):
        """What comes until all these have come."""
        said = [self.read()]
        stack.wait_until(lambda: all(text in "".join(said) for text in texts) or said.append(self.read()), f"{texts}")
        return "".join(said)

    def read(self):
        """All that is there now."""
        text = b""
        try:
            while chunk := os.read(self.reader, 65536):
                text += chunk
        except BlockingIOError:
            pass
        return text.decode(errors="replace")


@pytest.fixture
def pipe(tmp_path):
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    pipe.close()


WITHOUT_READER = """
import os, signal, sys
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
reader, writer = os.pipe()
os.dup2(writer, int(sys.argv[1]))
os.close(reader)
os.execv(sys.argv[2], sys.argv[2:])
"""


def into(pipe, stream):
    """A wrapper of a command that writes this stream to the pipe."""
    return ["/bin/sh", "-c", f'exec "$@" {stream}>{pipe.path}', "sh"]


def without_reader(stream):
    """A wrapper of a command whose stream is a pipe that no one can read any more."""
    return [sys.executable, "-c", WITHOUT_READER, str(stream)]


def monitor_of(process):
    """None before it listens."""
    found = re.search(r'"monitor_listens".*"port":(\d+)', process.log())
    return process.endpoints.get("monitor") or (found and f"http://127.0.0.1:{found.group(1)}")


def page(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/metrics", timeout=10) as answer:
        return answer.read().decode()


def start_all(stack, wrapper):
    """Each process behind the wrapper. The bus may print its addresses where they cannot be read: so it gets those that
    an earlier one had. Returns that of its monitor."""
    stack.grant("strategy", "desk-a")
    stack.start_exchange()
    known = stack.start_bus()
    known.stop()
    stack.wrappers = dict.fromkeys(SERVICES, wrapper)
    stack.launch_bus()
    stack.start_worker("worker-1", **MONITORED)
    stack.start_subscriber(**MONITORED)
    stack.wait_connected(workers=1)
    return known.endpoints["monitor"]


def assert_all_work(stack, connect, monitor):
    strategy = connect(stack, topics=["venue."])
    for order_id in place_orders(stack, strategy, 5):
        assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert metric(monitor, "cancelbus_store_writable") == 1


def assert_all_end_in_order(stack):
    for name in reversed(SERVICES):
        assert stack.processes[name].stop() == 0, name


@pytest.mark.parametrize("stream", [1, 2])
def test_a_full_pipe_stops_nothing(stack, pipe, connect, stream):
    pipe.fill()
    monitor = start_all(stack, into(pipe, stream))
    assert_all_work(stack, connect, monitor)
    assert_all_end_in_order(stack)


@pytest.mark.parametrize("stream", [1, 2])
def test_a_reader_that_has_gone_ends_nothing(stack, connect, stream):
    monitor = start_all(stack, without_reader(stream))
    assert_all_work(stack, connect, monitor)
    assert_all_end_in_order(stack)


def test_lines_that_wait_for_a_full_pipe_are_written_once_there_is_room(stack, pipe):
    pipe.fill()
    stack.wrappers = {"bus": into(pipe, 2)}
    bus = stack.start_bus()
    pipe.read_until(stack, '"event":"descriptors"', '"event":"store_loaded"')
    assert metric(bus.endpoints["monitor"], DROPPED) == 0
    bus.ask_to_end()
    pipe.read_until(stack, '"event":"stopped"')


def test_a_refusal_to_start_is_not_held_up_and_not_lost(stack, pipe):
    pipe.fill()
    stack.wrappers = {"bus": into(pipe, 2)}
    assert stack.launch_bus(store="postgres:x").wait_exit() == 2
    pipe.read()
    assert stack.launch_bus(store="postgres:x").wait_exit() == 2
    assert "--store=postgres:x" in pipe.read()


def test_lines_that_were_lost_are_counted_and_reported_to_the_next_reader(stack, pipe):
    stack.wrappers = {"bus": into(pipe, 2)}
    bus = stack.start_bus()
    pipe.read_until(stack, '"event":"store_loaded"')
    pipe.close()
    bus.popen.send_signal(signal.SIGHUP)  # The bus logs that it has read its policy.
    lost = stack.wait_until(lambda: metric(bus.endpoints["monitor"], DROPPED), "the lost line is counted")
    pipe.open()
    bus.popen.send_signal(signal.SIGHUP)
    lines = [json.loads(line) for line in pipe.read_until(stack, '"event":"policy_loaded"').splitlines()]
    assert [(line["level"], line["count"]) for line in lines if line["event"] == "log_lines_dropped"] == [("warn", lost)]
    assert metric(bus.endpoints["monitor"], DROPPED) == lost


def test_every_process_has_the_counter(stack):
    stack.start_exchange()
    stack.start_bus()
    stack.start_worker("worker-1", **MONITORED)
    stack.start_subscriber(**MONITORED)
    for name in SERVICES:
        url = stack.wait_until(lambda: monitor_of(stack.processes[name]), f"{name} has a monitor")  # noqa: B023
        assert f"\n{DROPPED} 0\n" in page(url)
