"""Garbage, oversized and misfit frames at every door: answered by an error that names the field, and no other peer
notices: around every test another strategy's cancels go through."""

import os
import socket
import urllib.error
import urllib.request

import pytest
import zmq
from conftest import orderly_stack
from scene import bus_metric, curve_keys, encrypt, place_orders, requests, statuses

from cancelbus.v1 import backend_pb2, cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_REFUSED, SessionRequest
from process import PATIENCE_SECONDS

MOST_BYTES, MOST_SESSION_BYTES = 64 * 1024, 8 * 1024
REJECTED, DROPPED = "cancelbus_frames_rejected_total", "cancelbus_replies_dropped_total"


@pytest.fixture(scope="module")
def shared():
    """With a session rate beside which a test of slow readers is quick."""
    with orderly_stack() as stack:
        yield stack.start(workers=2, max_session_rate=1_000_000)


@pytest.fixture(autouse=True)
def bystander(shared, connect):
    """One of its cancels is under way while the test does its worst, and one more follows."""
    strategy = connect(shared, "bystander", topics=["venue."])
    under_way, afterwards = place_orders(shared, strategy, 2)
    shared.exchange.set_faults(latency={"order_ids": [under_way], "answer_ms": 100})
    commands = [strategy.cancel(under_way)]
    yield strategy
    commands.append(strategy.cancel(afterwards))
    for command in commands:
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert [ack.status for ack in strategy.acks(command)] == [cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED]
        assert len(strategy.finals(command)) == 1
    assert [statuses(shared, "DELETE", order_id) for order_id in (under_way, afterwards)] == [[200], [200]]


@pytest.fixture
def rude(shared, connect):
    """A session that has said hello and then sends only what the test says."""
    strategy = connect(shared, "rude", role="operator", manners=False)
    strategy.hello()
    return strategy


@pytest.fixture
def socket_to(shared):
    context = zmq.Context()

    def connect(kind, door, role=None, **options):
        role = role or {"session": "strategy", "event": "observer", "backend": "worker"}[door]
        shared.grant(role, f"some-{role}", **({"senders": "*"} if role in ("strategy", "observer") else {}))
        made = encrypt(context.socket(kind), curve_keys(shared, f"some-{role}"))
        for name, value in options.items():
            made.setsockopt(getattr(zmq, name), value)
        made.connect(shared.processes["bus"].endpoints[door])
        return made

    yield connect
    context.destroy(linger=0)


def answer_to(strategy, *frames):
    """The next reply of the bus."""
    since = len(strategy.replies)
    strategy.send_raw(*frames)
    return strategy.wait_until(lambda: strategy.replies[since:], "a reply")[0]


def request(**fields):
    return SessionRequest(**fields).SerializeToString()


def hello(**fields):
    return request(hello={"sender_comp_id": "rude"} | fields)


def cancel(**fields):
    return request(cancel_order={"cl_ord_id": "c", "order_id": 1} | fields)


def retransmit(**fields):
    return request(retransmit_request={"epoch": 1, "topic": "venue.", "from_seq": 1, "count": 1} | fields)


