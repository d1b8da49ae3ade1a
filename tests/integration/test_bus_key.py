"""The bus is given another CURVE key while everything runs: nothing is started again, and no command is lost."""

import signal
import subprocess
import sys

import pytest
from conftest import BUILD

from process import PATIENCE_SECONDS, clean_environment

# Cancels the orders that it reads, one id a line, and says what became of each.
PYTHON_STRATEGY = """
import sys
from cancelbus import blocking
with blocking.Client("desk-python", open_commands=True) as bus:
    print("ready", flush=True)
    for line in sys.stdin:
        print("final", bus.cancel(int(line)).final().ord_status.name, flush=True)
"""


class Strategy:
    """A strategy that goes on while the bus gets its key. `said` is what a final begins with."""

    def __init__(self, stack, name, *command):
        self.out_file = stack.folder / f"{name}.out"
        stack.grant("strategy", name)
        with open(self.out_file, "wb") as out:
            self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, text=True,
                                          env=clean_environment() | stack.environment_of(name))
        self.finals = 0
        self._stack = stack

    def cancel(self, order_ids):
        self.popen.stdin.write("".join(f"{order_id}\n" for order_id in order_ids))
        self.popen.stdin.flush()
        self.finals += len(order_ids)

    def wait_for_finals(self):
        def said():
            lines = self.out_file.read_text().splitlines()
            return sum(line.startswith("final ") and "CANCELED" in line for line in lines) == self.finals

        self._stack.wait_until(said, f"{self.finals} finals in {self.out_file}")


@pytest.fixture
def strategies(stack):
    """One in Python and one in C++, connected to a running stack."""
    stack.start(workers=2)
    both = [Strategy(stack, "desk-python", sys.executable, "-c", PYTHON_STRATEGY),
            Strategy(stack, "desk-poll", BUILD / "bin" / "cpp-strategy", "poll", "desk-poll")]
    yield both
    for strategy in both:
        strategy.popen.stdin.close()
        assert strategy.popen.wait(PATIENCE_SECONDS) == 0, strategy.out_file.read_text()


def replace(file, text, mode=0o644):
    fresh = file.with_name(f"{file.name}.fresh")
    fresh.touch(mode=mode)
    fresh.write_text(text)
    fresh.rename(file)


def cancel_in_all(stack, strategies):
    for strategy in strategies:
        strategy.cancel(stack.exchange.place_orders(2))
    for strategy in strategies:
        strategy.wait_for_finals()


@pytest.mark.parametrize("by_signal", [True, False])
def test_the_bus_gets_another_key_and_everything_goes_on(stack, strategies, by_signal):
    former = stack.access.bus.public
    following = stack.access.key("bus-following")
    bus = stack.processes["bus"]
    cancel_in_all(stack, strategies)
    # First the clients, then the bus; last the former key goes.
    replace(stack.access.bus.public_file, f"{former}\n{following.public}\n")
    replace(stack.access.bus.key_file, f"{following.secret}\n", mode=0o600)
    if by_signal:
        bus.popen.send_signal(signal.SIGHUP)
    for strategy in strategies:
        strategy.cancel(stack.exchange.place_orders(2))
    stack.wait_until(lambda: f'"event":"curve_key_replaced","public_key":"{following.public}"' in bus.log(), "the bus has it")
    for strategy in strategies:
        strategy.wait_for_finals()
    stack.wait_connected(workers=2)
    replace(stack.access.bus.public_file, f"{following.public}\n")
    cancel_in_all(stack, strategies)
    assert stack.cancelctl("status").exit_code == 0
    assert all(process.running for process in stack.processes.values()), "nothing was started again"
    assert stack.exchange.counters()["max_deletes_per_order"] == 1


def test_a_client_that_has_only_the_former_key_is_not_let_in_and_says_why(stack, strategies):
    former_file = stack.folder / "former.pub"
    former_file.write_text(f"{stack.access.bus.public}\n")
    following = stack.access.key("bus-following")
    replace(stack.access.bus.public_file, f"{stack.access.bus.public}\n{following.public}\n")
    replace(stack.access.bus.key_file, f"{following.secret}\n", mode=0o600)
    bus = stack.processes["bus"]
    bus.popen.send_signal(signal.SIGHUP)
    stack.wait_until(lambda: '"event":"curve_key_replaced"' in bus.log(), "the bus has another key")
    told = stack.run("cancelctl", f"--session_endpoint={stack.session_endpoint}", f"--event_endpoint={stack.event_endpoint}",
                     f"--curve_key_file={stack.access.key('operator').key_file}", f"--curve_server_key_file={former_file}",
                     "status", "--timeout=5s")
    assert told.exit_code in (1, 3)
    assert "curve_server_key_file is not the public key of this bus" in told.log
    stack.wait_connected(workers=2)


def test_a_key_that_cannot_be_used_leaves_the_one_in_force(stack):
    stack.start_bus()
    bus = stack.processes["bus"]
    replace(stack.access.bus.key_file, "no key\n", mode=0o600)
    bus.popen.send_signal(signal.SIGHUP)
    stack.wait_until(lambda: '"event":"curve_key_refused"' in bus.log(), "the bus refuses it")
    assert stack.cancelctl("status").exit_code == 0
