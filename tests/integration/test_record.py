"""`cancelctl record` writes what workers and subscriber receive from the exchange, redacted, and costs nothing once it has
ended."""

import base64
import json
import re
import signal

import pytest
import zmq
from conftest import orderly_stack
from newer_backend import NewerBackend, newer
from scene import bus_metric, count, curve_keys, encrypt, place_orders, refused, requests, statuses

from cancelbus.v1 import backend_pb2, cancel_pb2

USER_ID = "1234567"  # of the account, as exchange-sim tells it
BALANCE = "98765.4321"
DELETE, QUERY = "DELETE /api/v1/order?id=", "GET /api/v1/order/"


def start_recorder(stack, name="record", file=None):
    file = file or stack.folder / f"{name}.jsonl"
    recorder = stack.start_cancelctl(name, "record", str(file))
    stack.wait_until(lambda: "recording to" in recorder.log(), "the bus takes the recorder's request")
    return recorder, file


def lines(file):
    """What is recorded until now, whole lines alone."""
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


def responses(file, request, status):
    """As responses(file, "DELETE /api/v1/order?id=", 200)."""
    return [line for line in lines(file) if line.get("kind") == "response" and line["status"] == status
            and line["request"].startswith(request)]


def frames(file, number):
    texts = [line["text"] for line in lines(file) if line.get("kind") == "frame"]
    return [json.loads(text)[1] for text in texts if text.startswith(f"[{number},")]


def kinds(file):
    return {line["kind"] for line in lines(file) if line["type"] == "recorded"}


def heads(line):
    """Headers of a response, by name in lower case."""
    return {name.lower(): value for name, value in (header.split(": ", 1) for header in line["head"].splitlines())}


def recording_ended(stack, name):
    return '"event":"recording_ended"' in stack.processes[name].log()


def records_at_bus(stack):
    """That came to the bus: published, and dropped."""
    return [bus_metric(stack, name) for name in ("cancelbus_records_total", "cancelbus_records_dropped_total")]


def interrupt(recorder):
    recorder.popen.send_signal(signal.SIGINT)
    return recorder.wait_exit()


def assert_no_secret(stack, file):
    text = file.read_text()
    secret = stack.api_key.secret_file.read_text().strip()
    for name, value in {"public key": stack.api_key.key_file.read_text().strip(), "secret": secret,
                        "decoded secret": base64.b64decode(secret).hex(), "user id": USER_ID, "balance": BALANCE}.items():
        assert value not in text, f"{file} holds the {name}"
    signatures = re.findall(r"[A-Za-z0-9+/]{43}=", text)  # HMAC-SHA256 in base64
    assert signatures == []


def test_a_first_day_is_recorded_from_its_first_request_and_holds_no_secret(stack, connect):
    stack.start_exchange()
    stack.start_bus()
    recorder, file = start_recorder(stack)
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    strategy = connect(stack, topics=["venue."])
    canceled, filled, queried, refused_key, throttled, unanswered = place_orders(stack, strategy, 6)
    strategy.wait_final(strategy.cancel(canceled))
    stack.exchange.fill(filled)
    strategy.wait_final(strategy.cancel(queried, exact_quantities=True))
    for order_id, payload in ((refused_key, "cancel_401_success_true"), (throttled, "cancel_429_ip")):
        stack.exchange.set_faults(answer={"payload": payload, "count": 1, "order_ids": [order_id]})
        strategy.wait_final(strategy.cancel(order_id))
    stack.exchange.set_faults(answer=None, reset_after={"count": 1, "order_ids": [unanswered]})
    strategy.wait_final(strategy.cancel(unanswered))
    stack.exchange.stream(frame=[201, {"type": 201, "userId": int(USER_ID), "payload": BALANCE}])
    stack.exchange.stream(frame=[777, {"ownerUserId": USER_ID, "balances": [{"free": BALANCE}], "note": "free: " + BALANCE}])
    logins = len(frames(file, 114))
    stack.exchange.stream(close="frame")
    for name, recorded in (("DELETE 200", lambda: responses(file, DELETE, 200)), ("401", lambda: responses(file, DELETE, 401)),
                           ("429", lambda: responses(file, DELETE, 429)), ("query", lambda: responses(file, QUERY, 200)),
                           ("fill", lambda: frames(file, 441)), ("452", lambda: frames(file, 452)),
                           ("balance", lambda: frames(file, 201)), ("unknown frame", lambda: frames(file, 777)),
                           ("close", lambda: "closed" in kinds(file)),
                           ("another login", lambda: len(frames(file, 114)) > logins)):
        stack.wait_until(recorded, f"{name} is recorded")
    assert interrupt(recorder) == 0, recorder.log()
    assert_no_secret(stack, file)
    assert file.stat().st_mode & 0o777 == 0o600

    [delete] = responses(file, f"{DELETE}{canceled}", 200)
    assert json.loads(delete["text"]) == {"success": True, "message": "SUCCESS", "code": 0}
    assert int(delete["task_id"]) > 0 and delete["round_trip"].endswith("s") and not delete["truncated"]
    assert "json" in heads(delete)["content-type"] and heads(responses(file, DELETE, 429)[0])["retry-after"] == "1"
    departure = next(frame for frame in frames(file, 452) if frame["id"] == canceled)
    assert departure["userId"] == 0 and departure["symbol"] == "BTCTRY"
    assert {frame["id"] for frame in frames(file, 114)} == {0} and frames(file, 201)[0]["type"] == 201
    assert kinds(file) == {"response", "no_response", "frame", "connected", "login_sent", "closed"}
    [reset] = [line for line in lines(file) if line["kind"] == "no_response"]
    assert reset["request"] == f"{DELETE}{unanswered}" and reset["status"] == 0 and "reset" in reset["text"]

    # From the first thing on, without a gap: of each source the numbers count up.
    recorded = lines(file)
    assert {line["type"] for line in recorded} == {"recorded"}
    for source in {line["source_id"] for line in recorded}:
        numbers = [int(line["number"]) for line in recorded if line["source_id"] == source]
        assert numbers == list(range(1, len(numbers) + 1))
    first = next(line for line in recorded if line["kind"] == "response")
    assert first["request"] == "GET /api/v2/server/time" and first["source"].startswith("worker ")
    assert recorder.log().count(" from its start") == 2 and "none missing" in recorder.log()


