"""The same client for programs without asyncio.

    with blocking.Client("desk-a") as bus:
        print(bus.cancel(61508264).final())

Each Client has a thread with an event loop, so that the session lives while your program computes; what it calls may be
called from any thread. Arguments, results and errors are those of cancelbus.Client.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Coroutine, Iterator, Optional, TypeVar

from . import client as asynchronous
from . import handles
from .errors import CancelbusError, ClientClosed
from .handles import News
from .values import Ack, BusStatus, Final, OrdStatus, Receipt, Resolved, Status

T = TypeVar("T")


class Cancel:
    """One command, from now to its end."""

    def __init__(self, owner: Client, inner: handles.Cancel) -> None:
        self._owner = owner
        self._inner = inner

    @property
    def cl_ord_id(self) -> str:
        return self._inner.cl_ord_id

    @property
    def order_id(self) -> int:
        return self._inner.order_id

    @property
    def stage(self) -> Optional[Status]:
        """Where it stood when the bus last said so; it does only if something is not ordinary."""
        return self._inner.stage

    @property
    def decided(self) -> bool:
        return self._inner.decided

    def received(self, timeout: Optional[float] = None) -> Optional[Receipt]:
        return self._owner._run(self._inner.received(timeout))

    def ack(self, timeout: Optional[float] = None) -> Ack:
        return self._owner._run(self._inner.ack(timeout))

    def final(self, timeout: Optional[float] = None) -> Final:
        return self._owner._run(self._inner.final(timeout))

    def __repr__(self) -> str:
        return repr(self._inner)


class Client:
    """As cancelbus.Client, with the same arguments."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._inner = asynchronous.Client(*arguments, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cancelbus", daemon=True)

    def __enter__(self) -> Client:
        self._thread.start()
        try:
            self._run(self._inner.__aenter__())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """As cancelbus.Client.close()."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            self._run(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def cancel(self, order_id: int, **options: Any) -> Cancel:
        """Returns when the command is on the bus's disk."""
        return Cancel(self, self._run(self._inner.cancel(order_id, **options)))

    def submit(self, order_id: int, **options: Any) -> Cancel:
        """As cancel(), but waits for nothing: for many orders at once."""
        return Cancel(self, self._run(self._submit(order_id, options)))

    @property
    def problem(self) -> Optional[CancelbusError]:
        """As cancelbus.Client.problem."""
        return self._run(self._problem())

    def status(self, timeout: Optional[float] = None) -> BusStatus:
        return self._run(self._inner.status(timeout))

    def resolve(self, sender_comp_id: str, cl_ord_id: str, ord_status: OrdStatus, timeout: Optional[float] = None) -> Resolved:
        return self._run(self._inner.resolve(sender_comp_id, cl_ord_id, ord_status, timeout))

    def events(self) -> Iterator[News]:
        """Events from now on; ends when the client is closed."""
        stream = self._run(self._events())  # now, not when the first one is read
        return self._read(stream)

    def _read(self, stream: handles.Events) -> Iterator[News]:
        while not self._loop.is_closed():
            try:
                yield self._run(self._next(stream))
            except (StopAsyncIteration, ClientClosed):
                return

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._loop.is_closed() or not self._thread.is_alive():
            coroutine.close()
            raise ClientClosed("this client is not connected: use `with Client(...) as bus:`")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _submit(self, order_id: int, options: dict[str, Any]) -> handles.Cancel:
        return self._inner.submit(order_id, **options)

    async def _problem(self) -> Optional[CancelbusError]:
        return self._inner.problem

    async def _events(self) -> handles.Events:
        return self._inner.events()

    async def _next(self, stream: handles.Events) -> News:
        return await stream.__anext__()

    async def _close(self) -> None:
        self._inner.close()
        await asyncio.sleep(0)  # those who wait are told
