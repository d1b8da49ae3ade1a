"""cancelbus: cancel orders through the account's shared budget, and know what became of them.

    async with cancelbus.Client("desk-a") as bus:
        cancel = await bus.cancel(61508264)
        ack = await cancel.ack()        # the exchange's answer; it can be in doubt
        final = await cancel.final()    # the proven fate; the order can still be open

The same without asyncio is cancelbus.blocking.Client. The messages of the wire are in cancelbus.v1.
"""

from .client import Client
from .errors import (BusImpaired, BusUnreachable, CancelbusError, ClientClosed, KeyRefused, NotSettled, NotYet,
                     OptionError, QueueFull, ReadTooSlowly, RefusedError, RejectedError, StoreLost)
from .event_reader import LostEvents, NewEpoch
from .handles import Cancel, Events, News
from .session import Causes, Connected, Silent
from .values import (Ack, AckStatus, BusStatus, Cause, CauseKind, Event, Evidence, ExecType, Final, Origin, OrdStatus,
                     Reason, Receipt, ReceiptStatus, Resolved, ResolveStatus, Stage, Status, Timeline)

__all__ = ["Ack", "AckStatus", "BusImpaired", "BusStatus", "BusUnreachable", "Cancel", "CancelbusError", "Cause",
           "CauseKind", "Causes", "Client", "ClientClosed", "Connected", "Event", "Events", "Evidence", "ExecType", "Final", "KeyRefused", "LostEvents", "NewEpoch", "News",
           "NotSettled", "NotYet", "OptionError", "OrdStatus", "Origin", "QueueFull", "ReadTooSlowly", "Reason", "Receipt",
           "ReceiptStatus", "RefusedError", "RejectedError", "Resolved", "ResolveStatus", "Silent", "Stage", "Status",
           "StoreLost", "Timeline"]
