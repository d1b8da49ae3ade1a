"""The session's transcripts that are marked [bus], played to a real bus: the client's frames go to it, and what it says must
hold all that the transcript says. The grammar is in tests/contract/session/README.md.

The client that plays is a newer one: each of its messages has a field that the bus does not know in all its parts."""

import json
import sys
import time
from itertools import count

import pytest
import zmq
from conftest import ROOT
from fault_proxy import FaultProxy
from google.protobuf.json_format import ParseDict

from cancelbus.v1 import cancel_pb2, session_pb2
from process import PATIENCE_SECONDS
from strategy_client import read_curve

sys.path.append(str(ROOT / "tests" / "contract"))

import newer  # noqa: E402
import transcript as transcripts  # noqa: E402

NUMBERS = count(1)
# For so long a bus sends nothing that finds its store behind what workers have seen, as on another store: 9 s, not 75 s.
SHORT = {"cancel_limits": "10/1s", "query_limits": "30/1s", "lost_after": "8s"}


class Player:
    """A client that says what the transcript says, whatever it hears. Its name, its orders and the epochs are real ones."""

    def __init__(self, stack, event_endpoint=None):
        self.stack = stack
        self.event_endpoint = event_endpoint or stack.event_endpoint
        self.sender = f"desk-{next(NUMBERS)}"
        self.orders = dict(zip(("1001", "1002"), map(str, stack.exchange.place_orders(2))))
        self.epochs = {}  # the transcript's: the bus's
        self.anew = False  # the bus has a store of ours
        self.events = {}  # (topic, seq, epoch): Event
        self.context = zmq.Context()
        self.sub = self.subscribed()
        self.dealer = self.socket(zmq.DEALER)
        self.dealer.connect(stack.session_endpoint)

    def socket(self, kind):
        socket = self.context.socket(kind)
        keys = self.stack.access.flags("operator")
        socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = read_curve(*keys.values())
        return socket

    def subscribed(self):
        """A socket that hears every event from now on. No transcript asks again for what is published before the bus has taken
        the subscription, and the end of the handshake does not tell that it has. So there is one subscription, to every topic,
        and the bus has taken it when anything arrives; it publishes its status once a second."""
        sub = self.socket(zmq.SUB)
        sub.subscribe("")
        sub.connect(self.event_endpoint)
        assert sub.poll(PATIENCE_SECONDS * 1000), "the bus publishes nothing"
        return sub

    def close(self):
        self.context.destroy(linger=0)
        if self.anew:
            self.restart_bus()  # on the usual store, for those that come after us

    def real(self, value, key=""):
        """The transcript's JSON with the real names and numbers."""
        if isinstance(value, dict):
            return {name: self.real(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.real(inner, key) for inner in value]
        if key == "order_id":
            return self.orders.get(value, value)
        if key == "epoch":
            return self.epochs.get(value, value)
        return value.replace("desk-a", self.sender) if isinstance(value, str) else value

    def sends(self, text):
        request = ParseDict(self.real(json.loads(text)), session_pb2.SessionRequest())
        self.dealer.send(newer.said_later("SessionRequest", request.SerializeToString()))

    def hears(self, text):
        assert self.dealer.poll(PATIENCE_SECONDS * 1000), "the bus says nothing"
        reply = session_pb2.SessionReply.FromString(self.dealer.recv())
        expected = json.loads(text)
        if "welcome" in expected and reply.HasField("welcome"):
            said = self.epochs.setdefault(expected["welcome"]["epoch"], str(reply.welcome.epoch))
            assert list(self.epochs.values()).count(said) == 1, "another epoch was expected"
        assert transcripts.covers(self.real(expected), transcripts.as_json(reply)), str(reply)

    def reads(self, text):
        expected = self.real(json.loads(text))
        event = self.wait_event(expected["topic"], int(expected["seq"]), int(expected["epoch"]))
        assert transcripts.covers(expected, transcripts.as_json(event)), str(event)

    def wait_event(self, topic, seq, epoch):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (topic, seq, epoch) not in self.events:
            assert self.sub.poll(max(0, deadline - time.monotonic()) * 1000), f"no event {seq} of {topic}"
            name, payload = self.sub.recv_multipart()
            event = cancel_pb2.Event.FromString(payload)
            assert name.decode() == event.topic
            if event.topic == f"client.{self.sender}.":
                assert (event.topic, event.seq, event.epoch) not in self.events
                self.events[event.topic, event.seq, event.epoch] = event
        return self.events[topic, seq, epoch]

    def bus(self, text):
        if text.startswith("publishes "):
            _, topic, seq = text.split()
            [epoch] = self.epochs.values()
            self.wait_event(self.real(topic), int(seq), int(epoch))
            return
        self.anew = self.anew or text == "starts anew"
        self.restart_bus(**{"store": f"sqlite:{self.stack.folder}/{self.sender}.db"} if self.anew else {})
        self.sub.close(linger=0)
        self.sub = self.subscribed()

    def restart_bus(self, **flags):
        self.stack.processes["bus"].kill()
        self.stack.start_bus(**SHORT, **flags)


def play(transcript, player):
    try:
        for line in transcript.lines:
            if line.word in ("sends", "hears", "reads", "bus"):
                try:
                    getattr(player, line.word)(line.rest)
                except AssertionError as failure:
                    raise AssertionError(f"{line.where}: {line.word} {line.rest}\n{failure}") from failure
    finally:
        player.close()


FOR_THE_BUS = [transcript for transcript in transcripts.all_transcripts() if transcript.bus]


@pytest.mark.parametrize("transcript", [pytest.param(one, id=one.title) for one in FOR_THE_BUS])
def test_the_bus(shared, transcript):
    play(transcript, Player(shared))


def test_a_player_whose_subscription_comes_late_misses_nothing(shared):
    with FaultProxy() as proxy:
        link = proxy.link(shared.event_endpoint.removeprefix("tcp://"))
        link.delay(0.3)  # the subscription comes that much after the end of the handshake
        play(FOR_THE_BUS[0], Player(shared, event_endpoint=f"tcp://{link.address}"))
