"""Every process of ours is replaced in order under load, as a cluster does at an upgrade: nothing is lost or doubled.

SIGTERM, the exit awaited, a new one in its place, and on to the next when load flows again. CANCELBUS_ROLLS says how
often all are replaced. The processes and their load stand in load_scene.py, what must be true at the end in reckoning.py;
other than after a crash, no harm excuses two DELETEs of one order at the same time.
"""

from functools import partial

import pytest
from fault_proxy import FaultProxy
from load_scene import WORKERS, LoadScene
from scene import positive_number

ROLLS = positive_number("CANCELBUS_ROLLS", 1)


@pytest.mark.long_on_postgresql
def test_a_rolling_restart_loses_nothing_and_trips_no_limit(store, capsys):
    stack = store.stack
    with FaultProxy() as proxy:
        scene = LoadScene(store, proxy, seed=1)
        # Each with its seconds of grace, as in deploy/kubernetes/base.
        parts = [*((name, partial(scene.start_worker, name), 15.0) for name in WORKERS),
                 ("subscriber", scene.start_subscriber, 10.0), ("bus", scene.start_bus, 30.0)]
        replaced = []
        with scene.under_load(replaced) as rate:
            for name, start, grace_seconds in parts * ROLLS:
                stack.wait_until(scene.flows, "load flows")
                assert stack.processes[name].stop(grace_seconds) == 0
                start()
                stack.wait_connected(len(WORKERS))
                replaced.append(name)
    summary = scene.reckon(harms=[])
    with capsys.disabled():
        print(f"\n{rate:.0f} cancels a second, replaced: {', '.join(replaced)}\n{summary}")
