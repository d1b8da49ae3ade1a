"""The Python client: pleasant when all is well, and honest when it is not. The bus dies under it."""

import asyncio
import json
import logging
import os
import threading

import cancelbus
import pytest
from cancelbus import OrdStatus, ReceiptStatus, blocking
from process import PATIENCE_SECONDS
from python_client import client

# tests/run --all asks for more.
BUS_DEATHS = int(os.environ.get("TEST_BUS_DEATHS", "3"))


def test_a_cancel_its_ack_and_its_final(shared):
    [order_id] = shared.exchange.place_orders()

    async def run():
        async with client(shared) as bus:
            cancel = await bus.cancel(order_id, symbol="BTCTRY")
            receipt, ack, final = await cancel.received(), await cancel.ack(timeout=PATIENCE_SECONDS), await cancel.final(timeout=PATIENCE_SECONDS)
            assert receipt.status == ReceiptStatus.APPLIED
            assert (ack.order_id, ack.accepted, ack.in_doubt, ack.http_status) == (order_id, True, False, 200)
            assert (final.ord_status, final.order_gone, final.order_open) == (OrdStatus.CANCELED, True, False)
            assert final.timeline.received <= final.timeline.finalized
            assert await cancel.ack() is ack and await cancel.final() is final
            assert cancel.decided and bus.undecided == []
            assert (await bus.status(timeout=PATIENCE_SECONDS)).store_writable

    asyncio.run(run())
    assert shared.exchange.order(order_id)["status"] == "Canceled"


def test_events_come_in_order_to_each_who_asks(shared):
    ids = shared.exchange.place_orders(3)

    async def run():
        async with client(shared, "desk-events") as bus:
            first, second = bus.events(), bus.events()
            cancels = [bus.submit(order_id) for order_id in ids]
            await asyncio.gather(*(cancel.final(timeout=PATIENCE_SECONDS) for cancel in cancels))
        return [event async for event in first], [event async for event in second]

    first, second = asyncio.run(run())
    assert first == second
    assert [event.seq for event in first] == [1, 2, 3, 4, 5, 6]
    assert {event.body.cl_ord_id for event in first if isinstance(event.body, cancelbus.Final)} == \
        {event.body.cl_ord_id for event in first if isinstance(event.body, cancelbus.Ack)}


def test_the_same_without_asyncio(shared):
    one, other = shared.exchange.place_orders(2)
    with client(shared, "desk-blocking", blocking.Client) as bus:
        events = bus.events()
        cancel, second = bus.cancel(one), bus.submit(other)
        assert cancel.received().status == ReceiptStatus.APPLIED
        assert cancel.ack(timeout=PATIENCE_SECONDS).accepted
        assert cancel.final(timeout=PATIENCE_SECONDS).order_gone and second.final(timeout=PATIENCE_SECONDS).order_gone
        assert [next(events).seq for _ in range(4)] == [1, 2, 3, 4]
    assert list(events) == []
    with pytest.raises(cancelbus.ClientClosed):
        bus.cancel(one)


def test_a_rejected_cancel_and_an_unknown_order(shared):
    async def run():
        async with client(shared, "desk-unknown") as bus:
            cancel = await bus.cancel(7)
            ack, final = await cancel.ack(timeout=PATIENCE_SECONDS), await cancel.final(timeout=PATIENCE_SECONDS)
            assert (ack.rejected, ack.reason) == (True, cancelbus.Reason.UNKNOWN_ORDER)
            assert (final.ord_status, final.order_gone, final.order_open) == (OrdStatus.REJECTED, False, False)

    asyncio.run(run())


