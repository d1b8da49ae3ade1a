"""What a strategy is told, as values: Receipt, Ack, Final, Status, BusStatus, and the Events that carry them.

Made from the contract's messages by the functions at the end. Times are UTC, decimals are Decimal, and what is not known
is None or "". Each value keeps the message it was made from as `message`, with fields that this version does not know. An
enum value that this version does not know stays what it is, with a name like UNKNOWN_77: take it as "something else",
never as success.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from enum import IntEnum
from typing import Any, Optional, Union

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from .v1 import cancel_pb2, session_pb2


class OpenEnum(IntEnum):
    """Takes the values of a later contract too."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if not isinstance(value, int):
            return None
        later = int.__new__(cls, value)
        later._name_, later._value_ = f"UNKNOWN_{value}", value
        return later

    def __str__(self) -> str:
        return self.name


class ReceiptStatus(OpenEnum):
    UNSPECIFIED = 0
    APPLIED = 1  # on the bus's disk
    DUPLICATE = 2  # was already
    REFUSED = 3  # not taken


class ResolveStatus(OpenEnum):
    UNSPECIFIED = 0
    SETTLED = 1  # the command has its ack and its final by this word, and both are on the bus's disk
    PENDING = 2  # a cancel of the order is in flight, and its answer is waited for
    REFUSED = 3  # not done


class AckStatus(OpenEnum):
    UNSPECIFIED = 0
    ACCEPTED = 1
    REJECTED = 2
    IN_DOUBT = 3


class Reason(OpenEnum):
    """Why a command was refused or rejected."""
    UNSPECIFIED = 0
    TOO_LATE = 1
    UNKNOWN_ORDER = 2
    ALREADY_PENDING = 3
    DUPLICATE_CL_ORD_ID = 4
    OTHER = 5
    EXPIRED = 6
    NOT_AUTHORIZED = 7
    BLOCKED = 8
    MALFORMED = 9
    BUS_FULL = 10
    TTL_TOO_SHORT = 11
    WRONG_ACCOUNT = 12
    STORE_UNAVAILABLE = 13
    OBSERVING = 15


class Origin(OpenEnum):
    """Who refused."""
    UNSPECIFIED = 0
    BUS = 1
    WORKER = 2
    EXCHANGE = 3


class ExecType(OpenEnum):
    UNSPECIFIED = 0
    CANCELED = 1
    TRADE = 2
    ORDER_STATUS = 3


class OrdStatus(OpenEnum):
    """The order's state as proven."""
    UNSPECIFIED = 0
    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5


class Evidence(OpenEnum):
    """What proved it."""
    UNSPECIFIED = 0
    CHANNEL_452 = 1
    ORDER_QUERY = 2
    OPERATOR = 3


class Stage(OpenEnum):
    """Where an undecided command stands."""
    UNSPECIFIED = 0
    QUEUED = 1
    SENT = 2
    WAITING_FINAL = 3
    IN_DOUBT = 4
    RESENDING = 5
    STUCK = 6
    BACK_ON_BOOK = 7


class CauseKind(OpenEnum):
    """Why commands wait that share a cause."""
    UNSPECIFIED = 0
    NO_WORKER = 1  # no worker can send
    BACKOFF = 2  # the exchange told the bus to wait
    KEYS_REFUSED = 3  # the exchange refuses the workers' keys
    CLOCK = 4  # no worker's reading of the exchange's clock counts
    STORE = 5  # the bus cannot write its store: new commands are refused
    NO_LEADER = 6  # no bus sends this yet
    EXCHANGE_FAILING = 7  # the last two requests got no usable answer
    LIMIT_LOWERED = 8  # no bus sends this yet
    DRAINING = 9  # the bus was asked to end


def _message() -> Any:
    return field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Timeline:
    """When what happened; None: has not happened."""
    received: Optional[datetime]  # the bus received the command
    dispatched: Optional[datetime]  # the bus gave the first attempt to a worker
    sent: Optional[datetime]  # a worker began to write the answered request, by its own clock
    answered: Optional[datetime]  # that request's answer was complete, by the same clock
    finalized: Optional[datetime]  # the fate was proven
    attempts: int
    worker: str


