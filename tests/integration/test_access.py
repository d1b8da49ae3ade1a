"""Those who may not: each is refused, counted and logged with who it was, and no other peer notices."""

import socket
import threading
import time

import pytest
import zmq
from conftest import orderly_stack
from scene import bus_metric, count, curve_keys, encrypt, most_lines, place_orders, refusals, refused, requests

from cancelbus.v1 import backend_pb2, cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_REFUSED, SessionReply, SessionRequest
from process import PATIENCE_SECONDS

ADDRESS = "127.0.0.1"


@pytest.fixture
def knock(shared):
    """A socket at one of the bus's doors: knock(zmq.DEALER, "session", keys)."""
    context = zmq.Context()

    def knock(kind, door, keys, stack=shared, routing_id=None):
        made = context.socket(kind)
        made.linger = 0
        if routing_id is not None:
            made.routing_id = routing_id
        if keys is not None:
            encrypt(made, keys)
        if kind == zmq.SUB:
            made.subscribe(b"")
        made.connect(stack.processes["bus"].endpoints[door])
        if kind == zmq.DEALER:
            try:
                made.send(request(hello={"sender_comp_id": "desk-a"}), zmq.DONTWAIT)
            except zmq.Again:
                pass  # Refused already: libzmq has no connection left to send on, and would wait for one without end.
        return made

    yield knock
    context.destroy(linger=0)


def request(**fields):
    return SessionRequest(**fields).SerializeToString()


def answer_to(strategy, **fields):
    since = len(strategy.replies)
    strategy.send(**fields)
    return strategy.wait_until(lambda: strategy.replies[since:], "a reply")[0]


KINDS = {"session": zmq.DEALER, "event": zmq.SUB, "backend": zmq.DEALER}


@pytest.mark.parametrize("door", KINDS)
def test_no_key(shared, knock, door):
    with refused(shared, "handshake", ADDRESS):
        stranger = knock(KINDS[door], door, None)
    assert stranger.poll(0) == 0


@pytest.mark.parametrize("door", KINDS)
def test_an_unknown_key(shared, knock, door):
    keys = (*zmq.curve_keypair(), shared.access.bus.public.encode())
    with refused(shared, "unknown_key", ADDRESS):
        stranger = knock(KINDS[door], door, keys)
    assert stranger.poll(0) == 0
    shared.wait_until(lambda: keys[0].decode() in shared.processes["bus"].log(), "the key is logged")


def test_a_client_that_expects_another_bus(shared, knock):
    public, secret = zmq.curve_keypair()
    with refused(shared, "handshake", ADDRESS):
        knock(zmq.DEALER, "session", (public, secret, zmq.curve_keypair()[0]))


@pytest.mark.parametrize("role, door", [("strategy", "backend"), ("observer", "backend"), ("operator", "backend"),
                                        ("worker", "session"), ("worker", "event"), ("subscriber", "session"),
                                        ("subscriber", "event")])
def test_a_known_key_at_the_wrong_door(shared, knock, role, door):
    shared.grant(role, f"lost-{role}")
    with refused(shared, "role", f"lost-{role}"):
        stranger = knock(KINDS[door], door, curve_keys(shared, f"lost-{role}"))
    assert stranger.poll(0) == 0


def test_the_right_key_with_anothers_name(shared, connect):
    connect(shared, "desk-b")
    impostor = connect(shared, "impostor", manners=False)
    impostor.hello()
    with refused(shared, "sender", "impostor"):
        answer = answer_to(impostor, hello={"sender_comp_id": "desk-b", "open_commands": True})
    assert (answer.reject.reason, answer.reject.field) == (cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED, "hello.sender_comp_id")
    # Its session is what it was: commands are its own, whatever it said.
    command = impostor.cancel(7)
    assert impostor.wait_receipt(command).status == RECEIPT_STATUS_APPLIED
    assert {event.topic for events in impostor.events.values() for event in events.values()} <= {"client.impostor."}


