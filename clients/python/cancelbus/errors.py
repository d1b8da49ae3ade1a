"""What can go wrong, each with what to do about it. All are CancelbusErrors."""

from __future__ import annotations

from typing import Optional, Union

from .bus_status import Cause, EventBar
from .enums import Reason, ResolveStatus
from .open_orders import Listing
from .v1.session_pb2 import Reject
from .values import Ack, KillSwitchReply, OpenOrders, Receipt, Resolved, RetryReply, open_orders_of


class CancelbusError(Exception):
    """Something of cancelbus's own went wrong; the message says what to do."""


class OptionError(CancelbusError, ValueError):
    """An option or an argument is wrong; nothing was sent. The message names it."""


class BusUnreachable(CancelbusError):
    """Nothing answers at the bus's endpoints."""


class KeyRefused(CancelbusError):
    """The bus and this client do not accept each other's keys."""


class EventsBarred(KeyRefused):
    """The bus knows this key and takes its commands, and gives it no events for a while, because a program with this key
    subscribed to what it may not read. Acks and finals come all the same, each about a second later, by request."""

    def __init__(self, endpoint: str, bar: Optional[EventBar]) -> None:
        self.bar = bar  # None: the bus is of an earlier version, and does not say more
        self.until = bar.until if bar is not None else None
        what = str(bar) if bar is not None else "this key is barred from events"
        super().__init__(f"{what}. The key is known, and commands go on. Correct the program that did it; the bar ends by "
                         f"itself, or when the bus's operator has the policy read again ({endpoint})")


class BusImpaired(CancelbusError):
    """The bus is there, and something holds up the commands of all: see `causes`, the most serious first. Nothing is lost:
    they go on when it is over."""

    def __init__(self, causes: tuple[Cause, ...]) -> None:
        self.causes = causes
        super().__init__("; ".join(map(str, causes)))


class ClientClosed(CancelbusError):
    """The client was closed while this was waited for. A command that was received goes on at the bus."""


class NotYet(CancelbusError, TimeoutError):
    """Your timeout ended first. Nothing is lost: the command goes on, and you may wait again."""


class ReadTooSlowly(CancelbusError):
    """events() was not read for so long that its buffer is full. Commands are not affected; start events() anew."""


_WHAT_TO_DO = {
    Reason.DUPLICATE_CL_ORD_ID: "this cl_ord_id was used for another order: let the client make one",
    Reason.MALFORMED: "the text names the field to correct",
    Reason.BUS_FULL: "the queue is full: wait for finals of your open commands before you send more",
    Reason.TTL_TOO_SHORT: "the budget does not reach so far: use a longer time_to_live, or urgent",
    Reason.WRONG_ACCOUNT: "leave the account out, or connect to the bus of that account",
    Reason.STORE_UNAVAILABLE: "the bus cannot write its disk: try again later, and tell its operator",
}


class RefusedError(CancelbusError):
    """The bus did not take the command: nothing was sent to the exchange, no Ack and no Final will come."""

    def __init__(self, order_id: int, receipt: Receipt) -> None:
        self.order_id = order_id
        self.receipt = receipt
        self.reason = receipt.reason
        advice = _WHAT_TO_DO.get(receipt.reason, "give a new command if you still want it")
        super().__init__(f"the bus refused the cancel of order {order_id}: {receipt.reason} ({receipt.text}); {advice}")


class QueueFull(RefusedError):
    """Refused because the bus, or this sender's share of it, holds as many open commands as it may."""


class MassCancelRefused(CancelbusError):
    """The bus did not take the mass cancel, or does not answer what it would do: nothing was canceled."""

    def __init__(self, reason: Reason, text: str, receipt: Optional[Receipt]) -> None:
        self.reason = reason
        self.receipt = receipt  # None: the bus did not read the request
        super().__init__(f"the bus refused the mass cancel: {reason} ({text})")


