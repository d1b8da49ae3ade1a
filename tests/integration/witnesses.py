"""What independent witnesses saw of a run under load, as data: read_world() reads all of it once the run is over.

The witnesses are the strategies' journals, the bus's store, the exchange's book, counters and arrivals, the workers' logs,
the links to the bus, and the dealer's log of who was hurt when. reckoning.py holds them against the promises. All times
are seconds since the Unix epoch by this machine's clock.
"""

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cancelbus.v1.cancel_pb2 import Event
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_REFUSED

DELETE = "DELETE /api/v1/order"
QUERY = "GET /api/v1/order/{id}"
# More than its clocks and ours differ by within one reading of both.
READING_ERROR_SECONDS = 0.002
# Of a log line, from its time until it is written; of a task, from its stamp until it is taken; of a stamp, because each
# is another (then the exchange's clock is behind it).
LOG_LAG_SECONDS = 0.5
STAMP_AGE_SECONDS = 1.0
STAMP_LEAD_SECONDS = 0.5


def seconds(timestamp):
    return timestamp.seconds + timestamp.nanos / 1e9


@dataclass
class Task:
    """A cancel as its worker logged it. `life` counts the worker's starts, and is 0 if it was killed before a thread had
    written the line: then the task was taken between `taken` and `taken_by`."""
    worker: str
    life: int
    order_id: int
    taken: float
    ended: float = None
    verdict: str = ""
    lost_until: float = None

    @property
    def taken_by(self):
        return self.taken if self.lost_until is None else self.lost_until


@dataclass(frozen=True)
class Change:
    """From `at` on this was true of an order."""
    at: float
    status: str
    left: Decimal
    quantity: Decimal


@dataclass(frozen=True)
class Request:
    """As the exchange met it. `judged`: when it counted and acted. `ended`: infinite while it was under way."""
    kind: str
    order_id: int
    stamp: int
    read: float
    judged: float
    ended: float
    status: object  # a number, "open", "reset" or "abandoned"


@dataclass(frozen=True)
class Given:
    order_id: int
    has_ttl: bool
    exact: bool


class Strategy:
    """What one strategy gave and heard, over all its lives. `entries`: those of its journal (load_strategy.py)."""

    def __init__(self, entries):
        self.commands = {}  # cl_ord_id: Given
        self.sent = defaultdict(list)  # cl_ord_id: when each copy was
        self.receipts = defaultdict(list)  # cl_ord_id: [(when, status)]
        self.reasons = defaultdict(set)  # cl_ord_id: why it was refused
        self.heard = []  # (when, Event), repetitions too
        self.lives = 0
        for entry in entries:
            self._read(entry)

    def _read(self, entry):
        if "life" in entry:
            self.lives += 1
        elif "command" in entry:
            fields = entry["fields"]
            self.commands[entry["command"]] = Given(fields["order_id"], "time_to_live" in fields,
                                                    fields.get("exact_quantities", False))
            self.sent[entry["command"]].append(entry["time"])
        elif "repeated" in entry:
            self.sent[entry["repeated"]].append(entry["time"])
        elif "receipt" in entry:
            self.receipts[entry["receipt"]].append((entry["time"], entry["status"]))
            if entry["status"] == RECEIPT_STATUS_REFUSED:
                self.reasons[entry["receipt"]].add(entry.get("reason"))
        elif "event" in entry:
            self.heard.append((entry["time"], Event.FromString(bytes.fromhex(entry["event"]))))

    def refused(self, cl_ord_id):
        """If not, it was received, also without a receipt: that may be lost beside an ack, which ends the repeating."""
        return any(status == RECEIPT_STATUS_REFUSED for _, status in self.receipts[cl_ord_id])

    def applied(self, cl_ord_id):
        """How many receipts said that the bus had not known the command before."""
        return sum(status == RECEIPT_STATUS_APPLIED for _, status in self.receipts[cl_ord_id])


