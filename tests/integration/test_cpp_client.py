"""The C++ client, in a loop of its user's and with a thread of its own: the bus dies under it; keys are refused."""

import os
import subprocess

import pytest
import zmq
from conftest import BUILD
from scene import bus_metric

from process import PATIENCE_SECONDS, clean_environment

# tests/run --all asks for more.
BUS_DEATHS = int(os.environ.get("TEST_BUS_DEATHS", "3"))


class Strategy:
    """cpp_strategy.cpp as a process."""

    def __init__(self, stack, mode, folder, environment=()):
        self.name = f"desk-{mode}"
        self.commands = 0
        self.out_file = folder / self.name
        with open(self.out_file, "wb") as out:
            self.popen = subprocess.Popen([BUILD / "bin" / "cpp-strategy", mode, self.name], stdin=subprocess.PIPE, stdout=out,
                                          stderr=subprocess.STDOUT, text=True,
                                          env=clean_environment() | stack.client_environment | dict(environment))

    def cancel(self, order_ids):
        self.popen.stdin.write("".join(f"{order_id}\n" for order_id in order_ids))
        self.popen.stdin.flush()
        self.commands += len(order_ids)

    def said(self, kind):
        """What follows the word, in order, of complete lines."""
        lines = self.out_file.read_text().split("\n")[:-1]
        return [line.split(" ")[1:] for line in lines if line.split(" ")[0] == kind]

    def finish(self, timeout):
        self.popen.stdin.close()
        assert self.popen.wait(timeout) == 0, self.out_file.read_text()


@pytest.fixture
def start(stack, tmp_path):
    strategies = []

    def start(mode, environment=()):
        strategies.append(Strategy(stack, mode, tmp_path, environment))
        return strategies[-1]

    yield start
    for strategy in strategies:
        strategy.popen.kill()
        strategy.popen.wait()
        strategy.popen.stdin.close()


def assert_each_once_and_in_order(strategy):
    names = [f"{strategy.name}-{n}" for n in range(1, strategy.commands + 1)]
    for kind in ("ack", "final"):
        assert sorted(name for name, *_ in strategy.said(kind)) == sorted(names), kind
    told = [line.split(" ")[:2] for line in strategy.out_file.read_text().splitlines()]
    assert all(told.index(["ack", name]) < told.index(["final", name]) for name in names)
    events = strategy.said("event")
    assert [int(seq) for seq, *_ in events] == list(range(1, len(events) + 1))
    for kind in ("ack", "final"):
        assert sorted(name for _, what, name in events if what == kind) == sorted(names), kind
    assert strategy.said("lost") == strategy.said("epoch") == []


def test_the_bus_dies_again_and_again(running, start):
    """Every ack and every final once and in order, and each event once, in either kind of loop."""
    stack, ids = running, running.exchange.place_orders(4 * BUS_DEATHS)
    poll, thread = strategies = start("poll"), start("thread")

    def finals():
        return sum(len(strategy.said("final")) for strategy in strategies)

    for round_ in range(BUS_DEATHS):
        before = finals()
        poll.cancel(ids[4 * round_:4 * round_ + 2])
        thread.cancel(ids[4 * round_ + 2:4 * round_ + 4])
        stack.wait_until(lambda: finals() > before, "a final")
        stack.processes["bus"].kill()
        for strategy in strategies:
            strategy.cancel([7_000 + round_])
        stack.start_bus()
    for strategy in strategies:
        strategy.finish(PATIENCE_SECONDS + 2 * BUS_DEATHS)
        assert_each_once_and_in_order(strategy)
    assert sorted(thread.said("future")) == sorted(thread.said("final"))
    assert stack.exchange.counters()["refused_429"] == 0


def test_what_keeps_it_from_the_bus_is_told_apart(stack, start):
    stack.start_bus()
    stack.grant("strategy", "desk-b")
    public, secret = zmq.curve_keypair()
    strangers = stack.folder / "stranger.key"
    strangers.write_bytes(secret)
    strangers.chmod(0o600)
    of_another = stack.access.flags("desk-b")["curve_key_file"]
    for environment, said in (
            ({"CANCELBUS_CURVE_KEY_FILE": str(of_another)}, ["KeyRefused: hello.sender_comp_id: ", "may not use this name"]),
            ({"CANCELBUS_CURVE_KEY_FILE": str(strangers)}, ["KeyRefused: ", "the bus refused our key", public.decode()]),
            ({"CANCELBUS_SESSION_ENDPOINT": stack.event_endpoint, "CANCELBUS_EVENT_ENDPOINT": stack.session_endpoint},
             ["KeyRefused: ", f"session_endpoint ({stack.event_endpoint}) and event_endpoint ({stack.session_endpoint}) are swapped"]),
            ({"CANCELBUS_CURVE_KEY_FILE": "/nowhere"}, ["OptionError: curve_key_file \"/nowhere\""])):
        strategy = start("thread", environment)
        assert strategy.popen.wait(PATIENCE_SECONDS) == 2
        last = strategy.out_file.read_text().splitlines()[-1]
        assert last.startswith(said[0]) and all(words in last for words in said), last


def test_many_orders_as_one_with_a_queue_that_is_often_full(stack, start):
    """Each order is canceled by one DELETE, however often the bus has refused its command."""
    stack.start(workers=2, max_open_per_sender=5)
    ids = stack.exchange.place_orders(30)
    stack.exchange.fill(ids[0])
    many = start("many")
    many.cancel([*ids, 999_999_999, ids[1]])
    many.finish(PATIENCE_SECONDS)
    assert many.said("summary") == ["31 orders: 30 gone, 1 unknown to the exchange".split()]
    assert [int(order_id) for order_id, *_ in many.said("result")] == [*ids, 999_999_999]
    assert set(stack.exchange.counters()["orders_by_deletes"]) <= {"0", "1"}
    assert bus_metric(stack, 'cancelbus_commands_refused_total{reason="BUS_FULL"}') > 0
