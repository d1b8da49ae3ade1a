"""The commands of one Session: repeated until the bus has answered them, and followed to their finals.

Used by Session. Pure, as that is. A command's ttl counts from the user's call, so a repetition carries what is left of it.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Optional, Union

from .event_reader import MILLISECOND, NEVER, SECOND
from .v1.cancel_pb2 import CancelAck, CancelFinal, CancelOrder, CancelStatus
from .v1.session_pb2 import RECEIPT_STATUS_REFUSED, Receipt, SessionRequest

REPEAT_UNTIL_RECEIPT = SECOND
REPEAT_UNTIL_ACK = 10 * SECOND
# Commands on the wire that wait for a receipt; more of them wait here, so that a large batch is not repeated in full while
# the bus works through it.
MAX_UNRECEIPTED = 1_000

Told = Union[Receipt, CancelAck, CancelFinal]


@dataclass
class _Command:
    order: CancelOrder
    asked_at: int
    due: int = NEVER  # when to repeat it; NEVER while it waits here or needs no repetition
    on_the_wire: bool = False  # counted in _unreceipted
    received: bool = False  # by a receipt or an ack, after which nothing was lost that may have told more of it
    receipt_told: bool = False
    acked: bool = False

    def is_live(self) -> bool:
        """Its ack was read in its place, so that its final will be."""
        return self.received and self.due == NEVER


def _as_of(order: CancelOrder, age: int) -> CancelOrder:
    """The ttl of a repetition is what is left of it; the bus counts from its receipt, and takes nothing under 1 ms."""
    if not order.HasField("time_to_live"):
        return order
    sent = CancelOrder()
    sent.CopyFrom(order)
    sent.time_to_live.FromNanoseconds(max(order.time_to_live.ToNanoseconds() - age, MILLISECOND))
    return sent


class CommandRequests:
    def __init__(self) -> None:
        self._commands: dict[str, _Command] = {}
        # To send when there is room; may name commands that have ended or were received meanwhile, and one twice that was
        # used again.
        self._waiting: deque[str] = deque()
        self._repeats: list[tuple[int, str]] = []  # a heap; an entry counts only if it agrees with the command's `due`
        self._unreceipted = 0

    def __len__(self) -> int:
        return len(self._commands)

    def __contains__(self, cl_ord_id: str) -> bool:
        return cl_ord_id in self._commands

    def is_about_one(self, status: CancelStatus) -> bool:
        return self._find(status) is not None

    def give(self, order: CancelOrder, now: int) -> bool:
        """False if the cl_ord_id names an undecided command already."""
        if order.cl_ord_id in self._commands:
            return False
        self._commands[order.cl_ord_id] = _Command(order, now)
        self._waiting.append(order.cl_ord_id)
        return True

    # What happens.

    def on_receipt(self, receipt: Receipt, now: int) -> list[Told]:
        command = self._commands.get(receipt.cl_ord_id)
        if command is None:
            return []
        told_before = command.receipt_told or command.acked
        if receipt.status == RECEIPT_STATUS_REFUSED:
            if command.acked:
                return []
            if command.received:
                # One of the two receipts is of an earlier copy, or of an earlier command with this cl_ord_id: the next one counts.
                command.received = False
                self._schedule(command, now + REPEAT_UNTIL_RECEIPT)
                return []
            self._end(receipt.cl_ord_id)
            return [receipt]
        # Otherwise it is repeated: the receipt comes alone if what follows it is lost, and it may be one of an earlier copy.
        self._mark_received(command, NEVER if command.is_live() else now + REPEAT_UNTIL_ACK)
        if told_before:
            return []
        command.receipt_told = True
        return [receipt]

    def on_ack(self, ack: CancelAck, repeat_at: int) -> list[Told]:
        """`repeat_at`: when to repeat the command; NEVER: the ack was read in its place."""
        command = self._find(ack)
        if command is None:
            return []
        told_before, command.acked = command.acked, True
        self._mark_received(command, repeat_at)
        if not ack.final_follows:
            self._end(ack.cl_ord_id)
        return [] if told_before else [ack]

    def on_final(self, final: CancelFinal) -> list[Told]:
        command = self._find(final)
        # A final whose ack was lost on its way comes again, with its ack, when the command is repeated.
        if command is None or not command.acked:
            return []
        self._end(final.cl_ord_id)
        return [final]

    def on_reconnected(self) -> None:
        """What was under way may never have arrived."""
        self._queue_unreceived()

    def on_lost_events(self) -> None:
        """An ack or a final may be among them: a repeated command is told again what became of it."""
        for command in self._commands.values():
            command.received = False
        self._queue_unreceived()

    def on_new_epoch(self) -> None:
        """A new store may know none of them: they begin anew."""
        for command in self._commands.values():
            command.received = command.receipt_told = command.acked = False
        self._queue_unreceived()

    # What comes of it, while the session is open.

    def take_waiting(self, now: int) -> list[SessionRequest]:
        """What there is room for."""
        requests = []
        while self._waiting and self._unreceipted < MAX_UNRECEIPTED:
            command = self._commands.get(self._waiting.popleft())
            if command is not None and not command.received and not command.on_the_wire:
                command.on_the_wire = True
                self._unreceipted += 1
                requests.append(self._send(command, now))
        return requests

    def take_repeats(self, now: int) -> list[SessionRequest]:
        requests = []
        while self._repeats and self._repeats[0][0] <= now:
            due, cl_ord_id = heapq.heappop(self._repeats)
            command = self._commands.get(cl_ord_id)
            if command is not None and command.due == due:
                requests.append(self._send(command, now))
        return requests

    def next_deadline(self) -> int:
        return self._repeats[0][0] if self._repeats else NEVER

    def _find(self, news: Union[CancelAck, CancelFinal, CancelStatus]) -> Optional[_Command]:
        """The command that this is about: another one may have had the same cl_ord_id, for another order."""
        command = self._commands.get(news.cl_ord_id)
        return command if command is not None and command.order.order_id == news.order_id else None

    def _send(self, command: _Command, now: int) -> SessionRequest:
        self._schedule(command, now + (REPEAT_UNTIL_ACK if command.received else REPEAT_UNTIL_RECEIPT))
        return SessionRequest(cancel_order=_as_of(command.order, now - command.asked_at))

    def _schedule(self, command: _Command, due: int) -> None:
        command.due = due
        if due != NEVER:
            heapq.heappush(self._repeats, (due, command.order.cl_ord_id))

    def _mark_received(self, command: _Command, repeat_at: int) -> None:
        command.received = True
        self._leave_the_wire(command)
        self._schedule(command, repeat_at)

    def _leave_the_wire(self, command: _Command) -> None:
        self._unreceipted -= command.on_the_wire
        command.on_the_wire = False

    def _end(self, cl_ord_id: str) -> None:
        self._leave_the_wire(self._commands.pop(cl_ord_id))

    def _queue_unreceived(self) -> None:
        self._waiting.clear()
        for cl_ord_id, command in self._commands.items():
            if not command.received:
                self._leave_the_wire(command)
                command.due = NEVER
                self._waiting.append(cl_ord_id)
