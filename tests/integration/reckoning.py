"""What is true when the blows are over: everything that was seen of a run, held against the promises.

Used by test_crashes.py. The witnesses are independent of each other: the strategies' journals, the bus's store, the
exchange's book, counters and arrivals, the workers' logs, and the dealer's log of who was hurt when.
"""

import json
import sqlite3
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.cancel_pb2 import CancelAckStatus, Evidence, Event, OrdStatus
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_REFUSED
from google.protobuf import text_format

DELETE = "DELETE /api/v1/order"
BOOK_AFTER = {cancel_pb2.ORD_STATUS_CANCELED: {"Canceled"}, cancel_pb2.ORD_STATUS_FILLED: {"Closed"},
              cancel_pb2.ORD_STATUS_NEW: {"Untouched"}, cancel_pb2.ORD_STATUS_PARTIALLY_FILLED: {"Partial"}}
GONE = (cancel_pb2.ORD_STATUS_CANCELED, cancel_pb2.ORD_STATUS_FILLED)
# The bus stamps by the exchange's clock, and never further ahead of it than this.
STAMP_LEAD_SECONDS = 0.5
# A worker that is whole again is heard after its next reconnection and heartbeat at the latest.
HEARD_AGAIN_SECONDS = 1.5
LOG_LAG_SECONDS = 0.5  # between a line of a process and its being written, at most
UNANSWERED = ("doubtful", "stale_stamp", "never_written")
MOST_FAULTS_SHOWN = 5


def seconds(timestamp):
    return timestamp.seconds + timestamp.nanos / 1e9


@dataclass
class Task:
    """A cancel as its worker logged it."""
    worker: str
    life: int
    order_id: int
    taken: float
    ended: float = None
    verdict: str = ""


def read_tasks(log_file, worker):
    """The cancels of one worker in all its lives, by stamp."""
    life, by_stamp, by_id = 0, {}, {}
    for line in log_file.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the last word of a killed process
        time = datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
        if entry["event"] == "started":
            life += 1
        elif entry["event"] == "task_taken" and entry["kind"] == "cancel":
            by_id[entry["task"]] = by_stamp[str(entry["stamp"])] = Task(worker, life, entry["order_id"], time)
        elif entry["event"] == "task_ended" and entry["task"] in by_id:
            by_id[entry["task"]].ended, by_id[entry["task"]].verdict = time, entry["verdict"]
    return by_stamp


def read_events(store_file):
    """{topic: [Event]}, in the order of their seqs, as strategies were told or can ask for."""
    told = defaultdict(list)
    with sqlite3.connect(f"file:{store_file}?mode=ro", uri=True) as store:
        for topic, seq, payload in store.execute("SELECT topic, seq, payload FROM events ORDER BY topic, seq"):
            event = Event.FromString(payload)
            assert (event.topic, event.seq) == (topic, seq)
            told[topic].append(event)
    return told


class Witness:
    """What one strategy gave and heard, over all its lives."""

    def __init__(self, entries):
        self.commands = {}  # cl_ord_id: (order_id, has a time_to_live)
        self.given = {}  # cl_ord_id: when first
        self.receipts = defaultdict(list)  # cl_ord_id: [(when, status)]
        self.heard = []  # (when, Event)
        self.lives = 0
        for entry in entries:
            if "life" in entry:
                self.lives += 1
            elif "command" in entry:
                self.commands[entry["command"]] = (entry["fields"]["order_id"], "time_to_live" in entry["fields"])
                self.given[entry["command"]] = entry["time"]
            elif "receipt" in entry:
                self.receipts[entry["receipt"]].append((entry["time"], entry["status"]))
            elif "event" in entry:
                self.heard.append((entry["time"], Event.FromString(bytes.fromhex(entry["event"]))))

    def refused(self, cl_ord_id):
        """If not, it was received, also without a receipt: that may be lost beside an ack, which ends the repeating."""
        return any(status == RECEIPT_STATUS_REFUSED for _, status in self.receipts[cl_ord_id])


