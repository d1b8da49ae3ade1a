"""What is true when the blows are over: everything that was seen of a run, held against the promises.

Used by load_scene.py, on what witnesses.py has read; test_reckoning.py shows that it finds what it is there to find.
"""

from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import combinations, pairwise

from cancelbus.v1.cancel_pb2 import (CANCEL_ACK_STATUS_ACCEPTED, ORD_STATUS_CANCELED, ORD_STATUS_FILLED, ORD_STATUS_NEW,
                                     ORD_STATUS_PARTIALLY_FILLED, CancelAckStatus, Evidence, OrdStatus)
from google.protobuf import text_format
from witnesses import DELETE, LOG_LAG_SECONDS, QUERY, seconds

BOOK_STATUS = {ORD_STATUS_CANCELED: "Canceled", ORD_STATUS_FILLED: "Closed", ORD_STATUS_NEW: "Untouched",
               ORD_STATUS_PARTIALLY_FILLED: "Partial"}
GONE = (ORD_STATUS_CANCELED, ORD_STATUS_FILLED)
# A worker says every so often that it lives. So much shorter than the lease a silence may seem that was one.
HEARTBEAT_SECONDS = 0.25
# What was sent to a worker before it fell silent is logged so soon after it is heard again.
TAKEN_LATE_SECONDS = 0.5
# The outcome of a request that may not have been processed, or was not.
UNANSWERED = ("doubtful", "stale_stamp", "never_written", "unauthorized", "throttled")
# README.md of tests/exchange: REST shows a change so long after it.
READ_LAG_SECONDS = 0.005
STAMP_LIVES_SECONDS = 5.0
MOST_DELETES = 6  # of one order: each further one waits twice as long as the one before
MOST_UNAUTHORIZED = 10  # besides those that a stalled link has made late
MOST_FAULTS_LISTED = 50
MOST_FAULTS_SHOWN = 5  # with the whole history of their orders


