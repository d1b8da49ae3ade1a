"""The Python client's session against the transcripts of session/, as they are and as a newer bus would say them: with a field
in every part of every message that this contract does not know."""

import dataclasses
import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build")) / "python"), str(Path(__file__).parent)]

import newer  # noqa: E402
import transcript as transcripts  # noqa: E402
from cancelbus.event_reader import LostEvents, NewEpoch  # noqa: E402
from cancelbus.mass_requests import MassCancelLost, MassCancelUnknown  # noqa: E402
from cancelbus.notices import Causes, Connected, Silent, Unreadable  # noqa: E402
from cancelbus.open_orders import Listing  # noqa: E402
from cancelbus.session import Session  # noqa: E402
from cancelbus.v1 import cancel_pb2, session_pb2  # noqa: E402
from google.protobuf.json_format import ParseDict  # noqa: E402

MILLISECOND = 1_000_000
WHAT = {Causes: "causes", Connected: "connected", Silent: "silent", Unreadable: "unreadable", LostEvents: "lost",
        NewEpoch: "new_epoch", Listing: "open_orders", session_pb2.Receipt: "receipt", session_pb2.Reject: "reject",
        session_pb2.Resolved: "resolved", session_pb2.Commands: "commands", session_pb2.History: "history", session_pb2.RetryReply: "retry",
        session_pb2.KillSwitchReply: "kill_switch", session_pb2.GoodbyeReply: "goodbye",
        cancel_pb2.CancelAck: "ack",
        cancel_pb2.CancelFinal: "final", cancel_pb2.CancelStatus: "status", cancel_pb2.Event: "event",
        cancel_pb2.BusStatus: "bus_status", cancel_pb2.MassCancelReport: "mass_cancel_report",
        session_pb2.MassCancelPreview: "mass_cancel_preview", MassCancelLost: "mass_cancel_lost",
        MassCancelUnknown: "mass_cancel_unknown"}


def shown(notice):
    """As a `sees` line."""
    if isinstance(notice, Causes):
        fields = {"causes": [transcripts.as_json(cause.message) for cause in notice.causes]}
    elif isinstance(notice, Listing):
        first_page = {} if notice.first_page is None else transcripts.as_json(notice.first_page)
        refused = notice.refused
        fields = {"open_order": list(map(transcripts.as_json, notice.orders)),
                  "complete_as_of": first_page.get("complete_as_of", ""),
                  "refused": f"{refused.field}: {refused.text}" if refused else ""}
    elif dataclasses.is_dataclass(notice):  # numbers as protobuf's JSON has them
        fields = {field.name: str(getattr(notice, field.name)) for field in dataclasses.fields(notice)}
    else:
        fields = transcripts.as_json(notice)
    return WHAT[type(notice)], fields


