"""A small run under load that never was, in which every promise is kept. Used by test_reckoning.py, which breaks it.

Five orders, at T0 + seconds:
- PLAIN is canceled, by a command of desk-a that is sent twice.
- FILLED fills before its cancel acts; the command asked for exact quantities.
- TWICE gets two DELETEs that overlap: worker-1 fell silent with the first. Half of it fills before it is canceled.
- OPEN stays open: its DELETE never reaches the exchange, and the time_to_live of its command ends.
- REFUSED stays open: its command is refused.
"""

from decimal import Decimal

from blows import Harm
from cancelbus.v1.cancel_pb2 import (CANCEL_ACK_STATUS_ACCEPTED, CANCEL_ACK_STATUS_IN_DOUBT, EVIDENCE_CHANNEL_452,
                                     EVIDENCE_ORDER_QUERY, ORD_STATUS_CANCELED, ORD_STATUS_FILLED, ORD_STATUS_NEW, Event)
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_DUPLICATE, RECEIPT_STATUS_REFUSED
from witnesses import DELETE, QUERY, Change, Request, Strategy, Task, World

T0 = 1_800_000_000.0
QUANTITY = Decimal("0.01")
PLAIN, FILLED, TWICE, OPEN, REFUSED = 101, 102, 103, 104, 105
SENDER, TOPIC = "desk-a", "client.desk-a."


class Story:
    """`at` is always T0 + so many seconds."""

    def __init__(self):
        self.entries = [{"time": T0, "life": 1}, {"time": T0, "epoch": 7, "first_seq": 1}]
        self.told = []
        self.world = World(strategies={}, told={TOPIC: self.told}, book={}, requests=[], counters={}, tasks={},
                           limits={1: 10, 60: 300}, lease=1.0, connections=2, clock_error=0.002)

    def place(self, order_id):
        self.world.book[order_id] = [Change(T0, "Untouched", QUANTITY, QUANTITY)]

    def change(self, order_id, at, status, left):
        self.world.book[order_id].append(Change(T0 + at, status, Decimal(left), QUANTITY))

    def command(self, order_id, at, name, **fields):
        self.entries.append({"time": T0 + at, "command": name, "fields": {"order_id": order_id, **fields}})

    def repeat(self, at, name):
        self.entries.append({"time": T0 + at, "repeated": name})

    def receipt(self, at, name, status, reason=0):
        self.entries.append({"time": T0 + at, "receipt": name, "status": status, "reason": reason})

    def task(self, order_id, at, ended, verdict, worker="worker-1"):
        """Its stamp is returned. `ended` is None if the worker's log does not say."""
        stamp = round((T0 + at) * 1000)
        self.world.tasks[stamp] = Task(worker, 1, order_id, T0 + at, None if ended is None else T0 + ended, verdict)
        return stamp

    def request(self, kind, order_id, at, ended, status, stamp=None):
        self.world.requests.append(Request(kind, order_id, stamp or round((T0 + at) * 1000), T0 + at + 0.001,
                                           T0 + at + 0.002, T0 + ended, status))

    def delete(self, order_id, at, ended, worker="worker-1"):
        """One that is answered with 200."""
        self.request(DELETE, order_id, at, ended, 200, self.task(order_id, at, ended + 0.001, "accepted", worker))

    def hear(self, at, **body):
        """The bus makes an event, and the strategy hears it at once."""
        event = Event(epoch=7, topic=TOPIC, seq=len(self.told) + 1, **body)
        event.sending_time.FromNanoseconds(round((T0 + at) * 1e9))
        self.told.append(event)
        self.entries.append({"time": T0 + at + 0.001, "event": event.SerializeToString().hex()})

    def ack(self, order_id, at, name, status=CANCEL_ACK_STATUS_ACCEPTED):
        self.hear(at, cancel_ack={"cl_ord_id": name, "order_id": order_id, "status": status, "final_follows": True})

    def final(self, order_id, at, name, status, leaves, exact):
        self.hear(at, cancel_final={
            "cl_ord_id": name, "order_id": order_id, "ord_status": status, "order_qty": "0.0100000000000000",
            "evidence": EVIDENCE_ORDER_QUERY if exact else EVIDENCE_CHANNEL_452, "leaves_qty": leaves,
            "cum_qty": str(QUANTITY - Decimal(leaves)), "qty_exact": exact})

    def told_as(self):
        """The World."""
        self.world.strategies = {SENDER: Strategy(self.entries)}
        deletes = [request for request in self.world.requests if request.kind == DELETE]
        self.world.counters = {"max_overlapping_deletes_per_order": 2, "refused_429": 0, "repeated_stamps": 0,
                               "peak": {"1s": 3, "60s": len(deletes)}, "unauthorized": {}, "orders_by_deletes": {},
                               "requests": {DELETE: {"200": len(deletes)}}}
        return self.world


