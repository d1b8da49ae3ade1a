"""Kill switches and dead man's switches on real processes: what they cancel and what they leave, and what a bus that is
killed, stopped or restarted makes of them."""

import json
import re
import sqlite3
import sys
import time
from contextlib import closing

import cancelbus
import pytest
from desks import LIST, PREFIXES, deletes, known, open_ids, operator, place, strategy
from process import Process
from restarts import kill_and_restart
from scene import bus_metric

WINDOW_SECONDS = 2
ORDERS = 3  # of each strategy

# It is heard while it runs, and gives no command. SIGTERM ends it without a goodbye.
QUIET_STRATEGY = f"""
import signal, sys
from cancelbus import blocking
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
with blocking.Client(sys.argv[1], cancel_on_disconnect="{WINDOW_SECONDS}s", connect_timeout=None):
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM])
"""


@pytest.fixture
def orders(desk):
    """Orders of three strategies, each a process with an armed dead man's switch, as {"desk-a": [ids], ...}."""
    orders = {name: place(desk, ORDERS, prefix) for name, prefix in PREFIXES.items()}
    for name in PREFIXES:
        desk.processes[name] = Process(name, [sys.executable, "-c", QUIET_STRATEGY, name], desk.folder, desk.environment_of(name))
        desk.started.append(desk.processes[name])
    for name in PREFIXES:
        desk.processes[name].wait_ready()
    return orders


def changes(stack, what):
    return bus_metric(stack, f'cancelbus_switch_changes_total{{change="{what}"}}')


def logged(stack, event):
    """The lines of the bus's log with this event."""
    return [line for line in map(json.loads, stack.processes["bus"].log().splitlines()) if line["event"] == event]


def silent_for(bus):
    """How long the bus has not heard the senders whose dead man's switch is armed."""
    return {armed.sender_comp_id: armed.silent_for for armed in bus.status().dead_man_switches}


def wait_heard(stack, bus, names=PREFIXES):
    """Returns when the bus has heard each of these strategies since this call."""
    last, heard = silent_for(bus), set()

    def all_heard():
        now = silent_for(bus)
        heard.update(name for name in names if now[name] < last.get(name, now[name]))
        last.update(now)
        return heard == set(names)

    stack.wait_until(all_heard, f"the bus has heard {', '.join(names)}")


def assert_untouched(stack, ids):
    assert set(ids) <= open_ids(stack) and deletes(stack, ids) == [0] * len(ids)


def wait_gone(stack, ids):
    stack.wait_until(lambda: not open_ids(stack) & set(ids), f"{ids} are gone")


def rows(stack, query):
    """Of the store, while the bus does not run."""
    with closing(sqlite3.connect(stack.store_file)) as store:
        return store.execute(query).fetchall()


# Dead man's switches.

def test_the_death_of_one_strategy_cancels_its_orders_and_no_others(desk, orders):
    with operator(desk) as bus:
        known(desk, bus, sum(orders.values(), []))
        desk.processes["desk-b"].kill()
        wait_gone(desk, orders["desk-b"])
        assert deletes(desk, orders["desk-b"]) == [1] * ORDERS
        wait_heard(desk, bus, ["desk-a", "desk-c"])
        assert {armed.sender_comp_id: armed.fired for armed in bus.status().dead_man_switches} == \
            {"desk-a": False, "desk-b": True, "desk-c": False}
        assert re.search(rf"^dead man desk-b silent for .*, fires after {WINDOW_SECONDS}.*: FIRED$", desk.cancelctl("status").out, re.M)
        [line] = logged(desk, "dead_man_switch_fired")
        assert (line["sender"], line["reason"]) == ("desk-b", f"nothing was heard of desk-b for {WINDOW_SECONDS}s")
        assert changes(desk, "DEAD_MAN_SWITCH_FIRED") == 1
    assert_untouched(desk, orders["desk-a"] + orders["desk-c"])
    desk.processes["bus"].stop()
    assert rows(desk, "SELECT sender_comp_id, cause, reason FROM mass_cancels") == [("desk-b", "DEAD_MAN", line["reason"])]
    assert rows(desk, "SELECT sender_comp_id, fired FROM dead_man_switches") == [("desk-a", 0), ("desk-b", 1), ("desk-c", 0)]


def test_a_bus_that_is_stopped_or_restarted_fires_no_dead_mans_switch(desk, orders):
    everything = sum(orders.values(), [])
    with operator(desk) as bus:
        known(desk, bus, everything)
        desk.processes["bus"].pause()
        time.sleep(WINDOW_SECONDS + 1)  # the fault itself
        desk.processes["bus"].resume()
        wait_heard(desk, bus)
        assert changes(desk, "DEAD_MAN_SWITCH_FIRED") == 0
        assert desk.processes["bus"].stop() == 0
        assert rows(desk, "SELECT sender_comp_id, fired FROM dead_man_switches") == [("desk-a", 0), ("desk-b", 0), ("desk-c", 0)]
        desk.start_bus()
        wait_heard(desk, bus)
        assert changes(desk, "DEAD_MAN_SWITCH_FIRED") == 0
        kill_and_restart(desk)
        wait_heard(desk, bus)
        assert changes(desk, "DEAD_MAN_SWITCH_FIRED") == 0
        assert_untouched(desk, everything)
        # They are armed all the same.
        desk.processes["desk-c"].kill()
        wait_gone(desk, orders["desk-c"])
    assert_untouched(desk, orders["desk-a"] + orders["desk-b"])


