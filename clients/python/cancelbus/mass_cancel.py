"""Mass cancels: what is cancelled, as users give it, and a MassCancel for each, to be followed to its end.

    mass = await bus.mass_cancel(symbol="BTCTRY", until_empty=True)
    async for report in mass:                 # at most one a second, the last one COMPLETED or REJECTED
        print(report.canceled, "of", report.total_affected)
    print(await mass.completed())

Used by Client.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, AsyncIterator, Optional, Union

from . import values
from .answers import ClientPart
from .enums import MassCancelScope, MassCancelStatus, Reason, ReceiptStatus, Side
from .errors import CancelbusError, MassCancelRefused, OptionError, StoreLost, why_rejected
from .mass_requests import MassCancelLost, MassCancelUnknown
from .options import check_text, check_timeout
from .scope import scope_fields
from .v1 import cancel_pb2, session_pb2
from .values import MassCancelPreview, MassCancelReport, Receipt

if TYPE_CHECKING:
    from .book import CommandBook

_ENDS = (MassCancelStatus.COMPLETED, MassCancelStatus.REJECTED)


def build(cl_ord_id: str, scope: Union[MassCancelScope, str], owner: str, symbol: str, side: Union[Side, str, None],
          client_order_id_prefix: str, urgent: bool, until_empty: bool, dry_run: bool, traceparent: str) -> cancel_pb2.MassCancel:
    """Raises OptionError, which names the argument."""
    if not isinstance(cl_ord_id, str) or not re.fullmatch(r"[ -.0-~]{1,32}", cl_ord_id):
        raise OptionError(f"cl_ord_id: {cl_ord_id!r} is not 1 to 32 printable ASCII characters without /")
    check_text("traceparent", traceparent, 55)
    return cancel_pb2.MassCancel(
        cl_ord_id=cl_ord_id, until_empty=until_empty, dry_run=dry_run, traceparent=traceparent,
        priority=cancel_pb2.PRIORITY_URGENT if urgent else cancel_pb2.PRIORITY_NORMAL,
        **scope_fields(scope, owner, symbol, side, client_order_id_prefix))


class MassCancel:
    """One mass cancel, from now to its end. Made by Client.mass_cancel(). `async for report in mass` gives its reports: where
    you read slowly the latest, and in any case the last."""

    def __init__(self, wait: Any, cl_ord_id: str) -> None:
        self.cl_ord_id = cl_ord_id
        self.report: Optional[MassCancelReport] = None  # the latest
        self.stage = None
        self._wait = wait
        loop = asyncio.get_running_loop()
        self._received: asyncio.Future[Optional[Receipt]] = loop.create_future()
        self._completed: asyncio.Future[MassCancelReport] = loop.create_future()
        self._news: asyncio.Future[None] = loop.create_future()

    async def received(self, timeout: Optional[float] = None) -> Optional[Receipt]:
        """When it is on the bus's disk. None if a report came first, which says so too. Raises MassCancelRefused."""
        result: Optional[Receipt] = await self._wait(self._received, "receipt", self, timeout)
        return result

    async def completed(self, timeout: Optional[float] = None) -> MassCancelReport:
        """The last report, COMPLETED or REJECTED; see its all_gone. Raises MassCancelRefused, StoreLost."""
        result: MassCancelReport = await self._wait(self._completed, "last report", self, timeout)
        return result

    @property
    def ended(self) -> bool:
        """No more reports come: completed() returns or raises at once."""
        return self._completed.done()

    def __aiter__(self) -> AsyncIterator[MassCancelReport]:
        return self._reports()

    async def _reports(self) -> AsyncIterator[MassCancelReport]:
        told: Optional[MassCancelReport] = None
        while True:
            latest = self.report
            if latest is not None and latest is not told:
                told = latest
                yield latest
            elif self._completed.done():
                self._completed.result()  # raises what ended it, if that was no report
                return
            else:
                await asyncio.wait([self._news])

    def __repr__(self) -> str:
        report = self.report
        where = "sent" if report is None else f"{report.status}, {report.unsent} unsent"
        return f"<MassCancel {self.cl_ord_id}: {where}>"

    # What the session tells.

    def _on_report(self, report: MassCancelReport) -> None:
        self.report = report
        if not self._received.done():
            self._received.set_result(None)
        if report.status in _ENDS and not self._completed.done():
            self._completed.set_result(report)
        self._tell()

    def _fail(self, error: CancelbusError) -> None:
        futures: tuple[asyncio.Future[Any], ...] = (self._received, self._completed)
        for future in futures:
            if not future.done():
                future.set_exception(error)
                future.exception()  # it need not be awaited
        self._tell()

    def _tell(self) -> None:
        told, self._news = self._news, asyncio.get_running_loop().create_future()
        if not told.done():
            told.set_result(None)


