"""An observer watches `bus.` while others come and go: the status comes once a second, not once more for each of them."""

import json
from datetime import datetime, timedelta


def sending_times(watch):
    lines = watch.out().split("\n")[:-1]
    return [datetime.fromisoformat(json.loads(line)["sending_time"]) for line in lines if '"bus_status"' in line]


def test_others_do_not_make_the_status_come_again(stack):
    stack.start_bus()
    watch = stack.start_cancelctl("watch", "watch", "--topic=bus.", "--json")
    stack.wait_until(lambda: sending_times(watch), "the watcher hears the status")
    for _ in range(3):
        assert stack.cancelctl("status").exit_code == 0
    stack.wait_until(lambda: len(sending_times(watch)) >= 4, "it goes on")
    times = sending_times(watch)
    # The bus waits by one clock and writes the time of another, which it may read some milliseconds later.
    early = [timedelta(seconds=1) - (later - earlier) for earlier, later in zip(times, times[1:])]
    assert sum((by for by in early if by > timedelta()), timedelta()) < timedelta(milliseconds=200), times