@pytest.fixture(scope="module")
def shared():
    with orderly_stack() as stack:
        yield stack.start(workers=1)


def reject_of(strategy, **fields):
    since = len(strategy.replies)
    strategy.send(**fields)
    return strategy.wait_reply("reject", since=since).reject


def test_only_an_operator_may(shared, connect):
    strategy, observer = connect(shared, "desk-a"), connect(shared, "looker", role="observer")
    for client in (strategy, observer):
        with refused(shared, "record", client.sender):
            reject = reject_of(client, record={})
        assert (reject.reason, reject.field) == (cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED, "record")
        assert client.sender in reject.text and "operator" in reject.text
        with refused(shared, "topic", client.sender):
            reject = reject_of(client, hello={"sender_comp_id": client.sender, "topics": ["record."]})
        assert reject.field == "hello.topics[0]" and "record." in reject.text
    finished = shared.cancelctl("record", str(shared.folder / "refused.jsonl"), "--sender=desk-a", key="desk-a")
    assert finished.exit_code == 1 and "NOT_AUTHORIZED" in finished.log and "desk-a" in finished.log
    assert bus_metric(shared, "cancelbus_recording") == 0 and (shared.folder / "refused.jsonl").read_text() == ""


@pytest.mark.parametrize("topic", [b"record.", b"rec", b""])
def test_an_observer_reads_nothing_that_covers_what_is_recorded(shared, topic):
    context, name = zmq.Context(), f"spy-{topic.decode().rstrip('.')}"
    shared.grant("observer", name)
    spy = encrypt(context.socket(zmq.SUB), curve_keys(shared, name))
    with refused(shared, "topic", name):
        spy.connect(shared.event_endpoint)
        spy.subscribe(topic)
    context.destroy(linger=0)


