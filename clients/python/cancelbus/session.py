"""A strategy's side of the session with the bus: hello, heartbeats, commands repeated until they are answered, events in
order.

Used by Client, which adds the sockets. Pure: frames, the user's calls and the time go in; frames to send and notices for
the user come out. Same inputs, same outputs. Times are nanoseconds of any clock that never goes back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Optional, Sequence, Union

from google.protobuf.message import DecodeError

from .asked import Asked
from .bus_status import Cause, EventBar, cause_of, event_bar_of
from .command_requests import REPEAT_UNTIL_ACK, CommandRequests
from .event_reader import NEVER, SECOND, EventReader, LostEvents, NewEpoch
from .mass_requests import MassCancelLost, MassCancelUnknown, MassRequests
from .notices import SILENT_AFTER, Causes, Connected, Silent, Unreadable
from .open_orders import Listing, OpenOrdersReader
from .v1.cancel_pb2 import BusStatus, CancelAck, CancelFinal, CancelOrder, CancelStatus, Event, MassCancel, MassCancelReport
from .v1.session_pb2 import (RESOLVE_STATUS_PENDING, Commands, Goodbye, GoodbyeReply, Heartbeat, HeartbeatReply, Hello, History, KillSwitchReply,
                             KillSwitchRequest, MassCancelPreview, OpenOrdersRequest, Receipt, Reject, Resolved, ResolveRequest,
                             RetryReply, SessionReply, SessionRequest, StatusRequest, Welcome)

HELLO_EVERY = SECOND
HEARTBEAT_EVERY = SECOND
# Of several buses the next one is tried when none has welcomed us for NEXT_AFTER, and at once when one says that it does not
# lead, but no more often than every NEXT_AFTER_REFUSAL.
NEXT_AFTER = 2 * SECOND
NEXT_AFTER_REFUSAL = SECOND // 4

# What the user sees. Receipt, CancelAck, CancelFinal and CancelStatus are of this session's own commands: at most one
# Receipt (none if the ack overtook it), one CancelAck and one CancelFinal each, however often they were repeated on the
# wire. A second Receipt can only be REFUSED: the first was of an earlier command with this cl_ord_id. After a NewEpoch the
# undecided commands are sent anew, and acked anew. Event is everything that was followed, the own topic included, each once
# and in order. Reject says that the bus could not read what we sent. Resolved comes each time that the bus answers a
# resolve(), until it says anything but PENDING. Listing comes once for each open_orders(), and KillSwitchReply,
# GoodbyeReply, Commands, History and RetryReply once for what they answer, unless a Reject does.
Notice = Union[Connected, Silent, Receipt, CancelAck, CancelFinal, CancelStatus, Event, BusStatus, Reject, Resolved,
               Listing, LostEvents, NewEpoch, Unreadable, Causes, MassCancelReport, MassCancelPreview, MassCancelLost,
               MassCancelUnknown, KillSwitchReply, GoodbyeReply, Commands, History, RetryReply]
# What is asked one at a time.
_STATUS, _RESOLVE, _GOODBYE = "status", "resolve", "goodbye"


def _inquiry(request_id: int) -> str:
    return f"inquiry {request_id}"


class Session:
    def __init__(self, sender_comp_id: str, topics: Sequence[str] = (), open_commands: bool = False,
                 cancel_on_disconnect: Optional[timedelta] = None) -> None:
        """cancel_on_disconnect: the window of the dead man's switch, which each hello arms."""
        self._hello = Hello(sender_comp_id=sender_comp_id, topics=topics, open_commands=open_commands)
        if cancel_on_disconnect is not None:
            self._hello.cancel_on_disconnect.window.FromTimedelta(cancel_on_disconnect)
        self._own_topic = f"client.{sender_comp_id}."
        self._reader = EventReader()
        self._open = False
        self._silent_told = False
        self._last_heard = self._hello_due = self._heartbeat_due = NEVER
        self._next_bus_due = NEVER
        self._next_bus_wanted = False
        self._bus_since = 0  # the one that we talk to
        self._term = 0  # the highest that was seen of a bus of these epochs
        self._epochs: set[int] = set()
        self._leaving = False  # said goodbye, or about to
        self._asked = Asked()
        self._kill_switches = 0
        self._inquiries = 0
        self._open_orders = OpenOrdersReader()
        self._commands = CommandRequests()
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
        given = self._commands.give(order, now)
        self._send_waiting(now)
        return given

    def mass_cancel(self, request: MassCancel, now: int) -> bool:
        """Also with dry_run. False if the cl_ord_id names an open one, or an undecided command, already; nothing is sent then."""
        given = request.cl_ord_id not in self._commands and self._mass.give(request, now)
        self._send_waiting(now)
        return given

    def give_up_mass_cancel(self, cl_ord_id: str) -> None:
        self._mass.give_up(cl_ord_id)

    def ask_status(self, now: int) -> None:
        """Asks until a BusStatus came."""
        self._asked.ask(_STATUS, SessionRequest(status_request=StatusRequest()), now)

    def resolve(self, request: ResolveRequest, now: int) -> None:
        """For operators: asks until the bus has settled the command or will not. One at a time: a later call replaces it."""
        self._asked.ask(_RESOLVE, SessionRequest(resolve=request), now)

    def give_up_resolve(self) -> None:
        self._asked.end(_RESOLVE)

    def kill_switch(self, request: KillSwitchRequest, now: int) -> int:
        """Asks until the bus has engaged or released it or will not. Returns the number that the answer repeats; several are
        asked for in turn."""
        self._kill_switches += 1
        numbered = SessionRequest(kill_switch=request)
        numbered.kill_switch.request_id = self._kill_switches
        self._asked.ask(self._kill_switches, numbered, now)
        return self._kill_switches

    def give_up_kill_switch(self, request_id: int) -> None:
        self._asked.end(request_id)

    def goodbye(self, keep_orders: bool, now: int) -> None:
        """Asks until the bus answers, and sends nothing else from now on, but the hello that this may need. Afterwards nothing
        is sent at all."""
        self._leaving = True
        # A hello that is said again arms the switch only where the orders are to go: a bus with another store fires it then.
        # Otherwise it would arm what an earlier copy of the goodbye has disarmed, and the orders would go if the next is lost.
        if keep_orders:
            self._hello.ClearField("cancel_on_disconnect")
        self._asked.ask(_GOODBYE, SessionRequest(goodbye=Goodbye(keep_orders=keep_orders)), now)

    def inquire(self, request: SessionRequest, now: int) -> int:
        """Asks for a page of undecided commands or of the history, or for a retry, until it is answered. Returns the number that the answer repeats; several are asked
        for in turn."""
        self._inquiries += 1
        numbered = SessionRequest()
        numbered.CopyFrom(request)
        kind = numbered.WhichOneof("request")
        getattr(numbered, kind).request_id = self._inquiries
        self._asked.ask(_inquiry(self._inquiries), numbered, now)
        return self._inquiries

    def give_up_inquiry(self, request_id: int) -> None:
        self._asked.end(_inquiry(request_id))

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
        # What it lacks comes with the next heartbeat of the bus that leads.
        if 0 < event.term < self._term and event.epoch in self._epochs:
            return
        self._reader.on_event(event, now)
        self._drain_reader(now)
        self._send_waiting(now)

    def take_next_bus(self) -> bool:
        """The bus that we talk to does not lead, or does not answer: another one is to be tried, if there is one, and
        on_reconnected() called when that has a connection. True once each time."""
        wanted, self._next_bus_wanted = self._next_bus_wanted, False
        return wanted

    def on_reconnected(self, now: int) -> None:
        """The session socket has a connection again: hello goes first on it."""
        self._open = False
        self._say_hello(now)

    def on_time(self, now: int) -> None:
        if self._has_left:
            return
        if not self._silent_told and now - self._last_heard >= SILENT_AFTER:
            self._silent_told = True
            self._open = False
            self._notices.append(Silent())
            self._hello_due = self._next_bus_due = now
        if not self._open and self._hello_due <= now:
            self._say_hello(now)
        if not self._open and self._next_bus_due <= now:
            self._next_bus_wanted = True
            self._bus_since = now
            self._next_bus_due = now + NEXT_AFTER
        if self._open and self._heartbeat_due <= now:
            self._put(SessionRequest(heartbeat=Heartbeat()))
            self._heartbeat_due = now + HEARTBEAT_EVERY
        if self._open:
            self._put(*self._asked.take_due(now))
            page = self._open_orders.due(now)
            if page is not None:
                self._put(SessionRequest(open_orders_request=page))
            self._put(*self._commands.take_repeats(now))
        self._reader.on_time(now)
        self._drain_reader(now)
        self._send_waiting(now)

    # What comes of it.

    def next_deadline(self) -> int:
        """When on_time() wants to be called next; never in the past of the last on_time()."""
        if self._has_left:
            return NEVER
        deadline = self._reader.next_deadline()
        if not self._silent_told:
            deadline = min(deadline, self._last_heard + SILENT_AFTER)
        if not self._open:
            return min(deadline, self._hello_due, self._next_bus_due)
        return min(deadline, self._heartbeat_due, self._asked.next_deadline(), self._open_orders.next_deadline(),
                   self._mass.next_deadline(), self._commands.next_deadline())

    def take_frames(self) -> list[SessionRequest]:
        frames, self._frames = self._frames, []
        return frames

    def take_notices(self) -> list[Notice]:
        notices, self._notices = self._notices, []
        return notices

    @property
    def _has_left(self) -> bool:
        return self._leaving and _GOODBYE not in self._asked

    def _put(self, *requests: SessionRequest) -> None:
        """To be sent, unless the session is leaving: anything that the bus heard after a goodbye would arm a switch that has
        fired."""
        last = () if self._has_left else ("hello", "goodbye")
        self._frames += [one for one in requests if not self._leaving or one.WhichOneof("request") in last]

    # Replies.

    def _say_hello(self, now: int) -> None:
        self._put(SessionRequest(hello=self._hello))
        self._hello_due = now + HELLO_EVERY
        if self._next_bus_due == NEVER:
            self._next_bus_due = now + NEXT_AFTER

    def _on_not_leading(self, now: int) -> None:
        self._open = False
        self._next_bus_due = max(now, self._bus_since + NEXT_AFTER_REFUSAL)
        self._hello_due = now + HELLO_EVERY

    def _is_outdated(self, epoch: int, term: int) -> bool:
        """Of a bus that leads no more. A store of which nothing was seen yet has terms of its own."""
        if term == 0:
            return False
        if term < self._term and epoch in self._epochs:
            return True
        self._term = term
        self._epochs.add(epoch)
        return False

    def _on_reply(self, reply: SessionReply, now: int) -> None:
        kind = reply.WhichOneof("reply")  # None: a reply of a later contract
        if kind == "welcome":
            self._on_welcome(reply.welcome, now)
        elif kind == "receipt":
            self._notices += self._commands.on_receipt(reply.receipt, now) or self._mass.on_receipt(reply.receipt, now)
        elif kind == "retransmission":
            self._on_retransmission(reply.retransmission, now)
        elif kind == "retransmit_reject":
            self._reader.on_reject(reply.retransmit_reject, now)
        elif kind == "not_leading":
            self._on_not_leading(now)
        elif kind == "heartbeat":
            if self._is_outdated(reply.heartbeat.epoch, reply.heartbeat.term):
                return self._on_not_leading(now)
            self._on_causes(reply.heartbeat)
            self._reader.on_positions(reply.heartbeat.epoch, reply.heartbeat.position, now)
        elif kind == "hello_required":
            if self._open:  # else it is one of several: hello is on its way
                self.on_reconnected(now)
        elif kind == "status":
            self._asked.end(_STATUS)
            self._notices.append(reply.status)
        elif kind == "resolved":
            if reply.resolved.status != RESOLVE_STATUS_PENDING:
                self._asked.end(_RESOLVE)
            self._notices.append(reply.resolved)
        elif kind == "open_orders":
            self._tell_listing(self._open_orders.on_page(reply.open_orders))
        elif kind in ("commands", "history", "retry"):
            answer = getattr(reply, kind)
            if self._asked.end(_inquiry(answer.request_id)):
                self._notices.append(answer)
        elif kind == "mass_cancel_preview":
            self._notices += self._mass.on_preview(reply.mass_cancel_preview)
        elif kind == "kill_switch":
            if self._asked.end(reply.kill_switch.request_id):
                self._notices.append(reply.kill_switch)
        elif kind == "goodbye":
            if self._asked.end(_GOODBYE):
                self._notices.append(reply.goodbye)
        elif kind == "reject":
            self._asked.on_reject(reply.reject)
            self._tell_listing(self._open_orders.on_reject(reply.reject))
            self._notices += self._mass.on_reject(reply.reject)
            self._notices.append(reply.reject)

    def _tell_listing(self, listing: Optional[Listing]) -> None:
        if listing is not None:
            self._notices.append(listing)

    def _on_welcome(self, welcome: Welcome, now: int) -> None:
        if self._is_outdated(welcome.epoch, welcome.term):
            return self._on_not_leading(now)
        self._next_bus_due = NEVER
        if not self._open:
            self._open = True
            self._silent_told = False
            self._hello_due = NEVER
            self._heartbeat_due = now + HEARTBEAT_EVERY
            self._notices.append(Connected(welcome.epoch))
            self._open_orders.restart()
            self._asked.on_reconnected(now)
            self._commands.on_reconnected()
            self._mass.on_reconnected(now)
        self.event_bar = event_bar_of(welcome.event_bar) if welcome.HasField("event_bar") else None
        self._reader.on_positions(welcome.epoch, welcome.position, now)

    def _on_causes(self, reply: HeartbeatReply) -> None:
        self.event_bar = event_bar_of(reply.event_bar) if reply.HasField("event_bar") else None
        before = [(cause.kind, cause.limiter) for cause in self._causes]
        self._causes = tuple(map(cause_of, reply.cause))
        if before != [(cause.kind, cause.limiter) for cause in self._causes]:
            self._notices.append(Causes(self._causes))

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
                if output.topic == self._own_topic:
                    self._commands.on_lost_events()
                    self._mass.on_lost_events(now)
                self._notices.append(output)
            elif isinstance(output, NewEpoch):
                self._commands.on_new_epoch()
                self._notices.append(output)
                self._notices += self._mass.on_new_epoch(now)
            else:
                self._put(SessionRequest(retransmit_request=output))

    def _deliver(self, event: Event, now: int) -> None:
        if event.topic == self._own_topic:
            self._apply(event, NEVER, now)
            if event.HasField("cancel_status") and self._commands.is_about_one(event.cancel_status):
                self._notices.append(event.cancel_status)
        self._notices.append(event)

    def _apply(self, event: Event, repeat_at: int, now: int) -> None:
        """`repeat_at`: when to repeat a command that it acks; NEVER: it was read in its place."""
        if event.topic != self._own_topic:
            return
        if event.HasField("cancel_ack"):
            self._notices += self._commands.on_ack(event.cancel_ack, repeat_at)
        if event.HasField("cancel_final"):
            self._notices += self._commands.on_final(event.cancel_final)
        if event.HasField("mass_cancel_report"):
            self._notices += self._mass.on_report(event.mass_cancel_report, event.seq, repeat_at == NEVER, now)

    def _send_waiting(self, now: int) -> None:
        if self._open:
            self._put(*self._mass.take_due(now), *self._commands.take_waiting(now))