def test_a_hello_said_again_by_another(shared, connect):
    """The very bytes of a strategy's hello: under another key they say nothing."""
    connect(shared, "desk-b")
    parrot = connect(shared, "parrot", manners=False)
    parrot.hello()
    with refused(shared, "sender", "parrot"):
        since = len(parrot.replies)
        parrot.send_raw(request(hello={"sender_comp_id": "desk-b"}))
        assert parrot.wait_reply("reject", since=since).reject.field == "hello.sender_comp_id"


def test_a_hello_said_again_and_again(shared, connect):
    stutterer = connect(shared, "stutterer", manners=False)
    stutterer.hello()
    before = count(shared, "rate")

    def noticed():
        for _ in range(5_000):
            stutterer.send(hello={"sender_comp_id": "stutterer"})
        return count(shared, "rate") > before

    def heard_again():
        stutterer.send(heartbeat={})
        stutterer.live(0.2)
        return [reply for reply in stutterer.replies if reply.HasField("heartbeat")]

    with refused(shared, "rate", "stutterer"):
        stutterer.wait_until(noticed, "too many messages are noticed")
    stutterer.wait_until(heard_again, "it is heard when it has been quiet for a while")


class Recorder:
    """Stands between a client and the bus, and keeps what the client said."""

    def __init__(self, endpoint):
        host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server((ADDRESS, 0))
        self.endpoint = f"tcp://{ADDRESS}:{self._listener.getsockname()[1]}"
        self.said = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        client, _ = self._listener.accept()
        bus = socket.create_connection(self._target)
        threading.Thread(target=self._pump, args=(bus, client, False), daemon=True).start()
        self._pump(client, bus, True)

    def _pump(self, source, sink, keep):
        try:
            while data := source.recv(65536):
                if keep:
                    self.said += data
                sink.sendall(data)
        except OSError:
            pass

    def replay(self):
        """All that the client said, once more. Returns what comes back."""
        heard = b""
        with socket.create_connection(self._target, timeout=PATIENCE_SECONDS) as bus:
            bus.sendall(self.said)
            try:
                while data := bus.recv(65536):
                    heard += data
            except OSError:
                pass
        return heard


def test_a_recorded_session_played_again(shared):
    from strategy_client import StrategyClient

    shared.grant("strategy", "recorded")
    recorder = Recorder(shared.session_endpoint)
    with StrategyClient(recorder.endpoint, shared.event_endpoint, "recorded", curve=curve_keys(shared, "recorded")) as victim:
        victim.hello()
        command = victim.cancel(11)
        victim.wait_receipt(command)
        assert b"recorded" not in recorder.said and command.encode() not in recorder.said
        duplicates = bus_metric(shared, 'cancelbus_commands_repeated_total')
        with refused(shared, "handshake", ADDRESS):
            recorder.replay()
        victim.wait_final(command)
        assert len(victim.acks(command)) == 1
    assert bus_metric(shared, 'cancelbus_commands_repeated_total') == duplicates


