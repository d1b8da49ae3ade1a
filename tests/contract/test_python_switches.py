"""Kill switches, goodbyes and the window of the dead man's switch: the Python client against a bus that the test plays, with
real sockets. What its session does in each case stands in session/switches.txt."""

import asyncio
import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import zmq

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build")) / "python")]

import cancelbus  # noqa: E402
from cancelbus import KillSwitchStatus, MassCancelScope, Side, blocking, command  # noqa: E402
from cancelbus.session import Session  # noqa: E402
from cancelbus.v1 import cancel_pb2, session_pb2  # noqa: E402

PATIENCE_S = 60
SECOND = 1_000_000_000
WELCOME = {"epoch": 7, "position": [{"topic": "client.desk-a.", "next_seq": 1}]}
ENGAGED = {"status": "KILL_SWITCH_STATUS_ENGAGED", "text": "engaged", "still_open": 2, "cl_ord_id": "k"}
RELEASED = {"status": "KILL_SWITCH_STATUS_RELEASED", "text": "released"}
REFUSED = {"status": "KILL_SWITCH_STATUS_REFUSED", "text": "an order may be open", "still_open": 1}
TOO_OLD = {"reason": "CXL_REJ_REASON_MALFORMED", "field": "request", "text": "is empty"}


class PlayedBus:
    """Answers hellos and heartbeats, and what `answers` holds by the request's name: a reply, or a function of the request.
    Nothing else is answered."""

    def __init__(self, **answers):
        self.answers = {"hello": {"welcome": WELCOME}, "heartbeat": {"heartbeat": WELCOME}} | answers
        self.heard = []  # of SessionRequests
        self.context = zmq.Context()
        self.session, self.events = self.context.socket(zmq.ROUTER), self.context.socket(zmq.XPUB)
        ports = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in (self.session, self.events)]
        self.options = {"session_endpoint": f"tcp://127.0.0.1:{ports[0]}", "event_endpoint": f"tcp://127.0.0.1:{ports[1]}",
                        "insecure_loopback": True, "connect_timeout": PATIENCE_S}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.context.destroy(linger=0)

    def run(self):
        while not self.ended.is_set():
            if self.session.poll(20):
                peer, frame = self.session.recv_multipart()
                request = session_pb2.SessionRequest.FromString(frame)
                self.heard.append(request)
                reply = self.answers.get(request.WhichOneof("request"))
                reply = reply(request) if callable(reply) else reply
                if reply is not None:
                    self.session.send_multipart([peer, session_pb2.SessionReply(**reply).SerializeToString()])

    def kinds(self):
        return [request.WhichOneof("request") for request in self.heard]

    def wait_for(self, condition):
        for _ in range(PATIENCE_S * 50):
            if condition():
                return
            self.ended.wait(0.02)
        raise AssertionError(f"it has heard {self.kinds()}")


def switch_answer(**fields):
    return lambda request: {"kill_switch": fields | {"request_id": request.kill_switch.request_id}}


def reject(**fields):
    return {"reject": fields}


def client(bus, **options):
    return blocking.Client("desk-a", **bus.options | options)


# Arming.

@pytest.mark.parametrize("given, seconds", [("10s", 10), (2, 2), (timedelta(minutes=10), 600), ("1m30s", 90), (2.5, 2.5),
                                            (timedelta(seconds=2, microseconds=1999), 2.001)])
def test_a_window_is_given_as_a_time_to_live_is(given, seconds):
    assert command.window_of(given) == timedelta(seconds=seconds)


@pytest.mark.parametrize("given", ["1999ms", 1, 0, "601s", timedelta(minutes=11), "10", True, float("nan"), "soon"])
def test_a_wrong_window_is_named(given):
    with pytest.raises(cancelbus.OptionError, match="^cancel_on_disconnect: .* is not from 2 s to 10 min: "):
        cancelbus.Client("desk-a", insecure_loopback=True, cancel_on_disconnect=given)


def hello_of(session):
    [frame] = session.take_frames()
    assert frame.WhichOneof("request") == "hello"
    return frame.hello


