"""One ZeroMQ socket to the bus, and what its monitor tells of the connection: up, refused, or nothing there.

Used by Connection, for its two sockets. Nothing here waits. After a refused handshake libzmq gives up for good, so the link
disconnects and connects again, RETRY_AFTER later, until it is closed. And libzmq looks up one kind of address: IPv6 if its
option says so, and then it prefers IPv6 for good where a name has both. So a name is looked up as IPv4, and as IPv6 only
while it has no IPv4 address.
"""

from __future__ import annotations

from typing import Iterable, Optional, Sequence

import zmq
from zmq.utils.monitor import parse_monitor_message

from .errors import BusUnreachable, CancelbusError, KeyRefused, OptionError
from .event_reader import NEVER, SECOND
from .options import Curve, read_server_keys

# Frames that wait in a socket. Beyond it sends are dropped and repeated by the session's rules, and events are missed and
# asked for again.
HIGH_WATER_MARK = 100_000
# More than the bus sends; a guard against what is not a bus.
MAX_FRAME_BYTES = 1 << 20
RETRY_AFTER = SECOND
# Handshakes that broke off in a row before it is called a refusal: one may be a bus that died in the middle.
BROKEN_HANDSHAKES = 3

_FAILED_AUTH = zmq.EVENT_HANDSHAKE_FAILED_AUTH
_FAILED_PROTOCOL = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
_FAILED_NO_DETAIL = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
_WATCHED = (zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_CONNECT_RETRIED |
            _FAILED_AUTH | _FAILED_PROTOCOL | _FAILED_NO_DETAIL)


def readable(socket: zmq.Socket[bytes]) -> bool:
    return bool(socket.getsockopt(zmq.EVENTS) & zmq.POLLIN)  # type: ignore[operator]


