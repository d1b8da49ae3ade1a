"""The Python client's session with several buses, of which one leads. Its C++ counterpart: tests/unit/clients/session_test.cpp."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build")) / "python")]

from cancelbus.event_reader import SECOND  # noqa: E402
from cancelbus.session import NEXT_AFTER, NEXT_AFTER_REFUSAL, Session  # noqa: E402
from cancelbus.v1.cancel_pb2 import CAUSE_KIND_NO_WORKER, CancelAck, Event  # noqa: E402
from cancelbus.v1.session_pb2 import SessionReply  # noqa: E402

EPOCH, TOPIC = 7, "client.desk-a."


class Talk:
    """A session in a time of its own."""

    def __init__(self):
        self.now = 100 * SECOND
        self.session = Session("desk-a")
        self.session.start(self.now)

    def hears(self, **reply):
        self.session.on_reply(SessionReply(**reply).SerializeToString(), self.now)

    def welcome(self, term, epoch=EPOCH):
        self.hears(welcome={"epoch": epoch, "term": term, "position": [{"topic": TOPIC, "next_seq": 1}]})

    def passes(self, span):
        self.now += span
        self.session.on_time(self.now)
        return self.session.take_next_bus()

    def publish(self, **event):
        self.session.on_event(TOPIC.encode(), Event(topic=TOPIC, cancel_ack=CancelAck(cl_ord_id="x"), **event).SerializeToString(),
                              self.now)

    def notices(self):
        return [type(notice).__name__ for notice in self.session.take_notices()]


@pytest.fixture
def talk():
    return Talk()


def test_the_next_one_is_tried_when_one_does_not_lead(talk):
    talk.hears(not_leading={"term": 4})
    assert talk.session.next_deadline() == talk.now
    assert talk.passes(0) and not talk.session.take_next_bus()
    talk.hears(not_leading={"term": 4})
    assert not talk.passes(NEXT_AFTER_REFUSAL - 1)
    assert talk.passes(1)


def test_the_next_one_is_tried_when_none_answers(talk):
    assert not talk.passes(NEXT_AFTER - 1)
    assert talk.passes(1)
    talk.welcome(3)
    assert not talk.passes(NEXT_AFTER)
    assert talk.passes(SECOND)


def test_what_comes_from_a_lower_term_is_ignored(talk):
    talk.welcome(5)
    assert talk.notices() == ["Connected"]
    talk.publish(epoch=EPOCH, seq=1, term=4)
    talk.hears(heartbeat={"epoch": EPOCH, "term": 4, "cause": [{"kind": CAUSE_KIND_NO_WORKER}]})
    assert talk.notices() == []
    assert talk.passes(0)
    talk.welcome(4)
    assert talk.notices() == []
    talk.welcome(5)
    assert talk.notices() == ["Connected"]


def test_an_event_of_an_earlier_term_is_taken_when_it_is_repeated(talk):
    talk.welcome(5)
    talk.notices()
    talk.hears(retransmission={"epoch": EPOCH, "topic": TOPIC, "seq": 1, "term": 4, "poss_dup": True, "cancel_ack": {"cl_ord_id": "x"}})
    assert talk.notices() == ["Event"]


def test_a_new_store_has_terms_of_its_own(talk):
    talk.welcome(5)
    talk.notices()
    talk.welcome(1, EPOCH + 1)
    talk.publish(epoch=EPOCH + 1, seq=1, term=1)
    assert talk.notices() == ["NewEpoch", "Event"]