def test_each_hello_arms_the_switch():
    session = Session("desk-a", cancel_on_disconnect=timedelta(seconds=2.5))
    session.start(0)
    hellos = [hello_of(session)]
    session.on_time(SECOND)
    hellos.append(hello_of(session))
    session.on_reconnected(2 * SECOND)
    hellos.append(hello_of(session))
    assert [hello.cancel_on_disconnect.window.ToMilliseconds() for hello in hellos] == [2_500] * 3


def test_without_the_option_no_hello_arms_it():
    session = Session("desk-a")
    session.start(0)
    assert not hello_of(session).HasField("cancel_on_disconnect")


@pytest.mark.parametrize("keep_orders", [True, False])
def test_a_hello_for_a_goodbye_arms_it_only_where_the_orders_are_to_go(keep_orders):
    session = Session("desk-a", ["venue."], cancel_on_disconnect=timedelta(seconds=10))
    session.start(0)
    hello_of(session)
    session.goodbye(keep_orders, SECOND)
    session.on_reconnected(2 * SECOND)
    hello = hello_of(session)
    assert hello.HasField("cancel_on_disconnect") != keep_orders and hello.topics == ["venue."]


def test_a_bus_that_does_not_arm_it_refuses_the_client():
    text = "desk-a has no prefixes"
    with PlayedBus(hello=reject(reason="CXL_REJ_REASON_MALFORMED", field="hello.cancel_on_disconnect", text=text)) as bus:
        with pytest.raises(cancelbus.OptionError, match=f"hello.cancel_on_disconnect: {text}"):
            with client(bus, cancel_on_disconnect="10s"):
                pass
        assert bus.heard[0].hello.cancel_on_disconnect.window.seconds == 10


# Kill switches.

def test_a_kill_switch_is_engaged_and_released():
    def switch(request):
        engage = request.kill_switch.action == session_pb2.KILL_SWITCH_ACTION_ENGAGE
        return switch_answer(**(ENGAGED if engage else RELEASED))(request)

    reason = "runaway quotes" + "!" * 114  # 128 characters
    scope = {"scope": "sender", "owner": "desk-b", "symbol": "BTCTRY", "side": "SELL", "client_order_id_prefix": "dB-"}
    with PlayedBus(kill_switch=switch) as bus, client(bus) as operator:
        engaged = operator.engage_kill_switch(reason=reason, **scope)
        released = operator.release_kill_switch(reason="over", force=True, **scope)
        again = operator.release_kill_switch(reason="over", scope=MassCancelScope.ALL, side=Side.BUY)
    assert (engaged.status, engaged.text, engaged.still_open, engaged.cl_ord_id) == (KillSwitchStatus.ENGAGED, "engaged", 2, "k")
    assert released.status == again.status == KillSwitchStatus.RELEASED
    sent = {request.kill_switch.request_id: request.kill_switch for request in bus.heard if request.HasField("kill_switch")}
    common = {"scope": "MASS_CANCEL_SCOPE_SENDER", "owner": "desk-b", "symbol": "BTCTRY", "side": "SIDE_SELL",
              "client_order_id_prefix": "dB-"}
    assert list(sent.values()) == [
        session_pb2.KillSwitchRequest(action="KILL_SWITCH_ACTION_ENGAGE", reason=reason, request_id=1, **common),
        session_pb2.KillSwitchRequest(action="KILL_SWITCH_ACTION_RELEASE", reason="over", force=True, request_id=2, **common),
        session_pb2.KillSwitchRequest(action="KILL_SWITCH_ACTION_RELEASE", reason="over", scope="MASS_CANCEL_SCOPE_ALL",
                                      side="SIDE_BUY", request_id=3)]


def test_of_several_each_gets_its_own_answer():
    def answer(request):
        if request.kill_switch.scope == cancel_pb2.MASS_CANCEL_SCOPE_ALL:
            return reject(reason="CXL_REJ_REASON_NOT_AUTHORIZED", field="kill_switch.scope", text="no operator")
        return switch_answer(**ENGAGED | {"text": request.kill_switch.reason})(request)

    async def scene():
        async with cancelbus.Client("desk-a", **bus.options) as strategy:
            return await asyncio.gather(
                strategy.engage_kill_switch(reason="one"), strategy.engage_kill_switch(reason="two", scope="ALL"),
                strategy.engage_kill_switch(reason="three", symbol="BTCTRY"), return_exceptions=True)

    with PlayedBus(kill_switch=answer) as bus:
        one, two, three = asyncio.run(scene())
    assert (one.text, three.text) == ("one", "three")
    assert isinstance(two, cancelbus.KillSwitchRefused) and "kill_switch.scope: no operator" in str(two)