@pytest.mark.parametrize("end, exit_code", [(signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_when_the_recorder_has_ended_nothing_is_sent_any_more(stack, connect, end, exit_code):
    stack.start(workers=1)
    strategy = connect(stack, topics=["venue."])
    recorder, file = start_recorder(stack)
    stack.wait_until(lambda: recorder.log().count("recording worker") + recorder.log().count("recording subscriber") == 2,
                     "both tell that they record")
    assert bus_metric(stack, "cancelbus_recording") == 1
    recorder.popen.send_signal(end)
    assert recorder.wait_exit() == exit_code
    for name in ("bus", "worker-1", "subscriber"):
        stack.wait_until(lambda name=name: recording_ended(stack, name), f"{name} has ended the recording")
    recorded, sent = file.read_text(), records_at_bus(stack)
    [order_id] = place_orders(stack, strategy)
    strategy.wait_final(strategy.cancel(order_id))
    assert (file.read_text(), records_at_bus(stack)) == (recorded, sent)
    # They were counted, and not sent: the next recorder hears that so many came before.
    again, _ = start_recorder(stack, "again")
    stack.wait_until(lambda: "recording subscriber" in again.log(), "the subscriber records again")
    before = int(re.search(r"recording subscriber \S+, which had received (\d+) before", again.log()).group(1))
    numbers = [int(line["number"]) for line in lines(file) if line["source"].startswith("subscriber")]
    assert before >= max(numbers, default=0) + 4  # 451, 451, 452, 452
    assert interrupt(again) == 0


def test_lines_that_are_lost_are_counted(stack):
    stack.start(workers=1)
    recorder, file = start_recorder(stack)
    stack.exchange.stream(frame=[777, {"seen": 1}])
    stack.wait_until(lambda: frames(file, 777), "a frame is recorded")
    stack.processes["bus"].kill()
    for _ in range(3):
        stack.exchange.stream(frame=[778, {"seen": 0}])
    stack.start_bus()
    stack.wait_until(lambda: [line for line in lines(file) if line["type"] == "lost"], "the loss is told")
    stack.exchange.stream(frame=[777, {"seen": 2}])
    stack.wait_until(lambda: len(frames(file, 777)) == 2, "recording goes on with another bus")
    assert interrupt(recorder) == 3
    lost = [line for line in lines(file) if line["type"] == "lost"]
    assert {line["source"].split()[0] for line in lost} <= {"subscriber", "worker"}
    assert sum(int(line["count"]) for line in lost if line["source"].startswith("subscriber")) == 3
    total = sum(int(line["count"]) for line in lost)
    assert f", {total} missing" in recorder.log() and frames(file, 778) == []


def test_two_recorders_and_standard_output(shared):
    recorder, file = start_recorder(shared, "one")
    other, _ = start_recorder(shared, "other", "-")
    shared.exchange.stream(frame=[779, {"seen": 1}])
    shared.wait_until(lambda: frames(file, 779) and frames(other.out_file, 779), "both have it")
    assert interrupt(recorder) == 0
    shared.exchange.stream(frame=[780, {"seen": 1}])
    shared.wait_until(lambda: frames(other.out_file, 780), "the other goes on")
    assert interrupt(other) == 0 and "standard output has" in other.log()


def test_a_file_that_cannot_be_written_is_named(shared):
    full = shared.start_cancelctl("full", "record", "/dev/full")
    shared.wait_until(lambda: not full.running or not shared.exchange.stream(frame=[781, {}]), "the disk is full")
    assert full.wait_exit() == 1 and "FILE: /dev/full: No space left on device" in full.log()
    missing = shared.cancelctl("record", str(shared.folder / "none" / "file"))
    assert missing.exit_code == 1 and "No such file or directory" in missing.log


def test_it_works_with_observe_too(stack, connect):
    stack.start_exchange()
    stack.start_bus(observe="true")
    recorder, file = start_recorder(stack)
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    [order_id] = place_orders(stack, connect(stack, topics=["venue."]))
    stack.wait_until(lambda: [frame for frame in frames(file, 451) if frame["id"] == order_id], "an order's 451 is recorded")
    stack.wait_until(lambda: "server/time" in file.read_text(), "a reading of the exchange's clock is recorded")
    assert interrupt(recorder) == 0
    assert requests(stack, "DELETE") == []


class EarlierBackend(NewerBackend):
    """Workers and subscriber do not know Record: to them it is of an unknown kind."""

    def __init__(self, stack):
        self.records = 0
        super().__init__(stack)

    def _said(self, name, oneof, frame):
        self.passed[name] += 1
        if name == "BackendReply" and backend_pb2.BackendReply.FromString(frame).HasField("record"):
            self.records += 1
            frame = newer(name)(**{oneof: "later"}).SerializeToString()
        yield frame


def test_a_worker_that_does_not_know_of_it_is_not_disturbed(stack, connect):
    stack.start_exchange()
    stack.start_bus()
    between = EarlierBackend(stack)
    try:
        stack.start_worker(**between.flags)
        stack.start_subscriber(**between.flags)
        stack.wait_connected(workers=1)
        recorder, file = start_recorder(stack)
        strategy = connect(stack, topics=["venue."])
        orders = place_orders(stack, strategy, 5)
        for command in [strategy.cancel(order_id) for order_id in orders]:
            assert strategy.wait_final(command).evidence == cancel_pb2.EVIDENCE_CHANNEL_452
        stack.wait_until(lambda: between.records >= 4, "both were asked, and asked again")
        for name in ("worker-1", "subscriber"):
            assert '"event":"backend_message_ignored"' in stack.processes[name].log()
        assert [statuses(stack, "DELETE", order_id) for order_id in orders] == [[200]] * 5
        assert lines(file) == [] and interrupt(recorder) == 0
        stack.stop()
    finally:
        between.close()


def test_the_backend_says_no_more_than_its_role_may(shared, connect):
    """A worker does not record the stream, nor the subscriber responses: as with what they tell the core."""
    context = zmq.Context()
    recorder, file = start_recorder(shared, "roles")
    for role, content in (("worker", {"kind": "frame", "text": "[452,{}]"}), ("subscriber", {"kind": "response", "status": 200})):
        liar = encrypt(context.socket(zmq.DEALER), curve_keys(shared, role))
        liar.connect(shared.processes["bus"].endpoints["backend"])
        before = count(shared, "role")
        recorded = {"source": "liar", "source_id": 7, "number": 1} | content
        liar.send(backend_pb2.BackendRequest(recorded=recorded).SerializeToString())
        shared.wait_until(lambda: count(shared, "role") > before, f"what the {role} says is refused")
    assert interrupt(recorder) == 0 and "liar" not in file.read_text() + recorder.log()
    context.destroy(linger=0)