def test_what_a_goodbye_keeps_and_what_it_cancels_and_what_a_close_without_one_does(desk):
    kept, dropped, left = (place(desk, ORDERS, prefix) for prefix in PREFIXES.values())
    with operator(desk) as bus:
        known(desk, bus, [*kept, *dropped, *left])
        leaver, quitter, closer = (strategy(desk, name, cancel_on_disconnect=f"{WINDOW_SECONDS}s") for name in PREFIXES)
        with closer:
            with quitter:
                with leaver:
                    assert leaver.goodbye(keep_orders=True).text == "its dead man's switch is disarmed"
                assert quitter.goodbye(keep_orders=False).text == "its orders are being canceled"
            wait_gone(desk, dropped)
            assert set(silent_for(bus)) == {"desk-c"}
            assert_untouched(desk, left)
        wait_gone(desk, left)
        assert [line["reason"] for line in logged(desk, "dead_man_switch_fired")] == \
            ["desk-b said goodbye", f"nothing was heard of desk-c for {WINDOW_SECONDS}s"]
        # Since its goodbye desk-a has been silent for longer than desk-c.
        assert_untouched(desk, kept)
        assert deletes(desk, [*dropped, *left]) == [1] * (2 * ORDERS)


def test_a_dead_mans_switch_of_a_sender_without_prefixes_is_refused_by_name(stack):
    stack.access.grant("strategy", "desk-x")
    stack.start_bus()
    with pytest.raises(cancelbus.KeyRefused, match="hello.cancel_on_disconnect: the policy gives desk-x no prefix"):
        with strategy(stack, "desk-x", cancel_on_disconnect="2s"):
            pass


# Kill switches.

def wait_proven(stack, bus):
    """The one kill switch that is engaged, once its scope is proven empty."""
    def proven():
        [engaged] = bus.status().kill_switches
        return engaged if engaged.proven_empty else None
    return stack.wait_until(proven, "its scope is proven empty")


def test_a_kill_switch_cancels_what_is_open_and_what_appears_until_it_is_released_and_survives_a_kill_of_the_bus(desk):
    mine, theirs = place(desk, 25, "dA-"), place(desk, ORDERS, "dB-")
    with strategy(desk, "desk-a") as bus:
        known(desk, bus, mine)
        engaged = bus.engage_kill_switch(reason="runaway quotes")
        assert (engaged.still_open, bus_metric(desk, "cancelbus_kill_switches_engaged")) == (25, 1)
        desk.wait_until(lambda: sum(deletes(desk, mine)) >= 10, "some are canceled")
        [line] = logged(desk, "kill_switch_engaged")
        assert (line["by"], line["scope"], line["reason"]) == ("desk-a", "OWN of desk-a", "runaway quotes")

        kill_and_restart(desk)
        [switch] = bus.status().kill_switches
        assert (switch.sender_comp_id, switch.reason, switch.cl_ord_id, switch.proven_empty) == \
            ("desk-a", "runaway quotes", engaged.cl_ord_id, False)
        assert bus_metric(desk, "cancelbus_kill_switches_engaged") == 1
        later = place(desk, 1, "dA-")
        wait_gone(desk, mine + later)
        # What was under way when the bus died may have been sent again.
        counts = deletes(desk, mine + later)
        assert max(counts) <= 2 and counts.count(2) <= 10
        desk.exchange.set_faults(answer={"status": 503, "endpoint": LIST})
        later = place(desk, 1, "dA-")
        wait_gone(desk, later)
        with pytest.raises(cancelbus.KillSwitchRefused, match="its scope is not proven empty: ") as refused:
            bus.release_kill_switch(reason="quotes are right again")
        assert refused.value.reply.status == cancelbus.KillSwitchStatus.REFUSED
        desk.exchange.set_faults(answer=None)
        switch = wait_proven(desk, bus)
        assert (switch.still_open, switch.text) == (0, "") and switch.complete_as_of is not None
        assert bus.release_kill_switch(reason="quotes are right again").text == ""
        assert bus.status().kill_switches == () and bus_metric(desk, "cancelbus_kill_switches_engaged") == 0
        assert bus.release_kill_switch(reason="again").text == "it is released already, by desk-a"
        newest = place(desk, 1, "dA-")
        known(desk, bus, newest)
    [line] = logged(desk, "kill_switch_released")
    assert (line["by"], line["reason"], line["forced"]) == ("desk-a", "quotes are right again", False)
    assert (changes(desk, "KILL_SWITCH_ENGAGED"), changes(desk, "KILL_SWITCH_RELEASED")) == (0, 1)  # of this process
    assert_untouched(desk, theirs + newest)
    desk.processes["bus"].stop()
    assert rows(desk, "SELECT cl_ord_id, cause, reason, released_by, release_reason, forced FROM mass_cancels") == \
        [(engaged.cl_ord_id, "KILL_SWITCH", "runaway quotes", "desk-a", "quotes are right again", 0)]


