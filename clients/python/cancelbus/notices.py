"""What a Session tells its user that is no message of the contract.

Used by Session and Client.
"""

from __future__ import annotations

from dataclasses import dataclass

from .bus_status import Cause
from .event_reader import SECOND

SILENT_AFTER = 3 * SECOND


@dataclass(frozen=True)
class Connected:
    """The bus knows us: commands flow. Again after each interruption."""
    epoch: int


@dataclass(frozen=True)
class Silent:
    """Nothing was heard from the bus for a while; the session goes on trying. Told once, until it is connected again."""
    silent_for: int = SILENT_AFTER


@dataclass(frozen=True)
class Causes:
    """What commands wait for, as the bus says with each heartbeat. Told when a cause begins or ends; empty: none is left."""
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class Unreadable:
    """A frame of the bus could not be read, and was skipped."""
    what: str