def test_an_ack_without_a_final_ends_the_wait_for_it(shared):
    order_id, other = shared.exchange.place_orders(2)
    shared.exchange.set_faults(answer={"status": 400, "order_ids": [order_id],
                                      "body": json.dumps({"success": False, "message": "ORDER_CANCEL_BLOCKED", "code": 1})})

    async def run():
        async with client(shared, "desk-blocked") as bus:
            cancel = await bus.cancel(order_id)
            ack = await cancel.ack(timeout=PATIENCE_SECONDS)
            assert (ack.rejected, ack.final_follows, ack.reason) == (True, False, cancelbus.Reason.BLOCKED)
            with pytest.raises(cancelbus.RejectedError, match="BLOCKED.*nothing happened to the order"):
                await cancel.final()

    try:
        asyncio.run(run())
    finally:
        shared.exchange.set_faults(answer=None)
    shared.exchange.cancel_by_hand(order_id)
    shared.exchange.cancel_by_hand(other)


def test_what_the_bus_refuses(shared):
    async def run():
        async with client(shared, "desk-refused") as bus:
            with pytest.raises(cancelbus.RefusedError, match="WRONG_ACCOUNT.*leave the account out") as caught:
                await bus.cancel(1, account="another-desk")
            assert caught.value.reason == cancelbus.Reason.WRONG_ACCOUNT
            refused = bus.submit(1, account="another-desk")
            for wait in (refused.received, refused.ack, refused.final):
                with pytest.raises(cancelbus.RefusedError):
                    await wait(timeout=PATIENCE_SECONDS)

    asyncio.run(run())


@pytest.mark.parametrize("arguments, named", [
    ({"order_id": 0}, "order_id"), ({"order_id": "1"}, "order_id"), ({"order_id": 1, "cl_ord_id": "ü"}, "cl_ord_id"),
    ({"order_id": 1, "time_to_live": 0}, "time_to_live"), ({"order_id": 1, "symbol": "B" * 33}, "symbol")])
def test_a_mistake_shows_where_it_was_made(shared, arguments, named):
    async def run():
        async with client(shared, "desk-mistaken") as bus:
            with pytest.raises(cancelbus.OptionError, match=f"^{named}: "):
                bus.submit(**arguments)

    asyncio.run(run())


def test_a_full_queue(stack):
    stack.start_bus(max_open_per_sender=1)

    async def run():
        async with client(stack) as bus:
            first = await bus.cancel(1)
            with pytest.raises(cancelbus.QueueFull, match="wait for finals"):
                await bus.cancel(2)
            with pytest.raises(cancelbus.NotYet, match="wait again"):
                await first.ack(timeout=0.05)
            assert bus.undecided == [first]
            waits = asyncio.create_task(first.final())
            await asyncio.sleep(0)
        with pytest.raises(cancelbus.ClientClosed):
            await waits

    asyncio.run(run())


def test_no_bus(stack, caplog):
    stack.start_bus()
    bus_process = stack.processes["bus"]

    async def run():
        async with client(stack) as bus:
            events = bus.events()  # from before the silence, which may be told while the receipt is waited for
            bus_process.kill()
            cancel = bus.submit(1)
            with pytest.raises(cancelbus.BusUnreachable, match=f"nothing answers at {stack.session_endpoint}.*is the bus"):
                await cancel.received(timeout=3)
            while not isinstance(await events.__anext__(), cancelbus.Silent):
                pass
            stack.start_bus()
            assert (await cancel.received(timeout=PATIENCE_SECONDS)).status == ReceiptStatus.APPLIED

    with caplog.at_level(logging.WARNING, "cancelbus"):
        asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))
    assert "nothing was heard from the bus for 3 s" in caplog.text
    with pytest.raises(cancelbus.BusUnreachable, match="CANCELBUS_SESSION_ENDPOINT"):
        with client(stack, kind=blocking.Client, session_endpoint="tcp://127.0.0.1:1", connect_timeout=3):
            pass


def test_what_another_store_refuses_may_have_been_sent(stack):
    stack.start_bus(account="one")

    async def run():
        async with client(stack) as bus:
            cancel = await bus.cancel(1, account="one")
            stack.processes["bus"].kill()
            for file in stack.folder.glob("cancelbus.db*"):
                file.unlink()
            stack.start_bus(account="two")
            with pytest.raises(cancelbus.StoreLost, match="WRONG_ACCOUNT.*look at the order"):
                await cancel.final(timeout=PATIENCE_SECONDS)
            with pytest.raises(cancelbus.RefusedError):
                await bus.cancel(1, account="one", timeout=PATIENCE_SECONDS)

    asyncio.run(run())


