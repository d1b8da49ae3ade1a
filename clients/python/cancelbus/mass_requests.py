"""The mass cancels of one Session: repeated until the bus has them, and followed to their last report.

Used by Session. Pure, as that is. A report is believed in the order of its seq. Once one was read in its place, every later one
will be, until events are lost; before that the mass cancel is repeated, and the bus answers with the last report. A mass cancel
that a bus has received and that is not until_empty is not given to a bus with another store: orders that were placed since
would be canceled too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from .asked import refuses
from .event_reader import NEVER, SECOND
from .v1.cancel_pb2 import (MASS_CANCEL_STATUS_COMPLETED, MASS_CANCEL_STATUS_REJECTED, MassCancel, MassCancelReport)
from .v1.session_pb2 import RECEIPT_STATUS_REFUSED, MassCancelPreview, Receipt, Reject, SessionRequest

REPEAT_UNTIL_RECEIPT = SECOND
REPEAT_UNTIL_REPORT = 10 * SECOND


@dataclass(frozen=True)
class MassCancelLost:
    """The bus has another store, and the former one had this mass cancel: how far it came is not known."""
    cl_ord_id: str


@dataclass(frozen=True)
class MassCancelUnknown:
    """The bus could not read it, or is of an earlier version."""
    cl_ord_id: str
    reject: Reject


Told = Union[Receipt, MassCancelReport, MassCancelPreview, MassCancelLost, MassCancelUnknown]


@dataclass
class _Open:
    request: MassCancel
    due: int
    received: bool = False
    receipt_told: bool = False
    seq: int = 0  # of the last report; 0: none was read

    @property
    def is_live(self) -> bool:
        return self.received and self.due == NEVER


class MassRequests:
    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def give(self, request: MassCancel, now: int) -> bool:
        """Also one with dry_run, which the preview ends. False if the cl_ord_id names an open one already."""
        if request.cl_ord_id in self._open:
            return False
        self._open[request.cl_ord_id] = _Open(request, now)
        return True

    def give_up(self, cl_ord_id: str) -> None:
        """Nothing more of it is told; what the bus has goes on."""
        self._open.pop(cl_ord_id, None)

    # What happens.

    def on_receipt(self, receipt: Receipt, now: int) -> list[Told]:
        mass = self._open.get(receipt.cl_ord_id)
        if mass is None:
            return []
        if receipt.status == RECEIPT_STATUS_REFUSED:
            if mass.receipt_told or mass.seq:  # received before: that stands
                return []
            del self._open[receipt.cl_ord_id]
            return [receipt]
        if not mass.is_live:
            mass.received = True
            mass.due = now + REPEAT_UNTIL_REPORT
        told_before, mass.receipt_told = mass.receipt_told or mass.seq > 0, True
        return [] if told_before else [receipt]

    def on_report(self, report: MassCancelReport, seq: int, in_its_place: bool, now: int) -> list[Told]:
        mass = self._open.get(report.cl_ord_id)
        if mass is None:
            return []
        mass.received = True
        mass.due = NEVER if in_its_place else now + REPEAT_UNTIL_REPORT
        if seq <= mass.seq:
            return []
        mass.seq = seq
        if report.status in (MASS_CANCEL_STATUS_COMPLETED, MASS_CANCEL_STATUS_REJECTED):
            del self._open[report.cl_ord_id]
        return [report]

    def on_preview(self, preview: MassCancelPreview) -> list[Told]:
        return [preview] if self._open.pop(preview.cl_ord_id, None) is not None else []

    def on_reject(self, reject: Reject) -> list[Told]:
        if not refuses(reject, "mass_cancel"):
            return []
        ended = [name for name, mass in self._open.items() if not mass.received]
        for name in ended:
            del self._open[name]
        return [MassCancelUnknown(name, reject) for name in ended]

    def on_reconnected(self, now: int) -> None:
        """What was under way may never have arrived."""
        for mass in self._open.values():
            if not mass.received:
                mass.due = now

    def on_lost_events(self, now: int) -> None:
        for mass in self._open.values():
            mass.due = now

    def on_new_epoch(self, now: int) -> list[Told]:
        lost = [name for name, mass in self._open.items() if mass.received and not mass.request.until_empty]
        for name in lost:
            del self._open[name]
        for mass in self._open.values():
            mass.received, mass.seq, mass.due = False, 0, now
        return [MassCancelLost(name) for name in lost]

    # What comes of it, while the session is open.

    def take_due(self, now: int) -> list[SessionRequest]:
        frames = []
        for mass in self._open.values():
            if mass.due <= now:
                frames.append(SessionRequest(mass_cancel=mass.request))
                mass.due = now + (REPEAT_UNTIL_REPORT if mass.received else REPEAT_UNTIL_RECEIPT)
        return frames

    def next_deadline(self) -> int:
        return min((mass.due for mass in self._open.values()), default=NEVER)