class Reckoning:
    """`journals`: {sender: its journal's entries}; `harms`: the dealer's log; `limit`: DELETEs in 1 s."""

    def __init__(self, stack, workers, journals, harms, limit):
        self.witnesses = {sender: Witness(entries) for sender, entries in journals.items()}
        self.told = read_events(stack.store_file)
        self.orders = {order["id"]: order for order in stack.exchange.orders()}
        self.counters = stack.exchange.counters()
        self.deletes = defaultdict(list)  # order_id: arrivals, in the order of their stamps
        for arrival in stack.exchange.arrivals():
            if arrival["request"] == DELETE:
                self.deletes[arrival["order_id"]].append(arrival)
        for arrivals in self.deletes.values():
            for arrival in arrivals:
                arrival["ended_us"] = arrival["ended_us"] or float("inf")  # still under way
            arrivals.sort(key=lambda arrival: int(arrival["stamp"]))
        self.tasks = {}
        for worker in workers:
            self.tasks |= read_tasks(stack.processes[worker].log_file, worker)
        self.harms = harms
        self.limit = limit
        self.acks = defaultdict(list)  # (sender, cl_ord_id): [Event]
        self.finals = defaultdict(list)
        self.faults = []  # (order_id or None, what is wrong)
        self.overlaps = 0
        self.taken_after_refusal = 0
        self._sort_events()
        self.gone_at = self._first_told_gone()

    def _sort_events(self):
        for sender in self.witnesses:
            for event in self.told[f"client.{sender}."]:
                kind = event.WhichOneof("event")
                if kind == "cancel_ack":
                    self.acks[sender, event.cancel_ack.cl_ord_id].append(event)
                elif kind == "cancel_final":
                    self.finals[sender, event.cancel_final.cl_ord_id].append(event)

    def _first_told_gone(self):
        """{order_id: when a final first said that it is gone}."""
        gone = {}
        for events in self.finals.values():
            for event in events:
                if event.cancel_final.ord_status in GONE:
                    at = seconds(event.sending_time)
                    gone[event.cancel_final.order_id] = min(at, gone.get(event.cancel_final.order_id, at))
        return gone

    def settle(self):
        """Fails with every fault's history, and the blows. summary() is complete afterwards."""
        self._check_seqs()
        for sender, witness in self.witnesses.items():
            for cl_ord_id, (order_id, has_ttl) in witness.commands.items():
                self._check_command(sender, cl_ord_id, order_id, has_ttl)
        self._check_book()
        for order_id, arrivals in self.deletes.items():
            self._check_deletes(order_id, arrivals)
        self._check_counters()
        assert not self.faults, self.report()

    def _fault(self, order_id, text):
        self.faults.append((order_id, text))

    # The promises, one by one.

    def _check_seqs(self):
        """Contiguous from 1 in the store, of one epoch, and each strategy has heard all, the same to the byte."""
        for sender, witness in self.witnesses.items():
            told = self.told[f"client.{sender}."]
            if [event.seq for event in told] != list(range(1, len(told) + 1)):
                self._fault(None, f"{sender}: the seqs in the store have gaps")
            if len({event.epoch for event in told}) > 1:
                self._fault(None, f"{sender}: the epoch changed")
            heard = sorted((event.seq, event) for _, event in witness.heard)
            if len({seq for seq, _ in heard}) != len(heard):
                self._fault(None, f"{sender}: heard a seq twice")
            for event, (_, also) in zip(told, heard):
                also.poss_dup = event.poss_dup
                if event != also:
                    self._fault(None, f"{sender}: {event.seq} was told as {also} and is stored as {event}")
            if len(heard) != len(told):
                self._fault(None, f"{sender}: heard {len(heard)} events of {len(told)}")

    def _check_command(self, sender, cl_ord_id, order_id, has_ttl):
        acks, finals = self.acks[sender, cl_ord_id], self.finals[sender, cl_ord_id]
        if self.witnesses[sender].refused(cl_ord_id):
            if not has_ttl:
                self._fault(order_id, f"{cl_ord_id}: refused, and it has no time_to_live")
            if not acks and not finals:
                return
            self.taken_after_refusal += 1  # a copy that was under way already: see service/README.md, Known limits
        if len(acks) != 1:
            return self._fault(order_id, f"{cl_ord_id}: {len(acks)} acks")
        [ack] = acks
        if len(finals) != int(ack.cancel_ack.final_follows):
            said = ack.cancel_ack.final_follows
            return self._fault(order_id, f"{cl_ord_id}: final_follows {said}, {len(finals)} finals")
        if any(final.seq < ack.seq for final in finals):
            self._fault(order_id, f"{cl_ord_id}: the final came before the ack")
        if any(event.cancel_ack.order_id != order_id for event in acks) or any(
                event.cancel_final.order_id != order_id for event in finals):
            self._fault(order_id, f"{cl_ord_id}: told of another order")

    def _check_book(self):
        """Every final says what is true in the exchange's book: one that says open, at least until one says gone."""
        commanded = {order_id for witness in self.witnesses.values() for order_id, _ in witness.commands.values()}
        for events in self.finals.values():
            for event in events:
                final, truth = event.cancel_final, self.orders[event.cancel_final.order_id]["status"]
                agrees = truth in BOOK_AFTER.get(final.ord_status, ())
                if not agrees and final.ord_status not in GONE:
                    agrees = self.gone_at.get(final.order_id, 0.0) > seconds(event.sending_time)
                if not agrees:
                    said = OrdStatus.Name(final.ord_status)
                    self._fault(final.order_id, f"{final.cl_ord_id}: final {said}, but the order is {truth}")
        for order_id, order in self.orders.items():
            if order["status"] != "Untouched" and order_id not in commanded:
                self._fault(order_id, f"{order['status']}, and nobody gave a command for it")

    def _check_deletes(self, order_id, arrivals):
        gone = self.gone_at.get(order_id)
        for arrival in arrivals:
            if gone and int(arrival["stamp"]) / 1000 > gone + STAMP_LEAD_SECONDS:
                self._fault(order_id, f"a DELETE with stamp {arrival['stamp']} after the order was told to be gone")
        for older, newer in combinations(arrivals, 2):
            if older["read_us"] < newer["ended_us"] and newer["read_us"] < older["ended_us"]:
                self.overlaps += 1
                if not self._excused(older, newer):
                    both = f"{older['stamp']} and {newer['stamp']}"
                    self._fault(order_id, f"DELETEs {both} overlap, and nothing explains it")

    def _excused(self, older, newer):
        """Two DELETEs of one order may overlap at the exchange only if, when the newer was given out, the older was on
        no worker inside its lease: its worker had ended it without an answer, or had not been heard for a while because
        it, its way to the bus, or the bus was down. (A bus that was only stopped is no excuse: it must hear first.)
        """
        task, next_task = self.tasks.get(older["stamp"]), self.tasks.get(newer["stamp"])
        if task is None:  # A worker that is killed loses the lines that its log's thread has not written yet.
            return any(harm.kind == "kill" and harm.victim.startswith("worker")
                       and abs(harm.began - older["read_us"] / 1e6) < LOG_LAG_SECONDS for harm in self.harms)
        given_out = next_task.taken if next_task else newer["read_us"] / 1e6
        if task.ended and task.verdict in UNANSWERED and task.ended <= given_out:
            return True
        deaf = {(task.worker, "kill"), (task.worker, "stop"), ("bus", "kill")}
        return any(task.taken - HEARD_AGAIN_SECONDS <= (harm.ended or given_out) and harm.began <= given_out
                   for harm in self.harms
                   if (harm.victim, harm.kind) in deaf or harm.victim == f"{task.worker} to bus")

    def _check_counters(self):
        overlapping = self.counters["max_overlapping_deletes_per_order"]
        if (overlapping > 1) != (self.overlaps > 0):
            self._fault(None, f"{overlapping} DELETEs of an order overlapped, the arrivals show {self.overlaps} pairs")
        for name in ("refused_429", "repeated_stamps"):
            if self.counters[name] != 0:
                self._fault(None, f"{name}: {self.counters[name]}")
        if self.counters["peak"]["1s"] > self.limit:
            self._fault(None, f"{self.counters['peak']['1s']} DELETEs within 1 s, {self.limit} are allowed")

    # For humans.

    def summary(self):
        acks = Counter(CancelAckStatus.Name(event.cancel_ack.status).removeprefix("CANCEL_ACK_STATUS_")
                       for events in self.acks.values() for event in events)
        finals = Counter(f"{OrdStatus.Name(event.cancel_final.ord_status).removeprefix('ORD_STATUS_')} by "
                         f"{Evidence.Name(event.cancel_final.evidence).removeprefix('EVIDENCE_')}"
                         for events in self.finals.values() for event in events)
        lives = {sender: witness.lives for sender, witness in self.witnesses.items()}
        return "\n".join([f"  blows: {len(self.harms)}, {dict(Counter(harm.kind for harm in self.harms))}",
                          f"  lives of strategies: {lives}",
                          f"  acks: {dict(acks)}, after a refusal: {self.taken_after_refusal}", f"  finals: {dict(finals)}",
                          f"  DELETEs of one order: {self.counters['orders_by_deletes']}, overlaps: {self.overlaps}",
                          f"  DELETEs: {self.counters['requests'].get(DELETE)}, peak {self.counters['peak']}",
                          f"  refused: {self.counters['unauthorized']}"])

    def report(self):
        """What is wrong, the whole history of the first orders it is wrong with, and every blow."""
        lines = [f"{len(self.faults)} faults:", *(f"  {order_id}: {text}" for order_id, text in self.faults[:50])]
        for order_id in list(dict.fromkeys(order_id for order_id, _ in self.faults if order_id))[:MOST_FAULTS_SHOWN]:
            lines += [f"order {order_id}:", *(f"  {moment(at)} {text}" for at, text in sorted(self._history(order_id)))]
        lines += ["blows:", *(f"  {moment(harm.began)} {harm}" for harm in self.harms), self.summary()]
        return "\n".join(lines)

    def _history(self, order_id):
        """(when, what), in no order."""
        commands = {(sender, cl_ord_id) for sender, witness in self.witnesses.items()
                    for cl_ord_id, (its_order, _) in witness.commands.items() if its_order == order_id}
        for sender, cl_ord_id in commands:
            witness = self.witnesses[sender]
            yield witness.given[cl_ord_id], f"{cl_ord_id} given"
            for at, status in witness.receipts[cl_ord_id]:
                yield at, f"{cl_ord_id} receipt {status}"
            for event in self.told[f"client.{sender}."]:
                body = getattr(event, event.WhichOneof("event"))
                if body.cl_ord_id == cl_ord_id:
                    yield seconds(event.sending_time), f"seq {event.seq}: {type(body).__name__} {one_line(body)}"
        for stamp, task in self.tasks.items():
            if task.order_id == order_id:
                yield task.taken, f"{task.worker} (life {task.life}) takes {stamp}"
                if task.ended:
                    yield task.ended, f"{task.worker} (life {task.life}) ends {stamp}: {task.verdict}"
        for arrival in self.deletes[order_id]:
            yield arrival["read_us"] / 1e6, f"DELETE {arrival['stamp']} arrives"
            if arrival["status"] != "open":
                yield arrival["ended_us"] / 1e6, f"DELETE {arrival['stamp']} ends: {arrival['status']}"


def moment(at):
    return datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-3]


def one_line(message):
    return text_format.MessageToString(message, as_one_line=True)