def test_an_observer_that_sends_a_cancel(shared, connect):
    strategy = connect(shared, "desk-a", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    observer = connect(shared, "observer", topics=["client."], role="observer")
    with refused(shared, "cancel", "observer"):
        receipt = observer.wait_receipt(observer.cancel(order_id))
    assert receipt.status == RECEIPT_STATUS_REFUSED
    assert receipt.reason == cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED
    assert "may not cancel" in receipt.text
    # It sees what others do.
    final = strategy.wait_final(strategy.cancel(order_id))
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    observer.wait_until(lambda: len(observer.events[observer.epoch, "client.desk-a."]) >= 2, "the events of desk-a")
    assert len(requests(shared, "DELETE", order_id)) == 1


@pytest.mark.parametrize("role, fields", [
    ("worker", {"order_fact": {"subscriber_id": 7, "seq": 1, "type": 1, "order_id": 1}}),
    ("worker", {"stream_state": {"subscriber_id": 7}}),
    ("subscriber", {"outcome": {"task_id": 4711, "ack": {"status": 1, "order_id": 5}}}),
    ("subscriber", {"ready": {"version": 1, "worker_id": 77, "name": "false", "credit": 9, "request_timeout": {"seconds": 5}}}),
])
def test_worker_and_subscriber_do_not_speak_for_each_other(shared, knock, role, fields):
    shared.grant(role, f"false-{role}")
    dealer = knock(zmq.DEALER, "backend", curve_keys(shared, f"false-{role}"))
    with refused(shared, "role", f"false-{role}"):
        dealer.send(backend_pb2.BackendRequest(**fields).SerializeToString())
    assert "false" not in [worker["name"] for worker in shared.status()["workers"]]


def test_others_events_are_not_sent_again_to_everybody(shared, connect):
    victim, nosy = connect(shared, "desk-b"), connect(shared, "nosy", manners=False)
    nosy.hello()
    with refused(shared, "topic", "nosy"):
        answer = answer_to(nosy, retransmit_request={
            "epoch": victim.epoch, "topic": "client.desk-b.", "from_seq": 1, "count": 1})
    assert (answer.reject.reason, answer.reject.field) == (
        cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED, "retransmit_request.topic")
    with refused(shared, "topic", "nosy"):
        answer = answer_to(nosy, hello={"sender_comp_id": "nosy", "topics": ["venue.", "client."]})
    assert answer.reject.field == "hello.topics[1]"


@pytest.mark.parametrize("name, frames", [
    ("anothers", [b"\x01client.desk-b."]), ("empty", [b"\x01"]), ("all", [b"\x01client."]), ("prefix", [b"\x01c"]),
    ("hidden", [b"harmless", b"\x01client.desk-b."])])
def test_a_subscription_to_what_is_not_its_own(shared, connect, knock, name, frames):
    nosy = f"nosy-{name}"
    shared.grant("strategy", nosy)
    victim = connect(shared, "desk-b", topics=["venue."])
    ids = place_orders(shared, victim, 4)
    commands = [victim.cancel(order_id) for order_id in ids[:2]]
    spy = knock(zmq.XSUB, "event", curve_keys(shared, nosy))
    spy.send(b"\x01bus.")
    assert spy.poll(PATIENCE_SECONDS * 1000), "what it may read"
    with refused(shared, "topic", nosy):
        spy.send_multipart(frames)
    commands += [victim.cancel(order_id) for order_id in ids[2:]]
    for command in commands:
        assert victim.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert len(victim.acks(command)) == 1
    # Everybody came back but the spy.
    shared.wait_until(lambda: refusals(shared, "barred", nosy), "the spy is not let in again")
    heard = []
    while spy.poll(0):
        heard.append(spy.recv_multipart()[0])
    assert set(heard) <= {b"bus."}


def test_a_revoked_key_in_a_live_session(shared, connect):
    leaver = connect(shared, "leaver", topics=["venue."])
    stayer = connect(shared, "stayer", topics=["venue."])
    ids = place_orders(shared, stayer, 6)
    leaver.wait_final(leaver.cancel(ids[0]))
    commands = [stayer.cancel(order_id) for order_id in ids[1:4]]
    with refused(shared, "revoked", "leaver"):
        shared.revoke("leaver")
    leaver.live(0.0)
    heard = sum(map(len, leaver.events.values()))

    late = leaver.cancel(ids[5])
    reject = leaver.wait_reply("reject").reject
    assert (reject.reason, "policy" in reject.text) == (cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED, True)
    commands.append(stayer.cancel(ids[4]))
    for command in commands:
        assert stayer.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert len(stayer.acks(command)) == 1
    place_orders(shared, stayer)  # something more is told on venue.
    leaver.manners = False
    leaver.live(0.2)
    assert sum(map(len, leaver.events.values())) == heard
    assert not leaver.receipts[late] and requests(shared, "DELETE", ids[5]) == []
    shared.wait_until(lambda: refusals(shared, "unknown_key", "leaver"), "its events' connection is not let in again")


def test_rights_that_shrink_end_the_session(shared, connect):
    shared.grant("strategy", "two-names", senders="name-1,name-2")
    from strategy_client import StrategyClient

    with StrategyClient(shared.session_endpoint, shared.event_endpoint, "name-2", curve=curve_keys(shared, "two-names")) as client:
        client.hello()
        client.manners = False
        shared.grant("strategy", "two-names", senders="name-1")

        def told():  # Sent again: what was under way when the bus reopened its socket is gone.
            client.send(heartbeat={})
            client.live(0.2)
            return any(reply.HasField("hello_required") for reply in client.replies)

        client.wait_until(told, "hello is required")
        with refused(shared, "sender", "two-names"):
            client.send(hello={"sender_comp_id": "name-2"})
            client.wait_reply("reject")


def test_a_replaced_policy_counts_without_a_signal(shared, connect):
    leaver = connect(shared, "leaver-2")
    newcomer = shared.access.key("newcomer-2")
    policy = shared.access.policy_file

    def replace(lines):
        written = policy.with_suffix(".new")
        written.write_text("".join(lines))
        written.rename(policy)

    good = policy.read_text().splitlines(keepends=True)
    others = [line for line in good if f" {leaver.sender} " not in line]
    assert len(others) == len(good) - 1
    try:
        replace([*others, f"strategy newcomer-2 {newcomer.public}\n"])

        def revoked():
            leaver.send(heartbeat={})
            leaver.live(0.1)
            return any(reply.HasField("reject") for reply in leaver.replies)

        leaver.wait_until(revoked, "the one that was taken out is refused")
        shared.wait_until(lambda: shared.cancelctl("--sender=newcomer-2", "status", key="newcomer-2").exit_code == 0,
                          "the one that was put in is let in")
        # What is wrong is refused once, and not each second again.
        refused = shared.processes["bus"].log().count('"event":"policy_refused"')
        replace(["strategy leaver-2 none\n"])
        shared.wait_until(lambda: shared.processes["bus"].log().count('"event":"policy_refused"') > refused, "it is refused")
        assert shared.cancelctl("--sender=newcomer-2", "status", key="newcomer-2").exit_code == 0
    finally:
        replace(good)
        shared.reload()
    assert shared.processes["bus"].log().count('"event":"policy_refused"') == refused + 1


def test_a_policy_that_is_wrong_is_refused_whole(shared, connect):
    strategy = connect(shared, "desk-a")
    good = shared.access.policy_file.read_text()
    newcomer = shared.access.key("newcomer").public
    try:
        shared.access.policy_file.write_text(f"strategy newcomer {newcomer}\nstrategy desk-a none\n")
        shared.reload()
        line = [line for line in shared.processes["bus"].log().splitlines() if '"event":"policy_refused"' in line][-1]
        assert "line 2: key: " in line and "--policy_file" in line
        assert answer_to(strategy, heartbeat={}).HasField("heartbeat")
        assert shared.cancelctl("status").exit_code == 0
        assert shared.cancelctl("--sender=newcomer", "status", key="newcomer").exit_code == 1
    finally:
        shared.access.policy_file.write_text(good)
        shared.reload()


def test_a_flood_of_commands_is_refused_and_not_lost(stack, connect):
    rate = 50  # so few that 2,000 at once are too many, however slow the machine is
    stack.start_bus(max_session_rate=rate)
    flood, calm = connect(stack, "flood", manners=False), connect(stack, "calm")
    began = time.monotonic()
    flood.hello()
    commands = [flood.cancel(number) for number in range(1, 2_001)]
    receipts = flood.wait_until(lambda: len(flood.receipts) == len(commands) and flood.receipts, "all receipts")
    seconds = time.monotonic() - began
    given = [receipt for command in commands for receipt in receipts[command]]
    refused_ones = [receipt for receipt in given if receipt.status == RECEIPT_STATUS_REFUSED]
    assert {receipt.reason for receipt in refused_ones} == {cancel_pb2.CXL_REJ_REASON_BUS_FULL}
    # As many as a session may send at once, of which its hello was one, and so many a second.
    assert rate - 1 <= len(given) - len(refused_ones) <= rate * (1 + seconds)
    # A repetition of what was received is told so, however fast it comes.
    applied = next(receipt.cl_ord_id for receipt in given if receipt.status == RECEIPT_STATUS_APPLIED)
    order = flood._orders[applied][0]
    for _ in range(1_000):
        flood.send(cancel_order=order)
    flood.wait_until(lambda: len(flood.receipts[applied]) == 1_001, "an answer to each")
    assert all(receipt.status != RECEIPT_STATUS_REFUSED for receipt in flood.receipts[applied])
    assert count(stack, "rate") > 0
    stack.wait_until(lambda: refusals(stack, "rate", "flood"), "it is logged")
    assert calm.wait_receipt(calm.cancel(1)).status == RECEIPT_STATUS_APPLIED


def test_so_many_sessions_of_one_key(stack, connect, knock):
    stack.start_bus(max_sessions_per_key=2)
    connect(stack, "busy", manners=False).hello()
    keys = curve_keys(stack, "busy")
    leaver = knock(zmq.DEALER, "session", keys, stack=stack, routing_id=b"leaver")
    leaver.send(request(hello={"sender_comp_id": "busy"}))
    assert [SessionReply.FromString(leaver.recv()).WhichOneof("reply") for _ in range(2)] == ["reject", "welcome"]
    with refused(stack, "sessions", "busy"):
        third = knock(zmq.DEALER, "session", keys, stack=stack)
        assert third.poll(PATIENCE_SECONDS * 1000)
        assert SessionReply.FromString(third.recv()).reject.reason == cancel_pb2.CXL_REJ_REASON_BUS_FULL
    leaver.close()

    def let_in():
        third.send(request(hello={"sender_comp_id": "busy"}))
        third.poll(200)
        return third.poll(0) and SessionReply.FromString(third.recv()).HasField("welcome")

    stack.wait_until(let_in, "the place of the one that left")
    # A peer that takes its routing id does not take its name.
    stack.grant("strategy", "heir")
    heir = knock(zmq.DEALER, "session", curve_keys(stack, "heir"), stack=stack, routing_id=b"leaver")
    heir.send(request(cancel_order={"cl_ord_id": "forged", "order_id": 4711}))
    replies = [SessionReply.FromString(heir.recv()) for _ in range(2)]
    assert replies[0].reject.field == "hello.sender_comp_id"
    assert replies[1].hello_required.cl_ord_id == "forged"


def test_the_log_is_bounded(stack, connect):
    stack.start_bus()
    noisy = connect(stack, "noisy", manners=False)
    began = time.monotonic()
    for _ in range(1_500):
        noisy.send(hello={"sender_comp_id": "desk-z"})
    noisy.wait_until(lambda: count(stack, "sender") >= 1_500, "all are counted")
    stack.wait_until(lambda: refusals(stack, "sender", "noisy"), "they are logged")
    assert len(refusals(stack, "sender", "noisy")) <= most_lines(began)


def test_a_plain_bus_says_so(build_dir):
    with orderly_stack() as stack:
        stack.start_bus(curve_key_file=None, policy_file=None, insecure_loopback="true")
        stack.wait_until(lambda: '"event":"insecure_loopback"' in stack.processes["bus"].log(), "the bus says so")
        finished = stack.run("cancelctl", f"--session_endpoint={stack.session_endpoint}",
                             f"--event_endpoint={stack.event_endpoint}", "--insecure_loopback", "status")
        assert finished.exit_code == 0, finished.log
