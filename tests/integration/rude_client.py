"""One client that behaves badly, until it is killed.

    rude_client.py KIND SESSION_ENDPOINT EVENT_ENDPOINT KEY_FILE BUS_PUBLIC_KEY_FILE

Used by test_rude_clients.py, as a process of its own. Its sender is "rude". It prints "at it" once it has begun. `flood`
prints "sent" when its 100,000 commands are sent, and only then reads. To each line on standard input it prints a line of
JSON: to "read" the receipts of its commands, counted by their meaning, once the bus has read all that was sent, whether
the connection broke meanwhile, and how many of its other requests have no reply; to "repeat" the receipts of the repetitions of every command that has none yet,
once each of these repetitions has its receipt.
"""

import json
import random
import socket
import sys
import time
from collections import Counter
from urllib.parse import urlparse

import zmq

from cancelbus.v1.cancel_pb2 import CxlRejReason
from cancelbus.v1.session_pb2 import ReceiptStatus, SessionReply, SessionRequest
from process import PATIENCE_SECONDS
from strategy_client import read_curve

FLOOD = 100_000
# With an ack and a final that may come again with each, far fewer than the 10,000 replies that the bus keeps for a peer.
REPEATED_AT_ONCE = 500
# Of orders that were never placed.
NEVER_PLACED = 10**15


def request(**fields):
    return SessionRequest(**fields).SerializeToString()


HELLO = request(hello={"sender_comp_id": "rude", "topics": ["client.", "venue."]})


def cancels(name, count):
    return [request(cancel_order={"cl_ord_id": f"{name}-{n}", "order_id": NEVER_PLACED + n,
                                  "time_to_live": {"seconds": 1}}) for n in range(count)]


class Rude:
    def __init__(self, session_endpoint, event_endpoint, *key_files):
        self.endpoints = session_endpoint, event_endpoint
        self.keys = read_curve(*key_files)
        self.context = zmq.Context()

    def connect(self, buffered=100):
        """The two sockets of a client that has said hello; `buffered` frames wait in each."""
        session, events = (self.encrypted(kind, buffered) for kind in (zmq.DEALER, zmq.SUB))
        session.connect(self.endpoints[0])
        session.send(HELLO)
        assert session.poll(PATIENCE_SECONDS * 1000), "no welcome"
        self.epoch = SessionReply.FromString(session.recv()).welcome.epoch
        events.subscribe("")
        events.connect(self.endpoints[1])
        return session, events

    def encrypted(self, kind, buffered=100):
        made = self.context.socket(kind)
        made.linger, made.rcvhwm, made.rcvbuf = 0, buffered, 4096
        made.sndhwm = 0
        made.curve_publickey, made.curve_secretkey, made.curve_serverkey = self.keys
        return made

    def asks_much(self, read):
        """Has the bus send it as much as it may ask for, and does with the answers what `read` does."""
        session, events = self.connect(buffered=1)
        again = request(retransmit_request={"epoch": self.epoch, "topic": "client.steady.", "from_seq": 1, "count": 50})
        print("at it", flush=True)
        while True:
            for _ in range(20):
                session.send(request(status_request={}))
                session.send(again)
            read(session, events)
            time.sleep(0.05)

    # The kinds.

    def never_reads(self):
        self.asks_much(lambda session, events: None)

    def reads_slowly(self):
        def one_of_each(session, events):
            for one in (session, events):
                if one.poll(0):
                    one.recv()

        self.asks_much(one_of_each)

    def sends_garbage(self):
        dice = random.Random(7)
        session, _ = self.connect()
        good = cancels("garbage", 1)[0]
        print("at it", flush=True)
        while True:
            for endpoint in self.endpoints:
                with socket.create_connection(urlparse(endpoint).netloc.split(":")) as raw:
                    raw.sendall(dice.randbytes(1000))
            for _ in range(20):
                damaged = bytearray(good)
                damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
                # Random bytes, one bit wrong, an end missing, a frame too many, and one of the longest.
                for frames in ([dice.randbytes(dice.randrange(200))], [bytes(damaged)], [good[:-1]], [good, good],
                               [dice.randbytes(64 * 1024)]):
                    session.send_multipart(frames)
            while session.poll(0):
                session.recv()
            time.sleep(0.05)

    def vanishes(self):
        print("at it", flush=True)
        for turn in range(1_000_000):
            session, events = self.connect()
            for frame in cancels(f"gone-{turn}", 5):
                session.send(frame)
            time.sleep(0.02)  # Until they have left; no client hears what becomes of them.
            session.close()
            events.close()

    def flood(self):
        session, _ = self.connect(buffered=1)
        breaks = session.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        frames = cancels("flood", FLOOD)
        print("at it", flush=True)
        for frame in frames:
            session.send(frame)
        print("sent", flush=True)
        unanswered = {f"flood-{n}": frame for n, frame in enumerate(frames)}
        receipts = Counter()
        other = Counter(sent=0, replies=0, last=0)  # requests for the event with this seq of its own, each behind a hello
        ask_at = 0.0
        poller = zmq.Poller()
        poller.register(session, zmq.POLLIN)
        poller.register(sys.stdin, zmq.POLLIN)

        def hear():
            """Counts the replies that can be read now."""
            for reply in replies_now(session):
                if reply.HasField("receipt"):
                    del unanswered[reply.receipt.cl_ord_id]  # A second receipt of one command is a KeyError.
                    receipts[meaning(reply.receipt)] += 1
                else:
                    other["replies"] += 1
                    other["last"] = max(other["last"], reply.retransmission.seq)

        while True:
            # It reads whether it is asked or not: the bus ends a connection that answers no ping.
            told = sys.stdin.fileno() in dict(poller.poll()) and sys.stdin.readline()
            hear()
            if told == "read\n":
                # No receipt is behind the last event asked for. Where the connection broke, the new one needs a hello.
                while other["last"] < max(other["sent"] // 2, 1):
                    if time.monotonic() >= ask_at:
                        ask_at = time.monotonic() + 1
                        other["sent"] += 2
                        session.send(HELLO)
                        session.send(request(retransmit_request={"epoch": self.epoch, "topic": "client.rude.",
                                                                 "from_seq": other["sent"] // 2, "count": 1}))
                    session.poll(100)
                    hear()
                print(json.dumps({"receipts": receipts, "broke": breaks.poll(0) != 0,
                                  "unanswered": other["sent"] - other["replies"]}), flush=True)
            elif told:
                print(json.dumps({"receipts": self.repeat(session, unanswered)}), flush=True)

    @staticmethod
    def repeat(session, unanswered):
        """Repeats all of these, few at a time: of so few replies the bus drops none, for their reader reads."""
        receipts = Counter()
        while unanswered:
            waiting = set(list(unanswered)[:REPEATED_AT_ONCE])
            for cl_ord_id in waiting:
                session.send(unanswered.pop(cl_ord_id))
            while waiting:
                assert session.poll(PATIENCE_SECONDS * 1000), f"no receipt of {len(waiting)} repeated commands"
                for reply in replies_now(session):
                    if reply.HasField("receipt"):
                        waiting.remove(reply.receipt.cl_ord_id)
                        receipts[meaning(reply.receipt)] += 1
        return receipts


def replies_now(session):
    """Those that can be read without waiting."""
    while session.poll(0):
        yield SessionReply.FromString(session.recv())


def meaning(receipt):
    return CxlRejReason.Name(receipt.reason) if receipt.reason else ReceiptStatus.Name(receipt.status)


if __name__ == "__main__":
    getattr(Rude(*sys.argv[2:]), sys.argv[1])()