@dataclass(frozen=True)
class Receipt:
    """APPLIED: the command is on the bus's disk, and one Ack will come."""
    cl_ord_id: str
    status: ReceiptStatus
    reason: Reason  # when REFUSED
    text: str
    estimated_wait: timedelta  # a lower bound of the wait for budget
    message: Any = _message()


@dataclass(frozen=True)
class Ack:
    """The exchange has answered, or it is certain that it will not be asked. It is not the order's fate."""
    cl_ord_id: str
    order_id: int
    status: AckStatus
    reason: Reason  # when REJECTED
    origin: Origin
    text: str
    http_status: int  # 0: there was no answer
    exchange_code: int
    final_follows: bool
    timeline: Timeline
    message: Any = _message()

    @property
    def accepted(self) -> bool:
        """The exchange has taken the cancel; the Final will tell what became of the order."""
        return self.status == AckStatus.ACCEPTED

    @property
    def rejected(self) -> bool:
        return self.status == AckStatus.REJECTED

    @property
    def in_doubt(self) -> bool:
        """Sent, and nobody knows whether it was processed. cancelbus goes on asking: the Final will tell."""
        return self.status == AckStatus.IN_DOUBT


@dataclass(frozen=True)
class Final:
    """The fate of the order is proven; the command is over. The order need not be: see order_open."""
    cl_ord_id: str  # "" if unsolicited
    order_id: int
    exec_type: ExecType
    ord_status: OrdStatus
    evidence: Evidence
    unsolicited: bool  # the order left the book without a command of ours
    symbol: str
    price: Optional[Decimal]
    order_qty: Optional[Decimal]
    leaves_qty: Optional[Decimal]
    cum_qty: Optional[Decimal]  # what was filled
    qty_exact: bool  # the quantities were read by an order query
    timeline: Timeline
    message: Any = _message()

    @property
    def order_open(self) -> bool:
        """Proven: the cancel has ended and the order is still on the book. Send a new command if you still want it gone."""
        return self.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)

    @property
    def order_gone(self) -> bool:
        """Proven: the order is canceled or filled. Not the opposite of order_open: the exchange may know no such order."""
        return self.ord_status in (OrdStatus.CANCELED, OrdStatus.FILLED)


@dataclass(frozen=True)
class Status:
    """Not terminal: where an undecided command stands."""
    cl_ord_id: str
    order_id: int
    stage: Stage
    text: str
    since: Optional[datetime]
    message: Any = _message()


@dataclass(frozen=True)
class Cause:
    """Something that several commands wait for, and why."""
    kind: CauseKind
    limiter: str  # "cancel" or "query"; "": both
    stops: str  # "cancels", "queries", "cancels and queries", "commands, cancels and queries"; "": nothing, it takes longer
    text: str
    since: Optional[datetime]
    remaining: Optional[timedelta]  # how long it will last at least; None: not known
    http_status: int  # of the answer that it comes from; 0: none
    exchange_code: int
    message: Any = _message()

    def __str__(self) -> str:
        left = f", {self.remaining.total_seconds():.0f} s left" if self.remaining is not None else ""
        return f"{self.kind}: {self.text}{left}"


@dataclass(frozen=True)
class Resolved:
    """What came of an operator's word."""
    sender_comp_id: str
    cl_ord_id: str
    status: ResolveStatus
    text: str
    message: Any = _message()


@dataclass(frozen=True)
class BusStatus:
    """The bus as a whole. What is not here stands in `message`: windows, queues, workers."""
    headline: str  # the most serious cause in one line; "ok" if there is none
    causes: tuple[Cause, ...]  # what commands wait for, the most serious first
    commands_undecided: int  # of all senders
    budget_used: dict[str, int]  # as {"10 in 1 s": 3}, of cancels
    workers: int  # that may work
    stream_live: bool  # what is silent on the private stream is truly quiet
    store_writable: bool
    as_of: Optional[datetime]
    message: Any = _message()