@pytest.mark.parametrize("answer, text, status", [
    (switch_answer(**REFUSED), "an order may be open", KillSwitchStatus.REFUSED),
    (switch_answer(**ENGAGED), "engaged", KillSwitchStatus.ENGAGED), (switch_answer(status=77), "UNKNOWN_77", 77),
    (reject(**TOO_OLD), "request: the bus is of an earlier version and knows no kill switch", None),
    (reject(reason="CXL_REJ_REASON_NOT_AUTHORIZED", field="kill_switch", text="no operator"), "kill_switch: no operator", None)])
def test_a_refusal_is_an_error_with_its_text(answer, text, status):
    with PlayedBus(kill_switch=answer) as bus, client(bus) as operator:
        with pytest.raises(cancelbus.KillSwitchRefused, match=f"^the bus did not release the kill switch: {text}$") as caught:
            operator.release_kill_switch(reason="over", timeout=PATIENCE_S)
    reply = caught.value.reply
    assert (None if reply is None else reply.status) == status


def test_what_a_timeout_ends_is_not_asked_any_more():
    with PlayedBus() as bus, client(bus) as operator:
        with pytest.raises(cancelbus.NotYet, match="answer to the kill switch"):
            operator.engage_kill_switch(reason="stop", timeout=0.2)
        beats = bus.kinds().count("heartbeat")
        bus.wait_for(lambda: bus.kinds().count("heartbeat") > beats)
        asked = bus.kinds().count("kill_switch")
        bus.wait_for(lambda: bus.kinds().count("heartbeat") > beats + 2)
        assert bus.kinds().count("kill_switch") == asked


@pytest.mark.parametrize("wrong, named", [
    ({"reason": ""}, "reason: must not be empty"), ({"reason": "x" * 129}, "reason: "), ({"reason": "two\nlines"}, "reason: "),
    ({"reason": "\u015f"}, "reason: "), ({"reason": None}, "reason: "),
    ({"scope": "mine"}, "scope: 'mine' is none of OWN, SENDER, UNOWNED, ALL"), ({"scope": "SENDER"}, "owner: "),
    ({"owner": "desk-b"}, "owner: only scope SENDER has one"), ({"side": "short"}, "side: 'short' is none of BUY, SELL"),
    ({"side": Side.UNSPECIFIED}, "side: "), ({"symbol": "B\u0130T"}, "symbol: "), ({"client_order_id_prefix": "x" * 65}, "client_order_id_prefix: "),
    ({"timeout": -1}, "timeout: ")])
def test_a_wrong_argument_is_named_and_nothing_is_sent(wrong, named):
    with PlayedBus() as bus, client(bus) as operator:
        for call in (operator.engage_kill_switch, operator.release_kill_switch):
            with pytest.raises(cancelbus.OptionError, match=f"^{named}"):
                call(**{"reason": "stop"} | wrong)
    assert "kill_switch" not in bus.kinds()


def test_a_side_is_given_alike_everywhere():
    for side in (Side.SELL, "sell", "SELL"):
        assert command.build_open_orders("", "", side).side == cancel_pb2.SIDE_SELL
    assert command.build_open_orders("", "", None).side == cancel_pb2.SIDE_UNSPECIFIED


# Goodbyes.

@pytest.mark.parametrize("keep_orders", [True, False])
def test_a_goodbye_is_the_last_that_is_sent(keep_orders):
    def second(request):
        return {"goodbye": {"cl_ord_id": "d", "text": "so be it"}} if bus.kinds().count("goodbye") >= 2 else None

    with PlayedBus(goodbye=second) as bus, client(bus) as strategy:
        waiting = strategy.submit(1)
        bus.wait_for(lambda: "heartbeat" in bus.kinds())
        reply = strategy.goodbye(keep_orders=keep_orders, timeout=PATIENCE_S)
        assert (reply.cl_ord_id, reply.text) == ("d", "so be it")
        for call in (lambda: strategy.status(PATIENCE_S), lambda: strategy.submit(2), lambda: strategy.goodbye(keep_orders=True)):
            with pytest.raises(cancelbus.ClientClosed):
                call()
        with pytest.raises(cancelbus.ClientClosed):
            waiting.final(timeout=PATIENCE_S)
    first = bus.kinds().index("goodbye")
    assert set(bus.kinds()[first:]) == {"goodbye"}
    assert bus.heard[first].goodbye.keep_orders == keep_orders


