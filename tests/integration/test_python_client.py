"""The Python client: pleasant when all is well, and honest when it is not. The bus dies under it; keys are refused."""

import asyncio
import json
import logging
import os
import threading
import time

import cancelbus
import pytest
import zmq
from cancelbus import OrdStatus, ReceiptStatus, blocking
from process import PATIENCE_SECONDS
from zmq.auth.thread import ThreadAuthenticator

# tests/run --all asks for more.
BUS_DEATHS = int(os.environ.get("TEST_BUS_DEATHS", "3"))


def options_for(stack):
    names = ("session_endpoint", "event_endpoint", "curve_key_file", "curve_server_key_file")
    return {name: stack.client_environment[f"CANCELBUS_{name.upper()}"] for name in names}


def client(stack, sender="desk-a", kind=cancelbus.Client, **options):
    return kind(sender, **options_for(stack) | {"connect_timeout": PATIENCE_SECONDS} | options)


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


class Door:
    """Sockets where a bus's would be, that let in only the keys which `let_in` holds."""

    def __init__(self):
        self.public, secret = zmq.curve_keypair()
        self.let_in = set()
        self.context = zmq.Context()
        self.zap = ThreadAuthenticator(self.context)
        self.zap.start()
        self.zap.configure_curve_callback("*", self)
        self.sockets, self.endpoints = [], []
        for kind in (zmq.ROUTER, zmq.XPUB):
            socket = self.context.socket(kind)
            self.sockets.append(socket)
            socket.zap_domain = b"door"
            socket.curve_server, socket.curve_secretkey, socket.curve_publickey = True, secret, self.public
            self.endpoints.append(f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}")

    def callback(self, _domain, key):
        return key in self.let_in or zmq.utils.z85.encode(key) in self.let_in

    def close(self):
        self.zap.stop()
        self.context.destroy(linger=0)


@pytest.fixture
def door():
    door = Door()
    yield door
    door.close()


@pytest.fixture
def keys(tmp_path, door):
    """Options of a client with a key of its own."""
    public, secret = zmq.curve_keypair()
    for name, key in (("own.key", secret), ("bus.pub", door.public)):
        (tmp_path / name).write_bytes(key + b"\n")
        (tmp_path / name).chmod(0o600)
    return {"curve_key_file": str(tmp_path / "own.key"), "curve_server_key_file": str(tmp_path / "bus.pub"),
            "session_endpoint": door.endpoints[0], "event_endpoint": door.endpoints[1]}, public.decode()


def refusal_of(options):
    started = time.monotonic()
    with pytest.raises(cancelbus.CancelbusError) as caught:
        with blocking.Client("desk-a", connect_timeout=PATIENCE_SECONDS, **options):
            pass
    assert time.monotonic() - started < PATIENCE_SECONDS, "a refusal is not waited out"
    return caught.value


def test_a_key_that_the_bus_does_not_know(keys):
    options, public = keys
    error = refusal_of(options)
    assert isinstance(error, cancelbus.KeyRefused)
    assert "curve_key_file" in str(error) and "policy file" in str(error) and public in str(error)


def test_what_the_bus_s_policy_does_not_allow(stack, keys):
    stack.start_bus()
    endpoints = {"session_endpoint": stack.session_endpoint, "event_endpoint": stack.event_endpoint}
    stack.grant("strategy", "desk-b")
    with pytest.raises(cancelbus.KeyRefused, match="hello.sender_comp_id: .*may not use this name"):
        with blocking.Client("desk-a", **endpoints, **stack.access.flags("desk-b")):
            pass
    stranger = keys[0] | endpoints | {"curve_server_key_file": stack.access.flags("operator")["curve_server_key_file"]}
    error = refusal_of(stranger)
    assert isinstance(error, cancelbus.KeyRefused) and keys[1] in str(error)


def test_a_key_file_that_is_open_to_others(keys, tmp_path):
    (tmp_path / "own.key").chmod(0o604)
    error = refusal_of(keys[0])
    assert isinstance(error, cancelbus.OptionError) and "open to others than its owner (mode 0604)" in str(error)


def test_a_bus_with_another_key_than_expected(keys, tmp_path):
    options, _ = keys
    (tmp_path / "bus.pub").write_bytes(zmq.curve_keypair()[0])
    error = refusal_of(options)
    assert isinstance(error, cancelbus.KeyRefused) and "curve_server_key_file" in str(error)


def test_no_key_for_a_bus_that_wants_one(door):
    error = refusal_of({"insecure_loopback": True, "session_endpoint": door.endpoints[0], "event_endpoint": door.endpoints[1]})
    assert isinstance(error, cancelbus.KeyRefused) and "give curve_key_file" in str(error)


def test_a_key_for_a_bus_that_wants_none(stack, keys):
    stack.start_bus(curve_key_file=None, policy_file=None, insecure_loopback="true")
    error = refusal_of(keys[0] | {"session_endpoint": stack.session_endpoint, "event_endpoint": stack.event_endpoint})
    assert isinstance(error, cancelbus.KeyRefused) and "uses no keys" in str(error)


@pytest.mark.parametrize("options, named", [
    ({"sender_comp_id": "desk a"}, "sender_comp_id"), ({"session_endpoint": "nowhere"}, "CANCELBUS_SESSION_ENDPOINT"),
    ({"insecure_loopback": False}, "insecure_loopback=True"), ({"session_endpoint": "tcp://10.0.0.1:5550"}, "use keys"),
    ({"curve_key_file": "own.key"}, "curve_server_key_file"), ({"topics": "venue."}, "topics"),
    ({"curve_key_file": "/nowhere", "curve_server_key_file": "/nowhere"}, "/nowhere: No such file")])
def test_a_wrong_option_is_named(options, named):
    with pytest.raises(cancelbus.OptionError, match=named):
        cancelbus.Client(**{"sender_comp_id": "desk-a", "insecure_loopback": True} | options)


def test_options_come_from_the_environment(stack, monkeypatch):
    stack.start_bus()
    for name, value in (stack.client_environment | {"CANCELBUS_SENDER": "desk-env"}).items():
        monkeypatch.setenv(name, value)
    with blocking.Client() as bus:
        assert bus.status(timeout=PATIENCE_SECONDS).commands_undecided == 0


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
