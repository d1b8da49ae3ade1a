"""The contract's enums. A value that this version does not know stays what it is, with a name like UNKNOWN_77: take it as
"something else", never as success.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Union


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

    def contract_name(self) -> Union[str, int]:
        """As protobuf's JSON has it: the full name, or the number if this version does not know it."""
        known = self in type(self)
        return _PREFIXES[type(self)] + self.name if known else int(self)


class ReceiptStatus(OpenEnum):
    """What became of giving the command to the bus."""
    UNSPECIFIED = 0
    APPLIED = 1  # on the bus's disk
    DUPLICATE = 2  # was already
    REFUSED = 3  # not taken


class ResolveStatus(OpenEnum):
    """How far an operator's override has come."""
    UNSPECIFIED = 0
    SETTLED = 1  # the command has its ack and its final by this word, and both are on the bus's disk
    PENDING = 2  # a cancel of the order is in flight, and its answer is waited for
    REFUSED = 3  # not done


class AckStatus(OpenEnum):
    """The exchange's answer to the cancel; it is not the order's fate."""
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
    NOT_OWNER = 14
    OBSERVING = 15


class Origin(OpenEnum):
    """Who refused."""
    UNSPECIFIED = 0
    BUS = 1
    WORKER = 2
    EXCHANGE = 3


class ExecType(OpenEnum):
    """What a final reports: the cancel, a fill, or the state of an order that is still open."""
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


class Side(OpenEnum):
    """Of the book."""
    UNSPECIFIED = 0  # not known
    BUY = 1
    SELL = 2


class Evidence(OpenEnum):
    """What proved it, or shows that an order is open."""
    UNSPECIFIED = 0
    CHANNEL_452 = 1
    ORDER_QUERY = 2
    OPERATOR = 3
    STREAM = 4  # of an open order: a frame of the private stream
    SWEEP = 5  # of an open order: the exchange's list of all that is open


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


class MassCancelScope(OpenEnum):
    """Which open orders a mass cancel or a kill switch is about."""
    UNSPECIFIED = 0
    OWN = 1  # those that belong to the sender
    SENDER = 2  # those that belong to another; for operators
    UNOWNED = 3  # those that belong to no sender; for operators
    ALL = 4  # for operators


class MassCancelStatus(OpenEnum):
    """Where a mass cancel stands."""
    UNSPECIFIED = 0
    ACCEPTED = 1
    PROGRESS = 2
    COMPLETED = 3  # the end
    REJECTED = 4  # the end: nothing was canceled


class RetryStatus(OpenEnum):
    """What came of a retry."""
    UNSPECIFIED = 0
    RETRYING = 1  # the order's next request is due now, and the history says who wanted it
    REFUSED = 2  # not done


class KillSwitchStatus(OpenEnum):
    """What came of engaging or releasing a kill switch."""
    UNSPECIFIED = 0
    ENGAGED = 1  # and that is on the bus's disk
    RELEASED = 2  # and that is on the bus's disk
    REFUSED = 3  # not done


class Priority(OpenEnum):
    """Before which commands a command goes."""
    UNSPECIFIED = 0
    NORMAL = 1
    URGENT = 2


class CommandState(OpenEnum):
    """Which undecided commands are asked for."""
    UNSPECIFIED = 0  # all of them
    IN_DOUBT = 1  # a request for the order may have been processed, and it is not known whether it was
    STUCK = 2  # their stage is STUCK


class CauseKind(OpenEnum):
    """Why commands wait that share a cause; the last four stop no request, and are in BusStatus alone."""
    UNSPECIFIED = 0
    NO_WORKER = 1  # no worker can send
    BACKOFF = 2  # the exchange ordered a wait
    KEYS_REFUSED = 3  # the exchange refuses the workers' keys
    CLOCK = 4  # no worker's reading of the exchange's clock counts
    STORE = 5  # the bus cannot write its store: new commands are refused
    NO_LEADER = 6  # no bus sends this yet
    EXCHANGE_FAILING = 7  # the last two requests got no usable answer
    LIMIT_LOWERED = 8  # another program spends the same budget: it takes longer, and nothing stops
    DRAINING = 9  # the bus was asked to end
    STREAM = 10  # the private stream does not tell of orders: finals come by query
    KEY_BARRED = 11  # keys are barred from events
    FEWER_WORKERS = 12  # some worker may work, but fewer than expected
    QUEUE = 13  # it takes 5 s or more until the queue is empty


_PREFIXES: dict[type[OpenEnum], str] = {
    ReceiptStatus: "RECEIPT_STATUS_", ResolveStatus: "RESOLVE_STATUS_", AckStatus: "CANCEL_ACK_STATUS_",
    Reason: "CXL_REJ_REASON_", Origin: "ORIGIN_", ExecType: "EXEC_TYPE_", OrdStatus: "ORD_STATUS_", Evidence: "EVIDENCE_",
    Stage: "CANCEL_STAGE_", Side: "SIDE_", MassCancelScope: "MASS_CANCEL_SCOPE_", MassCancelStatus: "MASS_CANCEL_STATUS_",
    KillSwitchStatus: "KILL_SWITCH_STATUS_", CauseKind: "CAUSE_KIND_",
    CommandState: "COMMAND_STATE_", Priority: "PRIORITY_", RetryStatus: "RETRY_STATUS_"}
