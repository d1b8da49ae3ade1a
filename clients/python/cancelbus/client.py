"""A strategy's connection to cancelbus, for asyncio: a Session, its two sockets, and its commands.

    async with Client("desk-a") as bus:
        cancel = await bus.cancel(61508264)
        print(await cancel.final())

One event loop per Client. What is awaited twice gives the same twice. Nothing waits in silence: the logger "cancelbus" says
what takes long and why, and every wait takes a timeout. Leaving the `async with` does not take commands back; what the bus has
received goes on there, and a Client of the same sender with open_commands=True hears of it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
import time
import weakref
from typing import Any, Callable, Iterable, Optional, Sequence, TypeVar, Union

from . import command, values
from .answers import Answers
from .book import CommandBook
from .command import TimeToLive
from .connection import Connection
from .enums import CauseKind
from .errors import BusImpaired, BusUnreachable, CancelbusError, ClientClosed, EventsBarred, KeyRefused, NotYet, OptionError
from .event_reader import LostEvents, NewEpoch
from .handles import Cancel, Events, News
from .inquiries import Inquiries
from .many import CancelMany, CancelSummary
from .mass_cancel import MassBook, MassCancel, MassCancels
from .mass_requests import MassCancelLost, MassCancelUnknown
from .notices import Causes, Connected, Silent, Unreadable
from .open_orders import Listing
from .options import check_timeout, resolve
from .session import Session
from .switches import Switches
from .v1 import cancel_pb2, session_pb2

log = logging.getLogger("cancelbus")

SAY_AGAIN_S = 10.0

T = TypeVar("T")


class Client(MassCancels, Inquiries, Switches):
    """A strategy's connection to the bus, for asyncio: `async with Client("desk-a") as bus`. It belongs to the loop in which it was
    opened. blocking.Client is the same without asyncio."""

    def __init__(self, sender_comp_id: Optional[str] = None, *, session_endpoint: Optional[str] = None,
                 event_endpoint: Optional[str] = None, topics: Sequence[str] = (), open_commands: bool = False,
                 curve_key_file: Optional[str] = None, curve_server_key_file: Optional[str] = None,
                 insecure_loopback: Optional[bool] = None, connect_timeout: Optional[float] = 10.0,
                 cancel_on_disconnect: Optional[TimeToLive] = None) -> None:
        """What is not given is taken from the environment: CANCELBUS_SENDER, and CANCELBUS_SESSION_ENDPOINT and so on.

        sender_comp_id         your name, 1 to 32 letters, digits, _ and -
        session_endpoint       as "tcp://bus:5550"; of several buses, of which one leads, the endpoint of each, separated by commas.
                               The client finds the one that leads, and follows when another does. event_endpoint: likewise, in
                               the same order
        topics                 prefixes to follow besides your own topic, as ["venue.", "bus."]; "client.", everyone's, needs an
                               observer's or an operator's key
        open_commands          ask at each connection for a Status of every undecided command of this sender
        curve_key_file         your own secret key; curve_server_key_file: the bus's public key
        insecure_loopback      True: no keys, for a bus on this machine only; contradicts key files
        connect_timeout        seconds that `async with` waits for the bus; None: without end
        cancel_on_disconnect   arms the dead man's switch of this sender: the bus cancels the sender's own orders when it has not
                               heard any of its clients for so long, 2 s to 10 min, given as time_to_live is. It stays armed
                               until goodbye(keep_orders=True), also when a later client does not ask for it: close() without
                               goodbye() leaves it to fire. Needs prefixes in the bus's policy. A bus of an earlier version arms nothing
                               and does not say so; status().dead_man_switches shows what is armed
        Raises OptionError, which names what is wrong."""
        self._options = resolve(sender_comp_id, session_endpoint, event_endpoint, topics, open_commands, curve_key_file,
                                curve_server_key_file, insecure_loopback)
        check_timeout("connect_timeout", connect_timeout)
        self._connect_timeout = connect_timeout
        self._session = Session(self._options.sender_comp_id, self._options.topics, self._options.open_commands,
                                command.window_of(cancel_on_disconnect))
        self._connection: Optional[Connection] = None
        self._closed = self._leaving = False
        self._silent = False
        self._rejected: Optional[CancelbusError] = None  # our hello, since the last welcome
        self._barred = False
        self._timer: Optional[asyncio.TimerHandle] = None
        self._more: Optional[asyncio.Handle] = None
        self._book = CommandBook()
        self._mass_book = MassBook()
        self._answers = Answers()
        self._streams: weakref.WeakSet[Events] = weakref.WeakSet()
        # Two runs of one sender do not meet within the bus's memory of a day.
        self._id_prefix = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        self._commands = 0
        self._handlers: dict[type, Callable[[Any], None]] = {
            Connected: self._on_connected, Silent: self._on_silent, Unreadable: self._on_unreadable, Causes: self._on_causes,
            LostEvents: self._on_loss, NewEpoch: self._on_loss, session_pb2.Receipt: self._on_receipt,
            session_pb2.Reject: self._on_reject, session_pb2.Resolved: self._on_resolved,
            cancel_pb2.CancelAck: self._book.on_ack, cancel_pb2.CancelFinal: self._book.on_final,
            cancel_pb2.CancelStatus: self._book.on_stage, cancel_pb2.Event: self._on_event,
            cancel_pb2.BusStatus: self._on_bus_status, Listing: self._on_listing,
            session_pb2.Commands: self._on_inquired, session_pb2.History: self._on_inquired,
            session_pb2.RetryReply: self._on_inquired,
            session_pb2.KillSwitchReply: self._on_kill_switch, session_pb2.GoodbyeReply: self._on_goodbye,
            cancel_pb2.MassCancelReport: self._mass_book.on_report, MassCancelLost: self._mass_book.on_lost,
            session_pb2.MassCancelPreview: self._mass_book.on_preview, MassCancelUnknown: self._mass_book.on_unknown}

    # Opening and closing.

    async def __aenter__(self) -> Client:
        try:
            await self.connect(self._connect_timeout)
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def connect(self, timeout: Optional[float] = None) -> None:
        """Until the bus knows us. Raises KeyRefused at once if it refuses our key or a topic, BusUnreachable after the
        timeout. May be called again; `async with` calls it for you."""
        if self._closed:
            raise ClientClosed("this client was closed; make another one")
        if self._connection is None:
            self._open()
        await self._wait(self._welcome, "welcome", None, timeout)

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._connection = Connection(self._options)
        self._connection.open(self._loop, self._turn)
        self._session.start(time.monotonic_ns())
        self._turn()

    def close(self) -> None:
        """Commands that the bus has received go on there; what still waits here raises ClientClosed. A dead man's switch that
        is armed fires when its window is over: goodbye() says that you end on purpose. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self.undecided:
            log.warning("closed with %d undecided commands: those that were received go on at the bus", len(self.undecided))
        if self._connection is not None:
            self._connection.close(self._loop)
        for handle in (self._timer, self._more):
            if handle is not None:
                handle.cancel()
        self._give_up(ClientClosed("the client was closed; a command that was received goes on at the bus"))

    def _give_up(self, error: CancelbusError) -> None:
        self._book.fail(error)
        self._mass_book.fail(error)
        self._answers.fail(error)
        for stream in self._streams:
            stream._stop(StopAsyncIteration() if isinstance(error, ClientClosed) else error)
        if self._connection is not None and not self._welcome.done():
            self._welcome.set_exception(error)
            self._welcome.exception()

    def _opened(self) -> None:
        if self._closed or self._connection is None:
            raise ClientClosed("this client is not connected: use `async with Client(...) as bus:`")
        if self._leaving:
            raise ClientClosed("this client has said goodbye, and gives no command any more: make another one")

    # Commands.

    async def cancel(self, order_id: int, *, cl_ord_id: Optional[str] = None,
                     time_to_live: Optional[TimeToLive] = None, urgent: bool = False,
                     exact_quantities: bool = False, symbol: str = "", account: str = "", traceparent: str = "",
                     timeout: Optional[float] = None) -> Cancel:
        """Cancels an order; returns when the command is on the bus's disk.

        cl_ord_id              your own name for the command; one is made if you give none
        time_to_live           1 ms to 24 h, as timedelta, seconds or "2s": afterwards no request is sent any more. None: wanted
                               until the order is proven gone
        urgent                 before every other command of every sender that is not
        exact_quantities       the final waits for an order query
        timeout                seconds to wait for the bus
        Raises RefusedError or its kind QueueFull, OptionError, and on timeout what stands in _wait."""
        check_timeout("timeout", timeout)
        sent = self.submit(order_id, cl_ord_id=cl_ord_id, time_to_live=time_to_live, urgent=urgent,
                           exact_quantities=exact_quantities, symbol=symbol, account=account, traceparent=traceparent)
        await sent.received(timeout)
        return sent

    def submit(self, order_id: int, *, cl_ord_id: Optional[str] = None,
               time_to_live: Optional[TimeToLive] = None, urgent: bool = False, exact_quantities: bool = False,
               symbol: str = "", account: str = "", traceparent: str = "") -> Cancel:
        """As cancel(), but waits for nothing. For many orders at once there is cancel_many()."""
        self._opened()
        order = command.build(order_id, cl_ord_id or self._next_id(), time_to_live, urgent,
                              exact_quantities, symbol, account, traceparent)
        cancel = self._book.add(order, lambda: Cancel(self._wait, order.cl_ord_id, order_id))
        self._session.cancel(order, time.monotonic_ns())
        self._turn()
        return cancel

    def _next_id(self) -> str:
        self._commands += 1
        return f"{self._id_prefix}-{self._commands:07d}"

    async def cancel_many(self, order_ids: Iterable[int], *, time_to_live: Optional[TimeToLive] = None, urgent: bool = False,
                          exact_quantities: bool = False, symbol: str = "", account: str = "", traceparent: str = "",
                          timeout: Optional[float] = None) -> CancelSummary:
        """Cancels every order of a list; returns what became of each when all are decided.

        Never has more commands undecided at a time than the bus takes: where it says that its queue is full, the rest waits
        here, and is REFUSED only if that lasts for half a minute while none of these commands is in it. An order that is listed
        twice is canceled once. Options are those of cancel(); time_to_live counts from this call.
        timeout                seconds, after which the summary says what is known by then: an order can be UNDECIDED, its
                               command goes on, or NOT_SENT
        Raises OptionError, before anything is sent. All else that can go wrong with an order is its result."""
        check_timeout("timeout", timeout)
        self._opened()
        many = CancelMany(self, order_ids, time_to_live, {"urgent": urgent, "exact_quantities": exact_quantities, "symbol": symbol,
                                                          "account": account, "traceparent": traceparent})
        return await many.run(timeout)

    @property
    def undecided(self) -> list[Cancel]:
        """Commands whose last word has not come."""
        return list(self._book.undecided.values())

    # News.

    def events(self) -> Events:
        """Every event of your topic and of `topics`, each once and in order, from now on; with it LostEvents and NewEpoch,
        which say what could not be told, and Connected, Silent and Causes. Ends when the client is closed."""
        if self._closed:
            raise ClientClosed("this client was closed; make another one")
        stream = Events()
        self._streams.add(stream)
        return stream

    @property
    def problem(self) -> Optional[CancelbusError]:
        """What is wrong at the moment: BusUnreachable or KeyRefused if the bus cannot be heard, EventsBarred if only events do
        not come, BusImpaired if the bus says that something holds up the commands of all, as that no worker is connected. None
        if all is well."""
        # A lowered limit makes commands slower, and stops none.
        causes = tuple(cause for cause in self._session.causes if cause.kind != CauseKind.LIMIT_LOWERED)
        return self._obstacle or (BusImpaired(causes) if causes else None)

    @property
    def _session_endpoint(self) -> str:
        return self._connection.session_endpoint if self._connection is not None else self._options.session_endpoints[0]

    @property
    def _obstacle(self) -> Optional[CancelbusError]:
        """Between the bus and us."""
        if self._rejected is not None and self._connection is not None and self._connection.session_up:
            return self._rejected
        worst = self._connection.problem(self._session) if self._connection is not None else None
        heard = self._connection is not None and not self._silent and self._welcome.done()
        if heard or (worst is not None and not isinstance(worst, EventsBarred)):
            return worst
        return BusUnreachable(f"the connection to {self._session_endpoint} stands, but the bus says nothing: is "
                              "it a cancel-bus, is it stopped?")

    @property
    def _unheard(self) -> Optional[CancelbusError]:
        """Nothing comes from the bus. Without events, all comes on the session."""
        return None if isinstance(self._obstacle, EventsBarred) else self._obstacle

    async def _wait(self, future: asyncio.Future[T], what: str, cancel: Union[Cancel, MassCancel, None],
                    timeout: Optional[float]) -> T:
        """The future's result. After `timeout` seconds raises KeyRefused or BusUnreachable if the bus cannot be heard, and
        else NotYet. Meanwhile says every 10 s what is waited for, and why."""
        check_timeout("timeout", timeout)
        started = time.monotonic()
        subject = f"the {what} of {cancel!r}" if cancel is not None else f"the bus's {what}"
        while not future.done():
            waited = time.monotonic() - started
            if timeout is not None and waited >= timeout:
                why = f" ({self.problem})" if self.problem else ""
                raise self._unheard or NotYet(f"{subject} has not come within {timeout:g} s{why}; wait again if you like")
            left = SAY_AGAIN_S if timeout is None else min(SAY_AGAIN_S, timeout - waited)
            await asyncio.wait([future], timeout=left)
            if not future.done() and left == SAY_AGAIN_S:
                stage = f"; it is {cancel.stage.stage}: {cancel.stage.text}" if cancel is not None and cancel.stage else ""
                log.warning("waiting for %s since %.0f s: %s%s", subject, time.monotonic() - started,
                            self.problem or "the bus is there, and works on it", stage)
        return future.result()

    # One turn: read what came, do what is due, send, tell.

    def _turn(self) -> None:
        if self._closed or self._connection is None:
            return
        try:
            if self._connection.look(time.monotonic_ns()):
                self._session.on_reconnected(time.monotonic_ns())
            self._connection.read(self._session)
            self._session.on_time(time.monotonic_ns())
            if self._session.take_next_bus():
                self._connection.next_bus()
            for notice in self._session.take_notices():
                self._handlers[type(notice)](notice)
            self._connection.send(self._session.take_frames())  # after the subscriptions: the answers come to them
            self._refuse_if_refused()
            self._tell_of_a_bar()
            self._arm(self._connection)
        except Exception as error:  # a defect of ours: nothing may wait for what will not come
            log.exception("the client failed")
            self._give_up(CancelbusError(f"the client failed: {error!r}; make another one"))

    def _arm(self, connection: Connection) -> None:
        """The timer; and another turn at once if something waits, because a socket's descriptor tells each news once."""
        if self._timer is not None:
            self._timer.cancel()
        deadline = min(self._session.next_deadline(), connection.next_deadline())
        self._timer = self._loop.call_later(max(0, deadline - time.monotonic_ns()) / 1e9, self._turn)
        if connection.something_waits():
            if self._more is not None:
                self._more.cancel()
            self._more = self._loop.call_soon(self._turn)

    def _refuse_if_refused(self) -> None:
        """Before the first welcome a refused key ends connect(); afterwards it is only told, and tried again."""
        if self._welcome.done():
            return
        problem = self._unheard
        if isinstance(problem, KeyRefused):
            self._welcome.set_exception(problem)
            self._welcome.exception()

    def _tell_of_a_bar(self) -> None:
        bar = self._obstacle
        before, self._barred = self._barred, isinstance(bar, EventsBarred)
        if self._barred and not before:
            log.error("%s", bar)
        elif before and not self._barred:
            log.warning("this key is no longer barred from events")

    # What the session says.

    def _on_connected(self, connected: Connected) -> None:
        (log.warning if self._silent else log.info)("connected to %s", self._session_endpoint)
        self._silent = False
        self._rejected = None
        if self._connection is not None:
            self._connection.subscribe(self._session.subscriptions())
        if not self._welcome.done():
            self._welcome.set_result(None)
        self._publish(connected)

    def _on_silent(self, silent: Silent) -> None:
        self._silent = True
        log.warning("nothing was heard from the bus for %d s: %s; trying on", silent.silent_for // 10**9, self._unheard)
        self._publish(silent)

    def _on_causes(self, causes: Causes) -> None:
        text = "; ".join(map(str, causes.causes))
        log.warning("%s", f"the bus is impaired: {text}" if text else "the bus is no longer impaired")
        self._publish(causes)

    def _on_event(self, message: cancel_pb2.Event) -> None:
        if self._streams:
            self._publish(values.event_of(message))

    def _on_reject(self, reject: session_pb2.Reject) -> None:
        self._answers.on_reject(reject)
        if not reject.field.startswith("hello"):
            return log.error("the bus could not take what we sent: %s: %s", reject.field, reject.text)
        # A topic that was allowed until the policy changed is not to be subscribed to again.
        if self._connection is not None:
            self._connection.unsubscribe()
        not_ours = reject.reason == cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED
        text = f"the bus refused {reject.field}: {reject.text}"
        if str(self._rejected) != text:
            log.error("%s", text)
        self._rejected = (KeyRefused if not_ours else OptionError)(text)
        if not self._welcome.done():
            self._welcome.set_exception(self._rejected)
            self._welcome.exception()

    def _on_loss(self, loss: Union[LostEvents, NewEpoch]) -> None:
        log.warning("events were lost: %s", loss)
        if isinstance(loss, NewEpoch):
            self._book.on_new_epoch()
        self._publish(loss)

    def _on_unreadable(self, unreadable: Unreadable) -> None:
        log.error("the bus sent %s, which cannot be read", unreadable.what)

    def _publish(self, news: News) -> None:
        for stream in self._streams:
            stream._put(news)
