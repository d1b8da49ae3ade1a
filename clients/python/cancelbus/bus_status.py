"""The bus as a whole, as values: BusStatus and its parts, Cause, EventBar. Everything that values.py says holds here too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Optional

from .convert import AsDict, message_field, optional_span_of, span_of, time_of
from .enums import CauseKind, MassCancelScope, Side
from .v1 import cancel_pb2


@dataclass(frozen=True)
class Cause:
    """Something that several commands wait for, and why; in BusStatus also what is wrong and stops no request."""
    kind: CauseKind
    limiter: str  # "cancel" or "query"; "": both
    # "cancels", "queries", "cancels and queries", "commands, cancels and queries", "finals by the stream", "events of barred
    # keys"; "": nothing, it takes longer
    stops: str
    text: str
    since: Optional[datetime]
    remaining: Optional[timedelta]  # how long it will last at least; None: not known
    http_status: int  # of the answer that it comes from; 0: none
    exchange_code: int
    runbook: str  # the heading of deploy/RUNBOOK.md that says what to do; "" from a bus of an earlier version
    message: Any = message_field()

    def __str__(self) -> str:
        left = f", {self.remaining.total_seconds():.0f} s left" if self.remaining is not None else ""
        return f"{self.kind}: {self.text}{left}"


@dataclass(frozen=True)
class EventBar:
    """A key that is barred from events for a while, because it subscribed to what it may not read."""
    name: str  # of the key, in the bus's policy
    until: Optional[datetime]  # by the bus's clock
    remaining: Optional[timedelta]
    text: str  # what it did
    message: Any = message_field()

    def __str__(self) -> str:
        until = f" until {self.until:%H:%M:%S} UTC" if self.until is not None else ""
        left = f" ({self.remaining.total_seconds():.0f} s left)" if self.remaining is not None else ""
        return f"the key of {self.name} is barred from events{until}{left}: {self.text}"


@dataclass(frozen=True)
class WindowStatus:
    """One rate limit."""
    limiter: str  # "cancel", "query" or "open_orders"
    used: int
    limit: int  # in force
    period: timedelta
    configured_limit: int  # above `limit` while another program spends the same budget; 0 from a bus of an earlier version
    message: Any = message_field()


@dataclass(frozen=True)
class HoldStatus:
    """A limiter that the exchange has ordered to wait, as a Cause BACKOFF says too."""
    limiter: str
    until: Optional[datetime]
    text: str
    remaining: Optional[timedelta]  # until then; None from a bus of an earlier version
    message: Any = message_field()


@dataclass(frozen=True)
class QueueStatus:
    """What a sender has waiting for budget."""
    sender_comp_id: str
    urgent: int
    normal: int
    oldest: Optional[datetime]  # when the command of the order that goes next was received
    message: Any = message_field()


@dataclass(frozen=True)
class WorkerStatus:
    """One worker that has presented itself to this start of the bus."""
    name: str
    credit: int
    in_flight: int
    benched: str  # why it gets no work; "" if it may
    clock_offset: Optional[timedelta]  # the exchange's clock less the worker's
    clock_round_trip: Optional[timedelta]
    silent_since: Optional[datetime]  # dead: since then; None if it is not
    message: Any = message_field()


@dataclass(frozen=True)
class OpenOrderCount:
    """How many open orders are known of one owner."""
    owner: str  # a sender; "": of those without a known owner
    orders: int
    message: Any = message_field()


@dataclass(frozen=True)
class StreamStatus:
    """What is known of the private stream."""
    connected: bool
    logged_in: bool
    live: bool  # what is silent now is truly quiet
    last_proof: Optional[datetime]  # when the last 451, 452 or 441 came
    text: str
    message: Any = message_field()


@dataclass(frozen=True)
class KillSwitch:
    """An engaged kill switch: every open order in its scope is canceled, and each one that appears, until it is released."""
    scope: MassCancelScope
    owner: str  # whose orders; "" with scope UNOWNED and ALL
    symbol: str  # "": every pair
    side: Side  # UNSPECIFIED: both
    client_order_id_prefix: str
    sender_comp_id: str  # who engaged it
    since: Optional[datetime]
    reason: str
    still_open: int  # orders in its scope that are known to be open
    # No order in scope that was placed 2 s or more before `complete_as_of` is open: only then is it released without force.
    proven_empty: bool
    complete_as_of: Optional[datetime]
    cl_ord_id: str  # of the mass cancel that empties the scope, a command of `sender_comp_id`
    text: str  # why it is not proven empty yet; "" if it is
    message: Any = message_field()


@dataclass(frozen=True)
class DeadManSwitch:
    """An armed dead man's switch: the sender's own orders are canceled once when it has been silent for `window`."""
    sender_comp_id: str
    window: timedelta
    silent_for: timedelta  # how long the sender has not been heard, of the time in which the bus ran
    fired: bool  # it has, and fires again only after the sender has been heard
    message: Any = message_field()


@dataclass(frozen=True)
class AnswerCount:
    """How often the exchange answered a request so, whatever the request was for."""
    http_status: int  # 0: no answer came
    last_minute: int
    last_10_minutes: int
    message: Any = message_field()


@dataclass(frozen=True)
class Doubt:
    """An undecided order with a request that was not answered, and may have been processed."""
    order_id: int
    sender_comp_id: str  # of its oldest undecided command
    cl_ord_id: str
    since: Optional[datetime]  # when the first request for it was given to a worker
    http_status: int  # what came instead of a usable answer, the latest; 0: none
    exchange_code: int
    text: str
    attempts: int  # DELETEs handed to workers so far
    message: Any = message_field()


@dataclass(frozen=True)
class Standby:
    """A bus that follows the store, and takes over when the leader is gone."""
    name: str
    heard_ago: Optional[timedelta]  # how long ago it last read the store
    message: Any = message_field()


@dataclass(frozen=True)
class BusStatus(AsDict):
    """The bus as a whole."""
    contract_names = {"causes": "cause", "event_bars": "event_bar", "open_order_counts": "open_order_count"}

    windows: tuple[WindowStatus, ...]
    holds: tuple[HoldStatus, ...]
    queues: tuple[QueueStatus, ...]
    commands_undecided: int  # of all senders
    workers: tuple[WorkerStatus, ...]
    stream: StreamStatus
    store_writable: bool
    as_of: Optional[datetime]
    cancels_in_flight: int  # given to workers, and not answered yet
    queries_in_flight: int
    orders_in_doubt: int  # with a request that was not answered, and may have been processed
    oldest_doubt: Optional[datetime]  # when the first request for one of these was given to a worker
    store_bytes: int
    causes: tuple[Cause, ...]  # what commands wait for, then what stops none; the most serious first
    # That it observes, and the most serious cause with since when, what it stops and the runbook's heading, in one line; "ok" if
    # neither.
    headline: str
    expected_workers: int  # how many there ought to be; 0: the bus was not told
    event_bars: tuple[EventBar, ...]
    observing: bool  # it runs with --observe: it sends no cancel, and rejects commands, OBSERVING
    complete_as_of: Optional[datetime]  # every open order that was placed 2 s or more before is known; None: none is yet
    open_order_counts: tuple[OpenOrderCount, ...]  # by owner
    sweep_trouble: str  # why the last sweep was not complete, or none can run; "": nothing is wrong
    kill_switches: tuple[KillSwitch, ...]  # those that are engaged, in the order of their engaging; at most 32
    dead_man_switches: tuple[DeadManSwitch, ...]  # those that are armed, by sender; at most 100
    account: str  # of the exchange, as the bus was told; "": it was not
    version: str  # of the bus; "" from one of an earlier version, as all that follows is 0, None or empty
    started: Optional[datetime]
    uptime: Optional[timedelta]
    answers: tuple[AnswerCount, ...]  # the exchange's, the most frequent of the last minute first
    unauthorized_in_a_row: int  # requests that it refused with 401 or 403 since it last let one in
    unauthorized_limit: int  # so many block the address
    queue_empty_in: Optional[timedelta]  # at least; None: nothing waits
    # Of the 20 that have been in doubt for longest those whose orders this key may see; none in an event on bus.
    doubts: tuple[Doubt, ...]
    term: int  # of the bus that leads, one more for each start or takeover; 0 from a bus of an earlier version
    leader: str  # who that is, as workers see it in their tasks
    standbys: tuple[Standby, ...]  # buses that can take over
    replication: str  # whether commits are on a second machine; "": the store is not replicated
    message: Any = message_field()

    @property
    def budget_used(self) -> dict[str, int]:
        """Of cancels, as {"10 in 1 s": 3}."""
        return {f"{window.limit} in {window.period.total_seconds():g} s": window.used
                for window in self.windows if window.limiter == "cancel"}

    @property
    def workers_available(self) -> int:
        """How many may work."""
        return sum(not worker.benched for worker in self.workers)

    @property
    def stream_live(self) -> bool:
        """What is silent on the private stream is truly quiet."""
        return self.stream.live


def cause_of(m: cancel_pb2.Cause) -> Cause:
    return Cause(CauseKind(m.kind), m.limiter, m.stops, m.text, time_of(m, "since"), optional_span_of(m, "remaining"),
                 m.http_status, m.exchange_code, m.runbook, m)


def event_bar_of(m: cancel_pb2.EventBar) -> EventBar:
    return EventBar(m.name, time_of(m, "until"), optional_span_of(m, "remaining"), m.text, m)


def _window_of(m: cancel_pb2.BusStatus.Window) -> WindowStatus:
    return WindowStatus(m.limiter, m.used, m.limit, span_of(m.period), m.configured_limit, m)


def _hold_of(m: cancel_pb2.BusStatus.Hold) -> HoldStatus:
    return HoldStatus(m.limiter, time_of(m, "until"), m.text, optional_span_of(m, "remaining"), m)


def _queue_of(m: cancel_pb2.BusStatus.Queue) -> QueueStatus:
    return QueueStatus(m.sender_comp_id, m.urgent, m.normal, time_of(m, "oldest"), m)


def _worker_of(m: cancel_pb2.BusStatus.Worker) -> WorkerStatus:
    return WorkerStatus(m.name, m.credit, m.in_flight, m.benched, optional_span_of(m, "clock_offset"),
                        optional_span_of(m, "clock_round_trip"), time_of(m, "silent_since"), m)


def _stream_of(m: cancel_pb2.BusStatus.Stream) -> StreamStatus:
    return StreamStatus(m.connected, m.logged_in, m.live, time_of(m, "last_proof"), m.text, m)


def _kill_switch_of(m: cancel_pb2.BusStatus.KillSwitch) -> KillSwitch:
    return KillSwitch(MassCancelScope(m.scope), m.owner, m.symbol, Side(m.side), m.client_order_id_prefix, m.sender_comp_id,
                      time_of(m, "since"), m.reason, m.still_open, m.proven_empty, time_of(m, "complete_as_of"), m.cl_ord_id,
                      m.text, m)


def _dead_man_switch_of(m: cancel_pb2.BusStatus.DeadManSwitch) -> DeadManSwitch:
    return DeadManSwitch(m.sender_comp_id, span_of(m.window), span_of(m.silent_for), m.fired, m)


def _doubt_of(m: cancel_pb2.BusStatus.Doubt) -> Doubt:
    return Doubt(m.order_id, m.sender_comp_id, m.cl_ord_id, time_of(m, "since"), m.http_status, m.exchange_code, m.text,
                 m.attempts, m)


def _standby_of(m: cancel_pb2.BusStatus.Standby) -> Standby:
    return Standby(m.name, optional_span_of(m, "heard_ago"), m)


def bus_status_of(m: cancel_pb2.BusStatus) -> BusStatus:
    return BusStatus(tuple(map(_window_of, m.windows)), tuple(map(_hold_of, m.holds)), tuple(map(_queue_of, m.queues)),
                     m.commands_undecided, tuple(map(_worker_of, m.workers)), _stream_of(m.stream), m.store_writable,
                     time_of(m, "as_of"), m.cancels_in_flight, m.queries_in_flight, m.orders_in_doubt,
                     time_of(m, "oldest_doubt"), m.store_bytes, tuple(map(cause_of, m.cause)), m.headline,
                     m.expected_workers, tuple(map(event_bar_of, m.event_bar)), m.observing, time_of(m, "complete_as_of"),
                     tuple(OpenOrderCount(count.owner, count.orders, count) for count in m.open_order_count),
                     m.sweep_trouble, tuple(map(_kill_switch_of, m.kill_switches)),
                     tuple(map(_dead_man_switch_of, m.dead_man_switches)), m.account, m.version, time_of(m, "started"),
                     optional_span_of(m, "uptime"),
                     tuple(AnswerCount(count.http_status, count.last_minute, count.last_10_minutes, count)
                           for count in m.answers),
                     m.unauthorized_in_a_row, m.unauthorized_limit, optional_span_of(m, "queue_empty_in"),
                     tuple(map(_doubt_of, m.doubts)), m.term, m.leader, tuple(map(_standby_of, m.standbys)), m.replication, m)
