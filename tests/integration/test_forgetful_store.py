"""The scenarios of test_restart.py, and the reckoning of a run under load, notice a store that forgets: commands that were
received, or permits that still count.

A strategy repeats its commands until their acks, so a forgotten command ends as if nothing had happened. It is noticed by
its second receipt APPLIED; a forgotten permit by a request too many. Each scenario meets one of the losses here, and with
CANCELBUS_FORGETFUL=all, as `tests/run --all forgetful` asks for, each loss.
"""

import os

import pytest
import restarts
import strategy_client
from fault_proxy import FaultProxy
from load_scene import LoadScene
from stores import SqliteStore

SCENARIOS = (restarts.killed_with_commands_in_every_stage, restarts.killed_with_its_workers_while_requests_are_under_way,
             restarts.killed_again_and_again_under_a_stream_of_commands)
NOTICED_BY = {("commands",): "receipts APPLIED", ("permits",): "requests too many",
              ("commands", "permits"): "receipts APPLIED"}
PAIRS = (zip(SCENARIOS, NOTICED_BY) if os.environ.get("CANCELBUS_FORGETFUL", "") == "" else
         ((scenario, forget) for scenario in SCENARIOS for forget in NOTICED_BY))


@pytest.mark.parametrize("scenario, forget", [pytest.param(scenario, forget, id=f"{scenario.__name__}-{'-and-'.join(forget)}")
                                              for scenario, forget in PAIRS])
@pytest.mark.long_on_postgresql
def test_what_is_forgotten_is_noticed(store, connect, monkeypatch, scenario, forget):
    # What is forgotten comes again soon.
    monkeypatch.setattr(strategy_client, "REPEAT_UNTIL_ACK_SECONDS", 1.0)
    with pytest.raises(AssertionError, match=NOTICED_BY[forget]):
        scenario(store, connect, forget)


def test_the_reckoning_notices_forgotten_commands(stack):
    with FaultProxy() as proxy:
        scene = LoadScene(SqliteStore(stack), proxy, seed=1)
        with scene.under_load(harms=[]):
            stack.processes["bus"].kill()
            restarts.forget_rows(SqliteStore(stack), ["commands"])
            scene.start_bus()
    with pytest.raises(AssertionError, match="2 receipts APPLIED"):
        scene.reckon(harms=[])
