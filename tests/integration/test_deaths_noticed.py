"""A service that dies in the middle of a test, or reports a broken invariant, fails the test, though others do its work."""

import os
import signal
import sys

import pytest
from conftest import orderly_stack
from scene import place_orders

from cancelbus.v1 import cancel_pb2
from process import Process, wait_until

# Exit code 1 if a second SIGTERM comes while it ends.
ENDS_SLOWLY = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("ready", flush=True)
signal.sigwait({signal.SIGTERM})
print("ending", flush=True)
sys.exit(signal.sigtimedwait({signal.SIGTERM}, 1) is not None)
"""


@pytest.mark.parametrize("victim, signal_number", [("worker-1", signal.SIGSEGV), ("bus", signal.SIGABRT)])
def test_an_unwanted_death_fails_the_test(connect, victim, signal_number):
    with pytest.raises(AssertionError, match=rf"ended by themselves: \{{'{victim}': -{signal_number:d}\}}"):
        with orderly_stack() as stack:
            stack.start(workers=2)
            strategy = connect(stack, topics=["venue."])
            process = stack.processes[victim]
            os.kill(process.pid, signal_number)
            stack.wait_until(lambda: not process.running, f"{victim} is dead")
            if victim == "bus":
                stack.start_bus()
            # The test itself sees nothing of it.
            [order_id] = place_orders(stack, strategy, 1)
            assert strategy.wait_final(strategy.cancel(order_id)).ord_status == cancel_pb2.ORD_STATUS_CANCELED


def test_a_death_that_the_test_wanted_does_not(connect):
    with orderly_stack() as stack:
        stack.start(workers=2)
        stack.processes["worker-1"].kill()
        stack.processes["bus"].kill()
        stack.start_bus()


def test_a_broken_invariant_in_a_log_fails_the_test():
    with pytest.raises(AssertionError, match="order.cpp:1: broken invariant: a == b"):
        with orderly_stack() as stack:
            stack.start_exchange()
            with stack.processes["exchange"].log_file.open("a") as log:
                log.write("order.cpp:1: broken invariant: a == b\n")


def test_a_process_that_ends_slowly_is_asked_to_end_once(tmp_path):
    """The second signal would end a service at once, or kill one that has nothing left to do but exit."""
    process = Process("slow", [sys.executable, "-c", ENDS_SLOWLY], tmp_path).wait_ready()
    process.ask_to_end()
    wait_until(lambda: "ending" in process.out(), "it ends")
    assert process.stop() == 0
