"""What Client does with kill switches and with the dead man's switch of its sender.

    async with Client("desk-a", cancel_on_disconnect="10s") as bus:
        ...                                        # if it falls silent for 10 s, the bus cancels the orders of desk-a
        await bus.goodbye(keep_orders=True)        # it ends on purpose, and its orders stay

Used by Client.
"""

from __future__ import annotations

from typing import Any, Optional, Union

from . import values
from .answers import ClientPart
from .enums import KillSwitchStatus, MassCancelScope, Side
from .errors import CancelbusError, ClientClosed, GoodbyeFailed, KillSwitchRefused, NotYet, OptionError, why_rejected
from .options import check_text, check_timeout
from .scope import scope_fields
from .v1 import session_pb2
from .v1.session_pb2 import KILL_SWITCH_ACTION_ENGAGE, KILL_SWITCH_ACTION_RELEASE, KillSwitchRequest, Reject
from .values import GoodbyeReply, KillSwitchReply

_GOODBYE = "goodbye"


def build(engage: bool, scope: Union[MassCancelScope, str], owner: str, symbol: str, side: Union[Side, str, None],
          client_order_id_prefix: str, reason: str, force: bool) -> KillSwitchRequest:
    """Raises OptionError, which names the argument."""
    if reason == "":
        raise OptionError("reason: must not be empty: say why, for those who ask later")
    check_text("reason", reason, 128)
    return KillSwitchRequest(action=KILL_SWITCH_ACTION_ENGAGE if engage else KILL_SWITCH_ACTION_RELEASE, reason=reason,
                             force=force, **scope_fields(scope, owner, symbol, side, client_order_id_prefix))


class Switches(ClientPart):
    """What Client adds of switches."""

    _leaving: bool
    close: Any

    async def engage_kill_switch(self, *, reason: str, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "",
                                 symbol: str = "", side: Union[Side, str, None] = None, client_order_id_prefix: str = "",
                                 timeout: Optional[float] = None) -> KillSwitchReply:
        """Cancels every open order in a scope, urgent, and each one that appears until the switch is released. Returns when it
        is engaged, and that is on the bus's disk; it stays so without this client. Engaging one that is engaged changes nothing.

        reason                 why, for those who ask later: 1 to 128 printable ASCII characters
        scope                  OWN: orders with a prefix that the bus's policy gives you. For operators: SENDER (those of
                               `owner`), UNOWNED (of no sender), ALL
        symbol, side, client_order_id_prefix    narrow it
        timeout                seconds to wait for the bus; afterwards it is not asked any more, and may have done it
        Raises KillSwitchRefused, OptionError, and on timeout what stands in _wait. How far it is: status().kill_switches."""
        return await self._switch(build(True, scope, owner, symbol, side, client_order_id_prefix, reason, False), timeout)

    async def release_kill_switch(self, *, reason: str, scope: Union[MassCancelScope, str] = MassCancelScope.OWN, owner: str = "",
                                  symbol: str = "", side: Union[Side, str, None] = None, client_order_id_prefix: str = "",
                                  force: bool = False, timeout: Optional[float] = None) -> KillSwitchReply:
        """Releases the kill switch that was engaged with the same scope, owner, symbol, side and prefix; of an operator
        everyone's. Returns when it is released, and that is on the bus's disk. Releasing one that has just been released
        changes nothing.

        force                  also while the bus has no proof that its scope is empty: orders may be open in it
        reason, timeout        as of engage_kill_switch()
        Raises KillSwitchRefused, as long as the scope is not proven empty; OptionError, and on timeout what stands in _wait."""
        return await self._switch(build(False, scope, owner, symbol, side, client_order_id_prefix, reason, force), timeout)

    async def _switch(self, request: KillSwitchRequest, timeout: Optional[float]) -> KillSwitchReply:
        check_timeout("timeout", timeout)
        self._opened()
        request_id = self._session.kill_switch(request, self._now())
        key = ("kill_switch", request_id)
        future = self._answers.expect(key, "kill_switch")
        try:
            self._turn()
            answer = await self._wait(future, "answer to the kill switch", None, timeout)
        finally:
            self._answers.give_up(key)
            self._session.give_up_kill_switch(request_id)
        return _switched(request.action == KILL_SWITCH_ACTION_ENGAGE, answer)

    async def goodbye(self, *, keep_orders: bool, timeout: Optional[float] = None) -> GoodbyeReply:
        """Says that this sender ends on purpose, and closes the client. From this call on nothing else is sent: what else the bus
        heard of the sender would arm a switch that has fired. So wait for receipts first: a command that the bus has not
        received by now is not given any more. Returns when the bus has answered, and that is on its disk.

        keep_orders            True: the dead man's switch is disarmed, and the orders stay. False: one that is armed fires now,
                               and cancels them
        timeout                seconds to wait for the bus; None: until it is there
        Raises OptionError, and GoodbyeFailed if the bus refuses it, is too old to know it, or has not answered in time. The
        client is closed then too, and a switch that is armed fires when the sender has been silent for its window, as after
        close() without a goodbye. Another client of this sender that has cancel_on_disconnect arms the switch again with its
        next hello."""
        check_timeout("timeout", timeout)
        if not isinstance(keep_orders, bool):
            raise OptionError(f"keep_orders: {keep_orders!r} is neither True nor False")
        self._opened()
        self._leaving = True
        future = self._answers.expect(_GOODBYE, "goodbye")
        self._session.goodbye(keep_orders, self._now())
        try:
            self._turn()
            answer: Union[GoodbyeReply, Reject] = await self._wait(future, "answer to the goodbye", None, timeout)
        except ClientClosed:
            raise
        except CancelbusError as error:
            raise GoodbyeFailed(f"no answer within {timeout:g} s" if isinstance(error, NotYet) else str(error)) from error
        finally:
            self.close()
        if isinstance(answer, Reject):
            raise GoodbyeFailed(why_rejected(answer, "goodbye"))
        return answer

    # What the session says.

    def _on_kill_switch(self, message: session_pb2.KillSwitchReply) -> None:
        self._answers.give(("kill_switch", message.request_id), values.kill_switch_reply_of(message))

    def _on_goodbye(self, message: session_pb2.GoodbyeReply) -> None:
        self._answers.give(_GOODBYE, values.goodbye_reply_of(message))


def _switched(engage: bool, answer: Union[KillSwitchReply, Reject]) -> KillSwitchReply:
    """The bus's answer, if it has done it; else raises KillSwitchRefused."""
    what = "engage" if engage else "release"
    if isinstance(answer, Reject):
        raise KillSwitchRefused(what, why_rejected(answer, "kill switch"))
    if answer.status != (KillSwitchStatus.ENGAGED if engage else KillSwitchStatus.RELEASED):
        raise KillSwitchRefused(what, answer.text or str(answer.status), answer)
    return answer
