"""What is published to a strategy, as values: Receipt, Ack, Final, Status, and the Events that carry them.

Made from the contract's messages by the functions at the end. Times are UTC, decimals are Decimal without an exponent and
without zeros at their end, and what is not known is None or "". Each value keeps the message it was made from as `message`,
with fields that this version does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Iterable, Optional, Union

from .bus_status import BusStatus, bus_status_of
from .convert import AsDict, decimal_of, message_field, optional_span_of, span_of, time_of
from .enums import (AckStatus, Evidence, ExecType, KillSwitchStatus, MassCancelStatus, OrdStatus, Origin, Priority, Reason, ReceiptStatus,
                    ResolveStatus, RetryStatus, Side, Stage)
from .v1 import cancel_pb2, session_pb2


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
class Receipt(AsDict):
    """APPLIED: the command is on the bus's disk, and one Ack will come."""
    cl_ord_id: str
    status: ReceiptStatus
    reason: Reason  # when REFUSED
    text: str
    estimated_wait: timedelta  # a lower bound of the wait for budget
    message: Any = message_field()


@dataclass(frozen=True)
class Ack(AsDict):
    """The exchange has answered, or it is certain that it will not be asked. It is not the order's fate."""
    contract_names = {"reason": "cxl_rej_reason"}

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
    message: Any = message_field()

    @property
    def accepted(self) -> bool:
        """The exchange has taken the cancel; the Final will tell what became of the order."""
        return self.status == AckStatus.ACCEPTED

    @property
    def rejected(self) -> bool:
        """The cancel came to nothing: see `reason` and `text`. Without `final_follows` the order is where it was."""
        return self.status == AckStatus.REJECTED

    @property
    def in_doubt(self) -> bool:
        """Sent, but it is unknown whether it was processed. cancelbus goes on asking: the Final will tell."""
        return self.status == AckStatus.IN_DOUBT


@dataclass(frozen=True)
class Final(AsDict):
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
    message: Any = message_field()

    @property
    def order_open(self) -> bool:
        """Proven: the cancel has ended and the order is still on the book. Send a new command if you still want it gone."""
        return self.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)

    @property
    def order_gone(self) -> bool:
        """Proven: the order is canceled or filled. Not the opposite of order_open: the exchange may know no such order."""
        return self.ord_status in (OrdStatus.CANCELED, OrdStatus.FILLED)


@dataclass(frozen=True)
class Status(AsDict):
    """Not terminal: where an undecided command stands."""
    cl_ord_id: str
    order_id: int
    stage: Stage
    text: str
    since: Optional[datetime]
    message: Any = message_field()


@dataclass(frozen=True)
class NotAffected:
    """An order that a mass cancel has no effect on."""
    order_id: int
    reason: Reason
    text: str
    message: Any = message_field()


@dataclass(frozen=True)
class MassCancelReport(AsDict):
    """Where a mass cancel stands. The five counts add up to total_affected."""
    cl_ord_id: str
    status: MassCancelStatus
    total_affected: int  # orders
    canceled: int  # proven
    filled: int  # proven
    still_open: int  # sent and not proven gone, or proven open
    in_doubt: int
    unsent: int
    not_affected: tuple[NotAffected, ...]  # the first 200
    not_affected_total: int
    text: str
    complete_as_of: Optional[datetime]  # orders that were placed 2 s or more before this are all taken into account
    estimated_completion: Optional[datetime]  # by the bus's clock: when the last can be sent at the earliest
    message: Any = message_field()

    @property
    def ended(self) -> bool:
        """It is the last one."""
        return self.status in (MassCancelStatus.COMPLETED, MassCancelStatus.REJECTED)

    @property
    def all_gone(self) -> bool:
        """It is COMPLETED, and each of its orders is proven canceled or filled."""
        left = self.still_open + self.in_doubt + self.unsent + self.not_affected_total
        return self.status == MassCancelStatus.COMPLETED and left == 0


@dataclass(frozen=True)
class PreviewedOrders:
    """Of one owner and pair."""
    owner: str  # "": not known
    symbol: str
    orders: int
    message: Any = message_field()


@dataclass(frozen=True)
class MassCancelPreview(AsDict):
    """What a mass cancel would do now."""
    cl_ord_id: str
    total_affected: int
    orders: tuple[PreviewedOrders, ...]
    complete_as_of: Optional[datetime]  # None: open orders may be missing
    estimated_duration: Optional[timedelta]  # a lower bound
    text: str
    message: Any = message_field()


@dataclass(frozen=True)
class KillSwitchReply(AsDict):
    """What came of engaging or releasing a kill switch."""
    status: KillSwitchStatus
    text: str
    still_open: int  # orders in its scope that are known to be open now
    cl_ord_id: str  # of the mass cancel that empties the scope, a command of the sender that engaged it; "" when REFUSED
    message: Any = message_field()


@dataclass(frozen=True)
class GoodbyeReply(AsDict):
    """What came of a goodbye; it is stored."""
    cl_ord_id: str  # of the mass cancel that the sender's dead man's switch has made; "": none was made
    text: str
    message: Any = message_field()