@pytest.mark.parametrize("frames, field, text", [
    ([b""], "", "empty"),
    ([b"\xff\xff\xff"], "", "not a SessionRequest"),
    ([b"\xff" * MOST_SESSION_BYTES], "", "not a SessionRequest"),
    ([b"\xff" * (MOST_SESSION_BYTES + 1)], "", "longer than 8 KiB"),
    ([b"GET / HTTP/1.1\r\n\r\n"], "", "not a SessionRequest"),
    ([b"\x0a\x04\x0a\x02\xff\xfe"], "", "not a SessionRequest"),  # a hello from a name that is not UTF-8
    ([hello()[:-1]], "", "not a SessionRequest"),
    ([b"\xa2\x06\x00"], "request", "known here"),  # a request that some later version may know
    ([hello(), hello()], "", "one frame per message"),
    ([b"", hello()], "", "one frame per message"),
    ([hello(sender_comp_id="")], "hello.sender_comp_id", "1 to 32"),
    ([hello(sender_comp_id="x" * 33)], "hello.sender_comp_id", "1 to 32"),
    ([hello(sender_comp_id="desk a")], "hello.sender_comp_id", "1 to 32"),
    ([hello(sender_comp_id="desk.a")], "hello.sender_comp_id", "1 to 32"),
    ([hello(sender_comp_id="dësk")], "hello.sender_comp_id", "1 to 32"),
    ([hello(topics=["venue.", "orders."])], "hello.topics[1]", "unknown topic"),
    ([hello(topics=["client.a.b."])], "hello.topics[0]", "unknown topic"),
    ([hello(topics=65 * ["venue."])], "hello.topics", "64"),
    ([cancel(cl_ord_id="")], "cancel_order.cl_ord_id", "1 to 64"),
    ([cancel(cl_ord_id="x" * 65)], "cancel_order.cl_ord_id", "1 to 64"),
    ([cancel(cl_ord_id="a\tb")], "cancel_order.cl_ord_id", "printable"),
    ([cancel(cl_ord_id="é")], "cancel_order.cl_ord_id", "printable"),
    ([retransmit(topic="bus.")], "retransmit_request.topic", "venue."),
    ([retransmit(topic="orders.")], "retransmit_request.topic", "venue."),
    ([retransmit(topic="client.")], "retransmit_request.topic", "client."),
    ([retransmit(from_seq=0)], "retransmit_request.from_seq", "1 or above"),
    ([retransmit(count=0)], "retransmit_request.count", "1 to 500"),
    ([retransmit(count=501)], "retransmit_request.count", "1 to 500"),
])
def test_a_bad_session_frame_is_rejected(shared, rude, frames, field, text):
    before = bus_metric(shared, REJECTED)
    answer = answer_to(rude, *frames)
    assert answer.HasField("reject")
    assert answer.reject.reason == cancel_pb2.CXL_REJ_REASON_MALFORMED
    assert answer.reject.field == field
    assert text in answer.reject.text
    assert bus_metric(shared, REJECTED) == before + 1
    # The session goes on as it was.
    assert answer_to(rude, request(heartbeat={})).heartbeat.position[0].topic == "client.rude."


@pytest.mark.parametrize("fields, reason, text", [
    ({"order_id": 0}, "MALFORMED", "order_id: "),
    ({"order_id": -5}, "MALFORMED", "order_id: "),
    ({"symbol": "x" * 33}, "MALFORMED", "symbol: "),
    ({"account": "x" * 65}, "MALFORMED", "account: "),
    ({"account": "another"}, "WRONG_ACCOUNT", "account: "),
    ({"time_to_live": {}}, "MALFORMED", "time_to_live: "),
    ({"time_to_live": {"seconds": -1}}, "MALFORMED", "time_to_live: "),
    ({"time_to_live": {"seconds": 24 * 3600 + 1}}, "MALFORMED", "time_to_live: "),
    ({"time_to_live": {"seconds": 1, "nanos": -1}}, "MALFORMED", "time_to_live: "),
    ({"transact_time": {"nanos": 2_000_000_000}}, "MALFORMED", "transact_time: "),
    ({"priority": 7}, "MALFORMED", "priority: "),
    ({"traceparent": "x" * 56}, "MALFORMED", "traceparent: "),
])
def test_a_bad_field_of_a_command_refuses_it(shared, rude, fields, reason, text):
    order_id = shared.exchange.place_orders()[0]
    answer = answer_to(rude, cancel(**{"cl_ord_id": "bad-one", "order_id": order_id} | fields))
    assert answer.HasField("receipt")
    assert (answer.receipt.cl_ord_id, answer.receipt.status) == ("bad-one", RECEIPT_STATUS_REFUSED)
    assert answer.receipt.reason == cancel_pb2.CxlRejReason.Value(f"CXL_REJ_REASON_{reason}")
    assert answer.receipt.text.startswith(text)
    # It was not taken, so its name is free.
    assert requests(shared, "DELETE", order_id) == []
    assert rude.hello().position[0].next_seq == 1


def test_before_hello_nothing_is_processed(shared, connect):
    hasty = connect(shared, "hasty", manners=False)
    order_id = shared.exchange.place_orders()[0]
    answer = answer_to(hasty, cancel(cl_ord_id="too-early", order_id=order_id))
    assert answer.HasField("hello_required")
    assert answer.hello_required.cl_ord_id == "too-early"
    answer = answer_to(hasty, cancel(cl_ord_id="too-early", order_id=-1))
    assert answer.hello_required.cl_ord_id == "too-early"
    for frame in (request(heartbeat={}), request(status_request={}), retransmit()):
        answer = answer_to(hasty, frame)
        assert answer.HasField("hello_required")
        assert answer.hello_required.cl_ord_id == ""
    assert hasty.hello().position[0].next_seq == 1
    assert requests(shared, "DELETE", order_id) == []


