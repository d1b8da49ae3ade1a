"""cancel_many(): many orders with one call, never more at a time than the bus takes, and a summary of what became of each.

Used by Client. A command is undecided from its submission until its last word. At most `most_at_once` of these are; where the
bus says that its queue is full, as few as it took, until it takes more again. Nothing else of the client waits for it.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Optional

from . import command
from .enums import OrdStatus
from .errors import CancelbusError, ClientClosed, QueueFull, RefusedError, RejectedError, StoreLost
from .handles import Cancel
from .values import Ack, Final

if TYPE_CHECKING:
    from .client import Client

log = logging.getLogger("cancelbus")

# The account's budget is 10 cancels a second: more at a time brings nothing, and takes room from other strategies.
MOST_AT_ONCE = 500
# A bus that says BUS_FULL is asked again after so long, or when one of our commands has ended.
ASK_AGAIN_S = 1.0
# So often in a row while none of ours is undecided: then others fill the queue, or a limit that no wait ends.
MOST_REFUSALS = 30
SAY_AGAIN_S = 10.0


class Outcome(Enum):
    """What became of one order of a cancel_many()."""
    CANCELED = "CANCELED"  # proven
    FILLED = "FILLED"  # proven
    STILL_OPEN = "STILL_OPEN"  # proven: the cancel has ended, and the order is on the book
    UNKNOWN_ORDER = "UNKNOWN_ORDER"  # the exchange knows no such order
    REJECTED = "REJECTED"  # the cancel ended with its ack, and the order is where it was
    REFUSED = "REFUSED"  # the bus did not take the command: nothing was sent to the exchange
    EXPIRED = "EXPIRED"  # time_to_live ended while it waited here: nothing was sent
    NOT_SENT = "NOT_SENT"  # the timeout ended, or the client was closed, while it waited here
    UNDECIDED = "UNDECIDED"  # not known yet: the command goes on at the bus
    STORE_LOST = "STORE_LOST"  # see StoreLost: look at the order
    OTHER = "OTHER"  # of a later contract: never take it for success

    def __str__(self) -> str:
        return self.value


_OF_STATUS = {OrdStatus.CANCELED: Outcome.CANCELED, OrdStatus.FILLED: Outcome.FILLED, OrdStatus.NEW: Outcome.STILL_OPEN,
              OrdStatus.PARTIALLY_FILLED: Outcome.STILL_OPEN, OrdStatus.REJECTED: Outcome.UNKNOWN_ORDER}
_OF_ERROR = {RejectedError: Outcome.REJECTED, StoreLost: Outcome.STORE_LOST}


@dataclass(frozen=True)
class CancelResult:
    """Of one order."""
    order_id: int
    outcome: Outcome
    cl_ord_id: str = ""  # "": no command was sent
    ack: Optional[Ack] = None
    final: Optional[Final] = None
    error: Optional[CancelbusError] = None  # why there is no final; UNDECIDED, NOT_SENT: what was wrong, if anything

    @property
    def order_gone(self) -> bool:
        """Proven: canceled or filled."""
        return self.outcome in (Outcome.CANCELED, Outcome.FILLED)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; what is None is absent."""
        fields: dict[str, Any] = {"order_id": str(self.order_id), "outcome": str(self.outcome), "cl_ord_id": self.cl_ord_id}
        if self.ack is not None:
            fields["cancel_ack"] = self.ack.to_dict()
        if self.final is not None:
            fields["cancel_final"] = self.final.to_dict()
        if self.error is not None:
            fields["text"] = str(self.error)
        return fields


@dataclass(frozen=True)
class CancelSummary:
    """What became of the orders of a cancel_many(), in the order in which they were given."""
    results: Mapping[int, CancelResult]  # by order id
    counts: Mapping[Outcome, int] = field(init=False)  # of those that occurred

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", dict(Counter(result.outcome for result in self.results.values())))

    @property
    def all_gone(self) -> bool:
        """Proven: every order is canceled or filled."""
        return not self.left

    @property
    def left(self) -> list[int]:
        """Orders that are not proven gone."""
        return [order_id for order_id, result in self.results.items() if not result.order_gone]

    def __str__(self) -> str:
        return f"{len(self.results)} orders: " + (", ".join(f"{count} {outcome}" for outcome, count in self.counts.items()) or "none")

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"counts": {str(outcome): count for outcome, count in self.counts.items()},
                "results": [result.to_dict() for result in self.results.values()]}


def _result_of(cancel: Cancel) -> CancelResult:
    ack = cancel._ack.result() if cancel._ack.done() and cancel._ack.exception() is None else None
    if not cancel._final.done():
        return CancelResult(cancel.order_id, Outcome.UNDECIDED, cancel.cl_ord_id, ack)
    error = cancel._final.exception()
    if error is None:
        final = cancel._final.result()
        return CancelResult(cancel.order_id, _OF_STATUS.get(final.ord_status, Outcome.OTHER), cancel.cl_ord_id, ack, final)
    assert isinstance(error, CancelbusError)
    outcome = Outcome.REFUSED if isinstance(error, RefusedError) else _OF_ERROR.get(type(error), Outcome.UNDECIDED)
    return CancelResult(cancel.order_id, outcome, cancel.cl_ord_id, ack, None, error)