class MassBook:
    """The open mass cancels of one Client."""

    def __init__(self) -> None:
        self.open: dict[str, MassCancel] = {}
        self.previews: dict[str, asyncio.Future[MassCancelPreview]] = {}

    def on_receipt(self, message: session_pb2.Receipt) -> None:
        receipt = values.receipt_of(message)
        preview = self.previews.get(message.cl_ord_id)
        if preview is not None and receipt.status == ReceiptStatus.REFUSED:
            self._fail_preview(message.cl_ord_id, MassCancelRefused(receipt.reason, receipt.text, receipt))
        mass = self.open.get(message.cl_ord_id)
        if mass is None:
            return
        if receipt.status == ReceiptStatus.REFUSED:
            del self.open[message.cl_ord_id]
            mass._fail(MassCancelRefused(receipt.reason, receipt.text, receipt))
        elif not mass._received.done():
            mass._received.set_result(receipt)

    def on_report(self, message: cancel_pb2.MassCancelReport) -> None:
        mass = self.open.get(message.cl_ord_id)
        if mass is None:
            return
        report = values.mass_cancel_report_of(message)
        if report.status in _ENDS:
            del self.open[message.cl_ord_id]
        mass._on_report(report)

    def on_preview(self, message: session_pb2.MassCancelPreview) -> None:
        future = self.previews.get(message.cl_ord_id)
        if future is not None and not future.done():
            future.set_result(values.mass_cancel_preview_of(message))

    def on_lost(self, lost: MassCancelLost) -> None:
        mass = self.open.pop(lost.cl_ord_id, None)
        if mass is not None:
            mass._fail(StoreLost(0, CancelbusError(f"mass cancel {lost.cl_ord_id}: the former store had it"), "mass cancel"))

    def on_unknown(self, unknown: MassCancelUnknown) -> None:
        error = MassCancelRefused(Reason(unknown.reject.reason), why_rejected(unknown.reject, "mass cancel"), None)
        self._fail_preview(unknown.cl_ord_id, error)
        mass = self.open.pop(unknown.cl_ord_id, None)
        if mass is not None:
            mass._fail(error)

    def _fail_preview(self, cl_ord_id: str, error: CancelbusError) -> None:
        future = self.previews.get(cl_ord_id)
        if future is not None and not future.done():
            future.set_exception(error)

    def fail(self, error: CancelbusError) -> None:
        """All of them: nothing more will be heard."""
        for mass in list(self.open.values()):
            mass._fail(error)
        self.open.clear()
        for name in list(self.previews):
            self._fail_preview(name, error)


class MassCancels(ClientPart):
    """What Client adds of mass cancels."""

    _book: CommandBook
    _mass_book: MassBook
    _next_id: Any

    async def mass_cancel(self, *, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "", symbol: str = "",
                          side: Union[Side, str, None] = None, client_order_id_prefix: str = "", urgent: bool = False,
                          until_empty: bool = False, cl_ord_id: Optional[str] = None, traceparent: str = "",
                          timeout: Optional[float] = None) -> MassCancel:
        """Cancels every open order in a scope; returns when the mass cancel is on the bus's disk.

        scope                  OWN: orders with a prefix that the bus's policy gives you. For operators: SENDER (those of
                               `owner`), UNOWNED (of no sender), ALL
        symbol, side, client_order_id_prefix    narrow it
        until_empty            goes on with orders that appear later, until two sweeps show that none is left
        urgent                 before every other command of every sender that is not
        cl_ord_id              your own name, at most 32 characters without /; one is made if you give none
        timeout                seconds to wait for the bus
        Raises MassCancelRefused, OptionError, and on timeout what stands in _wait. What it does goes on without this client."""
        check_timeout("timeout", timeout)
        self._opened()
        request = build(cl_ord_id or self._next_id(), scope, owner, symbol, side, client_order_id_prefix, urgent, until_empty,
                        False, traceparent)
        mass = MassCancel(self._wait, request.cl_ord_id)
        self._give(request)
        self._mass_book.open[request.cl_ord_id] = mass
        self._turn()
        await mass.received(timeout)
        return mass

    async def preview_mass_cancel(self, *, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "",
                                  symbol: str = "", side: Union[Side, str, None] = None, client_order_id_prefix: str = "",
                                  urgent: bool = False, timeout: Optional[float] = None) -> MassCancelPreview:
        """What mass_cancel() would do now: which orders, and how long it takes at the account's limits. Nothing is done."""
        check_timeout("timeout", timeout)
        self._opened()
        request = build(self._next_id(), scope, owner, symbol, side, client_order_id_prefix, urgent, False, True, "")
        self._give(request)
        future: asyncio.Future[MassCancelPreview] = asyncio.get_running_loop().create_future()
        self._mass_book.previews[request.cl_ord_id] = future
        try:
            self._turn()
            preview: MassCancelPreview = await self._wait(future, "preview", None, timeout)
            return preview
        finally:
            del self._mass_book.previews[request.cl_ord_id]
            self._session.give_up_mass_cancel(request.cl_ord_id)

    def _give(self, request: cancel_pb2.MassCancel) -> None:
        if not self._session.mass_cancel(request, self._now()):
            raise OptionError(f"cl_ord_id: {request.cl_ord_id!r} names an undecided command or an open mass cancel already")

    def _on_receipt(self, message: session_pb2.Receipt) -> None:
        self._book.on_receipt(message)
        self._mass_book.on_receipt(message)