class Reckoning:
    """Judges a World. `faults`: (order_id or None, what is wrong), empty if every promise was kept."""

    def __init__(self, world):
        self.world = world
        self.faults = []
        self.overlaps = 0
        self.taken_after_refusal = 0
        self.acks = defaultdict(list)  # (sender, cl_ord_id): [Event]
        self.finals = defaultdict(list)
        self.deletes = self._by_order(DELETE)
        self.queries = self._by_order(QUERY)
        self._sort_events()
        self.gone_at = self._first_told_gone()
        self._judge()

    def settle(self):
        """Fails with every fault's history, and the blows."""
        assert not self.faults, self.report()

    def _by_order(self, kind):
        """{order_id: requests of this kind, in the order of their stamps}."""
        requests = defaultdict(list)
        for request in sorted(self.world.requests, key=lambda request: request.stamp):
            if request.kind == kind:
                requests[request.order_id].append(request)
        return requests

    def _sort_events(self):
        for sender in self.world.strategies:
            for event in self.world.told.get(f"client.{sender}.", ()):
                kind = event.WhichOneof("event")
                if kind == "cancel_ack":
                    self.acks[sender, event.cancel_ack.cl_ord_id].append(event)
                elif kind == "cancel_final":
                    self.finals[sender, event.cancel_final.cl_ord_id].append(event)

    def _first_told_gone(self):
        """{order_id: when a final first said that it is gone}."""
        gone = {}
        for event in (event for events in self.finals.values() for event in events):
            if event.cancel_final.ord_status in GONE:
                at = seconds(event.sending_time)
                gone[event.cancel_final.order_id] = min(at, gone.get(event.cancel_final.order_id, at))
        return gone

    def _judge(self):
        for sender, strategy in self.world.strategies.items():
            self._check_seqs(sender, strategy)
            self._check_heard(sender, strategy)
            for cl_ord_id, given in strategy.commands.items():
                self._check_command(sender, strategy, cl_ord_id, given)
        self._check_orders()
        for order_id, requests in self.deletes.items():
            self._check_deletes(order_id, requests)
        self._check_limits()
        self._check_unauthorized()

    def _fault(self, order_id, text):
        self.faults.append((order_id, text))

    # What strategies were told.

    def _check_seqs(self, sender, strategy):
        """Contiguous from 1 in the store, of one epoch."""
        told = self.world.told.get(f"client.{sender}.", ())
        if [event.seq for event in told] != list(range(1, len(told) + 1)):
            self._fault(None, f"{sender}: the seqs in the store have gaps")
        if len({event.epoch for event in told}) > 1:
            self._fault(None, f"{sender}: the epoch changed")

    def _check_heard(self, sender, strategy):
        """All that is stored, the same to the byte, and again only with poss_dup."""
        stored = {event.seq: event for event in self.world.told.get(f"client.{sender}.", ())}
        originals, heard = Counter(), set()
        for _, event in strategy.heard:
            originals[event.seq] += not event.poss_dup
            heard.add(event.seq)
            known = stored.get(event.seq)
            if known is None or unflagged(known) != unflagged(event):
                self._fault(None, f"{sender}: {event.seq} was heard as {one_line(event)} and is stored as "
                                  f"{known and one_line(known)}")
        for seq, count in originals.items():
            if count > 1:
                self._fault(None, f"{sender}: heard seq {seq} {count} times without poss_dup")
        missed = stored.keys() - heard
        if missed:
            self._fault(None, f"{sender}: never heard {len(missed)} events of {len(stored)}, the first is {min(missed)}")

    def _check_command(self, sender, strategy, cl_ord_id, given):
        acks, finals = self.acks[sender, cl_ord_id], self.finals[sender, cl_ord_id]
        if strategy.applied(cl_ord_id) > 1:
            self._fault(given.order_id, f"{cl_ord_id}: {strategy.applied(cl_ord_id)} receipts APPLIED")
        if strategy.refused(cl_ord_id):
            if not given.has_ttl and not strategy.reasons[cl_ord_id] <= self.world.may_refuse:
                self._fault(given.order_id, f"{cl_ord_id}: refused, and it has no time_to_live")
            if not acks and not finals:
                return  # _check_orders() asks whether it was executed all the same
            # A copy that was under way already may be taken: see service/DESIGN.md, Known limits.
            if len(strategy.sent[cl_ord_id]) < 2:
                self._fault(given.order_id, f"{cl_ord_id}: refused, sent only once, and acked")
            self.taken_after_refusal += 1
        if len(acks) != 1:
            return self._fault(given.order_id, f"{cl_ord_id}: {len(acks)} acks")
        self._check_ack(given.order_id, acks[0], finals)
        for final in finals:
            self._check_final(cl_ord_id, given, final)

    def _check_ack(self, order_id, event, finals):
        """A final exactly if it says so, after it; and ACCEPTED only what the exchange has accepted."""
        ack = event.cancel_ack
        if len(finals) != int(ack.final_follows):
            self._fault(order_id, f"{ack.cl_ord_id}: final_follows {ack.final_follows}, {len(finals)} finals")
        if any(final.seq < event.seq for final in finals):
            self._fault(order_id, f"{ack.cl_ord_id}: the final came before the ack")
        if any(about.order_id != order_id for about in (ack, *(final.cancel_final for final in finals))):
            self._fault(order_id, f"{ack.cl_ord_id}: told of another order")
        until = seconds(event.sending_time) + self.world.clock_error
        accepted = any(request.status == 200 and request.judged <= until for request in self.deletes[order_id])
        if ack.status == CANCEL_ACK_STATUS_ACCEPTED and not accepted:
            self._fault(order_id, f"{ack.cl_ord_id}: ack ACCEPTED, and the exchange had accepted no DELETE")

    # What is true of orders.

    def _check_final(self, cl_ord_id, given, event):
        """It says what the exchange's book said when it was made; one that says open, what the last query then read."""
        final, told = event.cancel_final, seconds(event.sending_time) + self.world.clock_error
        if given.order_id not in self.world.book:
            return self._fault(given.order_id, f"{cl_ord_id}: the exchange does not know the order")
        at = told if final.ord_status in GONE else self._last_read(given.order_id, told)
        truth = self._truth(given.order_id, at)
        if truth is None or truth.status != BOOK_STATUS.get(final.ord_status):
            return self._fault(given.order_id, f"{cl_ord_id}: final {OrdStatus.Name(final.ord_status)}, but then the "
                                               f"order was {truth and truth.status}")
        if given.exact and not final.qty_exact:
            self._fault(given.order_id, f"{cl_ord_id}: asked for exact quantities, and the final has none")
        self._check_quantities(cl_ord_id, final, truth)

    def _truth(self, order_id, at):
        """The order's state at this time; None before it was placed."""
        changes = [change for change in self.world.book[order_id] if at is not None and change.at <= at]
        return changes[-1] if changes else None

    def _last_read(self, order_id, told):
        """What the last query shows that was answered by then; None if there was none."""
        read = [query.judged for query in self.queries[order_id] if query.status == 200 and query.ended <= told]
        return max(read) - READ_LAG_SECONDS if read else None

    def _check_quantities(self, cl_ord_id, final, truth):
        """The book's if the final claims to be exact. If not, the remainder may be stale: of before a fill, never after."""
        try:
            quantity, leaves, filled = map(Decimal, (final.order_qty, final.leaves_qty, final.cum_qty))
        except InvalidOperation:
            return self._fault(final.order_id, f"{cl_ord_id}: a quantity of the final is no number: {one_line(final)}")
        exact = leaves == truth.left
        within = truth.left <= leaves <= truth.quantity
        if quantity != truth.quantity or filled != quantity - leaves or not (exact if final.qty_exact else within):
            self._fault(final.order_id, f"{cl_ord_id}: final with {quantity}, {leaves} left, {filled} filled, exact "
                                        f"{final.qty_exact}, but the order had {truth.quantity}, {truth.left} left")

    def _check_orders(self):
        """Nothing is sent, and nothing happens to an order, without a command for it that was taken."""
        taken = {given.order_id for sender, strategy in self.world.strategies.items()
                 for cl_ord_id, given in strategy.commands.items()
                 if not strategy.refused(cl_ord_id) or self.acks[sender, cl_ord_id]}
        for order_id, changes in self.world.book.items():
            if changes[-1].status != "Untouched" and order_id not in taken:
                self._fault(order_id, f"{changes[-1].status}, and no command for it was taken")
        for order_id in self.deletes.keys() - taken:
            if self.deletes[order_id]:
                self._fault(order_id, "a DELETE, and no command for it was taken")

    # What was sent.

    def _check_deletes(self, order_id, requests):
        if len(requests) > MOST_DELETES:
            self._fault(order_id, f"{len(requests)} DELETEs of one order")
        for request in requests:
            task, gone = self.world.tasks.get(request.stamp), self.gone_at.get(order_id)
            if task is None:
                self._fault(order_id, f"DELETE {request.stamp}, and no worker had taken such a task")
            elif gone is not None and task.taken > gone and not self._out_of_hearing(task, gone):
                self._fault(order_id, f"DELETE {request.stamp} was given out after the order was told to be gone")
        for older, newer in pairwise(requests):
            if not self._excused(older, newer):
                self._fault(order_id, f"DELETE {newer.stamp}, although {older.stamp} was neither unanswered nor lost")
        for older, newer in combinations(requests, 2):
            if older.read < newer.ended and newer.read < older.ended:
                self.overlaps += 1
                if not self._excused(older, newer):
                    self._fault(order_id, f"DELETEs {older.stamp} and {newer.stamp} overlap, and nothing explains it")

    def _excused(self, older, newer):
        """A further DELETE of an order may be given out only if by then the older had ended without an answer, or was on
        no worker inside its lease."""
        task, next_task = self.world.tasks.get(older.stamp), self.world.tasks.get(newer.stamp)
        if task is None or next_task is None:
            return False  # a fault of its own
        by = next_task.taken_by
        if task.ended is None and older.status in ("reset", "abandoned") and older.ended <= by:
            # Its worker saw the end too. It may have been killed before the line was written.
            if any(task.taken <= kill.began <= by + LOG_LAG_SECONDS for kill in self._kills(task.worker)):
                return True
        unanswered = task.ended and task.verdict in UNANSWERED and task.ended <= by
        return bool(unanswered) or self._out_of_hearing(task, by)

    def _kills(self, worker):
        return [harm for harm in self.world.harms if harm.kind == "kill" and harm.victim == worker]

    def _out_of_hearing(self, task, by):
        """The worker of `task` was killed a lease before `by`, or it and the bus could not hear each other for a lease
        that had passed `by` then, while it had the task or the task was on its way. (A bus that was only stopped is no
        excuse: it must hear first.)"""
        deaf = self.world.lease - HEARTBEAT_SECONDS
        # It was heard for the last time up to a heartbeat before it died.
        if any(task.taken <= kill.began <= by - deaf + HEARTBEAT_SECONDS for kill in self._kills(task.worker)):
            return True
        gaps = self.world.silences.get(task.worker, []) + self.world.holds.get(task.worker, [])
        return any(min(ended, by) - began >= deaf and task.taken <= ended + TAKEN_LATE_SECONDS for began, ended in gaps)

    def _check_limits(self):
        counters = self.world.counters
        overlapping = counters["max_overlapping_deletes_per_order"]
        if (overlapping > 1) != (self.overlaps > 0):
            self._fault(None, f"{overlapping} DELETEs of an order overlapped, the arrivals show {self.overlaps} pairs")
        for name in ("refused_429", "repeated_stamps"):
            if counters[name] != 0:
                self._fault(None, f"{name}: {counters[name]}")
        for period, limit in self.world.limits.items():
            peak = counters["peak"][f"{period}s"]
            if peak > limit:
                self._fault(None, f"{peak} DELETEs within {period} s, {limit} are allowed")

    def _check_unauthorized(self):
        """Only for stamps that were too old at the exchange, and no more than stalled links can have held up."""
        late = 0
        for request in (request for request in self.world.requests if request.status in (401, 403)):
            if request.status == 401 and request.judged - request.stamp / 1000 > STAMP_LIVES_SECONDS - self.world.clock_error:
                late += 1
            else:
                self._fault(request.order_id, f"{request.kind} {request.stamp} was unauthorized, and its stamp was good")
        stalls = sum(harm.kind.startswith("stall") and harm.victim.endswith(" to exchange") for harm in self.world.harms)
        most = MOST_UNAUTHORIZED + stalls * self.world.connections
        counted = sum(self.world.counters["unauthorized"].values())
        if max(late, counted) > most:
            self._fault(None, f"{max(late, counted)} unauthorized requests, {stalls} stalls explain {most}")

    # For humans.

    def summary(self):
        acks = Counter(CancelAckStatus.Name(event.cancel_ack.status).removeprefix("CANCEL_ACK_STATUS_")
                       for events in self.acks.values() for event in events)
        finals = Counter(f"{OrdStatus.Name(event.cancel_final.ord_status).removeprefix('ORD_STATUS_')} by "
                         f"{Evidence.Name(event.cancel_final.evidence).removeprefix('EVIDENCE_')}"
                         for events in self.finals.values() for event in events)
        strategies, counters, harms = self.world.strategies, self.world.counters, self.world.harms
        refused = sum(strategy.refused(command) for strategy in strategies.values() for command in strategy.commands)
        return "\n".join([f"  blows: {len(harms)}, {dict(Counter(harm.kind for harm in harms))}",
                          f"  lives of strategies: {({sender: who.lives for sender, who in strategies.items()})}",
                          f"  commands: {sum(len(who.commands) for who in strategies.values())}, refused: {refused}, "
                          f"acked after that: {self.taken_after_refusal}",
                          f"  acks: {dict(acks)}", f"  finals: {dict(finals)}",
                          f"  DELETEs of one order: {counters['orders_by_deletes']}, overlaps: {self.overlaps}",
                          f"  DELETEs: {counters['requests'].get(DELETE)}, peak {counters['peak']}",
                          f"  unauthorized: {counters['unauthorized']}"])

    def report(self):
        """What is wrong, the whole history of the first orders it is wrong with, and every blow."""
        general_first = sorted(self.faults, key=lambda fault: fault[0] is not None)[:MOST_FAULTS_LISTED]
        lines = [f"{len(self.faults)} faults:", *(f"  {order_id}: {text}" for order_id, text in general_first)]
        for order_id in list(dict.fromkeys(order_id for order_id, _ in self.faults if order_id))[:MOST_FAULTS_SHOWN]:
            lines += [f"order {order_id}:", *(f"  {moment(at)} {text}" for at, text in sorted(self._history(order_id)))]
        lines += ["blows:", *(f"  {moment(harm.began)} {harm}" for harm in self.world.harms)]
        for name, gaps in (("silent", self.world.silences), ("held up", self.world.holds)):
            lines += [f"  {moment(began)} {worker} {name}: {ended - began:.3f} s"
                      for worker, times in gaps.items() for began, ended in times]
        return "\n".join([*lines, self.summary()])

    def _history(self, order_id):
        """(when, what), in no order."""
        for sender, strategy in self.world.strategies.items():
            for cl_ord_id, given in strategy.commands.items():
                if given.order_id == order_id:
                    yield from self._history_of_command(sender, strategy, cl_ord_id)
        for stamp, task in self.world.tasks.items():
            if task.order_id == order_id:
                yield task.taken, f"{task.worker} (life {task.life}) takes {stamp}"
                if task.ended:
                    yield task.ended, f"{task.worker} (life {task.life}) ends {stamp}: {task.verdict}"
        for request in self.deletes[order_id] + self.queries[order_id]:
            name = f"{request.kind.split()[0]} {request.stamp}"
            yield request.read, f"{name} arrives, judged at {moment(request.judged)}"
            if request.status != "open":
                yield request.ended, f"{name} ends: {request.status}"
        for change in self.world.book.get(order_id, ()):
            yield change.at, f"the book says {change.status}, {change.left} of {change.quantity} left"

    def _history_of_command(self, sender, strategy, cl_ord_id):
        for at in strategy.sent[cl_ord_id]:
            yield at, f"{cl_ord_id} given"
        for at, status in strategy.receipts[cl_ord_id]:
            yield at, f"{cl_ord_id} receipt {status}"
        for event in self.world.told.get(f"client.{sender}.", ()):
            body = getattr(event, event.WhichOneof("event"))
            if body.cl_ord_id == cl_ord_id:
                yield seconds(event.sending_time), f"seq {event.seq}: {type(body).__name__} {one_line(body)}"


def unflagged(event):
    plain = type(event).FromString(event.SerializeToString())
    plain.poss_dup = False
    return plain


def moment(at):
    return datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-3]


def one_line(message):
    return text_format.MessageToString(message, as_one_line=True)
