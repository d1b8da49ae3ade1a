"""Mass cancels on real processes: every order in scope gone with one DELETE each, also when the bus dies in the middle and
the stream has a gap; never said to be empty while an order in scope is open."""

import asyncio

import cancelbus
import pytest
from cancelbus import MassCancelStatus
from desks import LIST, deletes, known, open_ids, operator, place, strategy
from python_client import client
from restarts import kill_and_restart


def test_a_strategy_cancels_its_own_orders_and_no_others(desk):
    mine, theirs, unowned = place(desk, 8, "dA-"), place(desk, 3, "dB-"), desk.exchange.place_orders(2)
    with strategy(desk, "desk-a") as bus:
        known(desk, bus, mine)
        preview = bus.preview_mass_cancel()
        assert preview.total_affected == 8 and [(o.owner, o.symbol, o.orders) for o in preview.orders] == [("desk-a", "BTCTRY", 8)]
        mass = bus.mass_cancel(cl_ord_id="all")
        reports = list(mass)
        last = reports[-1]
        assert last == mass.completed() and last.status == MassCancelStatus.COMPLETED and last.all_gone
        assert (last.total_affected, last.canceled, last.not_affected_total) == (8, 8, 0)
        assert last.complete_as_of is not None
        assert deletes(desk, [*mine, *theirs, *unowned]) == [1] * 8 + [0] * 5
        again = bus.mass_cancel(cl_ord_id="all")  # the same one
        assert again.completed() == last
        assert deletes(desk, mine) == [1] * 8


def test_a_strategy_may_not_cancel_others_orders_and_the_refusal_says_so(desk):
    with strategy(desk, "desk-a") as bus:
        for scope, options in (("ALL", {}), ("UNOWNED", {}), ("SENDER", {"owner": "desk-b"})):
            with pytest.raises(cancelbus.MassCancelRefused, match="mass_cancel.scope: desk-a is not an operator"):
                bus.mass_cancel(scope=scope, **options)
        with pytest.raises(cancelbus.OptionError, match="owner: "):
            bus.mass_cancel(scope="SENDER")


def test_owners_hear_of_an_operators_mass_cancel_on_their_own_topics(desk):
    [theirs] = place(desk, 1, "dB-")

    async def scene():
        async with client(desk, "desk-b", key="desk-b") as owner, client(desk, "ctl-test") as ops:
            events = owner.events()
            mass = await ops.mass_cancel(scope="SENDER", owner="desk-b", until_empty=True)
            assert (await mass.completed()).canceled == 1
            async for news in events:
                if isinstance(news, cancelbus.Event) and isinstance(news.body, cancelbus.Final):
                    return news
    news = asyncio.run(asyncio.wait_for(scene(), 120))
    assert news.topic == "client.desk-b." and news.body.unsolicited and news.body.cl_ord_id == ""
    assert (news.body.order_id, news.body.ord_status) == (theirs, cancelbus.OrdStatus.CANCELED)


def test_the_bus_dies_in_the_middle_and_the_stream_has_a_gap(desk):
    """Every order is gone or named, with one DELETE each, and no newer order is canceled."""
    ids = place(desk, 60, "dA-")
    with strategy(desk, "desk-a") as bus:
        known(desk, bus, ids)
        mass = bus.mass_cancel()
        desk.wait_until(lambda: mass.report is not None and mass.report.complete_as_of, "the set is known")
        desk.wait_until(lambda: sum(deletes(desk, ids)) >= 12, "some are canceled")
        desk.exchange.stream(close="reset")
        kill_and_restart(desk)
        [newer] = place(desk, 1, "dA-")
        last = mass.completed()
        assert last.all_gone and last.total_affected <= 60 and not open_ids(desk) & set(ids)
        # What was in flight when the bus died may have been sent again.
        counts = deletes(desk, ids)
        assert max(counts) <= 2 and sum(count == 2 for count in counts) <= 8
        assert newer in open_ids(desk) and deletes(desk, [newer]) == [0]
        assert 429 not in {arrival["status"] for arrival in desk.exchange.arrivals()}


