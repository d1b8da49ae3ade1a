"""Which open orders a call is about: the arguments that mass cancels, kill switches and lists share, checked here so that a
mistake shows where it was made.

Used by command.py, mass_cancel.py and switches.py.
"""

from __future__ import annotations

from typing import Any, TypeVar, Union

from .enums import MassCancelScope, Side
from .errors import OptionError
from .options import check_text, is_sender

T = TypeVar("T")


def scope_fields(scope: Union[MassCancelScope, str], owner: str, symbol: str, side: Union[Side, str, None],
                 client_order_id_prefix: str) -> dict[str, Any]:
    """The fields of a MassCancel or a KillSwitchRequest. Raises OptionError, which names the argument."""
    kind = one_of("scope", MassCancelScope, scope)
    of_sender = kind == MassCancelScope.SENDER
    if of_sender and not (isinstance(owner, str) and is_sender(owner)):
        raise OptionError(f"owner: {owner!r} is not 1 to 32 letters, digits, _ and -: with scope SENDER it says whose orders")
    if owner and not of_sender:
        raise OptionError(f"owner: only scope SENDER has one, and it is {kind}")
    check_text("symbol", symbol, 32)
    check_text("client_order_id_prefix", client_order_id_prefix, 64)
    return {"scope": int(kind), "owner": owner, "symbol": symbol, "side": int(side_of(side)),
            "client_order_id_prefix": client_order_id_prefix}


def side_of(side: Union[Side, str, None]) -> Side:
    """None: either. Raises OptionError."""
    return Side.UNSPECIFIED if side is None else one_of("side", Side, side)


def one_of(name: str, kind: type[T], value: Any) -> T:
    """The enumerator, or its name in letters of either case. Raises OptionError, which names the argument."""
    known: dict[str, T] = {member.name: member for member in kind if member.value != 0}  # type: ignore[attr-defined]
    if isinstance(value, kind) and value in known.values():
        return value
    if isinstance(value, str) and value.upper() in known:
        return known[value.upper()]
    raise OptionError(f"{name}: {value!r} is none of {', '.join(known)}")
