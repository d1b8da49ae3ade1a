"""What a Client hands out: a Cancel for each command, and Events for those who read them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, AsyncIterator, Optional, Protocol, TypeVar, Union

from .errors import CancelbusError, ReadTooSlowly
from .event_reader import LostEvents, NewEpoch
from .notices import Causes, Connected, Silent
from .values import Ack, Event, Final, Receipt, Status

# Events that wait for one reader of events().
MOST_EVENTS_WAITING = 100_000

T = TypeVar("T")
News = Union[Event, LostEvents, NewEpoch, Connected, Silent, Causes]


class Waiter(Protocol):
    """Client._wait()."""

    async def __call__(self, future: asyncio.Future[T], what: str, cancel: Optional[Cancel], timeout: Optional[float]) -> T: ...


class Cancel:
    """One command, from now to its end. Made by Client.cancel() and Client.submit()."""

    def __init__(self, wait: Waiter, cl_ord_id: str, order_id: int) -> None:
        self.cl_ord_id = cl_ord_id
        self.order_id = order_id
        self.stage: Optional[Status] = None  # as the bus last said, if it said
        self._of_former_store = False  # given before the bus got another store: it may have been sent
        self._wait = wait
        loop = asyncio.get_running_loop()
        self._received: asyncio.Future[Optional[Receipt]] = loop.create_future()
        self._ack: asyncio.Future[Ack] = loop.create_future()
        self._final: asyncio.Future[Final] = loop.create_future()

    async def received(self, timeout: Optional[float] = None) -> Optional[Receipt]:
        """When the command is on the bus's disk. None if the ack came first, which says so too. Raises RefusedError."""
        return await self._wait(self._received, "receipt", self, timeout)

    async def ack(self, timeout: Optional[float] = None) -> Ack:
        """The exchange's answer. It can be in doubt: look at it. Raises RefusedError, StoreLost."""
        return await self._wait(self._ack, "ack", self, timeout)

    async def final(self, timeout: Optional[float] = None) -> Final:
        """The proven fate. The order can still be open: see Final.order_open. Raises RefusedError if the bus did not take
        the command, RejectedError if it ended with its ack, StoreLost if it ended in doubt."""
        return await self._wait(self._final, "final", self, timeout)

    @property
    def decided(self) -> bool:
        """Its last word has come."""
        return self._final.done()

    def __repr__(self) -> str:
        where = "decided" if self.decided else "acked" if self._ack.done() else "received" if self._received.done() else "sent"
        return f"<Cancel {self.cl_ord_id} of order {self.order_id}: {where}>"

    def _fail(self, error: CancelbusError) -> None:
        futures: tuple[asyncio.Future[Any], ...] = (self._received, self._ack, self._final)
        for future in futures:
            if not future.done():
                future.set_exception(error)
                future.exception()  # it need not be awaited


class Events(AsyncIterator[News]):
    """What Client.events() gives."""

    def __init__(self) -> None:
        self._waiting: deque[News] = deque()
        self._reader: Optional[asyncio.Future[None]] = None
        self._end: Optional[BaseException] = None

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> News:
        while not self._waiting:
            if self._end is not None:
                raise self._end
            if self._reader is not None:
                raise RuntimeError("two tasks read one events(): call events() in each")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._waiting.popleft()

    def _put(self, news: News) -> None:
        if self._end is not None:
            return
        if len(self._waiting) >= MOST_EVENTS_WAITING:
            return self._stop(ReadTooSlowly(f"{MOST_EVENTS_WAITING} events waited to be read; those after {news} are not "
                                            "told here: read faster, and start events() anew"))
        self._waiting.append(news)
        self._wake()

    def _stop(self, end: BaseException) -> None:
        self._end = self._end or end
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
