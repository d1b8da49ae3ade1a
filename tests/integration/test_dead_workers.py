"""Workers that die, end in order or come back: what the bus's status lists, and what it says of those that are missing."""

import json

from scene import bus_metric


def workers(stack):
    """By process id, which is the end of a worker's name."""
    return {worker["name"].rpartition("/")[2]: worker for worker in stack.status().get("workers", ())}


def test_one_that_was_killed_is_listed_and_one_that_ended_in_order_is_not(stack):
    stack.start(workers=3, expected_workers=3)
    assert bus_metric(stack, "cancelbus_expected_workers") == 3
    killed, ended = stack.processes["worker-1"], stack.processes["worker-2"]
    assert workers(stack).keys() == {str(stack.processes[f"worker-{number}"].pid) for number in (1, 2, 3)}
    killed.kill()
    assert ended.stop() == 0
    stack.wait_until(lambda: str(ended.pid) not in workers(stack), "the one that ended in order is not listed")
    stack.wait_until(lambda: workers(stack)[str(killed.pid)]["benched"] == "silent", "the one that was killed is silent")
    status = stack.status()
    dead = next(worker for worker in status["workers"] if worker["name"].endswith(f"/{killed.pid}"))
    assert dead["silent_since"] < status["as_of"]
    assert status["expected_workers"] == 3
    told = stack.cancelctl("status").out
    assert "workers  1 of 3 expected may work\n" in told
    assert "no: silent for " in told
    assert json.dumps(dead["name"]) in stack.cancelctl("top", "--json", "--count=1").out


def test_without_the_flag_nothing_is_expected(stack):
    stack.start_bus()
    assert stack.status().get("expected_workers", 0) == 0
    assert "workers  none\n" in stack.cancelctl("status").out


def test_a_number_of_workers_that_cannot_be_is_refused(stack):
    bus = stack.launch_bus(expected_workers=257)
    assert bus.wait_exit() == 2
    assert "--expected_workers=257: expected 0 to 256" in bus.log()
