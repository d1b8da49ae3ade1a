"""The two sockets of a Client, session and events, and what is wrong with them.

Used by Client, in its event loop. Nothing here waits, and nothing here knows of commands: frames go between the sockets and a
Session. Guarantees that no topic is subscribed to before the bus has welcomed us, or after it has refused our hello: a bus
takes a subscription to what a key may not read for an intrusion, and bars the key from events.
"""

from __future__ import annotations

import asyncio
import time
from typing import Callable, Iterable, Optional

import zmq

from .errors import BusUnreachable, CancelbusError, EventsBarred, KeyRefused, OptionError
from .link import Link, readable
from .options import Options
from .session import Session
from .v1.session_pb2 import SessionRequest

# Frames read from one socket in one turn, so that a flood of events cannot keep commands from going out.
FRAMES_PER_TURN = 1_000


class Connection:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._dealer = Link(self._context, zmq.DEALER, "session_endpoint", options.session_endpoints, options.curve)
        self._sub = Link(self._context, zmq.SUB, "event_endpoint", options.event_endpoints, options.curve)
        self._links = (self._dealer, self._sub)
        # Without a connection a send fails instead of piling up: old hellos and repetitions are of no use to a bus that
        # comes back.
        self._dealer.socket.immediate = 1
        self._subscribed: list[str] = []

    def open(self, loop: asyncio.AbstractEventLoop, on_ready: Callable[[], None]) -> None:
        """The bus need not be there yet. Raises OptionError."""
        for link in self._links:
            try:
                link.connect()
            except zmq.ZMQError as error:
                raise OptionError(f"{link.endpoint!r} cannot be used: {error}") from None
        try:
            for socket in self._sockets():
                loop.add_reader(socket.FD, on_ready)
        except NotImplementedError:
            raise OptionError(f"{type(loop).__name__} cannot watch sockets: run in an asyncio.SelectorEventLoop, as "
                              "clients/README.md shows for Windows, or use cancelbus.blocking") from None

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        for socket in self._sockets():
            try:
                loop.remove_reader(socket.FD)
            except NotImplementedError:  # open() has said so
                pass
        for link in self._links:
            link.close()
        self._context.term()

    def subscribe(self, prefixes: Iterable[str]) -> None:
        """What is published before the subscription arrives shows in the next heartbeat."""
        if not self._subscribed:
            self._subscribed = list(prefixes)
            for prefix in self._subscribed:
                self._sub.socket.subscribe(prefix)

    def unsubscribe(self) -> None:
        if not self._subscribed:
            return
        for prefix in self._subscribed:
            self._sub.socket.unsubscribe(prefix)
        self._subscribed = []
        self._sub.renew()  # libzmq has queued them for the connection that comes next, when the last one broke

    def next_bus(self) -> None:
        """To the next bus that may lead, if there are several. look() says when its session's connection is up."""
        if len(self._options.session_endpoints) == 1:
            return
        self.unsubscribe()
        for link in self._links:
            link.next_bus()

    def look(self, now: int) -> bool:
        """Takes in what happened to the connections. True if the session's came up."""
        came_up = False
        for link in self._links:
            if link.read_monitor(now) and link is self._dealer:
                came_up = True
            link.on_time(now)
        if not self._dealer.up:  # the bus that comes back may have another policy
            self.unsubscribe()
        return came_up

    def read(self, session: Session) -> None:
        """Replies before events, so that a receipt mostly comes before its ack."""
        dealer, sub = self._dealer.socket, self._sub.socket
        try:
            for _ in range(FRAMES_PER_TURN):
                frames = dealer.recv_multipart(zmq.DONTWAIT)
                session.on_reply(frames[0], time.monotonic_ns())
        except zmq.Again:
            pass
        try:
            for _ in range(FRAMES_PER_TURN):
                frames = sub.recv_multipart(zmq.DONTWAIT)
                session.on_event(frames[0], frames[1] if len(frames) > 1 else b"", time.monotonic_ns())
        except zmq.Again:
            pass

    def send(self, frames: Iterable[SessionRequest]) -> None:
        for frame in frames:
            try:
                self._dealer.socket.send(frame.SerializeToString(), zmq.DONTWAIT)
            except zmq.Again:
                pass  # no connection: the session repeats what matters

    def next_deadline(self) -> int:
        return min(link.next_deadline() for link in self._links)

    def something_waits(self) -> bool:
        return any(map(readable, self._sockets()))

    def _sockets(self) -> list[zmq.Socket[bytes]]:
        return [socket for link in self._links for socket in (link.socket, link.monitor)]

    # What is wrong.

    @property
    def session_endpoint(self) -> str:
        """Of the bus that is tried, or talked to."""
        return self._dealer.endpoint

    @property
    def session_up(self) -> bool:
        return self._dealer.up

    def problem(self, session: Session) -> Optional[CancelbusError]:
        """Why the bus cannot be reached, or only in part; None if it can. A refused key counts more than silence."""
        ours, events = self._dealer.problem(), self._sub.problem()
        if self._sub.key_refused:  # by itself this says nothing of the key: the session's connection tells whether it is known
            return EventsBarred(self._sub.endpoint, session.event_bar) if self._dealer.up else ours
        if self._dealer.hangs_up and self._sub.hangs_up:
            return self._swapped(ours)
        refused = next((problem for problem in (ours, events) if isinstance(problem, KeyRefused)), None)
        return refused or ours or events

    def _swapped(self, session_problem: Optional[CancelbusError]) -> CancelbusError:
        options = self._options
        text = (f"both endpoints hang up on our handshake: perhaps session_endpoint ({self._dealer.endpoint}) and "
                f"event_endpoint ({self._sub.endpoint}) are swapped")
        if isinstance(session_problem, KeyRefused):
            return KeyRefused(f"{text}. Or {session_problem}")
        if options.curve is not None:
            return BusUnreachable(f"{text}, or the file in curve_server_key_file does not hold the bus's public key")
        return BusUnreachable(f"{text}, or what listens there is no bus")
