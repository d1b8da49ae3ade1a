"""A strategy's connection to cancelbus, for asyncio: sockets around a Session.

    async with Client("desk-a") as bus:
        cancel = await bus.cancel(61508264)
        print(await cancel.final())

One event loop per Client. What is awaited twice gives the same twice. Nothing is waited for in silence: whatever takes long
is told by the logger "cancelbus", and every wait takes a timeout. Odd about it: leaving the `async with` does not take
commands back; what the bus has received goes on there, and a Client of the same sender with open_commands=True hears of it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
import time
import weakref
from datetime import timedelta
from typing import Any, Callable, Optional, Sequence, TypeVar, Union

import zmq

from . import command, values
from .errors import (BusImpaired, BusUnreachable, CancelbusError, ClientClosed, KeyRefused, NotYet, OptionError,
                     RejectedError, StoreLost, refusal, settled)
from .event_reader import LostEvents, NewEpoch
from .handles import Cancel, Events, News
from .link import Link, readable, worst_problem
from .options import resolve
from .session import Causes, Connected, Session, Silent, Unreadable, ends_resolve
from .v1 import cancel_pb2, session_pb2
from .values import BusStatus, CauseKind, OrdStatus, Resolved, ResolveStatus, Stage

log = logging.getLogger("cancelbus")

# Frames read from one socket in one turn, so that a flood of events cannot keep commands from going out.
FRAMES_PER_TURN = 1_000
# Undecided commands of one client, as many as a bus takes of one sender unless told otherwise.
MOST_UNDECIDED = 100_000
SAY_AGAIN_S = 10.0

T = TypeVar("T")


class Client:
    def __init__(self, sender_comp_id: Optional[str] = None, *, session_endpoint: Optional[str] = None,
                 event_endpoint: Optional[str] = None, topics: Sequence[str] = (), open_commands: bool = False,
                 curve_key_file: Optional[str] = None, curve_server_key_file: Optional[str] = None,
                 insecure_loopback: Optional[bool] = None, connect_timeout: Optional[float] = 10.0) -> None:
        """What is not given is taken from the environment: CANCELBUS_SENDER, and CANCELBUS_SESSION_ENDPOINT and so on.

        sender_comp_id         your name, 1 to 32 letters, digits, _ and -
        topics                 prefixes to follow besides your own topic, as ["venue.", "bus.", "client."]
        open_commands          ask at each connection for a Status of every undecided command of this sender
        curve_key_file         your own secret key; curve_server_key_file: the bus's public key
        insecure_loopback      True: no keys, for a bus on this machine only
        connect_timeout        seconds that `async with` waits for the bus; None: for ever
        Raises OptionError, which names what is wrong."""
        self._options = resolve(sender_comp_id, session_endpoint, event_endpoint, topics, open_commands, curve_key_file,
                                curve_server_key_file, insecure_loopback)
        self._connect_timeout = connect_timeout
        self._session = Session(self._options.sender_comp_id, self._options.topics, self._options.open_commands)
        self._context: Optional[zmq.Context[zmq.Socket[bytes]]] = None
        self._closed = False
        self._silent = False
        self._timer: Optional[asyncio.TimerHandle] = None
        self._more: Optional[asyncio.Handle] = None
        self._undecided: dict[str, Cancel] = {}
        self._streams: weakref.WeakSet[Events] = weakref.WeakSet()
        # Two runs of one sender do not meet within the bus's memory of a day.
        self._id_prefix = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        self._commands = 0

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
        """Until the bus knows us. Raises KeyRefused at once if it refuses our key, BusUnreachable after the timeout. May
        be called again; `async with` calls it for you."""
        if self._closed:
            raise ClientClosed("this client was closed; make another one")
        if self._context is None:
            self._open()
        await self._wait(self._welcome, "welcome", None, timeout)

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._status: Optional[asyncio.Future[BusStatus]] = None
        self._resolving: Optional[asyncio.Future[Union[Resolved, session_pb2.Reject]]] = None
        options = self._options
        self._context = zmq.Context()
        self._dealer = Link(self._context, zmq.DEALER, "session_endpoint", options.session_endpoint, options.curve)
        self._sub = Link(self._context, zmq.SUB, "event_endpoint", options.event_endpoint, options.curve)
        self._links = (self._dealer, self._sub)
        # Without a connection a send fails instead of piling up: old hellos and repetitions are of no use to a bus that
        # comes back. Subscriptions do wait for their connection; what is published into the void shows in the next
        # heartbeat.
        self._dealer.socket.immediate = 1
        for prefix in self._session.subscriptions():
            self._sub.socket.subscribe(prefix)
        for link in self._links:
            try:
                link.connect()
            except zmq.ZMQError as error:
                raise OptionError(f"{link.endpoint!r} cannot be used: {error}") from None
            for socket in (link.socket, link.monitor):
                self._loop.add_reader(socket.FD, self._turn)
        self._session.start(time.monotonic_ns())
        self._turn()

    def close(self) -> None:
        """Commands that the bus has received go on there; what still waits here raises ClientClosed. May be called
        twice."""
        if self._closed:
            return
        self._closed = True
        if self._undecided:
            log.warning("closed with %d undecided commands: those that were received go on at the bus", len(self._undecided))
        if self._context is not None:
            for link in self._links:
                for socket in (link.socket, link.monitor):
                    self._loop.remove_reader(socket.FD)
                link.close()
            self._context.term()
        for handle in (self._timer, self._more):
            if handle is not None:
                handle.cancel()
        self._give_up(ClientClosed("the client was closed; a command that was received goes on at the bus"))

    def _give_up(self, error: CancelbusError) -> None:
        for cancel in list(self._undecided.values()):
            cancel._fail(error)
        self._undecided.clear()
        for stream in self._streams:
            stream._stop(StopAsyncIteration() if isinstance(error, ClientClosed) else error)
        if self._context is not None:
            futures: tuple[Optional[asyncio.Future[Any]], ...] = (self._welcome, self._status, self._resolving)
            for future in futures:
                if future is not None and not future.done():
                    future.set_exception(error)
                    future.exception()

    # Commands.

    async def cancel(self, order_id: int, *, cl_ord_id: Optional[str] = None,
                     time_to_live: Union[timedelta, float, None] = None, urgent: bool = False,
                     exact_quantities: bool = False, symbol: str = "", account: str = "", traceparent: str = "",
                     timeout: Optional[float] = None) -> Cancel:
        """Cancels an order; returns when the command is on the bus's disk.

        cl_ord_id              your own name for the command; one is made if you give none
        time_to_live           1 ms to 24 h, a number is seconds: afterwards no request is sent any more. None: wanted until
                               the order is proven gone
        urgent                 before every other command of every sender that is not
        exact_quantities       the final waits for an order query
        timeout                seconds to wait for the bus
        Raises RefusedError or its kind QueueFull, OptionError, and on timeout what stands in _wait."""
        sent = self.submit(order_id, cl_ord_id=cl_ord_id, time_to_live=time_to_live, urgent=urgent,
                           exact_quantities=exact_quantities, symbol=symbol, account=account, traceparent=traceparent)
        await sent.received(timeout)
        return sent

    def submit(self, order_id: int, *, cl_ord_id: Optional[str] = None,
               time_to_live: Union[timedelta, float, None] = None, urgent: bool = False, exact_quantities: bool = False,
               symbol: str = "", account: str = "", traceparent: str = "") -> Cancel:
        """As cancel(), but waits for nothing: for many orders at once."""
        if self._closed or self._context is None:
            raise ClientClosed("this client is not connected: use `async with Client(...) as bus:`")
        self._commands += 1
        order = command.build(order_id, cl_ord_id or f"{self._id_prefix}-{self._commands:07d}", time_to_live, urgent,
                              exact_quantities, symbol, account, traceparent)
        if order.cl_ord_id in self._undecided:
            raise OptionError(f"cl_ord_id: {order.cl_ord_id!r} names an undecided command already")
        if len(self._undecided) >= MOST_UNDECIDED:
            raise refusal(order_id, values.receipt_of(session_pb2.Receipt(
                cl_ord_id=order.cl_ord_id, status=session_pb2.RECEIPT_STATUS_REFUSED,
                reason=cancel_pb2.CXL_REJ_REASON_BUS_FULL, text=f"this client has {MOST_UNDECIDED} undecided commands")))
        cancel = self._undecided[order.cl_ord_id] = Cancel(self._wait, order.cl_ord_id, order_id)
        self._session.cancel(order, time.monotonic_ns())
        self._turn()
        return cancel

    @property
    def undecided(self) -> list[Cancel]:
        """Commands whose last word has not come."""
        return list(self._undecided.values())

    # News.

    def events(self) -> Events:
        """Every event of your topic and of `topics`, each once and in order, from now on; with it LostEvents and NewEpoch,
        which say what could not be told, and Connected, Silent and Causes. Ends when the client is closed."""
        if self._closed:
            raise ClientClosed("this client was closed; make another one")
        stream = Events()
        self._streams.add(stream)
        return stream

    async def status(self, timeout: Optional[float] = None) -> BusStatus:
        """The bus as a whole, now."""
        if self._closed or self._context is None:
            raise ClientClosed("this client is not connected: use `async with Client(...) as bus:`")
        if self._status is None or self._status.done():
            self._status = self._loop.create_future()
            self._session.ask_status(time.monotonic_ns())
            self._turn()
        return await self._wait(self._status, "status", None, timeout)

    async def resolve(self, sender_comp_id: str, cl_ord_id: str, ord_status: OrdStatus,
                      timeout: Optional[float] = None) -> Resolved:
        """For operators: what became of an order that the exchange does not tell about, after you have looked at it. Returns
        when the command has its final by your word.

        ord_status             CANCELED, FILLED or REJECTED (there is no such order), which end every undecided command of the
                               order; or NEW (it is open), which ends this command alone
        timeout                seconds; afterwards your word is not given any more
        While a cancel of the order is in flight its answer is waited for. One at a time. Raises NotSettled, OptionError,
        and on timeout what stands in _wait."""
        if self._closed or self._context is None:
            raise ClientClosed("this client is not connected: use `async with Client(...) as bus:`")
        request = command.build_resolve(sender_comp_id, cl_ord_id, ord_status)
        if self._resolving is not None:
            raise OptionError("resolve: your word on another command is being given; wait for that first")
        self._resolving = self._loop.create_future()
        name = f"{sender_comp_id}/{cl_ord_id}"
        try:
            self._session.resolve(request, time.monotonic_ns())
            self._turn()
            answer = await self._wait(self._resolving, f"word that {name} is settled", None, timeout)
        finally:
            self._resolving = None
            self._session.give_up_resolve()
        return settled(name, answer)

    @property
    def problem(self) -> Optional[CancelbusError]:
        """What is wrong at the moment: BusUnreachable or KeyRefused if the bus cannot be heard, BusImpaired if it says that
        something holds up the commands of all, as that no worker is connected. None if all is well."""
        # A lowered limit makes commands slower, and stops none.
        causes = tuple(cause for cause in self._session.causes if cause.kind != CauseKind.LIMIT_LOWERED)
        return self._unheard or (BusImpaired(causes) if causes else None)

    @property
    def _unheard(self) -> Optional[CancelbusError]:
        worst = worst_problem(self._links) if self._context is not None else None
        if worst is None and (self._silent or self._context is None or not self._welcome.done()):
            return BusUnreachable(f"the connection to {self._options.session_endpoint} stands, but the bus says nothing: is "
                                  "it a cancel-bus, is it stopped?")
        return worst

    async def _wait(self, future: asyncio.Future[T], what: str, cancel: Optional[Cancel], timeout: Optional[float]) -> T:
        """The future's result. After `timeout` seconds raises KeyRefused or BusUnreachable if the bus cannot be heard, and
        else NotYet. Meanwhile says every 10 s what is waited for, and why."""
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
        if self._closed:
            return
        try:
            now = time.monotonic_ns()
            for link in self._links:
                if link.read_monitor(now) and link is self._dealer:
                    self._session.on_reconnected(now)
                link.on_time(now)
            self._read()
            self._session.on_time(time.monotonic_ns())
            self._flush()
            for notice in self._session.take_notices():
                self._tell(notice)
            self._refuse_if_refused()
            self._arm()
        except Exception as error:  # a defect of ours: nobody may wait for what will not come
            log.exception("the client failed")
            self._give_up(CancelbusError(f"the client failed: {error!r}; make another one"))

    def _read(self) -> None:
        """Replies before events, so that a receipt is mostly told before its ack."""
        dealer, sub = self._dealer.socket, self._sub.socket
        try:
            for _ in range(FRAMES_PER_TURN):
                frames = dealer.recv_multipart(zmq.DONTWAIT)
                self._session.on_reply(frames[0], time.monotonic_ns())
        except zmq.Again:
            pass
        try:
            for _ in range(FRAMES_PER_TURN):
                frames = sub.recv_multipart(zmq.DONTWAIT)
                self._session.on_event(frames[0], frames[1] if len(frames) > 1 else b"", time.monotonic_ns())
        except zmq.Again:
            pass

    def _flush(self) -> None:
        for frame in self._session.take_frames():
            try:
                self._dealer.socket.send(frame.SerializeToString(), zmq.DONTWAIT)
            except zmq.Again:
                pass  # no connection: the session repeats what matters

    def _arm(self) -> None:
        """The timer; and another turn at once if something waits, because a socket's descriptor tells each news once."""
        if self._timer is not None:
            self._timer.cancel()
        deadline = min(self._session.next_deadline(), *(link.next_deadline() for link in self._links))
        self._timer = self._loop.call_later(max(0, deadline - time.monotonic_ns()) / 1e9, self._turn)
        sockets = [socket for link in self._links for socket in (link.socket, link.monitor)]
        if any(map(readable, sockets)):
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

    # What the session says.

    def _tell(self, notice: Any) -> None:
        handler: Callable[[Client, Any], None] = _HANDLERS[type(notice)]
        handler(self, notice)

    def _on_connected(self, connected: Connected) -> None:
        (log.warning if self._silent else log.info)("connected to %s", self._options.session_endpoint)
        self._silent = False
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

    def _on_receipt(self, message: session_pb2.Receipt) -> None:
        cancel = self._undecided.get(message.cl_ord_id)
        if cancel is None:
            return
        receipt = values.receipt_of(message)
        if receipt.status == values.ReceiptStatus.REFUSED:
            del self._undecided[message.cl_ord_id]
            self._end(cancel, refusal(cancel.order_id, receipt))
        elif not cancel._received.done():
            cancel._received.set_result(receipt)

    def _on_ack(self, message: cancel_pb2.CancelAck) -> None:
        cancel = self._undecided.get(message.cl_ord_id)
        if cancel is None:
            return
        ack = values.ack_of(message)
        if not cancel._received.done():
            cancel._received.set_result(None)
        in_vain = cancel._of_former_store and not ack.final_follows
        if not cancel._ack.done() and not in_vain:  # after a new epoch there is a second one: the first stands
            cancel._ack.set_result(ack)
        if not ack.final_follows:
            del self._undecided[message.cl_ord_id]
            self._end(cancel, RejectedError(ack))

    @staticmethod
    def _end(cancel: Cancel, how: CancelbusError) -> None:
        cancel._fail(StoreLost(cancel.order_id, how) if cancel._of_former_store else how)

    def _on_final(self, message: cancel_pb2.CancelFinal) -> None:
        cancel = self._undecided.pop(message.cl_ord_id, None)
        if cancel is not None:
            cancel._final.set_result(values.final_of(message))

    def _on_stage(self, message: cancel_pb2.CancelStatus) -> None:
        cancel = self._undecided.get(message.cl_ord_id)
        if cancel is not None:
            cancel.stage = values.status_of(message)
            if cancel.stage.stage == Stage.STUCK:
                log.warning("the cancel of order %d is stuck: %s; look at the order", cancel.order_id, message.text)

    def _on_event(self, message: cancel_pb2.Event) -> None:
        if self._streams:
            self._publish(values.event_of(message))

    def _on_bus_status(self, message: cancel_pb2.BusStatus) -> None:
        if self._status is not None and not self._status.done():
            self._status.set_result(values.bus_status_of(message))

    def _on_resolved(self, message: session_pb2.Resolved) -> None:
        resolved = values.resolved_of(message)
        if resolved.status == ResolveStatus.PENDING:
            log.info("not settled yet: %s", resolved.text)
        elif self._resolving is not None and not self._resolving.done():
            self._resolving.set_result(resolved)

    def _on_reject(self, reject: session_pb2.Reject) -> None:
        text = f"the bus could not take what we sent: {reject.field}: {reject.text}"
        log.error("%s", text)
        if self._resolving is not None and not self._resolving.done() and ends_resolve(reject):
            self._resolving.set_result(reject)
        if self._welcome.done() or not reject.field.startswith("hello"):
            return
        not_ours = reject.reason == cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED
        self._welcome.set_exception(KeyRefused(text) if not_ours else OptionError(text))
        self._welcome.exception()

    def _on_loss(self, loss: Union[LostEvents, NewEpoch]) -> None:
        log.warning("events were lost: %s", loss)
        if isinstance(loss, NewEpoch):
            for cancel in self._undecided.values():
                cancel._of_former_store = True
        self._publish(loss)

    def _on_unreadable(self, unreadable: Unreadable) -> None:
        log.error("the bus sent %s, which cannot be read", unreadable.what)

    def _publish(self, news: News) -> None:
        for stream in self._streams:
            stream._put(news)


_HANDLERS: dict[type, Callable[[Client, Any], None]] = {
    Connected: Client._on_connected, Silent: Client._on_silent, Unreadable: Client._on_unreadable,
    Causes: Client._on_causes,
    LostEvents: Client._on_loss, NewEpoch: Client._on_loss, session_pb2.Receipt: Client._on_receipt,
    session_pb2.Reject: Client._on_reject, session_pb2.Resolved: Client._on_resolved,
    cancel_pb2.CancelAck: Client._on_ack, cancel_pb2.CancelFinal: Client._on_final,
    cancel_pb2.CancelStatus: Client._on_stage, cancel_pb2.Event: Client._on_event,
    cancel_pb2.BusStatus: Client._on_bus_status}