class Stage:
    """The bus, the user and the clock around one Session."""

    def __init__(self, said=lambda name, frame: frame):
        """`said`: how the bus says a frame."""
        self.said = said
        self.session = Session("desk-a", ["venue."])
        self.now = 1_000_000 * MILLISECOND
        self.frames, self.notices = [], []
        self.positions, self.epoch = {}, 0
        self.session.start(self.now)
        self.collect()

    def collect(self):
        self.frames += self.session.take_frames()
        self.notices += self.session.take_notices()

    def do(self, word, rest):
        getattr(self, word)(*rest.split(" ", 1))
        self.collect()

    def user(self, what, order="{}"):
        if what == "cancel":
            assert self.session.cancel(ParseDict(json.loads(order), cancel_pb2.CancelOrder()), self.now)
        elif what == "mass_cancel":
            assert self.session.mass_cancel(ParseDict(json.loads(order), cancel_pb2.MassCancel()), self.now)
        elif what == "resolve":
            self.session.resolve(ParseDict(json.loads(order), session_pb2.ResolveRequest()), self.now)
        elif what == "kill_switch":
            self.session.kill_switch(ParseDict(json.loads(order), session_pb2.KillSwitchRequest()), self.now)
        elif what == "goodbye":
            self.session.goodbye(json.loads(order).get("keep_orders", False), self.now)
        elif what == "inquire":
            self.session.inquire(ParseDict(json.loads(order), session_pb2.SessionRequest()), self.now)
        elif what == "open_orders":
            self.session.open_orders(ParseDict(json.loads(order), session_pb2.OpenOrdersRequest()))
        else:
            self.session.ask_status(self.now)

    def hears(self, text, *more):
        text = " ".join((text, *more))
        if text.startswith("0x"):
            frame = bytes.fromhex(text[2:])
        else:
            reply = ParseDict(json.loads(text), session_pb2.SessionReply())
            for at in (reply.welcome, reply.heartbeat):
                self.epoch = at.epoch or self.epoch
                self.positions.update({position.topic: position.next_seq for position in at.position})
            frame = reply.SerializeToString()
        self.session.on_reply(self.said("SessionReply", frame), self.now)

    def reads(self, text, more=""):
        if more.startswith("0x"):
            self.session.on_event(text.encode(), self.said("Event", bytes.fromhex(more[2:])), self.now)
            return
        event = ParseDict(json.loads(f"{text} {more}"), cancel_pb2.Event())
        self.positions[event.topic] = max(self.positions.get(event.topic, 1), event.seq + 1)
        self.session.on_event(event.topic.encode(), self.said("Event", event.SerializeToString()), self.now)

    def time(self, span, in_touch=""):
        left = transcripts.milliseconds(span)
        while left > 0:
            step = min(left, transcripts.STEP_MS)
            left -= step
            self.now += step * MILLISECOND
            self.session.on_time(self.now)
            assert self.session.next_deadline() > self.now
            self.collect()
            if in_touch:
                self.answer_heartbeats()

    def answer_heartbeats(self):
        beats = [frame for frame in self.frames if frame.HasField("heartbeat")]
        self.frames = [frame for frame in self.frames if not frame.HasField("heartbeat")]
        for _ in beats:
            positions = [{"topic": topic, "next_seq": next_seq} for topic, next_seq in self.positions.items()]
            reply = session_pb2.SessionReply(heartbeat={"epoch": self.epoch, "position": positions})
            self.session.on_reply(self.said("SessionReply", reply.SerializeToString()), self.now)

    def connection(self, _back):
        self.session.on_reconnected(self.now)

    def bus(self, *_):
        """Nothing, until the client hears of it."""

    def sends(self, text):
        assert self.frames, "the client sends nothing"
        assert self.frames.pop(0) == ParseDict(json.loads(text), session_pb2.SessionRequest())

    def sees(self, what, fields):
        assert self.notices, "the user is told nothing"
        kind, told = shown(self.notices.pop(0))
        assert kind == what, told
        assert transcripts.covers(json.loads(fields), told), told

    def nothing_is_left(self):
        assert [str(frame) for frame in self.frames] == []
        assert [shown(notice) for notice in self.notices] == []


def play(transcript, stage):
    for line in transcript.lines:
        try:
            if line.word in ("sends", "sees"):
                getattr(stage, line.word)(*line.rest.split(" ", 1) if line.word == "sees" else [line.rest])
            else:
                stage.nothing_is_left()
                stage.do(line.word, line.rest)
        except AssertionError as failure:
            raise AssertionError(f"{line.where}: {line.word} {line.rest}\n{failure}") from failure
    stage.nothing_is_left()


TRANSCRIPTS = [pytest.param(one, id=one.title) for one in transcripts.all_transcripts()]


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_the_python_client(transcript):
    play(transcript, Stage())


@pytest.mark.parametrize("transcript", TRANSCRIPTS)
def test_the_python_client_with_a_newer_bus(transcript):
    play(transcript, Stage(newer.said_later))
