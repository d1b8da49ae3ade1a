"""What the reckoning is told is what happened: the strategies' journals and the links say it; and a run that would do nothing
is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import zmq
from cancelbus.v1.cancel_pb2 import CancelOrder
from fault_proxy import Gaps
from load_strategy import Journal, LoadStrategy, Settings
from made_up_world import PLAIN, SENDER, tell_all
from process import clean_environment
from scene import positive_number
from throwaway import Authority
from witnesses import Strategy


def test_gaps_are_silences_of_half_a_second_and_more_and_the_last_one_ends_now():
    now = [100.0]
    gaps = Gaps(clock=lambda: now[0])
    for moment in (100.4, 100.8, 102.0, 102.1):
        now[0] = moment
        gaps.delivered_up()
    assert gaps.silences() == [(100.8, 102.0)]
    now[0] = 105.0
    assert gaps.silences() == [(100.8, 102.0), (102.1, 105.0)]


def test_gaps_hold_what_was_delivered_late():
    gaps = Gaps(clock=lambda: 100.0)
    gaps.delivered_down(99.9)
    gaps.delivered_down(98.0)
    assert gaps.holds() == [(98.0, 100.0)]


# The journal as a witness.

def test_a_strategy_journals_every_event_that_comes_also_one_that_had_come_before(tmp_path):
    client, server = zmq.curve_keypair(), zmq.curve_keypair()
    (tmp_path / "client.key").write_bytes(client[1])
    (tmp_path / "server.pub").write_bytes(server[0])
    unused = "tcp://127.0.0.1:1"
    with LoadStrategy(Settings(
            sender=SENDER, journal=str(tmp_path / "journal"), session_endpoint=unused, event_endpoint=unused,
            rest_url="https://127.0.0.1:1", ca_file=str(Authority(tmp_path).cert_file),
            curve_key_file=str(tmp_path / "client.key"), curve_server_key_file=str(tmp_path / "server.pub"),
            commands_per_second=1.0, seed=1)) as strategy:
        event = tell_all().told[0]
        for _ in range(2):
            strategy._take(event)
        assert len(strategy.acks("a-1")) == 1
        order = CancelOrder(cl_ord_id="a-9", order_id=PLAIN)
        strategy._orders["a-9"] = (order, 0.0)
        strategy._behave()
    heard = Strategy(Journal(tmp_path / "journal").entries())
    assert [event for _, event in heard.heard] == [event, event]
    assert len(heard.sent["a-9"]) == 1


# A test that does nothing proves nothing.

@pytest.mark.parametrize("variable, name", [("CANCELBUS_BLOWS", "crashes"), ("CANCELBUS_ROLLS", "rolling_restart"),
                                            ("CANCELBUS_LOAD", "crashes")])
def test_a_run_that_would_do_nothing_is_refused(variable, name):
    build = {name: text for name, text in os.environ.items() if name == "CANCELBUS_BUILD"}
    run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                          str(Path(__file__).with_name(f"test_{name}.py"))],
                         env=clean_environment() | build | {variable: "0"}, capture_output=True, text=True)
    assert run.returncode != 0
    assert f"{variable}=0: a test that does nothing proves nothing" in run.stdout


@pytest.mark.parametrize("text", ["0", "00", "-1", "many", "", "1.5", "\u0662"])
def test_what_is_no_positive_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("CANCELBUS_BLOWS", text)
    with pytest.raises(ValueError, match=f"CANCELBUS_BLOWS={text}: .* give a whole number from 1"):
        positive_number("CANCELBUS_BLOWS", 50)
    monkeypatch.setenv("CANCELBUS_BLOWS", "7")
    assert positive_number("CANCELBUS_BLOWS", 50) == 7
    monkeypatch.delenv("CANCELBUS_BLOWS")
    assert positive_number("CANCELBUS_BLOWS", 50) == 50