class CancelMany:
    """One cancel_many() under way."""

    def __init__(self, client: Client, order_ids: Iterable[int], time_to_live: Optional[command.TimeToLive],
                 options: Mapping[str, Any]) -> None:
        ids = list(order_ids)
        for number, order_id in enumerate(ids):
            command.check_order_id(order_id, f"order_ids[{number}]")
        self._client = client
        self._options = options
        self._time_to_live = None if time_to_live is None else command.span(time_to_live)
        command.build(1, "", self._time_to_live, **options)  # what is wrong shows before anything is sent
        self._results: dict[int, Optional[CancelResult]] = dict.fromkeys(ids)
        self._ids = list(self._results)
        # A heap of the orders that are not sent yet, as how often the queue was too full for it and its place in the list.
        self._waiting = [(0, place) for place in range(len(self._ids))]
        self._undecided: dict[Cancel, tuple[int, int]] = {}  # and what they were in the heap
        self._ended: deque[Cancel] = deque()
        self._most = MOST_AT_ONCE
        self._ended_well = 0  # since that last changed
        self._refusals = 0  # in a row, with nothing of ours undecided
        self._not_before = 0.0
        self._loop = asyncio.get_running_loop()
        self._began = self._said = self._loop.time()
        self._news = asyncio.Event()

    async def run(self, timeout: Optional[float]) -> CancelSummary:
        until = None if timeout is None else self._began + timeout
        while self._waiting or self._undecided:
            self._send()
            if until is not None and self._loop.time() >= until:
                break
            await self._wait(until)
            self._take_ended()
        self._give_up()
        return CancelSummary({order_id: result for order_id, result in self._results.items() if result is not None})

    def _send(self) -> None:
        while self._waiting and len(self._undecided) < self._most and self._loop.time() >= self._not_before:
            turn = heapq.heappop(self._waiting)
            order_id = self._ids[turn[1]]
            left = self._left_to_live()
            if left is not None and left < timedelta(milliseconds=1):
                self._end(CancelResult(order_id, Outcome.EXPIRED))
                continue
            try:
                cancel = self._client.submit(order_id, time_to_live=left, **self._options)
            except QueueFull as full:  # of this client
                self._retry(turn, full)
            except ClientClosed as closed:
                self._end(CancelResult(order_id, Outcome.NOT_SENT, error=closed))
            else:
                self._undecided[cancel] = turn
                cancel._final.add_done_callback(lambda _, cancel=cancel: self._on_end(cancel))  # type: ignore[misc]

    def _left_to_live(self) -> Optional[timedelta]:
        if self._time_to_live is None:
            return None
        return self._time_to_live - timedelta(seconds=self._loop.time() - self._began)

    def _on_end(self, cancel: Cancel) -> None:
        self._ended.append(cancel)
        self._news.set()

    def _take_ended(self) -> None:
        while self._ended:
            cancel = self._ended.popleft()
            turn = self._undecided.pop(cancel)
            result = _result_of(cancel)
            if isinstance(result.error, QueueFull):
                self._retry(turn, result.error)
                continue
            self._refusals = 0
            self._not_before = 0.0  # there is room for another one
            self._ended_well += 1
            if self._ended_well >= self._most:  # perhaps for more: asked once in a while, for each time costs a refusal
                self._most, self._ended_well = min(self._most + 1, MOST_AT_ONCE), 0
            self._end(result)

    def _retry(self, turn: tuple[int, int], full: QueueFull) -> None:
        """The queue is full: what we have in it is what it takes of us."""
        self._most, self._ended_well = max(1, len(self._undecided)), 0
        self._not_before = self._loop.time() + ASK_AGAIN_S
        self._refusals += not self._undecided
        heapq.heappush(self._waiting, (turn[0] + 1, turn[1]))  # behind the others: it may be full for this order alone
        if self._refusals >= MOST_REFUSALS:
            for _, place in self._waiting:
                self._end(CancelResult(self._ids[place], Outcome.REFUSED, error=full))
            self._waiting.clear()

    def _end(self, result: CancelResult) -> None:
        self._results[result.order_id] = result

    async def _wait(self, until: Optional[float]) -> None:
        """For an end of one of ours, the time to ask again, or `until`."""
        if not (self._waiting or self._undecided):
            return
        moments = [self._said + SAY_AGAIN_S]
        if until is not None:
            moments.append(until)
        if self._waiting and len(self._undecided) < self._most:
            moments.append(self._not_before)
        try:
            await asyncio.wait_for(self._news.wait(), max(0.0, min(moments) - self._loop.time()))
        except asyncio.TimeoutError:
            pass
        self._news.clear()
        if self._loop.time() >= self._said + SAY_AGAIN_S:
            self._said = self._loop.time()
            log.warning("waiting for %d of %d cancels since %.0f s, %d of them not sent yet: %s",
                        len(self._undecided) + len(self._waiting), len(self._results), self._said - self._began,
                        len(self._waiting), self._client.problem or "the bus is there, and works on them")

    def _give_up(self) -> None:
        problem = self._client.problem
        for cancel in self._undecided:
            result = _result_of(cancel)
            self._end(replace(result, error=problem) if result.outcome == Outcome.UNDECIDED and result.error is None else result)
        for _, place in self._waiting:
            self._end(CancelResult(self._ids[place], Outcome.NOT_SENT, error=problem))