def test_until_empty_goes_on_with_orders_that_appear_and_claims_nothing_too_early(desk):
    first = place(desk, 3, "dA-")
    with operator(desk) as bus, strategy(desk, "desk-a") as own:
        known(desk, own, first)
        mass = bus.mass_cancel(scope="SENDER", owner="desk-a", until_empty=True)
        later = []
        for _ in range(4):
            later += place(desk, 1, "dA-")
            desk.wait_until(lambda: later[-1] not in open_ids(desk), "the order that appeared is canceled")
        last = mass.completed()
        assert last.canceled == 7 and not open_ids(desk) & {*first, *later}
        # Two lists were asked for that began 2 s apart, both after the last order was gone.
        gone = max(change["at_us"] for order_id in later for change in desk.exchange.order(order_id)["changes"])
        lists = [arrival["time_us"] for arrival in desk.exchange.arrivals() if arrival["request"] == LIST and arrival["time_us"] > gone]
        assert len(lists) >= 2 and lists[-1] - lists[0] >= 1_900_000


def test_a_list_that_cannot_be_had_keeps_it_from_being_complete(desk):
    ids = place(desk, 2, "dA-")
    with strategy(desk, "desk-a") as bus:
        known(desk, bus, ids)
        desk.exchange.set_faults(answer={"status": 503, "endpoint": LIST})
        mass = bus.mass_cancel(until_empty=True)
        desk.wait_until(lambda: mass.report is not None and mass.report.canceled == 2 and "503" in mass.report.text,
                        "it says why it is not complete")
        assert mass.report.status == MassCancelStatus.PROGRESS
        desk.exchange.set_faults(answer=None)
        assert mass.completed().status == MassCancelStatus.COMPLETED


def test_cancelctl_previews_asks_cancels_and_tells_by_its_exit_code(desk):
    mine, theirs = place(desk, 3, "dA-"), place(desk, 2, "dB-", pair="ETHUSDT")
    with operator(desk) as bus:
        known(desk, bus, [*mine, *theirs])
        desk.wait_until(lambda: bus.open_orders().complete_as_of, "a list is complete")
    dry = desk.cancelctl("cancel-all", "--dry-run")
    assert dry.exit_code == 0
    assert "  3 of desk-a in BTCTRY\n  2 of desk-b in ETHUSDT\n5 orders, at least 0 s at the account's limits" in dry.out
    unasked = desk.cancelctl("cancel-all", "--owner=desk-a")
    assert unasked.exit_code == 2 and "there is no terminal to ask on; give --yes" in unasked.log
    assert open_ids(desk) >= {*mine, *theirs}
    done = desk.cancelctl("cancel-all", "--symbol=ETHUSDT", "--side=buy", "--yes")
    assert done.exit_code == 0 and done.out.splitlines()[-1].startswith("COMPLETED: 2 of 2 orders gone")
    assert not open_ids(desk) & {*theirs} and open_ids(desk) >= {*mine}
    refused = desk.cancelctl("cancel-all", "--sender=desk-a", "--yes", key="desk-a")
    assert refused.exit_code == 1 and "desk-a is not an operator: its scope may only be OWN" in refused.log
    lines = desk.cancelctl("cancel-all", "--sender=desk-a", "--owner=desk-a", "--until-empty", "--yes", "--json", key="desk-a")
    assert lines.exit_code == 0 and not open_ids(desk) & {*mine}
    last = lines.json_lines[-1]
    assert last["type"] == "mass_cancel_report" and last["mass_cancel_report"]["status"] == "MASS_CANCEL_STATUS_COMPLETED"
    assert last["mass_cancel_report"]["canceled"] == 3


def test_cancelctl_does_not_claim_what_is_not_proven(desk):
    ids = place(desk, 2, "dA-")
    with operator(desk) as bus:
        known(desk, bus, ids)
    desk.exchange.set_faults(answer={"status": 503, "endpoint": LIST})
    waits = desk.cancelctl("cancel-all", "--until-empty", "--yes", "--timeout=8s")
    assert waits.exit_code == 3 and "not proven yet; it goes on at the bus as ctl-" in waits.log
    assert not open_ids(desk)
