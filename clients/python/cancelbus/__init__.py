"""cancelbus: cancel orders through the account's shared budget, and know what became of them.

    async with cancelbus.Client("desk-a") as bus:
        cancel = await bus.cancel(61508264)
        ack = await cancel.ack()        # the exchange's answer; it can be in doubt
        final = await cancel.final()    # the proven fate; the order can still be open

        summary = await bus.cancel_many([61508265, 61508266])    # what became of each

    mass = await bus.mass_cancel(until_empty=True)           # every open order of desk-a
    async for report in mass: ...

    await bus.engage_kill_switch(reason="runaway quotes")    # and every order of desk-a that appears, until it is released

The same without asyncio is cancelbus.blocking.Client. The messages of the wire are in cancelbus.v1.
"""

from .bus_status import (AnswerCount, BusStatus, Cause, DeadManSwitch, Doubt, EventBar, HoldStatus, KillSwitch,
                         OpenOrderCount, QueueStatus, Standby, StreamStatus, WindowStatus, WorkerStatus)
from .client import Client
from .command import TimeToLive
from .enums import (AckStatus, CauseKind, CommandState, Evidence, ExecType, KillSwitchStatus, MassCancelScope,
                    MassCancelStatus, OrdStatus, Origin, Priority, Reason, ReceiptStatus, ResolveStatus, RetryStatus, Side,
                    Stage)
from .errors import (BusImpaired, BusUnreachable, CancelbusError, ClientClosed, EventsBarred, GoodbyeFailed,
                     HistoryUnreadable, InquiryRefused, KeyRefused, KillSwitchRefused, MassCancelRefused, NotRetried,
                     NotSettled, NotYet, OpenOrdersRefused, OptionError, QueueFull, ReadTooSlowly, RefusedError,
                     RejectedError, StoreLost)
from .event_reader import LostEvents, NewEpoch
from .handles import Cancel, Events, News
from .many import CancelResult, CancelSummary, Outcome
from .mass_cancel import MassCancel
from .notices import Causes, Connected, Silent
from .values import (Ack, CommandList, Event, Final, GoodbyeReply, History, HistoryCommand, HistoryLine, KillSwitchReply,
                     MassCancelPreview, MassCancelReport, NotAffected, OpenOrder, OpenOrders, PreviewedOrders, Receipt,
                     Resolved, RetryReply, Status, Timeline, UndecidedCommand)

__version__ = "0.1.0"

__all__ = ["Ack", "AckStatus", "AnswerCount", "BusImpaired", "BusStatus", "BusUnreachable", "Cancel", "CancelResult",
           "CancelSummary", "CancelbusError", "Cause", "CauseKind", "Causes", "Client", "ClientClosed",
           "CommandList", "CommandState", "Connected", "DeadManSwitch", "Doubt", "Event", "EventBar", "Events",
           "EventsBarred", "Evidence", "ExecType", "Final", "GoodbyeFailed", "GoodbyeReply", "History",
           "HistoryCommand", "HistoryLine", "HistoryUnreadable", "HoldStatus", "InquiryRefused", "KeyRefused",
           "KillSwitch", "KillSwitchRefused", "KillSwitchReply", "KillSwitchStatus", "LostEvents", "MassCancel",
           "MassCancelPreview", "MassCancelRefused", "MassCancelReport", "MassCancelScope", "MassCancelStatus",
           "NewEpoch", "News", "NotAffected", "NotRetried", "NotSettled", "NotYet", "OpenOrder", "OpenOrderCount",
           "OpenOrders", "OpenOrdersRefused", "OptionError", "OrdStatus", "Origin", "Outcome", "PreviewedOrders",
           "Priority", "QueueFull", "QueueStatus", "ReadTooSlowly", "Reason", "Receipt", "ReceiptStatus",
           "RefusedError", "RejectedError", "ResolveStatus", "Resolved", "RetryReply", "RetryStatus", "Side",
           "Silent", "Stage", "Standby", "Status", "StoreLost", "StreamStatus", "TimeToLive", "Timeline",
           "UndecidedCommand", "WindowStatus", "WorkerStatus", "__version__"]