class Link:
    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], kind: int, option: str, endpoints: Sequence[str],
                 curve: Optional[Curve]) -> None:
        """`option` is the name under which the user gave the endpoints, one for each bus that may lead."""
        self._endpoints = tuple(endpoints)
        self.endpoint = self._endpoints[0]
        self.up = False
        self._option = option
        self._curve = curve
        self._refusal: Optional[KeyRefused] = None
        self.key_refused = False  # the bus answered that this key may not come in here
        self._broken = 0
        self._last = 0
        self._retry_at = NEVER
        self._other_kind = False  # of address, with the next attempt of ours
        self._tried = False  # an address, since libzmq last began to wait
        self.socket = context.socket(kind)
        self._prepare()
        self.monitor = self.socket.get_monitor_socket(_WATCHED)

    def _prepare(self) -> None:
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = HIGH_WATER_MARK
        self.socket.maxmsgsize = MAX_FRAME_BYTES
        self.socket.reconnect_ivl, self.socket.reconnect_ivl_max = 100, 1_000
        # A peer that vanished without a word is noticed on the event socket too, which never sends by itself.
        self.socket.heartbeat_ivl, self.socket.heartbeat_timeout = 1_000, 5_000
        if self._curve is not None:
            self.socket.curve_publickey, self.socket.curve_secretkey = self._curve.public, self._curve.secret
            self.socket.curve_serverkey = self._server_key = self._curve.servers[0]

    def connect(self) -> None:
        """Raises zmq.ZMQError if the endpoint cannot be used. The bus need not be there yet."""
        self.socket.ipv6 = self._is_address()
        self.socket.connect(self.endpoint)

    def _is_address(self) -> bool:
        return self.endpoint.startswith("tcp://[")

    def _waits_to_retry(self, now: int) -> None:
        """libzmq does: after an attempt, or because it has found no address of the kind it looked for."""
        if not self._tried and not self._is_address() and self._retry_at == NEVER:
            self._retry_at = now + RETRY_AFTER if self.socket.ipv6 else now
            self._other_kind = True
        self._tried = False

    def _try_next_server_key(self, now: int) -> None:
        """The bus has hung up on our handshake: it may have been given another key. The file is read as it stands now."""
        if self._curve is None or self._retry_at != NEVER:
            return
        try:
            keys = read_server_keys(self._curve.server_file)
        except OptionError:
            keys = self._curve.servers
        key = keys[(keys.index(self._server_key) + 1) % len(keys)] if self._server_key in keys else keys[0]
        if key != self._server_key:  # the only one is tried again by libzmq
            self.socket.curve_serverkey = self._server_key = key
            self._retry_at = now if self._broken <= len(keys) else now + RETRY_AFTER

    def read_monitor(self, now: int) -> bool:
        """Takes in what happened to the connection. True if it came up."""
        came_up = False
        while readable(self.monitor):
            event = parse_monitor_message(self.monitor.recv_multipart(zmq.DONTWAIT))["event"]
            if event == zmq.EVENT_CONNECT_RETRIED:
                self._waits_to_retry(now)
                continue
            self._tried = True
            came_up = event == zmq.EVENT_HANDSHAKE_SUCCEEDED or came_up
            self._take(event, now)
        return came_up

    def _take(self, event: int, now: int) -> None:
        was_up, self.up = self.up, event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        before, self._last = self._last, event
        if self.up or event == zmq.EVENT_CLOSED:  # closed: nothing listens there
            self._refusal, self._broken, self.key_refused = None, 0, False
            if self.up:
                self._retry_at, self._other_kind = NEVER, False
        elif event in (_FAILED_AUTH, _FAILED_PROTOCOL):
            self._refusal, self._retry_at = self._explain(event), now + RETRY_AFTER
            self.key_refused = event == _FAILED_AUTH
        elif event == _FAILED_NO_DETAIL:
            self._broken += 1
            if self._broken >= BROKEN_HANDSHAKES:
                self._refusal = self._explain(event)
            self._try_next_server_key(now)
        elif event == zmq.EVENT_DISCONNECTED and self._curve is None and not (was_up or self._refusal or before == _FAILED_NO_DETAIL):
            # Without keys libzmq says no more when the other socket is of a kind that ours cannot speak to, and gives up.
            self._broken, self._retry_at = self._broken + 1, now + RETRY_AFTER

    def on_time(self, now: int) -> None:
        if self._retry_at <= now:
            self.renew()

    def renew(self) -> None:
        """Connects again, and drops what waited to be sent."""
        self._retry_at = NEVER
        self.socket.disconnect(self.endpoint)
        self.socket.ipv6 = self.socket.ipv6 != self._other_kind
        self._other_kind = False
        self.socket.connect(self.endpoint)

    def next_bus(self) -> None:
        """Connects to the endpoint of the next one instead."""
        self.socket.disconnect(self.endpoint)
        self.endpoint = self._endpoints[(self._endpoints.index(self.endpoint) + 1) % len(self._endpoints)]
        self.up, self.key_refused, self._refusal, self._broken = False, False, None, 0
        self._retry_at, self._other_kind = NEVER, False
        self.connect()

    def next_deadline(self) -> int:
        return self._retry_at

    @property
    def hangs_up(self) -> bool:
        """What listens there breaks the handshake off, and says no more."""
        return self._broken > 0 and not self.up

    def problem(self) -> Optional[CancelbusError]:
        """Why there is no connection; None if there is one."""
        if self.up:
            return None
        if self._refusal is not None:
            return self._refusal
        if self._broken:
            return BusUnreachable(f"what listens at {self.endpoint} hangs up at once: is it a bus? Check {self._option}")
        return BusUnreachable(f"nothing answers at {self.endpoint}: is the bus running there? Check {self._option} "
                              f"(or CANCELBUS_{self._option.upper()})")

    def _explain(self, event: int) -> KeyRefused:
        if self._curve is None:
            return KeyRefused(f"what listens at {self.endpoint} does not speak without keys: if it is a bus, give "
                              "curve_key_file and curve_server_key_file")
        if event == _FAILED_AUTH:
            return KeyRefused(f"the bus at {self.endpoint} does not know the key in curve_key_file: have its operator put "
                              f"your public key {self._curve.public.decode()} into the bus's policy file")
        if event == _FAILED_PROTOCOL:
            return KeyRefused(f"the bus at {self.endpoint} uses no keys: if that is intended, say insecure_loopback=True "
                              "and give no key files")
        return KeyRefused(f"the bus at {self.endpoint} hangs up on our handshake: the file in curve_server_key_file does not "
                          "hold its public key, or the bus uses no keys")

    def close(self) -> None:
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(0)


def worst_problem(links: Iterable[Link]) -> Optional[CancelbusError]:
    """Of connections that are not up: a refused key first. None if all are."""
    problems = [problem for problem in (link.problem() for link in links) if problem is not None]
    return next((problem for problem in problems if isinstance(problem, KeyRefused)), next(iter(problems), None))
