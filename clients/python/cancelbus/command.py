"""From a call's arguments to a CancelOrder or a ResolveRequest, checked here so that a mistake shows where it was made."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Union

from .errors import OptionError
from .options import is_sender
from .v1.cancel_pb2 import PRIORITY_NORMAL, PRIORITY_URGENT, CancelOrder
from .v1.session_pb2 import ResolveRequest
from .values import OrdStatus

_LONGEST = timedelta(hours=24)
_SHORTEST = timedelta(milliseconds=1)


def _check_text(name: str, text: str, most: int) -> None:
    if not isinstance(text, str) or not re.fullmatch(r"[ -~]{0,%d}" % most, text):
        raise OptionError(f"{name}: {text!r} is not at most {most} printable ASCII characters")


def _span(value: Union[timedelta, float]) -> timedelta:
    span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    if not _SHORTEST <= span <= _LONGEST:
        raise OptionError(f"time_to_live: {value!r} is not from 1 ms to 24 h (a number is seconds)")
    return span


def build(order_id: int, cl_ord_id: str, time_to_live: Union[timedelta, float, None], urgent: bool, exact_quantities: bool,
          symbol: str, account: str, traceparent: str) -> CancelOrder:
    if isinstance(order_id, bool) or not isinstance(order_id, int) or not 1 <= order_id < 2**63:
        raise OptionError(f"order_id: {order_id!r} is not a whole number from 1")
    for name, text, most in (("cl_ord_id", cl_ord_id, 64), ("symbol", symbol, 32), ("account", account, 64),
                             ("traceparent", traceparent, 55)):
        _check_text(name, text, most)
    order = CancelOrder(cl_ord_id=cl_ord_id, order_id=order_id, account=account, symbol=symbol, traceparent=traceparent,
                        priority=PRIORITY_URGENT if urgent else PRIORITY_NORMAL, exact_quantities=exact_quantities)
    order.transact_time.FromNanoseconds(time.time_ns())
    if time_to_live is not None:
        order.time_to_live.FromTimedelta(_span(time_to_live))
    return order


# What an operator can say of an order.
_WORDS = (OrdStatus.CANCELED, OrdStatus.FILLED, OrdStatus.REJECTED, OrdStatus.NEW)


def build_resolve(sender_comp_id: str, cl_ord_id: str, ord_status: OrdStatus) -> ResolveRequest:
    if not isinstance(sender_comp_id, str) or not is_sender(sender_comp_id):
        raise OptionError(f"sender_comp_id: {sender_comp_id!r} is not 1 to 32 letters, digits, _ and -")
    _check_text("cl_ord_id", cl_ord_id, 64)
    if not cl_ord_id:
        raise OptionError("cl_ord_id: must not be empty")
    if ord_status not in _WORDS:
        raise OptionError(f"ord_status: {ord_status!r} is not OrdStatus.CANCELED, FILLED, REJECTED or NEW")
    return ResolveRequest(sender_comp_id=sender_comp_id, cl_ord_id=cl_ord_id, **{"as": int(ord_status)})  # a reserved word
