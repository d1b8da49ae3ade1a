"""cancel_many() of the Python clients: whatever becomes of each order is in the summary, and the bus's limits are kept to."""

import asyncio
import json

import cancelbus
import pytest
from cancelbus import Outcome, blocking
from process import PATIENCE_SECONDS
from python_client import client
from scene import bus_metric

BLOCKED = {"status": 400, "body": json.dumps({"success": False, "message": "ORDER_CANCEL_BLOCKED", "code": 1})}


def test_what_becomes_of_each_order_is_in_the_summary(shared):
    gone, filled, blocked, last = shared.exchange.place_orders(4)
    shared.exchange.fill(filled)
    shared.exchange.set_faults(answer=BLOCKED | {"order_ids": [blocked]})

    async def run():
        async with client(shared, "desk-many") as bus:
            summary = await bus.cancel_many(iter([gone, filled, 7, blocked, last, gone]), urgent=True, symbol="BTCTRY")
            assert bus.undecided == []
            return summary

    try:
        summary = asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))
    finally:
        shared.exchange.set_faults(answer=None)
        shared.exchange.cancel_by_hand(blocked)
    assert {order_id: result.outcome for order_id, result in summary.results.items()} == {
        gone: Outcome.CANCELED, filled: Outcome.FILLED, 7: Outcome.UNKNOWN_ORDER, blocked: Outcome.REJECTED,
        last: Outcome.CANCELED}
    assert list(summary.results) == [gone, filled, 7, blocked, last]  # one of each, as they were given
    assert summary.counts == {Outcome.CANCELED: 2, Outcome.FILLED: 1, Outcome.UNKNOWN_ORDER: 1, Outcome.REJECTED: 1}
    assert summary.left == [7, blocked] and not summary.all_gone
    assert str(summary) == "5 orders: 2 CANCELED, 1 FILLED, 1 UNKNOWN_ORDER, 1 REJECTED"
    result = summary.results[gone]
    assert (result.ack.accepted, result.final.order_gone, result.error) == (True, True, None)
    assert isinstance(summary.results[blocked].error, cancelbus.RejectedError)
    shown = json.loads(json.dumps(summary.to_dict()))
    assert shown["counts"]["CANCELED"] == 2
    assert shown["results"][0]["cancel_final"]["ord_status"] == "ORD_STATUS_CANCELED"
    assert shown["results"][0]["order_id"] == str(gone) and "text" not in shown["results"][0]
    assert "BLOCKED" in shown["results"][3]["text"]


def test_a_queue_of_three_takes_twelve(stack):
    stack.start(workers=1, max_open_per_sender=3)
    ids = stack.exchange.place_orders(12)
    with client(stack, kind=blocking.Client) as bus:
        summary = bus.cancel_many(ids)
        assert summary.all_gone and summary.counts == {Outcome.CANCELED: 12}
    # At most the nine that were too much at once, and then one for each three that ended.
    refused = bus_metric(stack, 'cancelbus_commands_refused_total{reason="BUS_FULL"}')
    assert 0 < refused <= 9 + 4
    assert {stack.exchange.order(order_id)["status"] for order_id in ids} == {"Canceled"}


def test_a_session_that_may_say_little(stack):
    stack.start(workers=1, max_session_rate=20)
    ids = stack.exchange.place_orders(60)
    with client(stack, kind=blocking.Client) as bus:
        summary = bus.cancel_many(ids)
    assert summary.counts == {Outcome.CANCELED: 60}, str(summary)


def test_what_is_not_known_in_time(stack):
    stack.start_bus(max_open_per_sender=2)  # and no worker

    async def run():
        async with client(stack) as bus:
            summary = await bus.cancel_many([1, 2, 3, 4], timeout=3.0)
            assert summary.counts == {Outcome.UNDECIDED: 2, Outcome.NOT_SENT: 2}
            assert summary.results[1].cl_ord_id and not summary.results[4].cl_ord_id
            assert "NO_WORKER" in str(summary.results[4].error) and "NO_WORKER" in str(summary.results[1].error)
            assert [cancel.order_id for cancel in bus.undecided] == [1, 2]  # they go on
            many = asyncio.create_task(bus.cancel_many([5]))
            await asyncio.sleep(0)
        closed = await many
        assert closed.results[5].outcome in (Outcome.UNDECIDED, Outcome.NOT_SENT)
        assert isinstance(closed.results[5].error, cancelbus.ClientClosed)
        with pytest.raises(cancelbus.ClientClosed):
            await bus.cancel_many([6])

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))


def test_a_time_to_live_counts_from_the_call(stack):
    stack.start_bus(max_open_per_sender=1)
    with client(stack, kind=blocking.Client) as bus:
        summary = bus.cancel_many([1, 2], time_to_live="300ms")
    first, second = summary.results.values()
    assert (first.outcome, first.ack.reason) == (Outcome.REJECTED, cancelbus.Reason.EXPIRED)
    assert (second.outcome, second.cl_ord_id) == (Outcome.EXPIRED, "")


def test_a_full_queue_of_one_order_holds_up_no_other(stack, monkeypatch):
    monkeypatch.setattr("cancelbus.many.ASK_AGAIN_S", 0.01)
    stack.start_bus()  # and no worker
    crowded, *others = range(1, 5)
    with client(stack, kind=blocking.Client) as bus:
        for _ in range(100):  # as many commands as one order may have of one sender
            bus.submit(crowded)
        bus.undecided[-1].received(timeout=PATIENCE_SECONDS)
        summary = bus.cancel_many([crowded, *others], timeout=3.0)
        assert summary.results[crowded].outcome in (Outcome.NOT_SENT, Outcome.REFUSED)
        assert {summary.results[order_id].outcome for order_id in others} == {Outcome.UNDECIDED}


def test_a_queue_that_others_fill_does_not_hold_it_up_without_end(stack, monkeypatch):
    monkeypatch.setattr("cancelbus.many.ASK_AGAIN_S", 0.01)
    monkeypatch.setattr("cancelbus.many.MOST_REFUSALS", 3)
    stack.start_bus(max_open=1)
    with client(stack, "desk-a", kind=blocking.Client) as full, client(stack, "desk-b", kind=blocking.Client) as bus:
        full.cancel(1)
        summary = bus.cancel_many([2, 3])
    assert summary.counts == {Outcome.REFUSED: 2}
    assert all(isinstance(result.error, cancelbus.QueueFull) for result in summary.results.values())


@pytest.mark.parametrize("ids, options, named", [
    ([1, 0], {}, r"order_ids\[1\]: 0"), (["1"], {}, r"order_ids\[0\]"), ([1], {"time_to_live": "soon"}, "time_to_live"),
    ([1], {"symbol": "B" * 33}, "symbol"), ([1], {"timeout": -1}, "timeout")])
def test_a_mistake_is_named_before_anything_is_sent(shared, ids, options, named):
    async def run():
        async with client(shared, "desk-mistaken") as bus:
            with pytest.raises(cancelbus.OptionError, match=f"^{named}"):
                await bus.cancel_many(ids, **options)
            assert bus.undecided == []
            assert (await bus.cancel_many([])).all_gone

    asyncio.run(run())