class KillSwitchRefused(CancelbusError):
    """The bus did not engage, or not release, a kill switch: nothing has changed. An engaged one is not released, unless by
    force, before the bus has proof that no order in its scope is open."""

    def __init__(self, what: str, text: str, reply: Optional[KillSwitchReply] = None) -> None:
        self.reply = reply  # None: the bus did not read the request
        super().__init__(f"the bus did not {what} the kill switch: {text}")


class GoodbyeFailed(CancelbusError):
    """The bus has not confirmed a goodbye, and the client is closed: the orders stay if no dead man's switch is armed, and are
    canceled if one is."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the bus has not confirmed the goodbye: {why}; a dead man's switch that is armed fires when the sender "
                         "has been silent for its window: to keep the orders, connect and say goodbye again")


def why_rejected(reject: Reject, what: str) -> str:
    """`what` was asked for."""
    text = reject.text if reject.field != "request" else f"the bus is of an earlier version and knows no {what}"
    return f"{reject.field}: {text}"


class StoreLost(CancelbusError):
    """The bus has another store (NewEpoch), and the new one ended without proof a command that the former may have sent to
    the exchange. cancelbus cannot tell what became of the order."""

    def __init__(self, order_id: int, how: CancelbusError, what: str = "") -> None:
        self.order_id = order_id  # 0: of a mass cancel
        of = what or f"order {order_id}"
        super().__init__(f"the bus lost its store, and the new one knows nothing of what was done before for {of} "
                         f"({how}): look at the {what and 'orders' or 'order'}")


class RejectedError(CancelbusError):
    """The command ended with its Ack, and no Final follows: the order is where it was."""

    def __init__(self, ack: Ack) -> None:
        self.ack = ack
        self.reason = ack.reason
        super().__init__(f"the cancel of order {ack.order_id} was rejected by {ack.origin}: {ack.reason} ({ack.text}); "
                         "nothing happened to the order; give a new command if you still want it")


class NotSettled(CancelbusError):
    """The bus does not take an operator's word on a command; asking again changes nothing by itself."""

    def __init__(self, command: str, text: str, resolved: Optional[Resolved] = None) -> None:
        self.resolved = resolved  # None: the bus did not take the request at all
        super().__init__(f"{command} was not settled: {text}")


class NotRetried(CancelbusError):
    """The bus does not send a request before its time."""

    def __init__(self, command: str, reply: RetryReply) -> None:
        self.reply = reply
        super().__init__(f"{command} was not retried: {reply.text or reply.status}")


class OpenOrdersRefused(CancelbusError):
    """The bus does not list these open orders for you; asking again changes nothing by itself."""

    def __init__(self, reject: Reject) -> None:
        super().__init__(f"the bus does not list these open orders: {reject.text} ({reject.field})")


class InquiryRefused(CancelbusError):
    """The bus does not answer this for you; asking again changes nothing by itself."""

    def __init__(self, reject: Reject, what: str) -> None:
        super().__init__(f"the bus does not answer: {why_rejected(reject, what)}")


class HistoryUnreadable(CancelbusError):
    """The bus cannot read its store."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the bus cannot read its history: {why}")


def listed(listing: Listing) -> OpenOrders:
    """What the bus has listed; raises OpenOrdersRefused."""
    if listing.refused is not None:
        raise OpenOrdersRefused(listing.refused)
    assert listing.first_page is not None  # of a listing that is complete
    return open_orders_of(listing.orders, listing.first_page)


def refusal(order_id: int, receipt: Receipt) -> RefusedError:
    return (QueueFull if receipt.reason == Reason.BUS_FULL else RefusedError)(order_id, receipt)


def settled(command: str, answer: Union[Resolved, Reject]) -> Resolved:
    """The bus's last answer to an operator's word, if it has taken it; else raises NotSettled."""
    if isinstance(answer, Reject):
        raise NotSettled(command, f"{answer.text} ({answer.field})")
    if answer.status != ResolveStatus.SETTLED:
        raise NotSettled(command, answer.text or str(answer.status), answer)
    return answer
