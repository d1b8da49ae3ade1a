"""A strategy's client, written from proto/README.md alone, as a user without our libraries would write it.

Used by the integration tests, which set sys.path to the generated contract first. One session; wait_*() read both
sockets, heartbeat, fetch missed events and repeat commands, until what is waited for has come. With `manners` off
nothing is sent but what the test says: for tests of bad behaviour.
"""

import time
import uuid
from collections import defaultdict
from pathlib import Path

import zmq
from cancelbus.v1.cancel_pb2 import CancelOrder, Event
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_REFUSED, SessionReply, SessionRequest
from process import PATIENCE_SECONDS

HEARTBEAT_SECONDS = 1.0
REPEAT_UNTIL_RECEIPT_SECONDS = 1.0
REPEAT_UNTIL_ACK_SECONDS = 10.0
MOST_PER_REQUEST = 500
# Of several buses: no reply for so long, and the next one is tried; after a refusal, not at once.
NEXT_BUS_SECONDS = 2.0
NEXT_AFTER_REFUSAL_SECONDS = 0.2


def read_curve(key_file, server_key_file):
    """Our public and our secret key, and the bus's public one, as StrategyClient takes them."""
    secret, server = (Path(file).read_bytes().strip() for file in (key_file, server_key_file))
    return zmq.curve_public(secret), secret, server


