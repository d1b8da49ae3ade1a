"""What a Client waits for besides its commands: one future for each request that the bus answers by itself.

Used by Client and by its parts, which share ClientPart.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Hashable

from .asked import refuses
from .errors import CancelbusError
from .v1.session_pb2 import Reject

if TYPE_CHECKING:
    from .session import Session


class Answers:
    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[asyncio.Future[Any], str]] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._waiting

    def awaits(self, key: Hashable) -> bool:
        """It is expected, and has not come."""
        return key in self._waiting and not self._waiting[key][0].done()

    def expect(self, key: Hashable, request: str = "") -> asyncio.Future[Any]:
        """The future of the answer, until give_up(). It is a Reject if one refuses a `request` of this name in SessionRequest.
        What is awaited already is the same future."""
        if not self.awaits(key):
            self._waiting[key] = (asyncio.get_running_loop().create_future(), request)
        return self._waiting[key][0]

    def give(self, key: Hashable, answer: Any) -> None:
        """Nothing if it is not awaited."""
        if self.awaits(key):
            self._waiting[key][0].set_result(answer)

    def give_up(self, key: Hashable) -> None:
        self._waiting.pop(key, None)

    def on_reject(self, reject: Reject) -> None:
        """The answer to the first of each kind that it refuses: the session has asked for that one."""
        first: dict[str, Hashable] = {}
        for key, (_, request) in self._waiting.items():
            if request and refuses(reject, request) and self.awaits(key):
                first.setdefault(request, key)
        for key in first.values():
            self.give(key, reject)

    def fail(self, error: CancelbusError) -> None:
        """All of them: nothing more will be heard."""
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # it need not be awaited


class ClientPart:
    """What the parts of Client have of it."""

    _session: Session
    _answers: Answers
    _wait: Any
    _turn: Any
    _opened: Any

    @staticmethod
    def _now() -> int:
        return time.monotonic_ns()
