"""The same client for programs without asyncio.

    with blocking.Client("desk-a") as bus:
        print(bus.cancel(61508264).final())

Each Client has a thread with an event loop, so that the session lives while your program computes; what it calls may be
called from any thread. Arguments, results and errors are those of cancelbus.Client.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, Coroutine, Iterable, Iterator, Optional, Sequence, TypeVar, Union

from . import client as asynchronous
from . import handles
from .bus_status import BusStatus
from .command import TimeToLive
from .enums import MassCancelScope, OrdStatus, Side
from .errors import CancelbusError, ClientClosed
from .handles import News
from .many import CancelSummary
from .mass_cancel import MassCancel as AsynchronousMassCancel
from .values import (Ack, Final, GoodbyeReply, KillSwitchReply, MassCancelPreview, MassCancelReport, OpenOrders, Receipt, Resolved,
                     Status)

T = TypeVar("T")


class Cancel:
    """One command, from now to its end."""

    def __init__(self, owner: Client, inner: handles.Cancel) -> None:
        self._owner = owner
        self._inner = inner

    @property
    def cl_ord_id(self) -> str:
        """As given, or as it was made."""
        return self._inner.cl_ord_id

    @property
    def order_id(self) -> int:
        """The exchange's id of the order."""
        return self._inner.order_id

    @property
    def stage(self) -> Optional[Status]:
        """Where it stood when the bus last said so; it does only if something is not ordinary."""
        return self._inner.stage

    @property
    def decided(self) -> bool:
        """Its last word has come."""
        return self._inner.decided

    def received(self, timeout: Optional[float] = None) -> Optional[Receipt]:
        """When the command is on the bus's disk. None if the ack came first, which says so too. Raises RefusedError."""
        return self._owner._run(self._inner.received(timeout))

    def ack(self, timeout: Optional[float] = None) -> Ack:
        """The exchange's answer. It can be in doubt: look at it. Raises RefusedError, StoreLost."""
        return self._owner._run(self._inner.ack(timeout))

    def final(self, timeout: Optional[float] = None) -> Final:
        """The proven fate. The order can still be open: see Final.order_open. Raises RefusedError if the bus did not take
        the command, RejectedError if it ended with its ack, StoreLost if it ended in doubt."""
        return self._owner._run(self._inner.final(timeout))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cancel) and self._inner is other._inner

    def __hash__(self) -> int:
        return hash(id(self._inner))

    def __repr__(self) -> str:
        return repr(self._inner)


class MassCancel:
    """One mass cancel, from now to its end. `for report in mass` gives its reports: where you read slowly the latest, and in
    any case the last."""

    def __init__(self, owner: Client, inner: AsynchronousMassCancel) -> None:
        self._owner = owner
        self._inner = inner

    @property
    def cl_ord_id(self) -> str:
        """As given, or as it was made. Its orders' commands are named `cl_ord_id/order_id`."""
        return self._inner.cl_ord_id

    @property
    def report(self) -> Optional[MassCancelReport]:
        """The latest."""
        return self._inner.report

    def completed(self, timeout: Optional[float] = None) -> MassCancelReport:
        """The last report, COMPLETED or REJECTED; see its all_gone. Raises StoreLost."""
        return self._owner._run(self._inner.completed(timeout))

    def __iter__(self) -> Iterator[MassCancelReport]:
        reports = self._inner.__aiter__()

        async def following() -> Optional[MassCancelReport]:
            try:
                return await reports.__anext__()
            except StopAsyncIteration:
                return None

        while True:
            report = self._owner._run(following())
            if report is None:
                return
            yield report

    def __repr__(self) -> str:
        return repr(self._inner)


