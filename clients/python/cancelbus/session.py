"""A strategy's side of the session with the bus: hello, heartbeats, commands repeated until they are answered, events in
order.

Used by Client, which adds the sockets. Pure: frames, the user's calls and the time go in; frames to send and notices for
the user come out. Same inputs, same outputs. Times are nanoseconds of any clock that never goes back. Odd about it: a
command's ttl counts from the user's call, so a repetition carries what is left of it.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import Iterator, Optional, Sequence, Union

from google.protobuf.message import DecodeError

from .bus_status import Cause, EventBar, cause_of, event_bar_of
from .event_reader import MILLISECOND, NEVER, SECOND, EventReader, LostEvents, NewEpoch
from .mass_requests import MassCancelLost, MassCancelUnknown, MassRequests
from .notices import SILENT_AFTER, Causes, Connected, Silent, Unreadable
from .open_orders import Listing, OpenOrdersReader
from .v1.cancel_pb2 import BusStatus, CancelAck, CancelFinal, CancelOrder, CancelStatus, Event, MassCancel, MassCancelReport
from .v1.session_pb2 import (RECEIPT_STATUS_REFUSED, RESOLVE_STATUS_PENDING, Heartbeat, HeartbeatReply, Hello,
                             MassCancelPreview, OpenOrdersRequest, Receipt, Reject, Resolved, ResolveRequest, SessionReply,
                             SessionRequest, StatusRequest, Welcome)

HELLO_EVERY = SECOND
HEARTBEAT_EVERY = SECOND
REPEAT_UNTIL_RECEIPT = SECOND
REPEAT_UNTIL_ACK = 10 * SECOND
# Commands on the wire that wait for a receipt; more of them wait here, so that a large batch is not repeated in full while
# the bus works through it.
MAX_UNRECEIPTED = 1_000


# What the user sees. Receipt, CancelAck, CancelFinal and CancelStatus are of this session's own commands: at most one
# Receipt (none if the ack overtook it), one CancelAck and one CancelFinal each, however often they were repeated on the
# wire. After a NewEpoch the undecided commands are sent anew, and acked anew. Event is everything that was followed, the own
# topic included, each once and in order. Reject says that the bus could not read what we sent. Resolved comes each time that
# the bus answers a resolve(), until it says anything but PENDING. Listing comes once for each open_orders().
Notice = Union[Connected, Silent, Receipt, CancelAck, CancelFinal, CancelStatus, Event, BusStatus, Reject, Resolved,
               Listing, LostEvents, NewEpoch, Unreadable, Causes, MassCancelReport, MassCancelPreview, MassCancelLost,
               MassCancelUnknown]


def ends_resolve(reject: Reject) -> bool:
    """A resolve() that this answers is not asked again. "request": the bus is too old to know what it is asked."""
    return reject.field.startswith("resolve") or reject.field == "request"


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


class Session:
    def __init__(self, sender_comp_id: str, topics: Sequence[str] = (), open_commands: bool = False) -> None:
        self._hello = Hello(sender_comp_id=sender_comp_id, topics=topics, open_commands=open_commands)
        self._own_topic = f"client.{sender_comp_id}."
        self._reader = EventReader()
        self._open = False
        self._silent_told = False
        self._last_heard = self._hello_due = self._heartbeat_due = self._status_due = NEVER
        self._resolve_due = NEVER
        self._resolve = ResolveRequest()
        self._open_orders = OpenOrdersReader()
        self._commands: dict[str, _Command] = {}
        # To send when there is room; may name commands that have ended or were received meanwhile, and one twice that was
        # used again.
        self._waiting: deque[str] = deque()
        self._repeats: list[tuple[int, str]] = []  # a heap; an entry counts only if it agrees with the command's `due`
        self._unreceipted = 0
        self._mass = MassRequests()
        self._causes: tuple[Cause, ...] = ()
        self.event_bar: Optional[EventBar] = None  # of our key, as the bus said last
        self._frames: list[SessionRequest] = []
        self._notices: list[Notice] = []

    # What the user does.

    def subscriptions(self) -> list[str]:
        """Prefixes to subscribe to once we are Connected: a topic that we may not read is refused by then, with words."""
        return [*self._hello.topics, self._own_topic]

    def start(self, now: int) -> None:
        self._last_heard = now
        self._say_hello(now)

    def cancel(self, order: CancelOrder, now: int) -> bool:
        """False if the cl_ord_id names an undecided command already; nothing is sent then."""
        if order.cl_ord_id in self._commands:
            return False
        self._commands[order.cl_ord_id] = _Command(order, now)
        self._waiting.append(order.cl_ord_id)
        self._send_waiting(now)
        return True

    def mass_cancel(self, request: MassCancel, now: int) -> bool:
        """Also with dry_run. False if the cl_ord_id names an open one, or an undecided command, already; nothing is sent then."""
        given = request.cl_ord_id not in self._commands and self._mass.give(request, now)
        self._send_waiting(now)
        return given

    def give_up_mass_cancel(self, cl_ord_id: str) -> None:
        self._mass.give_up(cl_ord_id)

    def ask_status(self, now: int) -> None:
        """Asks until a BusStatus came."""
        self._status_due = now

    def resolve(self, request: ResolveRequest, now: int) -> None:
        """For operators: asks until the bus has settled the command or will not. One at a time: a later call replaces it."""
        self._resolve = request
        self._resolve_due = now

    def give_up_resolve(self) -> None:
        self._resolve_due = NEVER

    def open_orders(self, request: OpenOrdersRequest) -> int:
        """Asks until all pages came. Returns the listing's number; several are answered in turn."""
        return self._open_orders.ask(request)

    def give_up_open_orders(self, listing_id: int) -> None:
        self._open_orders.give_up(listing_id)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What commands wait for, as of the last heartbeat's answer, the most serious first; empty while not connected."""
        return self._causes if self._open else ()

    @property
    def undecided(self) -> int:
        """Commands whose last word has not come, and mass cancels whose last report has not."""
        return len(self._commands) + len(self._mass)

    # What happens.

    def on_reply(self, frame: bytes, now: int) -> None:
        try:
            reply = SessionReply.FromString(frame)
        except DecodeError:
            self._notices.append(Unreadable(f"a session frame of {len(frame)} bytes"))
            return
        self._last_heard = now
        self._on_reply(reply, now)
        self._drain_reader(now)
        self._send_waiting(now)

    def on_event(self, topic: bytes, payload: bytes, now: int) -> None:
        try:
            event = Event.FromString(payload)
        except DecodeError:
            event = None
        if event is None or event.topic.encode() != topic:
            self._notices.append(Unreadable(f"an event of {len(payload)} bytes on its topic frame"))
            return
        self._reader.on_event(event, now)
        self._drain_reader(now)
        self._send_waiting(now)

    def on_reconnected(self, now: int) -> None:
        """The session socket has a connection again: hello goes first on it."""
        self._open = False
        self._say_hello(now)

    def on_time(self, now: int) -> None:
        if not self._silent_told and now - self._last_heard >= SILENT_AFTER:
            self._silent_told = True
            self._open = False
            self._notices.append(Silent())
            self._hello_due = now
        if not self._open and self._hello_due <= now:
            self._say_hello(now)
        if self._open and self._heartbeat_due <= now:
            self._frames.append(SessionRequest(heartbeat=Heartbeat()))
            self._heartbeat_due = now + HEARTBEAT_EVERY
        if self._open and self._status_due <= now:
            self._frames.append(SessionRequest(status_request=StatusRequest()))
            self._status_due = now + HEARTBEAT_EVERY
        if self._open and self._resolve_due <= now:
            self._frames.append(SessionRequest(resolve=self._resolve))
            self._resolve_due = now + REPEAT_UNTIL_RECEIPT
        if self._open:
            page = self._open_orders.due(now)
            if page is not None:
                self._frames.append(SessionRequest(open_orders_request=page))
            self._repeat_due(now)
        self._reader.on_time(now)
        self._drain_reader(now)
        self._send_waiting(now)

    # What comes of it.

    def next_deadline(self) -> int:
        """When on_time() wants to be called next; never in the past of the last on_time()."""
        deadline = self._reader.next_deadline()
        if not self._silent_told:
            deadline = min(deadline, self._last_heard + SILENT_AFTER)
        if not self._open:
            return min(deadline, self._hello_due)
        deadline = min(deadline, self._heartbeat_due, self._status_due, self._resolve_due,
                       self._open_orders.next_deadline(), self._mass.next_deadline())
        return min(deadline, self._repeats[0][0]) if self._repeats else deadline

    def take_frames(self) -> list[SessionRequest]:
        frames, self._frames = self._frames, []
        return frames

    def take_notices(self) -> list[Notice]:
        notices, self._notices = self._notices, []
        return notices

    # Replies.

    def _say_hello(self, now: int) -> None:
        self._frames.append(SessionRequest(hello=self._hello))
        self._hello_due = now + HELLO_EVERY

    def _on_reply(self, reply: SessionReply, now: int) -> None:
        kind = reply.WhichOneof("reply")  # None: a reply of a later contract
        if kind == "welcome":
            self._on_welcome(reply.welcome, now)
        elif kind == "receipt":
            self._on_receipt(reply.receipt, now)
        elif kind == "retransmission":
            self._on_retransmission(reply.retransmission, now)
        elif kind == "retransmit_reject":
            self._reader.on_reject(reply.retransmit_reject, now)
        elif kind == "heartbeat":
            self._on_causes(reply.heartbeat)
            self._reader.on_positions(reply.heartbeat.epoch, reply.heartbeat.position, now)
        elif kind == "hello_required":
            if self._open:  # else it is one of several: hello is on its way
                self.on_reconnected(now)
        elif kind == "status":
            self._status_due = NEVER
            self._notices.append(reply.status)
        elif kind == "resolved":
            if reply.resolved.status != RESOLVE_STATUS_PENDING:
                self._resolve_due = NEVER
            self._notices.append(reply.resolved)
        elif kind == "open_orders":
            self._tell_listing(self._open_orders.on_page(reply.open_orders))
        elif kind == "mass_cancel_preview":
            self._notices += self._mass.on_preview(reply.mass_cancel_preview)
        elif kind == "reject":
            if ends_resolve(reply.reject):
                self._resolve_due = NEVER
            self._tell_listing(self._open_orders.on_reject(reply.reject))
            self._notices += self._mass.on_reject(reply.reject)
            self._notices.append(reply.reject)

    def _tell_listing(self, listing: Optional[Listing]) -> None:
        if listing is not None:
            self._notices.append(listing)

    def _on_welcome(self, welcome: Welcome, now: int) -> None:
        if not self._open:
            self._open = True
            self._silent_told = False
            self._hello_due = NEVER
            self._heartbeat_due = now + HEARTBEAT_EVERY
            self._notices.append(Connected(welcome.epoch))
            self._open_orders.restart()
            # What was under way when the session broke may never have arrived.
            self._queue_unreceived()
            self._mass.on_reconnected(now)
        self.event_bar = event_bar_of(welcome.event_bar) if welcome.HasField("event_bar") else None
        self._reader.on_positions(welcome.epoch, welcome.position, now)

    def _on_causes(self, reply: HeartbeatReply) -> None:
        self.event_bar = event_bar_of(reply.event_bar) if reply.HasField("event_bar") else None
        before = [(cause.kind, cause.limiter) for cause in self._causes]
        self._causes = tuple(map(cause_of, reply.cause))
        if before != [(cause.kind, cause.limiter) for cause in self._causes]:
            self._notices.append(Causes(self._causes))

    def _on_receipt(self, receipt: Receipt, now: int) -> None:
        command = self._commands.get(receipt.cl_ord_id)
        if command is None:
            self._notices += self._mass.on_receipt(receipt, now)
            return
        told_before = command.receipt_told or command.acked
        if receipt.status == RECEIPT_STATUS_REFUSED:
            if told_before:  # received before: that stands
                return
            self._end(receipt.cl_ord_id)
        else:
            # Otherwise it is repeated: the receipt comes alone if what follows it is lost, and it may be one of an earlier
            # copy.
            self._mark_received(command, NEVER if command.is_live() else now + REPEAT_UNTIL_ACK)
            if told_before:
                return
            command.receipt_told = True
        self._notices.append(receipt)

    def _on_retransmission(self, event: Event, now: int) -> None:
        # The answer to a repeated command can stand before the place where reading began.
        repetition = event.seq != 0 and not self._reader.on_event(event, now)
        if not repetition:
            return
        # The final may stand there as well, and its repetition may be lost: only another repetition brings it.
        self._apply(event, now + REPEAT_UNTIL_ACK, now)

    # Events in order.

    def _drain_reader(self, now: int) -> None:
        for output in self._reader.take():
            if isinstance(output, Event):
                self._deliver(output, now)
            elif isinstance(output, LostEvents):
                # An ack or a final of ours may be among them: a repeated command is told again what became of it.
                if output.topic == self._own_topic:
                    for command in self._commands.values():
                        command.received = False
                    self._queue_unreceived()
                    self._mass.on_lost_events(now)
                self._notices.append(output)
            elif isinstance(output, NewEpoch):
                self._forget_what_was_told()
                self._notices.append(output)
                self._notices += self._mass.on_new_epoch(now)
            else:
                self._frames.append(SessionRequest(retransmit_request=output))

    def _forget_what_was_told(self) -> None:
        """A new store may know none of our commands: they begin anew."""
        for command in self._commands.values():
            command.received = command.receipt_told = command.acked = False
        self._queue_unreceived()

    def _deliver(self, event: Event, now: int) -> None:
        if event.topic == self._own_topic:
            self._apply(event, NEVER, now)
            if event.HasField("cancel_status") and event.cancel_status.cl_ord_id in self._commands:
                self._notices.append(event.cancel_status)
        self._notices.append(event)

    def _apply(self, event: Event, repeat_at: int, now: int) -> None:
        """`repeat_at`: when to repeat a command that it acks; NEVER: it was read in its place."""
        if event.topic != self._own_topic:
            return
        if event.HasField("cancel_ack"):
            self._on_ack(event.cancel_ack, repeat_at)
        if event.HasField("cancel_final"):
            self._on_final(event.cancel_final)
        if event.HasField("mass_cancel_report"):
            self._notices += self._mass.on_report(event.mass_cancel_report, event.seq, repeat_at == NEVER, now)

    def _on_ack(self, ack: CancelAck, repeat_at: int) -> None:
        command = self._commands.get(ack.cl_ord_id)
        if command is None:
            return
        if not command.acked:
            self._notices.append(ack)
        command.acked = True
        self._mark_received(command, repeat_at)
        if not ack.final_follows:
            self._end(ack.cl_ord_id)

    def _on_final(self, final: CancelFinal) -> None:
        command = self._commands.get(final.cl_ord_id)
        # A final whose ack was lost on its way comes again, with its ack, when the command is repeated.
        if command is None or not command.acked:
            return
        self._notices.append(final)
        self._end(final.cl_ord_id)

    # Commands and their repetition.

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

    def _send_waiting(self, now: int) -> None:
        if self._open:
            self._frames += self._mass.take_due(now)
        for command in self._sendable():
            command.on_the_wire = True
            self._unreceipted += 1
            self._send(command, now)

    def _sendable(self) -> Iterator[_Command]:
        while self._open and self._waiting and self._unreceipted < MAX_UNRECEIPTED:
            command = self._commands.get(self._waiting.popleft())
            if command is not None and not command.received and not command.on_the_wire:
                yield command

    def _send(self, command: _Command, now: int) -> None:
        self._frames.append(SessionRequest(cancel_order=_as_of(command.order, now - command.asked_at)))
        self._schedule(command, now + (REPEAT_UNTIL_ACK if command.received else REPEAT_UNTIL_RECEIPT))

    def _schedule(self, command: _Command, due: int) -> None:
        command.due = due
        if due != NEVER:
            heapq.heappush(self._repeats, (due, command.order.cl_ord_id))

    def _repeat_due(self, now: int) -> None:
        while self._repeats and self._repeats[0][0] <= now:
            due, cl_ord_id = heapq.heappop(self._repeats)
            command = self._commands.get(cl_ord_id)
            if command is not None and command.due == due:
                self._send(command, now)