def tell_plain(story):
    story.place(PLAIN)
    story.command(PLAIN, 1.0, "a-1")
    story.receipt(1.01, "a-1", RECEIPT_STATUS_APPLIED)
    story.delete(PLAIN, 1.02, 1.04)
    story.change(PLAIN, 1.045, "Canceled", "0.01")
    story.repeat(1.05, "a-1")
    story.receipt(1.06, "a-1", RECEIPT_STATUS_DUPLICATE)
    story.ack(PLAIN, 1.05, "a-1")
    story.final(PLAIN, 1.07, "a-1", ORD_STATUS_CANCELED, "0.0100000000000000", exact=False)


def tell_filled(story):
    story.place(FILLED)
    story.command(FILLED, 2.0, "a-2", exact_quantities=True)
    story.receipt(2.01, "a-2", RECEIPT_STATUS_APPLIED)
    story.delete(FILLED, 2.02, 2.04)
    story.change(FILLED, 2.045, "Closed", "0")
    story.ack(FILLED, 2.05, "a-2")
    story.request(QUERY, FILLED, 2.06, 2.07, 200)
    story.final(FILLED, 2.08, "a-2", ORD_STATUS_FILLED, "0", exact=True)


def tell_twice(story):
    story.place(TWICE)
    story.command(TWICE, 3.0, "a-3")
    story.receipt(3.01, "a-3", RECEIPT_STATUS_APPLIED)
    first = story.task(TWICE, 3.02, None, "")
    story.request(DELETE, TWICE, 3.02, 5.02, 200, first)
    story.world.silences["worker-1"] = [(T0 + 3.1, T0 + 4.6)]
    story.delete(TWICE, 4.15, 5.0, "worker-2")
    story.change(TWICE, 5.005, "Partial", "0.005")
    story.change(TWICE, 5.006, "Canceled", "0.005")
    story.ack(TWICE, 5.01, "a-3")
    story.request(QUERY, TWICE, 5.1, 5.11, 200)
    story.final(TWICE, 5.12, "a-3", ORD_STATUS_CANCELED, "0.0050000000000000", exact=True)


def tell_open(story):
    story.place(OPEN)
    story.command(OPEN, 6.0, "a-4", time_to_live={"seconds": 1})
    story.receipt(6.01, "a-4", RECEIPT_STATUS_APPLIED)
    story.task(OPEN, 6.02, 8.02, "doubtful")
    story.ack(OPEN, 8.03, "a-4", CANCEL_ACK_STATUS_IN_DOUBT)
    story.request(QUERY, OPEN, 16.1, 16.12, 200)
    story.request(QUERY, OPEN, 18.2, 18.22, 200)
    story.final(OPEN, 18.23, "a-4", ORD_STATUS_NEW, "0.0100000000000000", exact=True)


def tell_refused(story):
    story.place(REFUSED)
    story.command(REFUSED, 19.0, "a-5", time_to_live={"seconds": 1})
    story.receipt(19.01, "a-5", RECEIPT_STATUS_REFUSED)


def tell_all():
    """The Story of all five, for a test to tell on."""
    story = Story()
    for tell in (tell_plain, tell_filled, tell_twice, tell_open, tell_refused):
        tell(story)
    story.world.harms = [Harm("stop", "worker-1", T0 + 3.1, T0 + 4.6)]
    return story