@dataclass(frozen=True)
class Event:
    """What was published on a topic."""
    epoch: int
    topic: str
    seq: int  # from 1, no gaps, per topic; 0 on "bus."
    sending_time: Optional[datetime]
    poss_dup: bool
    body: Union[Ack, Final, Status, BusStatus, None]  # None: of a later contract, see `message`
    message: Any = _message()


def _time(timestamp: Timestamp) -> datetime:
    return datetime.fromtimestamp(timestamp.seconds, timezone.utc) + timedelta(microseconds=timestamp.nanos // 1_000)


def _span(duration: Duration) -> timedelta:
    return timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1_000)


def _time_of(message: Any, name: str) -> Optional[datetime]:
    return _time(getattr(message, name)) if message.HasField(name) else None


def _decimal(text: str) -> Optional[Decimal]:
    try:
        return Decimal(text)
    except InvalidOperation:  # empty: not known
        return None


def _timeline(t: cancel_pb2.Timeline) -> Timeline:
    return Timeline(_time_of(t, "received"), _time_of(t, "dispatched"), _time_of(t, "sent"), _time_of(t, "answered"),
                    _time_of(t, "finalized"), t.attempts, t.worker)


def receipt_of(m: session_pb2.Receipt) -> Receipt:
    return Receipt(m.cl_ord_id, ReceiptStatus(m.status), Reason(m.reason), m.text, _span(m.estimated_wait), m)


def ack_of(m: cancel_pb2.CancelAck) -> Ack:
    return Ack(m.cl_ord_id, m.order_id, AckStatus(m.status), Reason(m.cxl_rej_reason), Origin(m.origin), m.text,
               m.http_status, m.exchange_code, m.final_follows, _timeline(m.timeline), m)


def final_of(m: cancel_pb2.CancelFinal) -> Final:
    return Final(m.cl_ord_id, m.order_id, ExecType(m.exec_type), OrdStatus(m.ord_status), Evidence(m.evidence),
                 m.unsolicited, m.symbol, _decimal(m.price), _decimal(m.order_qty), _decimal(m.leaves_qty),
                 _decimal(m.cum_qty), m.qty_exact, _timeline(m.timeline), m)


def status_of(m: cancel_pb2.CancelStatus) -> Status:
    return Status(m.cl_ord_id, m.order_id, Stage(m.stage), m.text, _time_of(m, "since"), m)


def cause_of(m: cancel_pb2.Cause) -> Cause:
    remaining = _span(m.remaining) if m.HasField("remaining") else None
    return Cause(CauseKind(m.kind), m.limiter, m.stops, m.text, _time_of(m, "since"), remaining, m.http_status,
                 m.exchange_code, m)


def resolved_of(m: session_pb2.Resolved) -> Resolved:
    return Resolved(m.sender_comp_id, m.cl_ord_id, ResolveStatus(m.status), m.text, m)


def bus_status_of(m: cancel_pb2.BusStatus) -> BusStatus:
    used = {f"{w.limit} in {_span(w.period).total_seconds():g} s": w.used for w in m.windows if w.limiter == "cancel"}
    return BusStatus(m.headline, tuple(map(cause_of, m.cause)), m.commands_undecided, used, sum(not worker.benched for worker in m.workers), m.stream.live,
                     m.store_writable, _time_of(m, "as_of"), m)


_BODIES: dict[str, Any] = {"cancel_ack": ack_of, "cancel_final": final_of, "cancel_status": status_of,
                           "bus_status": bus_status_of}


def event_of(m: cancel_pb2.Event) -> Event:
    kind = m.WhichOneof("event")
    body = _BODIES[kind](getattr(m, kind)) if kind in _BODIES else None
    return Event(m.epoch, m.topic, m.seq, _time_of(m, "sending_time"), m.poss_dup, body, m)