@dataclass
class World:
    """A run. `limits`: {seconds: DELETEs}; `silences` and `holds`: {worker: [(began, ended)]}, as fault_proxy.Link says;
    `clock_error`: how far the exchange's clock may be from the bus's; `connections`: of a worker to the exchange; `may_refuse`: reasons for which
    the bus may refuse a command without a time_to_live."""
    strategies: dict  # {sender: Strategy}
    told: dict  # {topic: [Event]}, as stored
    book: dict  # {order_id: [Change]}
    requests: list  # [Request]
    counters: dict
    tasks: dict  # {stamp: Task}
    limits: dict
    lease: float
    connections: int
    clock_error: float = 0.0
    may_refuse: frozenset = frozenset()
    harms: list = field(default_factory=list)
    silences: dict = field(default_factory=dict)
    holds: dict = field(default_factory=dict)


def read_world(stack, workers, journals, told, harms, links, **settings):
    """`journals`: {sender: its journal's entries}; `told`: the events that are stored; `links`: {worker: its Link to the bus}."""
    tasks = {}
    for worker in workers:
        tasks |= read_tasks(stack.processes[worker].log(), worker)
    requests = read_requests(stack.exchange.arrivals())
    tasks |= lost_tasks(requests, tasks, harms)
    return World(strategies={sender: Strategy(entries) for sender, entries in journals.items()},
                 told=told, book=read_book(stack.exchange.orders()),
                 requests=requests, counters=stack.exchange.counters(), tasks=tasks,
                 clock_error=clock_error(stack.exchange), harms=harms,
                 silences={worker: link.silences() for worker, link in links.items()},
                 holds={worker: link.holds() for worker, link in links.items()}, **settings)


def clock_error(exchange):
    """The exchange's clock goes on evenly from its start, so if ours was set or slewed since, they differ."""
    before = time.time()
    theirs = exchange.call("GET", "/sim/time")["now_us"] / 1e6
    return max(0.0, before - theirs, theirs - time.time()) + READING_ERROR_SECONDS


def read_tasks(log, worker):
    """The cancels of one worker in all its lives, by stamp."""
    life, by_stamp, by_id = 0, {}, {}
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last word of a killed process
        at = datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
        if entry["event"] == "started":
            life += 1
        elif entry["event"] == "task_taken" and entry["kind"] == "cancel":
            by_id[entry["task"]] = by_stamp[int(entry["stamp"])] = Task(worker, life, entry["order_id"], at)
        elif entry["event"] == "task_ended" and entry["task"] in by_id:
            by_id[entry["task"]].ended, by_id[entry["task"]].verdict = at, entry["verdict"]
    return by_stamp


def lost_tasks(requests, tasks, harms):
    """The cancels that the exchange met and no worker's log knows, by stamp, as far as the kill of a worker explains it."""
    lost = {}
    for request in requests:
        if request.kind != DELETE or request.stamp in tasks:
            continue
        earliest = request.stamp / 1000 - STAMP_LEAD_SECONDS
        kills = [harm for harm in harms if harm.kind == "kill" and harm.victim.startswith("worker-")
                 and earliest <= harm.began <= request.stamp / 1000 + STAMP_AGE_SECONDS + LOG_LAG_SECONDS]
        if kills:
            kill = min(kills, key=lambda harm: harm.began)
            lost[request.stamp] = Task(kill.victim, 0, request.order_id, earliest,
                                       lost_until=max(earliest, min(kill.began, request.read)))
    return lost


def events_by_topic(rows):
    """{topic: [Event]}, of rows (topic, seq, payload) in this order, as strategies were told or can ask for."""
    told = defaultdict(list)
    for topic, seq, payload in rows:
        event = Event.FromString(payload)
        assert (event.topic, event.seq) == (topic, seq)
        told[topic].append(event)
    return told


def read_book(orders):
    return {order["id"]: [Change(change["at_us"] / 1e6, change["status"], Decimal(change["left"]),
                                 Decimal(change["quantity"])) for change in order["changes"]] for order in orders}


def read_requests(arrivals):
    return [Request(arrival["request"], arrival["order_id"], int(arrival["stamp"] or 0), arrival["read_us"] / 1e6,
                    arrival["time_us"] / 1e6,
                    float("inf") if arrival["ended_us"] is None else arrival["ended_us"] / 1e6, arrival["status"])
            for arrival in arrivals]
