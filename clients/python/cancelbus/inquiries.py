"""What Client asks of the bus besides cancels: its state, the open orders, undecided commands, their history, and that it takes an
operator's word.

Used by Client.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Optional, Union

from . import command, values
from .answers import ClientPart
from .bus_status import BusStatus, bus_status_of
from .command import TimeToLive
from .convert import time_of
from .enums import CommandState, OrdStatus, ResolveStatus, RetryStatus, Side
from .errors import HistoryUnreadable, InquiryRefused, NotRetried, OptionError, listed, settled
from .open_orders import Listing
from .options import check_timeout
from .v1 import cancel_pb2, session_pb2
from .values import CommandList, History, OpenOrders, Resolved, RetryReply, UndecidedCommand

log = logging.getLogger("cancelbus")

_STATUS, _RESOLVE = "status", "resolve"


class Inquiries(ClientPart):
    """What Client adds of questions."""

    async def status(self, timeout: Optional[float] = None) -> BusStatus:
        """The bus as a whole, now."""
        check_timeout("timeout", timeout)
        self._opened()
        asked = self._answers.awaits(_STATUS)
        future = self._answers.expect(_STATUS)
        if not asked:
            self._session.ask_status(self._now())
            self._turn()
        status: BusStatus = await self._wait(future, "status", None, timeout)
        return status

    async def open_orders(self, *, owner: str = "", symbol: str = "", side: Union[Side, str, None] = None,
                          timeout: Optional[float] = None) -> OpenOrders:
        """The account's open orders as far as the bus knows them: of a strategy those of its own names, of an operator and an
        observer all.

        owner                  a sender: only its orders
        symbol                 only of this pair, as "BTCTRY"
        side                   Side.BUY or "buy", Side.SELL or "sell"; None: either
        timeout                seconds to wait for the bus
        Raises OpenOrdersRefused, OptionError, and on timeout what stands in _wait."""
        check_timeout("timeout", timeout)
        request = command.build_open_orders(owner, symbol, side)
        self._opened()
        listing_id = self._session.open_orders(request)
        key = ("open_orders", listing_id)
        future = self._answers.expect(key)
        try:
            self._turn()
            return listed(await self._wait(future, "list of open orders", None, timeout))
        finally:
            self._answers.give_up(key)
            self._session.give_up_open_orders(listing_id)

    async def commands(self, *, state: Union[CommandState, str, None] = None, sender_comp_id: str = "", symbol: str = "",
                       older_than: Optional[TimeToLive] = None, timeout: Optional[float] = None) -> CommandList:
        """Commands that wait for their ack or their final: of a strategy those of its own names, of an operator and an observer
        all.

        state                  CommandState.IN_DOUBT or "in_doubt", CommandState.STUCK or "stuck"; None: all
        sender_comp_id         only of this sender
        symbol                 only for orders of this pair, as "BTCTRY"
        older_than             only those received at least so long ago: a timedelta, seconds, or a text such as "10s"
        timeout                seconds to wait for each page of the answer
        Raises InquiryRefused, OptionError, and on timeout what stands in _wait."""
        check_timeout("timeout", timeout)
        request = command.build_commands(state, sender_comp_id, symbol, older_than)
        self._opened()
        commands: list[UndecidedCommand] = []
        while True:
            page = await self._inquire(request, "list of commands", timeout)
            commands += map(values.undecided_command_of, page.command)
            if not page.HasField("next"):
                return CommandList(tuple(commands), time_of(page, "as_of"))
            request.commands_request.after.CopyFrom(page.next)

    async def history(self, *, order_id: int = 0, sender_comp_id: str = "", cl_ord_id: str = "", since: Optional[datetime] = None,
                      until: Optional[datetime] = None, limit: int = 1_000, timeout: Optional[float] = None) -> History:
        """What happened to commands, as the bus's store knows it: of a strategy to those of its own names, of an operator and an
        observer to all. Ended ones are forgotten after the bus's --retention.

        order_id               only commands for this order; 0: for any
        sender_comp_id         only of this sender
        cl_ord_id              only this one
        since, until           only commands that were undecided at some moment between, and what happened between: datetimes with
                               a time zone
        limit                  commands at most, from 1
        timeout                seconds to wait for each page of the answer
        Raises InquiryRefused, HistoryUnreadable, OptionError, and on timeout what stands in _wait."""
        check_timeout("timeout", timeout)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise OptionError(f"limit: {limit!r} is not a whole number from 1")
        request = command.build_history(order_id, sender_comp_id, cl_ord_id, since, until)
        self._opened()
        commands: list[session_pb2.HistoryCommand] = []
        while True:
            page = await self._inquire(request, "history", timeout)
            if page.text:
                raise HistoryUnreadable(page.text)
            for part in page.command:
                _append(commands, part)
            # One more than the limit, and the last that counts has all of its lines.
            complete = len(commands) <= limit
            if not complete or not page.HasField("next"):
                return History(tuple(map(values.history_command_of, commands[:limit])), complete)
            request.history_request.after.CopyFrom(page.next)

    async def retry(self, sender_comp_id: str, cl_ord_id: str, timeout: Optional[float] = None) -> RetryReply:
        """For operators: the next DELETE of this command's order is due now, or the next query where no DELETE may be sent. Returns
        when the history says so. It goes as soon as budget and a worker allow, and counts as any other.

        timeout                seconds to wait for the bus; afterwards it is not asked any more, and may have done it
        Raises NotRetried, InquiryRefused, OptionError, and on timeout what stands in _wait."""
        check_timeout("timeout", timeout)
        request = command.build_retry(sender_comp_id, cl_ord_id)
        self._opened()
        reply = values.retry_reply_of(await self._inquire(request, "retry", timeout))
        if reply.status != RetryStatus.RETRYING:
            raise NotRetried(f"{sender_comp_id}/{cl_ord_id}", reply)
        return reply

    async def _inquire(self, request: session_pb2.SessionRequest, what: str, timeout: Optional[float]) -> Any:
        """The reply. Raises InquiryRefused."""
        request_id = self._session.inquire(request, self._now())
        key = ("inquiry", request_id)
        future = self._answers.expect(key, request.WhichOneof("request") or "")
        try:
            self._turn()
            answer = await self._wait(future, what, None, timeout)
        finally:
            self._answers.give_up(key)
            self._session.give_up_inquiry(request_id)
        if isinstance(answer, session_pb2.Reject):
            raise InquiryRefused(answer, what)
        return answer

    async def resolve(self, sender_comp_id: str, cl_ord_id: str, ord_status: OrdStatus, *, reason: str,
                      timeout: Optional[float] = None) -> Resolved:
        """For operators: what became of an order that the exchange does not tell about, after you have looked at it. Returns
        when the command has its final by your word.

        ord_status             CANCELED, FILLED or REJECTED (there is no such order), which end every undecided command of the
                               order; or NEW (it is open), which ends this command alone
        reason                 how you know, for those who ask later: 1 to 128 printable ASCII characters; the history keeps it
        timeout                seconds; afterwards your word is not given any more
        While a cancel of the order is in flight its answer is waited for. One at a time. Raises NotSettled, OptionError,
        and on timeout what stands in _wait."""
        check_timeout("timeout", timeout)
        self._opened()
        request = command.build_resolve(sender_comp_id, cl_ord_id, ord_status, reason)
        if _RESOLVE in self._answers:
            raise OptionError("resolve: your word on another command is being given; wait for that first")
        future = self._answers.expect(_RESOLVE, "resolve")
        name = f"{sender_comp_id}/{cl_ord_id}"
        try:
            self._session.resolve(request, self._now())
            self._turn()
            return settled(name, await self._wait(future, f"word that {name} is settled", None, timeout))
        finally:
            self._answers.give_up(_RESOLVE)
            self._session.give_up_resolve()

    # What the session says.

    def _on_bus_status(self, message: cancel_pb2.BusStatus) -> None:
        self._answers.give(_STATUS, bus_status_of(message))

    def _on_resolved(self, message: session_pb2.Resolved) -> None:
        resolved = values.resolved_of(message)
        if resolved.status == ResolveStatus.PENDING:
            log.info("not settled yet: %s", resolved.text)
        else:
            self._answers.give(_RESOLVE, resolved)

    def _on_inquired(self, message: Any) -> None:
        self._answers.give(("inquiry", message.request_id), message)

    def _on_listing(self, listing: Listing) -> None:
        self._answers.give(("open_orders", listing.id), listing)


def _append(commands: list[session_pb2.HistoryCommand], part: session_pb2.HistoryCommand) -> None:
    """A command that began on the page before goes on."""
    last = commands[-1] if commands else None
    if last is not None and (last.sender_comp_id, last.cl_ord_id) == (part.sender_comp_id, part.cl_ord_id):
        last.line.extend(part.line)
    else:
        commands.append(part)