def test_what_is_not_kept_is_refused_by_name(shared, bystander, rude):
    epoch, own = bystander.epoch, "client.bystander."
    bystander.wait_until(lambda: bystander.events[epoch, own], "an event of the bystander")
    next_seq = bystander.hello().position[0].next_seq
    for fields, topic, first in (
            ({"epoch": epoch, "topic": "client.unknown.", "from_seq": 1}, "client.unknown.", 1),
            ({"epoch": epoch ^ 1, "topic": own, "from_seq": 1}, own, 1),
            ({"epoch": epoch, "topic": own, "from_seq": next_seq + 1000}, own, None)):
        answer = answer_to(rude, retransmit(**fields))
        assert answer.HasField("retransmit_reject"), answer
        assert (answer.retransmit_reject.epoch, answer.retransmit_reject.topic) == (epoch, topic)
        if first is None:  # nothing lies beyond the last, and the bystander's events go on
            assert answer.retransmit_reject.first_kept_seq >= next_seq
        else:
            assert answer.retransmit_reject.first_kept_seq == first

    # Asked for more than there is, it sends what there is.
    answer = answer_to(rude, retransmit(epoch=epoch, topic=own, count=500))
    assert (answer.retransmission.seq, answer.retransmission.poss_dup) == (1, True)


def test_an_oversized_frame_ends_its_connection_alone(shared, rude):
    rude.send_raw(b"\xff" * (2 * MOST_SESSION_BYTES + 1))

    def welcome():
        # ZeroMQ connects again by itself; to the bus that is a new session.
        rude.send_raw(hello())
        rude.live(0.2)
        return [reply for reply in rude.replies[1:] if reply.HasField("welcome")]

    rude.wait_until(welcome, "a welcome on a new connection")
    rude.send(heartbeat={})
    rude.wait_reply("heartbeat")  # after any welcome that is still to come


@pytest.mark.parametrize("door", ["session", "event", "backend", "monitor"])
def test_bytes_that_are_no_protocol_at_all(shared, door):
    address = ("127.0.0.1", int(shared.processes["bus"].endpoints[door].rsplit(":", 1)[1]))
    for junk in (os.urandom(4096), b"\xff" + bytes(8) + b"\x7f" + b"\xff" * 100, b"GET /\xff HTTP/9.9\r\n\r\n", b""):
        with socket.create_connection(address) as peer:
            peer.sendall(junk)


@pytest.mark.parametrize("method, path, status", [("GET", "/nothing", 404), ("POST", "/metrics", 405)])
def test_the_monitor_refuses_what_it_does_not_serve(shared, method, path, status):
    url = shared.processes["bus"].endpoints["monitor"] + path
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refusal:
        opener.open(urllib.request.Request(url, method=method), timeout=PATIENCE_SECONDS)
    assert refusal.value.code == status


def test_a_session_that_reads_nothing_loses_its_own_replies_alone(shared, bystander, socket_to):
    before = bus_metric(shared, DROPPED)
    mute = socket_to(zmq.DEALER, "session", RCVBUF=4096, RCVHWM=1)
    mute.send(hello(sender_comp_id="mute"))

    def dropped():
        for _ in range(1000):
            mute.send(request(status_request={}))
        return bus_metric(shared, DROPPED) > before

    bystander.wait_until(dropped, "replies are dropped")


def test_subscriptions_to_nothing_and_frames_that_are_none(shared, socket_to):
    reader = socket_to(zmq.SUB, "event")
    reader.subscribe("orders.")
    reader.subscribe(b"\xff" * 40)
    writer = socket_to(zmq.XSUB, "event")
    for frame in (b"", b"\x07", b"\x07" + os.urandom(1000), b"\x01bus."):
        writer.send(frame)
    # The last one is a subscription after all.
    assert writer.poll(PATIENCE_SECONDS * 1000)
    assert writer.recv_multipart()[0] == b"bus."
    assert reader.poll(0) == 0


def backend(**fields):
    return backend_pb2.BackendRequest(**fields).SerializeToString()


def ready(**fields):
    usual = {"version": 1, "worker_id": 77, "name": "stranger", "credit": 1, "request_timeout": {"seconds": 5}}
    return backend(ready=usual | fields)