@dataclass(frozen=True)
class Resolved:
    """What came of an operator's word."""
    sender_comp_id: str
    cl_ord_id: str
    status: ResolveStatus
    text: str
    message: Any = message_field()


@dataclass(frozen=True)
class RetryReply(AsDict):
    """What came of a retry."""
    status: RetryStatus
    text: str  # which request is due, or why none is
    message: Any = message_field()


@dataclass(frozen=True)
class OpenOrder(AsDict):
    """An order that is on the exchange's book as far as the bus knows."""
    order_id: int
    symbol: str
    side: Side
    price: Optional[Decimal]
    quantity: Optional[Decimal]
    leaves_qty: Optional[Decimal]  # what is not filled; 0: filled, says the stream, and it is shown until that is confirmed
    client_order_id: str
    owner: str  # the sender whose prefix client_order_id begins with; "": not known
    evidence: Evidence  # STREAM or SWEEP: which told of it last
    as_of: Optional[datetime]  # when that was
    message: Any = message_field()


@dataclass(frozen=True)
class OpenOrders:
    """The account's open orders as far as the bus knows them, by order id."""
    orders: tuple[OpenOrder, ...]
    # Every order that was placed 2 s or more before this, and is still open, is among them. None: open orders may be
    # missing, because the bus has not asked the exchange for all of them yet.
    complete_as_of: Optional[datetime]


@dataclass(frozen=True)
class UndecidedCommand(AsDict):
    """A command that waits for its ack or its final."""
    sender_comp_id: str
    cl_ord_id: str
    order_id: int
    symbol: str  # "": not known
    client_order_id: str
    received: Optional[datetime]
    age: timedelta  # since then
    stage: Stage
    since: Optional[datetime]  # it is in this stage
    text: str  # why
    http_status: int  # of the exchange's answer that this rests on; 0: there is none
    exchange_code: int
    acked: bool
    attempts: int  # DELETEs of the order that were given to workers
    next_step: str  # of the bus
    next_in: Optional[timedelta]  # None: it waits for what it cannot date
    operator_step: str  # what an operator can do; "": nothing but wait
    message: Any = message_field()


@dataclass(frozen=True)
class CommandList:
    """Undecided commands, by order id."""
    commands: tuple[UndecidedCommand, ...]
    as_of: Optional[datetime]  # when the last page of it was made


@dataclass(frozen=True)
class HistoryLine(AsDict):
    """Something that happened to an order. What is not known is 0 or ""."""
    at: Optional[datetime]
    bus_start: int  # which start of the bus wrote it
    line: int  # its number among the order's of that start
    what: str  # "DELETE", "ANSWER", "READ", "FACT", "STATUS", ...: see HistoryLine in session.proto
    status: str
    text: str
    task_id: int
    attempt: int
    stamp: int  # X-Stamp of a DELETE, in milliseconds
    worker: str
    http_status: int
    exchange_code: int
    amount: str  # as the exchange wrote it
    left_amount: str
    message: Any = message_field()


@dataclass(frozen=True)
class HistoryCommand:
    """A command that the bus's store knows, and what happened to its order."""
    sender_comp_id: str
    cl_ord_id: str
    order_id: int
    symbol: str
    priority: Priority
    received: Optional[datetime]
    expires: Optional[datetime]  # None: it has no time to live
    ended: bool  # nothing of it will follow
    ack: Optional[Event]  # None: not published, or no longer kept
    final: Optional[Event]
    line: tuple[HistoryLine, ...]  # in the order in which they were written
    message: Any = message_field()


@dataclass(frozen=True)
class History:
    """Commands by sender and cl_ord_id. The lines of an order come with one of its commands."""
    commands: tuple[HistoryCommand, ...]
    complete: bool  # False: there are more than `limit`


@dataclass(frozen=True)
class Event:
    """What was published on a topic."""
    epoch: int
    topic: str
    seq: int  # from 1, no gaps, per topic; 0 on "bus."
    sending_time: Optional[datetime]
    poss_dup: bool
    body: Union[Ack, Final, Status, BusStatus, MassCancelReport, None]  # None: of a later contract, see `message`
    message: Any = message_field()


def _timeline(t: cancel_pb2.Timeline) -> Timeline:
    return Timeline(time_of(t, "received"), time_of(t, "dispatched"), time_of(t, "sent"), time_of(t, "answered"),
                    time_of(t, "finalized"), t.attempts, t.worker)


def receipt_of(m: session_pb2.Receipt) -> Receipt:
    return Receipt(m.cl_ord_id, ReceiptStatus(m.status), Reason(m.reason), m.text, span_of(m.estimated_wait), m)


def ack_of(m: cancel_pb2.CancelAck) -> Ack:
    return Ack(m.cl_ord_id, m.order_id, AckStatus(m.status), Reason(m.cxl_rej_reason), Origin(m.origin), m.text,
               m.http_status, m.exchange_code, m.final_follows, _timeline(m.timeline), m)