def test_a_wait_that_takes_long_is_told(stack, caplog, monkeypatch):
    monkeypatch.setattr("cancelbus.client.SAY_AGAIN_S", 0.05)
    stack.start_bus()

    async def run():
        async with client(stack) as bus:
            cancel = await bus.cancel(1)
            while "waiting for the final" not in caplog.text or "NO_WORKER" not in caplog.text:
                with pytest.raises(cancelbus.NotYet):
                    await cancel.final(timeout=0.12)
            with pytest.raises(cancelbus.NotYet, match="NO_WORKER: no worker is connected"):
                await cancel.final(timeout=0.12)

    asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))
    assert "waiting for the final of <Cancel" in caplog.text and ": NO_WORKER: no worker is connected" in caplog.text


def test_events_that_are_not_read_do_not_pile_up(stack, monkeypatch):
    monkeypatch.setattr("cancelbus.handles.MOST_EVENTS_WAITING", 2)
    stack.start_exchange()
    stack.start_bus()
    stack.start_worker()

    async def run():
        async with client(stack) as bus:
            unread = bus.events()
            cancels = [bus.submit(order_id) for order_id in (1, 2, 3)]
            await asyncio.gather(*(cancel.ack(timeout=PATIENCE_SECONDS) for cancel in cancels))
            assert [(await unread.__anext__()).seq, (await unread.__anext__()).seq] == [1, 2]
            with pytest.raises(cancelbus.ReadTooSlowly):
                await unread.__anext__()
            await asyncio.gather(*(cancel.final(timeout=PATIENCE_SECONDS) for cancel in cancels))

    asyncio.run(run())


def test_the_bus_dies_again_and_again(running):
    """Every ack and every final once and in order, and each event once."""
    stack, ids = running, running.exchange.place_orders(4 * BUS_DEATHS)
    told = []

    async def follow(cancel):
        await cancel.ack()
        told.append(("ack", cancel.cl_ord_id))
        await cancel.final()
        told.append(("final", cancel.cl_ord_id))

    async def run():
        async with client(stack) as bus:
            events = bus.events()
            following = []
            for round_ in range(BUS_DEATHS):
                following += [asyncio.create_task(follow(bus.submit(order_id))) for order_id in ids[4 * round_:4 * round_ + 4]]
                await asyncio.wait(following[-4:], timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                stack.processes["bus"].kill()
                following.append(asyncio.create_task(follow(bus.submit(7_000 + round_))))
                stack.start_bus()  # in this thread: what another one starts ends with that
            await asyncio.wait_for(asyncio.gather(*following), PATIENCE_SECONDS + 2 * BUS_DEATHS)
        return [event async for event in events if isinstance(event, cancelbus.Event)]

    events = asyncio.run(run())
    commands = {cl_ord_id for _, cl_ord_id in told}
    assert len(commands) == 5 * BUS_DEATHS
    assert sorted(told) == sorted((kind, command) for kind in ("ack", "final") for command in commands)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for kind in (cancelbus.Ack, cancelbus.Final):
        assert sorted(event.body.cl_ord_id for event in events if isinstance(event.body, kind)) == sorted(commands)
    assert stack.exchange.counters()["refused_429"] == 0


def test_a_blocking_client_may_be_called_from_many_threads(shared):
    ids = shared.exchange.place_orders(4)
    finals = []
    with client(shared, "desk-threads", blocking.Client) as bus:
        threads = [threading.Thread(target=lambda order_id=order_id: finals.append(bus.cancel(order_id).final(timeout=PATIENCE_SECONDS)))
                   for order_id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(final.order_id for final in finals) == sorted(ids)