@pytest.mark.parametrize("frames, field", [
    ([b""], "request"),
    ([b"\x0a\xff\xff"], "frame"),
    ([b"\xff" * MOST_BYTES], "frame"),
    ([ready(), ready()], "frame"),
    ([ready(version=2)], "ready.version"),
    ([ready(worker_id=0)], "ready.worker_id"),
    ([ready(name="x" * 65)], "ready.name"),
    ([ready(credit=65)], "ready.credit"),
    ([ready(request_timeout={})], "ready.request_timeout"),
    ([ready(clock={"series": 1, "offset": {"seconds": 86_401}})], "ready.clock.offset"),
    ([ready(clock={"series": 1, "offset": {"seconds": -86_401}})], "ready.clock.offset"),
    ([backend(outcome={})], "outcome.task_id"),
    ([backend(order_fact={"subscriber_id": 7, "seq": 1, "type": 2, "order_id": -1})], "order_fact.order_id"),
    ([backend(order_fact={"subscriber_id": 7, "seq": 1, "order_id": 1})], "order_fact.type"),
    ([backend(stream_state={})], "stream_state.subscriber_id"),
])
def test_a_bad_backend_frame_is_counted_and_logged(shared, bystander, socket_to, frames, field):
    before = bus_metric(shared, REJECTED)
    logged = len(shared.processes["bus"].log())
    role = "subscriber" if field.startswith(("order_fact", "stream_state")) else "worker"
    socket_to(zmq.DEALER, "backend", role).send_multipart(frames)
    bystander.wait_until(lambda: bus_metric(shared, REJECTED) == before + 1, "the frame is counted")
    said = f'"who":"some-{role}","detail":"backend: {field}: '
    bystander.wait_until(lambda: said in shared.processes["bus"].log()[logged:], "the frame is logged")
    assert "stranger" not in [worker["name"] for worker in shared.status()["workers"]]


def test_the_outcome_of_a_task_that_never_was_is_confirmed_and_counted(shared, socket_to):
    name = 'cancelbus_unknown_outcomes_total'
    before = bus_metric(shared, name)
    stranger = socket_to(zmq.DEALER, "backend")
    stranger.send(backend(outcome={"task_id": 4711, "ack": {"status": 1, "order_id": 5}}))
    assert stranger.poll(PATIENCE_SECONDS * 1000)
    assert backend_pb2.BackendReply.FromString(stranger.recv()).confirm.task_ids == [4711]
    assert bus_metric(shared, name) == before + 1


def test_rubbish_on_the_stream_is_logged_once_and_read_past(shared, bystander):
    connects = shared.exchange.counters()["stream"]["connects"]
    told = len(bystander.events[bystander.epoch, "venue."])
    for text in ("rubbish", "", "[]", "[452]", "{}", "[452,[]]", '[452,{"id":"x"}]', '[452,{"id":-5,"numLeft":"1"}]',
                 '["x",{}]', "[" * 1000, '[99999999999999999999,{}]', '[452,{"id":1e400}]', '[31,{"type":31}]'):
        shared.exchange.stream(text=text)
    [order_id] = place_orders(shared, bystander)
    assert bystander.wait_final(bystander.cancel(order_id)).evidence == cancel_pb2.EVIDENCE_CHANNEL_452
    assert shared.exchange.counters()["stream"]["connects"] == connects
    # The sentinel of place_orders alone.
    assert len(bystander.events[bystander.epoch, "venue."]) == told + 1
    bystander.wait_until(lambda: "malformed_frame" in shared.processes["subscriber"].log(), "the subscriber logs it")


def test_rubbish_instead_of_answers_is_doubt_and_ends_in_a_proof(shared, connect):
    strategy = connect(shared, "doubtful", topics=["venue."])
    rubbish = [{"status": 200, "body": "[]"}, {"status": 200, "body": '{"success":'}, {"status": 200, "body": {}},
               {"status": 200, "body": {"success": False}}, {"status": 500, "body": "\x00\x01"},
               {"status": 302, "body": ""}]
    ids = place_orders(shared, strategy, len(rubbish))
    shared.exchange.set_faults(answer=[answer | {"order_ids": [order_id], "count": 1}
                                       for answer, order_id in zip(rubbish, ids)])
    commands = [strategy.cancel(order_id) for order_id in ids]
    for order_id, command in zip(ids, commands):
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert len(strategy.acks(command)) == 1
        assert statuses(shared, "DELETE", order_id)[-1] == 200
    shared.exchange.set_faults(answer=None)