class Client:
    """As cancelbus.Client, with the same arguments."""

    def __init__(self, sender_comp_id: Optional[str] = None, *, session_endpoint: Optional[str] = None,
                 event_endpoint: Optional[str] = None, topics: Sequence[str] = (), open_commands: bool = False,
                 curve_key_file: Optional[str] = None, curve_server_key_file: Optional[str] = None,
                 insecure_loopback: Optional[bool] = None, connect_timeout: Optional[float] = 10.0,
                 cancel_on_disconnect: Optional[TimeToLive] = None) -> None:
        self._inner = asynchronous.Client(
            sender_comp_id, session_endpoint=session_endpoint, event_endpoint=event_endpoint, topics=topics,
            open_commands=open_commands, curve_key_file=curve_key_file, curve_server_key_file=curve_server_key_file,
            insecure_loopback=insecure_loopback, connect_timeout=connect_timeout, cancel_on_disconnect=cancel_on_disconnect)
        self._loop = asyncio.SelectorEventLoop()  # on Windows another one would be the default, which cannot watch sockets
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

    def cancel(self, order_id: int, *, cl_ord_id: Optional[str] = None, time_to_live: Optional[TimeToLive] = None,
               urgent: bool = False, exact_quantities: bool = False, symbol: str = "", account: str = "",
               traceparent: str = "", timeout: Optional[float] = None) -> Cancel:
        """Cancels an order; returns when the command is on the bus's disk. As cancelbus.Client.cancel()."""
        return Cancel(self, self._run(self._inner.cancel(
            order_id, cl_ord_id=cl_ord_id, time_to_live=time_to_live, urgent=urgent, exact_quantities=exact_quantities,
            symbol=symbol, account=account, traceparent=traceparent, timeout=timeout)))

    def submit(self, order_id: int, *, cl_ord_id: Optional[str] = None, time_to_live: Optional[TimeToLive] = None,
               urgent: bool = False, exact_quantities: bool = False, symbol: str = "", account: str = "",
               traceparent: str = "") -> Cancel:
        """As cancel(), but waits for nothing. For many orders at once there is cancel_many()."""
        return Cancel(self, self._call(lambda: self._inner.submit(
            order_id, cl_ord_id=cl_ord_id, time_to_live=time_to_live, urgent=urgent, exact_quantities=exact_quantities,
            symbol=symbol, account=account, traceparent=traceparent)))

    def cancel_many(self, order_ids: Iterable[int], *, time_to_live: Optional[TimeToLive] = None, urgent: bool = False,
                    exact_quantities: bool = False, symbol: str = "", account: str = "", traceparent: str = "",
                    timeout: Optional[float] = None) -> CancelSummary:
        """Cancels every order of a list; returns what became of each when all are decided. As
        cancelbus.Client.cancel_many()."""
        return self._run(self._inner.cancel_many(
            list(order_ids), time_to_live=time_to_live, urgent=urgent, exact_quantities=exact_quantities, symbol=symbol,
            account=account, traceparent=traceparent, timeout=timeout))

    def mass_cancel(self, *, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "", symbol: str = "",
                    side: Union[Side, str, None] = None, client_order_id_prefix: str = "", urgent: bool = False,
                    until_empty: bool = False, cl_ord_id: Optional[str] = None, traceparent: str = "",
                    timeout: Optional[float] = None) -> MassCancel:
        """Cancels every open order in a scope. As cancelbus.Client.mass_cancel()."""
        return MassCancel(self, self._run(self._inner.mass_cancel(
            scope=scope, owner=owner, symbol=symbol, side=side, client_order_id_prefix=client_order_id_prefix, urgent=urgent,
            until_empty=until_empty, cl_ord_id=cl_ord_id, traceparent=traceparent, timeout=timeout)))

    def preview_mass_cancel(self, *, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "",
                            symbol: str = "", side: Union[Side, str, None] = None, client_order_id_prefix: str = "",
                            urgent: bool = False, timeout: Optional[float] = None) -> MassCancelPreview:
        """What mass_cancel() would do now. As cancelbus.Client.preview_mass_cancel()."""
        return self._run(self._inner.preview_mass_cancel(
            scope=scope, owner=owner, symbol=symbol, side=side, client_order_id_prefix=client_order_id_prefix, urgent=urgent,
            timeout=timeout))

    def engage_kill_switch(self, *, reason: str, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "",
                           symbol: str = "", side: Union[Side, str, None] = None, client_order_id_prefix: str = "",
                           timeout: Optional[float] = None) -> KillSwitchReply:
        """Cancels every open order in a scope, and each one that appears. As cancelbus.Client.engage_kill_switch()."""
        return self._run(self._inner.engage_kill_switch(
            reason=reason, scope=scope, owner=owner, symbol=symbol, side=side, client_order_id_prefix=client_order_id_prefix,
            timeout=timeout))

    def release_kill_switch(self, *, reason: str, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "",
                            symbol: str = "", side: Union[Side, str, None] = None, client_order_id_prefix: str = "",
                            force: bool = False, timeout: Optional[float] = None) -> KillSwitchReply:
        """Releases it. As cancelbus.Client.release_kill_switch()."""
        return self._run(self._inner.release_kill_switch(
            reason=reason, scope=scope, owner=owner, symbol=symbol, side=side, client_order_id_prefix=client_order_id_prefix,
            force=force, timeout=timeout))

    def goodbye(self, *, keep_orders: bool, timeout: Optional[float] = None) -> GoodbyeReply:
        """Says that this sender ends on purpose, and gives no command any more. As cancelbus.Client.goodbye(); the thread ends
        with close(), which `with` calls for you."""
        return self._run(self._inner.goodbye(keep_orders=keep_orders, timeout=timeout))

    @property
    def undecided(self) -> list[Cancel]:
        """Commands whose last word has not come."""
        return [Cancel(self, inner) for inner in self._call(lambda: self._inner.undecided)]

    @property
    def problem(self) -> Optional[CancelbusError]:
        """As cancelbus.Client.problem."""
        return self._call(lambda: self._inner.problem)

    def status(self, timeout: Optional[float] = None) -> BusStatus:
        """The bus as a whole, now."""
        return self._run(self._inner.status(timeout))

    def open_orders(self, *, owner: str = "", symbol: str = "", side: Union[Side, str, None] = None,
                    timeout: Optional[float] = None) -> OpenOrders:
        """The account's open orders as far as the bus knows them. As cancelbus.Client.open_orders()."""
        return self._run(self._inner.open_orders(owner=owner, symbol=symbol, side=side, timeout=timeout))

    def resolve(self, sender_comp_id: str, cl_ord_id: str, ord_status: OrdStatus,
                timeout: Optional[float] = None) -> Resolved:
        """For operators. As cancelbus.Client.resolve()."""
        return self._run(self._inner.resolve(sender_comp_id, cl_ord_id, ord_status, timeout))

    def events(self) -> Iterator[News]:
        """Events from now on; ends when the client is closed."""
        return self._read(self._call(self._inner.events))  # now, not when the first one is read

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
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # Ctrl-C: nothing goes on that the program no longer waits for

    def _call(self, function: Callable[[], T]) -> T:
        """In the thread of the loop."""
        async def call() -> T:
            return function()

        return self._run(call())

    async def _next(self, stream: handles.Events) -> News:
        return await stream.__anext__()

    async def _close(self) -> None:
        self._inner.close()
        await asyncio.sleep(0)  # those who wait are told