def test_nothing_is_given_while_a_goodbye_is_said():
    async def scene():
        async with cancelbus.Client("desk-a", **bus.options) as strategy:
            leaving = asyncio.ensure_future(strategy.goodbye(keep_orders=False, timeout=3))
            await asyncio.sleep(0)
            for call in (strategy.cancel(1), strategy.mass_cancel(), strategy.status(), strategy.open_orders(),
                         strategy.engage_kill_switch(reason="stop"), strategy.goodbye(keep_orders=True)):
                with pytest.raises(cancelbus.ClientClosed, match="has said goodbye"):
                    await call
            await leaving

    with PlayedBus() as bus:
        with pytest.raises(cancelbus.GoodbyeFailed):
            asyncio.run(scene())
        first = bus.kinds().index("goodbye")
        assert set(bus.kinds()[first:]) <= {"hello", "goodbye"}


def test_a_bus_that_has_forgotten_the_session_gets_a_hello_and_the_goodbye_again():
    def second(_):
        return {"goodbye": {"text": "disarmed"}} if bus.kinds().count("goodbye") >= 2 else {"hello_required": {}}

    with PlayedBus(goodbye=second) as bus, client(bus, cancel_on_disconnect="10s") as strategy:
        assert strategy.goodbye(keep_orders=True, timeout=PATIENCE_S).text == "disarmed"
    first = bus.kinds().index("goodbye")
    assert set(bus.kinds()[first:]) == {"goodbye", "hello"}
    hellos = [request.hello for request in bus.heard[first:] if request.HasField("hello")]
    assert bus.heard[0].hello.HasField("cancel_on_disconnect")
    assert not any(hello.HasField("cancel_on_disconnect") for hello in hellos)


@pytest.mark.parametrize("answer, timeout, text", [
    (None, 0.5, "no answer within 0.5 s"),
    (reject(**TOO_OLD), PATIENCE_S, "request: the bus is of an earlier version and knows no goodbye"),
    (reject(reason="CXL_REJ_REASON_STORE_UNAVAILABLE", field="goodbye", text="the disk is full"), PATIENCE_S,
     "goodbye: the disk is full")])
def test_a_goodbye_that_is_not_confirmed_says_what_that_means(answer, timeout, text):
    with PlayedBus(goodbye=answer) as bus, client(bus) as strategy:
        with pytest.raises(cancelbus.GoodbyeFailed, match=f"the goodbye: {text}; .* fires when the sender has been silent"):
            strategy.goodbye(keep_orders=True, timeout=timeout)
        with pytest.raises(cancelbus.ClientClosed):
            strategy.submit(1)


def test_a_goodbye_to_a_bus_that_refuses_the_hello_ends_with_its_reason():
    refusal = {"reason": "CXL_REJ_REASON_NOT_AUTHORIZED", "field": "hello.sender_comp_id", "text": "may not use this name"}

    def hello(_):
        return reject(**refusal) if "goodbye" in bus.kinds() else {"welcome": WELCOME}

    with PlayedBus(hello=hello, goodbye={"hello_required": {}}) as bus, client(bus) as strategy:
        with pytest.raises(cancelbus.GoodbyeFailed, match="confirmed the goodbye: hello.sender_comp_id: may not use this name"):
            strategy.goodbye(keep_orders=True, timeout=PATIENCE_S)


@pytest.mark.parametrize("wrong, named", [({"keep_orders": None}, "keep_orders: None"), ({"keep_orders": "no"}, "keep_orders: 'no'"),
                                          ({"keep_orders": True, "timeout": -1}, "timeout: -1")])
def test_a_wrong_goodbye_is_none(wrong, named):
    with PlayedBus(status_request={"status": {"headline": "ok"}}) as bus, client(bus) as strategy:
        with pytest.raises(cancelbus.OptionError, match=f"^{named}"):
            strategy.goodbye(**wrong)
        assert strategy.status(PATIENCE_S).headline == "ok"
    assert "goodbye" not in bus.kinds()
