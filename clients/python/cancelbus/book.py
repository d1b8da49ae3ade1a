"""The undecided commands of one Client: what the session tells of a command goes to the Cancel that its user holds.

Used by Client. Knows no sockets. After a NewEpoch the first ack stands, and what the new store ends without proof is StoreLost.
"""

from __future__ import annotations

import logging
from typing import Callable

from . import values
from .enums import ReceiptStatus, Stage
from .errors import CancelbusError, OptionError, RejectedError, StoreLost, refusal
from .handles import Cancel
from .v1.cancel_pb2 import CXL_REJ_REASON_BUS_FULL, CancelAck, CancelFinal, CancelOrder, CancelStatus
from .v1.session_pb2 import RECEIPT_STATUS_REFUSED, Receipt

log = logging.getLogger("cancelbus")

# Undecided commands of one client, as many as a bus takes of one sender unless it was started otherwise.
MOST_UNDECIDED = 100_000


class CommandBook:
    def __init__(self) -> None:
        self.undecided: dict[str, Cancel] = {}

    def add(self, order: CancelOrder, make: Callable[[], Cancel]) -> Cancel:
        """Raises OptionError for a cl_ord_id that names an undecided command, QueueFull."""
        if order.cl_ord_id in self.undecided:
            raise OptionError(f"cl_ord_id: {order.cl_ord_id!r} names an undecided command already")
        if len(self.undecided) >= MOST_UNDECIDED:
            raise refusal(order.order_id, values.receipt_of(Receipt(
                cl_ord_id=order.cl_ord_id, status=RECEIPT_STATUS_REFUSED, reason=CXL_REJ_REASON_BUS_FULL,
                text=f"this client has {MOST_UNDECIDED} undecided commands")))
        cancel = self.undecided[order.cl_ord_id] = make()
        return cancel

    def on_receipt(self, message: Receipt) -> None:
        cancel = self.undecided.get(message.cl_ord_id)
        if cancel is None:
            return
        receipt = values.receipt_of(message)
        if receipt.status == ReceiptStatus.REFUSED:
            self._end(cancel, refusal(cancel.order_id, receipt))
        elif not cancel._received.done():
            cancel._received.set_result(receipt)

    def on_ack(self, message: CancelAck) -> None:
        cancel = self.undecided.get(message.cl_ord_id)
        if cancel is None:
            return
        ack = values.ack_of(message)
        if not cancel._received.done():
            cancel._received.set_result(None)
        in_vain = cancel._of_former_store and not ack.final_follows
        if not cancel._ack.done() and not in_vain:  # after a new epoch there is a second one: the first stands
            cancel._ack.set_result(ack)
        if not ack.final_follows:
            self._end(cancel, RejectedError(ack))

    def _end(self, cancel: Cancel, how: CancelbusError) -> None:
        del self.undecided[cancel.cl_ord_id]
        cancel._fail(StoreLost(cancel.order_id, how) if cancel._of_former_store else how)

    def on_final(self, message: CancelFinal) -> None:
        cancel = self.undecided.pop(message.cl_ord_id, None)
        if cancel is not None:
            cancel._final.set_result(values.final_of(message))

    def on_stage(self, message: CancelStatus) -> None:
        cancel = self.undecided.get(message.cl_ord_id)
        if cancel is None:
            return
        cancel.stage = values.status_of(message)
        if cancel.stage.stage == Stage.STUCK:
            log.warning("the cancel of order %d is stuck: %s; look at the order", cancel.order_id, message.text)

    def on_new_epoch(self) -> None:
        for cancel in self.undecided.values():
            cancel._of_former_store = True

    def fail(self, error: CancelbusError) -> None:
        """All of them: nothing more will be heard."""
        for cancel in list(self.undecided.values()):
            cancel._fail(error)
        self.undecided.clear()
