"""A strategy under load, as a process that may be killed, stopped and started again: it loses no command and no event.

    load_strategy.py '{"journal": "desk-a.jsonl", "sender": "desk-a", ...}'    # the fields of Settings

It places orders at the local exchange and cancels them at an even rate: most of them plainly, some URGENT, some with a
time_to_live, some twice. What it gives and hears stands in its journal before anything comes of it, so that its next
life continues where this one ended. SIGTERM: no new commands; it ends with 0 once all that it gave have ended.
"""

import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cancelbus.v1.cancel_pb2 import PRIORITY_NORMAL, PRIORITY_URGENT, CancelOrder, Event
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_REFUSED
from exchange import Exchange
from strategy_client import StrategyClient, read_curve

TURN_SECONDS = 0.02
ORDERS_AT_ONCE = 200
MOST_TO_CATCH_UP = 50  # commands, after a pause
# Commands. All strategies' exceed the budget of a second, so that the bus always has some that wait for it; what the
# budget or a slow machine cannot bear waits here and not in the bus.
MOST_OPEN = 75
URGENT_SHARE = 0.1
EXACT_SHARE = 0.05
TTL_SHARE = 0.1
TWICE_SHARE = 0.05


@dataclass(frozen=True)
class Settings:
    sender: str
    journal: str  # a path
    session_endpoint: str
    event_endpoint: str
    rest_url: str
    ca_file: str
    curve_key_file: str
    curve_server_key_file: str
    commands_per_second: float
    seed: int

    def command(self):
        return [sys.executable, __file__, json.dumps(asdict(self))]


class Journal:
    """What one sender gave and heard, over all its lives: a JSON object a line.

    {"life": N}, {"epoch": N, "first_seq": N}, {"command": CL_ORD_ID, "fields": {...}}, {"repeated": CL_ORD_ID},
    {"receipt": CL_ORD_ID, "status": N, "reason": N} and {"event": the Event in hex}, each with "time", in seconds since the Unix epoch.
    Every event is there that came, also one that had come before.
    """

    def __init__(self, path):
        self._path = Path(path)
        self._file = None

    def entries(self):
        """All that are whole: a life may have ended in the middle of its last line."""
        lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
        return [json.loads(line) for line in lines]

    def write(self, **entry):
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.ftruncate(self._file, self._path.read_bytes().rfind(b"\n") + 1)
        os.write(self._file, json.dumps({"time": time.time(), **entry}).encode() + b"\n")


class LoadStrategy(StrategyClient):
    def __init__(self, settings):
        super().__init__(settings.session_endpoint, settings.event_endpoint, settings.sender,
                         curve=read_curve(settings.curve_key_file, settings.curve_server_key_file))
        self.draining = False
        self._journal = Journal(settings.journal)
        self._exchange = Exchange(settings.rest_url, settings.ca_file)
        self._per_second = settings.commands_per_second
        self._stock = []  # orders that no strategy has been told to cancel
        self._open = set()  # commands that have not come to their end
        self._given = 0  # in this life
        self._life = 1
        self._remember()
        self._journal.write(life=self._life)
        self._random = random.Random(f"{settings.seed} {settings.sender} {self._life}")

    def _remember(self):
        orders = {}
        for entry in self._journal.entries():
            if "life" in entry:
                self._life = entry["life"] + 1
            elif "epoch" in entry:
                self.epoch = entry["epoch"]
                self._first_seq = {self.own_topic: entry["first_seq"]}
            elif "command" in entry:
                orders[entry["command"]] = CancelOrder(cl_ord_id=entry["command"], **entry["fields"])
            elif "receipt" in entry and entry["status"] == RECEIPT_STATUS_REFUSED:
                orders.pop(entry["receipt"], None)
            elif "event" in entry:
                super()._take(Event.FromString(bytes.fromhex(entry["event"])))
        self._open = {cl_ord_id for cl_ord_id in orders if not self._ended(cl_ord_id)}
        self._orders = {cl_ord_id: (orders[cl_ord_id], 0.0) for cl_ord_id in self._open if not self.acks(cl_ord_id)}

    def _ended(self, cl_ord_id):
        return self.finals(cl_ord_id) or any(not ack.final_follows for ack in self.acks(cl_ord_id))

    # What a StrategyClient says and hears, with the journal first.

    def cancel(self, order_id, cl_ord_id=None, **fields):
        self._journal.write(command=cl_ord_id, fields={"order_id": order_id, **fields})
        self._open.add(cl_ord_id)
        return super().cancel(order_id, cl_ord_id, **fields)

    def _repeat(self, order):
        self._journal.write(repeated=order.cl_ord_id)
        super()._repeat(order)

    def _hear(self, reply):
        if reply.HasField("receipt"):
            self._journal.write(receipt=reply.receipt.cl_ord_id, status=reply.receipt.status, reason=reply.receipt.reason)
            if reply.receipt.status == RECEIPT_STATUS_REFUSED:
                self._open.discard(reply.receipt.cl_ord_id)
        super()._hear(reply)

    def _stand(self, news):
        new = news.epoch != self.epoch
        super()._stand(news)
        if new:
            self._journal.write(epoch=news.epoch, first_seq=self._first_seq[self.own_topic])

    def _take(self, event):
        self._journal.write(event=event.SerializeToString().hex())
        super()._take(event)

    # A life.

    def run(self):
        begun = time.monotonic()
        while self._open or not self.draining:
            due = int((time.monotonic() - begun) * self._per_second) - self._given
            if due > MOST_TO_CATCH_UP:
                begun += (due - MOST_TO_CATCH_UP) / self._per_second
            while due > 0 and len(self._open) < MOST_OPEN and not self.draining:
                due -= self._give()
            self.live(TURN_SECONDS)
            self._open = {cl_ord_id for cl_ord_id in self._open if not self._ended(cl_ord_id)}

    def _give(self):
        """Cancels one more order, and returns how many commands it has made of that."""
        if not self._stock:
            self._stock = self._exchange.place_orders(ORDERS_AT_ONCE)
        order_id = self._stock.pop()
        times = 2 if self._chance(TWICE_SHARE) else 1
        for _ in range(times):
            fields = {"priority": PRIORITY_URGENT if self._chance(URGENT_SHARE) else PRIORITY_NORMAL}
            if self._chance(EXACT_SHARE):
                fields["exact_quantities"] = True
            if self._chance(TTL_SHARE):
                fields["time_to_live"] = {"seconds": self._random.randrange(1, 5)}
            self._given += 1
            self.cancel(order_id, f"{self.sender}-{self._life}-{self._given}", **fields)
        return times

    def _chance(self, share):
        return self._random.random() < share


def main():
    strategy = LoadStrategy(Settings(**json.loads(sys.argv[1])))

    def drain(*_):
        strategy.draining = True

    signal.signal(signal.SIGTERM, drain)
    if not strategy.epoch:
        strategy.hello()
    print("ready", flush=True)
    strategy.run()


if __name__ == "__main__":
    main()
