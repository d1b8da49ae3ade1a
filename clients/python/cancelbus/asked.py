"""What a session asks every second until the bus answers: its state, a resolve, kill switches, a goodbye.

Used by Session. Pure, as that is. Each request has a key of the session's; one that is asked anew under the same key replaces
the former. Of one kind the first is under way and the others wait for its end, because a Reject names the kind alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from .event_reader import NEVER, SECOND
from .v1.session_pb2 import Reject, SessionRequest

REPEAT_AFTER = SECOND

Key = Union[str, int]


def refuses(reject: Reject, request: str) -> bool:
    """Whether it may answer a request of this name in SessionRequest, which is not asked again then. "request": the bus is of
    an earlier version and does not know what it was asked. A goodbye cannot be said where the hello is refused."""
    fields = ("goodbye", "hello") if request == "goodbye" else (request,)
    return reject.field.startswith(fields) or reject.field == "request"


@dataclass
class _Asked:
    request: SessionRequest
    due: int


class Asked:
    def __init__(self) -> None:
        self._asked: dict[Key, _Asked] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._asked

    def ask(self, key: Key, request: SessionRequest, now: int) -> None:
        self._asked[key] = _Asked(request, now)

    def end(self, key: Key) -> bool:
        """It is answered, or not wanted any more. False if it was not being asked."""
        return self._asked.pop(key, None) is not None

    def on_reject(self, reject: Reject) -> None:
        """Ends what it may answer. Each version of the bus knows a status_request."""
        for kind, key in self._under_way().items():
            if kind != "status_request" and refuses(reject, kind):
                del self._asked[key]

    def on_reconnected(self, now: int) -> None:
        """What was under way may never have arrived."""
        for asked in self._asked.values():
            asked.due = now

    def take_due(self, now: int) -> list[SessionRequest]:
        due = [self._asked[key] for key in self._under_way().values() if self._asked[key].due <= now]
        for asked in due:
            asked.due = now + REPEAT_AFTER
        return [asked.request for asked in due]

    def next_deadline(self) -> int:
        return min((self._asked[key].due for key in self._under_way().values()), default=NEVER)

    def _under_way(self) -> dict[str, Key]:
        """The first of each kind."""
        first: dict[str, Key] = {}
        for key, asked in self._asked.items():
            first.setdefault(asked.request.WhichOneof("request") or "", key)
        return first