class StrategyClient:
    def __init__(self, session_endpoint, event_endpoint, sender, topics=(), manners=True, curve=None):
        """`curve`: our public and our secret key, and the bus's public one; None: plain sockets. Endpoints of several buses are
        separated by commas; the client finds the one that leads."""
        self.sender = sender
        self.own_topic = f"client.{sender}."
        self.topics = list(topics)
        self.manners = manners
        self.epoch = 0
        self.positions = {}  # topic: next seq, as the bus last said
        self.events = defaultdict(dict)  # (epoch, topic): seq: Event, each once
        self.receipts = defaultdict(list)  # cl_ord_id: every Receipt
        self.replies = []  # every SessionReply, in order of arrival
        self.lost = []  # every RetransmitReject
        self._first_seq = {}  # topic: where reading began
        self._orders = {}  # cl_ord_id: (CancelOrder, when to repeat it)
        self._answers = defaultdict(dict)  # (kind, cl_ord_id): (epoch, seq): message
        self._next_heartbeat = 0.0
        self._curve = curve
        self._context = zmq.Context()
        self._buses = list(zip(session_endpoint.split(","), event_endpoint.split(",")))
        self._terms = {}  # epoch: the highest that was seen
        self._connect()

    def _connect(self):
        session_endpoint, event_endpoint = self._buses[0]
        self._events = self._socket(zmq.SUB, event_endpoint)
        for topic in (self.own_topic, *self.topics):
            self._events.subscribe(topic)
        self._session = self._socket(zmq.DEALER, session_endpoint)
        self._next_bus_at = time.monotonic() + NEXT_BUS_SECONDS

    def _next_bus(self):
        self._events.close()
        self._session.close()
        self._buses.append(self._buses.pop(0))
        self._connect()
        self.send(hello={"sender_comp_id": self.sender, "topics": self.topics})
        self._orders = {cl_ord_id: (order, 0.0) for cl_ord_id, (order, _) in self._orders.items()}

    def _is_outdated(self, news):
        """Of a bus that leads no more."""
        highest = self._terms.get(news.epoch, 0)
        self._terms[news.epoch] = max(highest, news.term)
        return 0 < news.term < highest

    def _socket(self, kind, endpoint):
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDTIMEO, int(PATIENCE_SECONDS * 1000))  # of a refused key libzmq would wait without end
        if self._curve is not None:
            socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = self._curve
        socket.ipv6 = endpoint.startswith("tcp://[")
        socket.connect(endpoint)
        return socket

    def close(self):
        self._context.destroy(linger=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Saying.

    def send_raw(self, *frames):
        self._session.send_multipart(list(frames))

    def send(self, **request):
        """As send(heartbeat={})."""
        self.send_raw(SessionRequest(**request).SerializeToString())

    def hello(self, timeout=PATIENCE_SECONDS, open_commands=False):
        """Says hello and returns the Welcome."""
        before = len(self.replies)
        self.send(hello={"sender_comp_id": self.sender, "topics": self.topics, "open_commands": open_commands})
        return self.wait_reply("welcome", timeout, since=before).welcome

    def cancel(self, order_id, cl_ord_id=None, **fields):
        """Sends a CancelOrder and returns its cl_ord_id."""
        order = CancelOrder(cl_ord_id=cl_ord_id or uuid.uuid4().hex, order_id=order_id, **fields)
        self._orders[order.cl_ord_id] = (order, time.monotonic() + REPEAT_UNTIL_RECEIPT_SECONDS)
        self.send(cancel_order=order)
        return order.cl_ord_id

    # Hearing.

    def acks(self, cl_ord_id):
        """Every CancelAck of the command that is another event: one, if all is well."""
        return list(self._answers["cancel_ack", cl_ord_id].values())

    def finals(self, cl_ord_id):
        return list(self._answers["cancel_final", cl_ord_id].values())

    def statuses(self, cl_ord_id):
        return list(self._answers["cancel_status", cl_ord_id].values())

    def wait_receipt(self, cl_ord_id, timeout=PATIENCE_SECONDS):
        return self.wait_until(lambda: self.receipts[cl_ord_id], f"receipt of {cl_ord_id}", timeout)[0]

    def wait_ack(self, cl_ord_id, timeout=PATIENCE_SECONDS):
        return self.wait_until(lambda: self._told("cancel_ack", cl_ord_id), f"ack of {cl_ord_id}", timeout)[0]

    def wait_final(self, cl_ord_id, timeout=PATIENCE_SECONDS):
        return self.wait_until(lambda: self._told("cancel_final", cl_ord_id), f"final of {cl_ord_id}", timeout)[0]

    def _told(self, kind, cl_ord_id):
        """As acks() and finals(), once nothing that was told before them is missing any more."""
        answers = self._answers[kind, cl_ord_id]
        for epoch, seq in answers:
            earlier = range(self._first_seq.get(self.own_topic, 1), seq)
            if not all(before in self.events[epoch, self.own_topic] for before in earlier):
                return []
        return list(answers.values())

    def wait_reply(self, kind, timeout=PATIENCE_SECONDS, since=0):
        """The first SessionReply of this kind, as "reject", from the `since`th reply on."""
        def found():
            return [reply for reply in self.replies[since:] if reply.HasField(kind)]
        return self.wait_until(found, kind, timeout)[0]

    def wait_until(self, condition, what, timeout=PATIENCE_SECONDS):
        """Lives on until the condition is true, and returns what it returned."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.sender}: no {what} within {timeout} s; last replies: {self.replies[-3:]}")
            self.live(0.05)

    def live(self, seconds):
        """Reads what comes within this time, and does what a session must."""
        until = time.monotonic() + seconds
        while True:
            poller = zmq.Poller()
            poller.register(self._events, zmq.POLLIN)
            poller.register(self._session, zmq.POLLIN)
            left = max(0.0, until - time.monotonic())
            ready = dict(poller.poll(left * 1000))
            if self._events in ready:
                topic, payload = self._events.recv_multipart()
                event = Event.FromString(payload)
                assert topic.decode() == event.topic
                if not self._is_outdated(event):
                    self._take(event)
            if self._session in ready:
                self._hear(SessionReply.FromString(self._session.recv()))
            if self.manners:
                self._behave()
            if not ready and time.monotonic() >= until:
                return

    def _hear(self, reply):
        kind = reply.WhichOneof("reply")
        outdated = kind in ("welcome", "heartbeat") and self._is_outdated(getattr(reply, kind))
        if outdated or kind == "not_leading":
            self._next_bus_at = min(self._next_bus_at, time.monotonic() + NEXT_AFTER_REFUSAL_SECONDS)
            return
        self.replies.append(reply)
        self._next_bus_at = time.monotonic() + NEXT_BUS_SECONDS
        if kind in ("welcome", "heartbeat"):
            self._stand(getattr(reply, kind))
        elif kind == "receipt":
            self.receipts[reply.receipt.cl_ord_id].append(reply.receipt)
            if reply.receipt.status == RECEIPT_STATUS_REFUSED:
                self._orders.pop(reply.receipt.cl_ord_id, None)
        elif kind == "retransmission":
            self._take(reply.retransmission)
        elif kind == "retransmit_reject":
            self.lost.append(reply.retransmit_reject)
            self._first_seq[reply.retransmit_reject.topic] = reply.retransmit_reject.first_kept_seq
        elif kind == "hello_required" and self.manners:
            self.send(hello={"sender_comp_id": self.sender, "topics": self.topics})

    def _stand(self, news):
        self.positions = {position.topic: position.next_seq for position in news.position}
        if news.epoch != self.epoch:
            self.epoch = news.epoch
            self._first_seq = dict(self.positions)  # a topic that appears later is read from 1

    def _take(self, event):
        known = self.events[event.epoch, event.topic] if event.seq else {}
        plain = Event.FromString(event.SerializeToString())
        plain.poss_dup = False
        assert known.setdefault(event.seq, plain) == plain, f"two events of {event.topic} have seq {event.seq}"
        kind = event.WhichOneof("event")
        if event.topic == self.own_topic and kind in ("cancel_ack", "cancel_final", "cancel_status"):
            message = getattr(event, kind)
            self._answers[kind, message.cl_ord_id][event.epoch, event.seq] = message
            if kind != "cancel_status":
                self._orders.pop(message.cl_ord_id, None)

    def _behave(self):
        now = time.monotonic()
        if len(self._buses) > 1 and now >= self._next_bus_at:
            self._next_bus()
        if now >= self._next_heartbeat and self.epoch:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            self._fetch_missed()
            self.send(heartbeat={})
        for cl_ord_id, (order, due) in self._orders.items():
            if now >= due:
                pause = REPEAT_UNTIL_ACK_SECONDS if self.receipts[cl_ord_id] else REPEAT_UNTIL_RECEIPT_SECONDS
                self._orders[cl_ord_id] = (order, now + pause)
                self._repeat(order)

    def _repeat(self, order):
        self.send(cancel_order=order)

    def _fetch_missed(self):
        for topic, next_seq in self.positions.items():
            known = self.events[self.epoch, topic]
            missed = [seq for seq in range(self._first_seq.get(topic, 1), next_seq) if seq not in known]
            if missed:
                count = min(missed[-1] - missed[0] + 1, MOST_PER_REQUEST)
                self.send(retransmit_request={
                    "epoch": self.epoch, "topic": topic, "from_seq": missed[0], "count": count})