def test_the_owner_hears_of_an_operators_kill_switch_and_cannot_release_it(desk):
    theirs = place(desk, ORDERS, "dB-")
    with strategy(desk, "desk-b") as owner, operator(desk) as bus:
        known(desk, owner, theirs)
        events = owner.events()
        # No proof can come, and the operator does without.
        desk.exchange.set_faults(answer={"status": 503, "endpoint": LIST})
        engaged = bus.engage_kill_switch(scope="SENDER", owner="desk-b", reason="limits")
        finals = [next(news.body for news in events if isinstance(getattr(news, "body", None), cancelbus.Final)) for _ in theirs]
        assert {final.order_id for final in finals} == set(theirs)
        assert all(final.unsolicited and final.cl_ord_id == "" and final.order_gone for final in finals)
        with pytest.raises(cancelbus.KillSwitchRefused, match="kill_switch.scope: desk-b is not an operator"):
            owner.release_kill_switch(scope="SENDER", owner="desk-b", reason="mine", force=True)
        with pytest.raises(cancelbus.KillSwitchRefused, match="engaged by ctl-test: only an operator"):
            owner.release_kill_switch(reason="mine", force=True)
        with pytest.raises(cancelbus.KillSwitchRefused, match="not proven empty"):
            bus.release_kill_switch(scope="SENDER", owner="desk-b", reason="limits are back")
        released = bus.release_kill_switch(scope="SENDER", owner="desk-b", reason="limits are back", force=True)
        assert released.text == "by force: it is not proven that no order in scope is open"
        assert bus.status().kill_switches == ()
    [line] = logged(desk, "kill_switch_released")
    assert (line["by"], line["scope"], line["forced"]) == ("ctl-test", "SENDER desk-b", True)
    desk.processes["bus"].stop()
    assert rows(desk, "SELECT sender_comp_id, cl_ord_id, owner, released_by, forced FROM mass_cancels") == \
        [("ctl-test", engaged.cl_ord_id, "desk-b", "ctl-test", 1)]


def test_cancelctl_engages_lists_and_releases_and_tells_by_its_exit_code(desk):
    theirs, others = place(desk, ORDERS, "dB-"), place(desk, 1, "dC-")
    with operator(desk) as bus:
        known(desk, bus, theirs + others)
    scope = "--owner=desk-b"
    unexplained = desk.cancelctl("kill", scope, "--yes")
    assert unexplained.exit_code == 2 and "kill needs --reason" in unexplained.log
    unexplained = desk.cancelctl("release", scope)
    assert unexplained.exit_code == 2 and "release needs --reason" in unexplained.log
    unasked = desk.cancelctl("kill", scope, "--reason=limits")
    assert unasked.exit_code == 2 and "give --yes" in unasked.log
    everything = desk.cancelctl("kill", "--sender=desk-a", "--reason=x", "--yes", key="desk-a")
    assert everything.exit_code == 1 and "kill_switch.scope: desk-a is not an operator: its scope may only be OWN" in everything.log
    assert_untouched(desk, theirs + others)

    killed = desk.cancelctl("kill", scope, "--reason=they exceed limits", "--yes")
    assert killed.exit_code == 0 and "0 still open, proven empty as of " in killed.out
    assert "the kill switch over orders of desk-b STAYS ENGAGED" in killed.log
    assert "cancelctl release --owner desk-b --reason TEXT" in killed.log
    assert not open_ids(desk) & set(theirs) and deletes(desk, theirs) == [1] * ORDERS
    status = desk.cancelctl("status").out
    assert "kill     orders of desk-b: ENGAGED by ctl-" in status and ": they exceed limits; 0 still open, proven empty" in status

    desk.exchange.set_faults(answer={"status": 503, "endpoint": LIST})
    later = place(desk, 1, "dB-")
    wait_gone(desk, later)
    refused = desk.cancelctl("release", scope, "--reason=done")
    assert refused.exit_code == 1 and "its scope is not proven empty" in refused.log
    desk.exchange.set_faults(answer=None)
    released = desk.wait_until(lambda: _released(desk, scope), "it is released")
    assert "RELEASED" in released.out
    assert "ENGAGED" not in desk.cancelctl("status").out
    assert_untouched(desk, others)


def _released(stack, scope):
    """cancelctl release, once it has succeeded."""
    finished = stack.cancelctl("release", scope, "--reason=done")
    return finished if finished.exit_code == 0 else None