def final_of(m: cancel_pb2.CancelFinal) -> Final:
    return Final(m.cl_ord_id, m.order_id, ExecType(m.exec_type), OrdStatus(m.ord_status), Evidence(m.evidence),
                 m.unsolicited, m.symbol, decimal_of(m.price), decimal_of(m.order_qty), decimal_of(m.leaves_qty),
                 decimal_of(m.cum_qty), m.qty_exact, _timeline(m.timeline), m)


def status_of(m: cancel_pb2.CancelStatus) -> Status:
    return Status(m.cl_ord_id, m.order_id, Stage(m.stage), m.text, time_of(m, "since"), m)


def resolved_of(m: session_pb2.Resolved) -> Resolved:
    return Resolved(m.sender_comp_id, m.cl_ord_id, ResolveStatus(m.status), m.text, m)


def kill_switch_reply_of(m: session_pb2.KillSwitchReply) -> KillSwitchReply:
    return KillSwitchReply(KillSwitchStatus(m.status), m.text, m.still_open, m.cl_ord_id, m)


def goodbye_reply_of(m: session_pb2.GoodbyeReply) -> GoodbyeReply:
    return GoodbyeReply(m.cl_ord_id, m.text, m)


def retry_reply_of(m: session_pb2.RetryReply) -> RetryReply:
    return RetryReply(RetryStatus(m.status), m.text, m)


def open_order_of(m: cancel_pb2.OpenOrder) -> OpenOrder:
    return OpenOrder(m.order_id, m.symbol, Side(m.side), decimal_of(m.price), decimal_of(m.quantity),
                     decimal_of(m.leaves_qty), m.client_order_id, m.owner, Evidence(m.evidence), time_of(m, "as_of"), m)


def open_orders_of(orders: Iterable[cancel_pb2.OpenOrder], first_page: session_pb2.OpenOrders) -> OpenOrders:
    # Orders may come and go between two pages: complete is what the first one says.
    return OpenOrders(tuple(map(open_order_of, orders)), time_of(first_page, "complete_as_of"))


def undecided_command_of(m: session_pb2.UndecidedCommand) -> UndecidedCommand:
    return UndecidedCommand(m.sender_comp_id, m.cl_ord_id, m.order_id, m.symbol, m.client_order_id, time_of(m, "received"),
                            span_of(m.age), Stage(m.stage), time_of(m, "since"), m.text, m.http_status, m.exchange_code,
                            m.acked, m.attempts, m.next_step, optional_span_of(m, "next_in"), m.operator_step, m)


def _not_affected_of(m: cancel_pb2.MassCancelReport.NotAffected) -> NotAffected:
    return NotAffected(m.order_id, Reason(m.reason), m.text, m)


def mass_cancel_report_of(m: cancel_pb2.MassCancelReport) -> MassCancelReport:
    return MassCancelReport(m.cl_ord_id, MassCancelStatus(m.status), m.total_affected, m.canceled, m.filled, m.still_open,
                            m.in_doubt, m.unsent, tuple(map(_not_affected_of, m.not_affected)), m.not_affected_total, m.text,
                            time_of(m, "complete_as_of"), time_of(m, "estimated_completion"), m)


def _previewed_of(m: session_pb2.MassCancelPreview.Orders) -> PreviewedOrders:
    return PreviewedOrders(m.owner, m.symbol, m.orders, m)


def mass_cancel_preview_of(m: session_pb2.MassCancelPreview) -> MassCancelPreview:
    return MassCancelPreview(m.cl_ord_id, m.total_affected, tuple(map(_previewed_of, m.orders)), time_of(m, "complete_as_of"),
                             optional_span_of(m, "estimated_duration"), m.text, m)


_BODIES: dict[str, Any] = {"cancel_ack": ack_of, "cancel_final": final_of, "cancel_status": status_of,
                           "bus_status": bus_status_of, "mass_cancel_report": mass_cancel_report_of}


def event_of(m: cancel_pb2.Event) -> Event:
    kind = m.WhichOneof("event")
    body = _BODIES[kind](getattr(m, kind)) if kind in _BODIES else None
    return Event(m.epoch, m.topic, m.seq, time_of(m, "sending_time"), m.poss_dup, body, m)


def history_line_of(m: session_pb2.HistoryLine) -> HistoryLine:
    return HistoryLine(time_of(m, "at"), m.bus_start, m.line, m.what, m.status, m.text, m.task_id, m.attempt, m.stamp, m.worker,
                       m.http_status, m.exchange_code, m.amount, m.left_amount, m)


def history_command_of(m: session_pb2.HistoryCommand) -> HistoryCommand:
    return HistoryCommand(m.sender_comp_id, m.cl_ord_id, m.order_id, m.symbol, Priority(m.priority), time_of(m, "received"),
                          time_of(m, "expires"), m.ended, event_of(m.ack) if m.HasField("ack") else None,
                          event_of(m.final) if m.HasField("final") else None, tuple(map(history_line_of, m.line)), m)
