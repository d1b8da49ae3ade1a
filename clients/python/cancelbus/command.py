"""From a call's arguments to a request of the contract, checked here so that a mistake shows where it was made."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Optional, Union

from .enums import CommandState, OrdStatus, Side
from .errors import OptionError
from .options import check_text, is_sender
from .scope import one_of, side_of
from .v1.cancel_pb2 import PRIORITY_NORMAL, PRIORITY_URGENT, CancelOrder
from .v1.session_pb2 import CommandsRequest, HistoryRequest, OpenOrdersRequest, ResolveRequest, RetryRequest, SessionRequest

# A timedelta, a number of seconds, or a text as cancelctl's --ttl takes it.
TimeToLive = Union[timedelta, float, str]

_TIME_TO_LIVE_S = (0.001, 24 * 60 * 60)
_WINDOW_S = (2, 10 * 60)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def window_of(cancel_on_disconnect: Optional[TimeToLive]) -> Optional[timedelta]:
    """Of a dead man's switch as users give it, in whole milliseconds. Raises OptionError."""
    if cancel_on_disconnect is None:
        return None
    window = span(cancel_on_disconnect, "cancel_on_disconnect", _WINDOW_S, "from 2 s to 10 min")
    return window - window % timedelta(milliseconds=1)


def span(value: TimeToLive, name: str = "time_to_live", range_s: tuple[float, float] = _TIME_TO_LIVE_S,
         range_text: str = "from 1 ms to 24 h") -> timedelta:
    """A time to live as users give it, or another span of time. Raises OptionError."""
    if isinstance(value, str):
        parts = _PART.findall(value)
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        good = bool(parts) and "".join(number + unit for number, unit in parts) == value
    else:
        good = isinstance(value, timedelta) or (isinstance(value, (int, float)) and not isinstance(value, bool))
        seconds = value.total_seconds() if isinstance(value, timedelta) else value if good else 0
    if not good or not range_s[0] <= seconds <= range_s[1]:
        raise OptionError(f"{name}: {value!r} is not {range_text}: give a timedelta, seconds, or a text such as \"2s\", "
                          "\"500ms\" or \"1m30s\"")
    return value if isinstance(value, timedelta) else timedelta(seconds=seconds)


def check_order_id(order_id: int, name: str = "order_id") -> None:
    if isinstance(order_id, bool) or not isinstance(order_id, int) or not 1 <= order_id < 2**63:
        raise OptionError(f"{name}: {order_id!r} is not a whole number from 1")


def build(order_id: int, cl_ord_id: str, time_to_live: Optional[TimeToLive], urgent: bool, exact_quantities: bool,
          symbol: str, account: str, traceparent: str) -> CancelOrder:
    check_order_id(order_id)
    for name, text, most in (("cl_ord_id", cl_ord_id, 64), ("symbol", symbol, 32), ("account", account, 64),
                             ("traceparent", traceparent, 55)):
        check_text(name, text, most)
    order = CancelOrder(cl_ord_id=cl_ord_id, order_id=order_id, account=account, symbol=symbol, traceparent=traceparent,
                        priority=PRIORITY_URGENT if urgent else PRIORITY_NORMAL, exact_quantities=exact_quantities)
    order.transact_time.FromNanoseconds(time.time_ns())
    if time_to_live is not None:
        order.time_to_live.FromTimedelta(span(time_to_live))
    return order


def build_open_orders(owner: str, symbol: str, side: Union[Side, str, None]) -> OpenOrdersRequest:
    _check_filter("owner", owner)
    _check_symbol(symbol)
    return OpenOrdersRequest(owner=owner, symbol=symbol, side=int(side_of(side)))  # type: ignore[arg-type]


def build_commands(state: Union[CommandState, str, None], sender_comp_id: str, symbol: str,
                   older_than: Optional[TimeToLive]) -> SessionRequest:
    _check_filter("sender_comp_id", sender_comp_id)
    _check_symbol(symbol)
    wanted = CommandState.UNSPECIFIED if state is None else one_of("state", CommandState, state)
    request = CommandsRequest(state=int(wanted), sender_comp_id=sender_comp_id, symbol=symbol)  # type: ignore[arg-type]
    if older_than is not None:
        request.older_than.FromTimedelta(span(older_than, "older_than"))
    return SessionRequest(commands_request=request)


def build_history(order_id: int, sender_comp_id: str, cl_ord_id: str, since: Optional[datetime],
                  until: Optional[datetime]) -> SessionRequest:
    if order_id != 0:
        check_order_id(order_id)
    _check_filter("sender_comp_id", sender_comp_id)
    check_text("cl_ord_id", cl_ord_id, 64)
    request = HistoryRequest(order_id=order_id, sender_comp_id=sender_comp_id, cl_ord_id=cl_ord_id)
    for name, time_ in (("since", since), ("until", until)):
        if time_ is None:
            continue
        if not isinstance(time_, datetime) or time_.tzinfo is None:
            raise OptionError(f"{name}: {time_!r} is not a datetime with a time zone")
        getattr(request, name).FromDatetime(time_.astimezone(timezone.utc))
    return SessionRequest(history_request=request)


def _check_filter(name: str, sender: str) -> None:
    if not isinstance(sender, str) or (sender and not is_sender(sender)):
        raise OptionError(f"{name}: {sender!r} is not 1 to 32 letters, digits, _ and -")


def _check_symbol(symbol: str) -> None:
    if not isinstance(symbol, str) or not re.fullmatch(r"[A-Za-z0-9_-]{0,32}", symbol):
        raise OptionError(f"symbol: {symbol!r} is not the name of a pair, as \"BTCTRY\"")


# What an operator can say of an order.
_WORDS = (OrdStatus.CANCELED, OrdStatus.FILLED, OrdStatus.REJECTED, OrdStatus.NEW)


def build_retry(sender_comp_id: str, cl_ord_id: str) -> SessionRequest:
    _check_command(sender_comp_id, cl_ord_id)
    return SessionRequest(retry=RetryRequest(sender_comp_id=sender_comp_id, cl_ord_id=cl_ord_id))


def _check_command(sender_comp_id: str, cl_ord_id: str) -> None:
    if not isinstance(sender_comp_id, str) or not is_sender(sender_comp_id):
        raise OptionError(f"sender_comp_id: {sender_comp_id!r} is not 1 to 32 letters, digits, _ and -")
    check_text("cl_ord_id", cl_ord_id, 64)
    if not cl_ord_id:
        raise OptionError("cl_ord_id: must not be empty")


def build_resolve(sender_comp_id: str, cl_ord_id: str, ord_status: OrdStatus, reason: str) -> ResolveRequest:
    _check_command(sender_comp_id, cl_ord_id)
    if ord_status not in _WORDS:
        raise OptionError(f"ord_status: {ord_status!r} is not OrdStatus.CANCELED, FILLED, REJECTED or NEW")
    check_text("reason", reason, 128)
    if not reason:
        raise OptionError("reason: must not be empty: say how you know, for those who ask later")
    return ResolveRequest(sender_comp_id=sender_comp_id, cl_ord_id=cl_ord_id, reason=reason, **{"as": int(ord_status)})  # a reserved word
