"""The system lets a process open only few files: it refuses to start, and says how many it needs. With so many it works."""

import os
import re

import pytest

SERVICES = {"bus": "launch_bus", "worker-1": "start_worker", "subscriber": "start_subscriber"}
OWN_OF_THE_BUS = 48


def at_most(many):
    """A wrapper of a command that may open so many files."""
    return ["/bin/sh", "-c", f'ulimit -n {many} && exec "$@"', "sh"]


def needed(stack, name, many):
    """What a process says it needs that may open so many files: it must refuse to start."""
    stack.wrappers = {name: at_most(many)}
    process = getattr(stack, SERVICES[name])()
    assert process.wait_exit() == 2, process.tail()
    found = re.search(rf"the limit of open files is {many}, and at least (\d+) are needed \(\d+ for ", process.log())
    assert found, process.log()
    del stack.processes[name]
    process.log_file.unlink()
    return int(found.group(1))


@pytest.mark.parametrize("name", SERVICES)
def test_with_too_few_it_refuses_to_start_and_with_so_many_as_it_says_it_works(stack, connect, name):
    stack.start_exchange()
    stack.start_bus().stop()
    number = needed(stack, name, 64)
    assert number > 64
    assert needed(stack, name, 16) == number  # of so few libzmq would make an abort
    assert needed(stack, name, number - 1) == number
    stack.wrappers = {name: at_most(number)}
    stack.start_bus()
    stack.start_worker("worker-1")
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    for desk in range(10):
        connect(stack, f"desk-{desk}")


def test_the_bus_counts_its_own_files_and_sockets_right(running):
    """Two workers and the subscriber have a connection each."""
    assert len(os.listdir(f"/proc/{running.processes['bus'].pid}/fd")) - 3 <= OWN_OF_THE_BUS
