"""Puts the events of many topics in order: each once, by seq, with what was lost asked for again.

Used by Session; usable alone by anything that reads the bus's events. Pure: events, positions and the time go in, events
in order and retransmission requests come out. Times are nanoseconds of any clock that never goes back. A position
that is ahead of the events is no loss yet, because positions and events travel on two sockets; it becomes one when
nothing came for GRACE.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable, Union

from .v1.cancel_pb2 import Event
from .v1.session_pb2 import RetransmitReject, RetransmitRequest, TopicPosition

MILLISECOND = 1_000_000
SECOND = 1_000 * MILLISECOND
NEVER = 2**63 - 1

# Most events that one request may ask for, by contract.
MAX_COUNT = 500
# Events kept per topic while one before them is missing; what exceeds it is asked for again later.
MAX_AHEAD = 10_000
# Events kept whose epoch has not been announced yet.
MAX_EARLY = 1_000
# No topic gets this far, and no bus has epoch 0. What says otherwise is ignored: it would leave the contract's numbers.
MAX_SEQ = 2**62
GRACE = 250 * MILLISECOND
ASK_AGAIN_AFTER = SECOND


@dataclass(frozen=True)
class LostEvents:
    """The bus no longer keeps these events: they will not come."""
    topic: str
    from_seq: int
    to_seq: int  # included


@dataclass(frozen=True)
class NewEpoch:
    """The bus has a new store, or cannot vouch for the end of the old one. Reading goes on from the new positions; what
    was not read before is lost."""
    before: int
    now: int


Output = Union[Event, LostEvents, NewEpoch, RetransmitRequest]


@dataclass
class _Topic:
    next: int = 1  # seq of the next event to hand out
    end: int = 1  # one past the highest seq known to exist
    asked_to: int = 0  # one past the last seq asked for; 0 if nothing was
    ask_at: int = NEVER
    ahead: dict[int, Event] = field(default_factory=dict)


class EventReader:
    def __init__(self) -> None:
        self._epoch = 0
        self._topics: dict[str, _Topic] = {}
        self._early: list[Event] = []
        self._out: list[Output] = []

    def on_positions(self, epoch: int, positions: Iterable[TopicPosition], now: int) -> None:
        """From a welcome or a heartbeat. The first positions of an epoch say where reading starts; later ones show what
        is missing."""
        if epoch == 0:
            return
        fresh = epoch != self._epoch
        if fresh:
            self._adopt(epoch)
        for position in positions:
            if position.next_seq == 0 or position.next_seq > MAX_SEQ:  # 0: a topic of last values
                continue
            topic = self._topics.setdefault(position.topic, _Topic())
            if fresh:
                topic.next = position.next_seq
            topic.end = max(topic.end, position.next_seq)
            if topic.ask_at == NEVER:
                self._plan(position.topic, topic, now)
        early, self._early = self._early, []
        for event in early:
            if event.epoch == self._epoch:
                self._accept(event, now)

    def on_event(self, event: Event, now: int) -> bool:
        """A live event or a retransmission. False if it stands before what was read: a repetition."""
        if event.seq == 0:  # a last value, of no sequence
            self._out.append(event)
            return True
        if event.epoch == 0 or event.seq > MAX_SEQ:
            return True
        if event.epoch == self._epoch:
            return self._accept(event, now)
        # Either the bus's news is ahead of its welcome, or this is a straggler of the former epoch: positions will tell.
        if len(self._early) < MAX_EARLY:
            self._early.append(event)
        return True

    def on_reject(self, reject: RetransmitReject, now: int) -> None:
        topic = self._topics.get(reject.topic)
        if reject.epoch != self._epoch or topic is None or reject.first_kept_seq > MAX_SEQ:
            return
        resume = reject.first_kept_seq
        if topic.ahead:
            resume = min(resume, min(topic.ahead))  # that one was not missed
        if resume <= topic.next:  # of an earlier request
            return
        self._out.append(LostEvents(reject.topic, topic.next, resume - 1))
        topic.next = resume
        topic.end = max(topic.end, resume)
        topic.asked_to = min(topic.asked_to, resume)
        self._hand_out(topic)
        self._plan(reject.topic, topic, now)

    def on_time(self, now: int) -> None:
        for name, topic in self._topics.items():
            if topic.ask_at <= now:
                self._ask(name, topic, now)

    def next_deadline(self) -> int:
        return min((topic.ask_at for topic in self._topics.values()), default=NEVER)

    def take(self) -> list[Output]:
        """What came out since the last call, in order."""
        out, self._out = self._out, []
        return out

    def _adopt(self, epoch: int) -> None:
        if self._epoch != 0:
            self._out.append(NewEpoch(self._epoch, epoch))
        self._epoch = epoch
        self._topics.clear()

    def _accept(self, event: Event, now: int) -> bool:
        # A topic that the epoch's first positions did not name began after them, with seq 1.
        topic = self._topics.setdefault(event.topic, _Topic())
        if event.seq < topic.next:
            return False
        topic.end = max(topic.end, event.seq + 1)
        if event.seq == topic.next:
            self._out.append(event)
            topic.next += 1
            self._hand_out(topic)
            self._plan(event.topic, topic, now)
            return True
        if len(topic.ahead) < MAX_AHEAD:
            topic.ahead.setdefault(event.seq, event)
        asked_already = topic.next < topic.asked_to
        if not asked_already:
            self._plan(event.topic, topic, now)
        return True

    def _hand_out(self, topic: _Topic) -> None:
        while (event := topic.ahead.pop(topic.next, None)) is not None:
            self._out.append(event)
            topic.next += 1

    def _plan(self, name: str, topic: _Topic, now: int) -> None:
        """When to ask for what is missing at `next`, judged anew after each progress."""
        if topic.next >= topic.end:
            topic.asked_to = 0
            topic.ask_at = NEVER
        elif topic.next < topic.asked_to:
            topic.ask_at = now + ASK_AGAIN_AFTER
        elif topic.asked_to != 0 or topic.ahead:
            self._ask(name, topic, now)  # certainly lost: later ones are here, or a request was longer than one may be
        else:
            topic.ask_at = now + GRACE

    def _ask(self, name: str, topic: _Topic, now: int) -> None:
        hole_end = min(topic.ahead) if topic.ahead else topic.end
        topic.asked_to = min(hole_end, topic.next + MAX_COUNT)
        topic.ask_at = now + ASK_AGAIN_AFTER
        self._out.append(RetransmitRequest(epoch=self._epoch, topic=name, from_seq=topic.next,
                                           count=topic.asked_to - topic.next))
