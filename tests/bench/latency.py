"""How long a command takes to the exchange, and a 452 from there to the strategy: cancelbus with each kind of store, and
the bare relay, in turns."""

import os
import time
from dataclasses import dataclass, field, replace
from statistics import median

from stacks import Product, Relay, end_all
from summary import row_of_rounds

WARM_UP = 100
TO_DELETE, TO_FINAL = "command → DELETE", "452 → CancelFinal"
APPEND = "bare append + fdatasync"


@dataclass
class Subject:
    """One stack, and the orders that it cancels in each round."""
    stack: object
    rounds: list
    times: list = field(default_factory=list)
    log_bytes: int = 0
    cpu_ns: int = 0
    strategy_cpu_ns: int = 0

    @property
    def cancels(self):
        return sum(map(len, self.rounds))


def cpu_ns(pid):
    """What all threads of a process have used."""
    tasks = f"/proc/{pid}/task"
    return sum(int(open(f"{tasks}/{task}/schedstat").read().split()[0]) for task in os.listdir(tasks))


def log_size(stack):
    return sum(process.log_file.stat().st_size + process.out_file.stat().st_size
               for name, process in stack.processes.items() if name != "exchange")


def stored_bytes(stack):
    """What the bus has written to files: its store and its log."""
    for line in open(f"/proc/{stack.processes['bus'].pid}/io"):
        if line.startswith("wchar:"):
            return int(line.split()[1])
    raise ValueError("no wchar")


class Append:
    """A file that grows by so many bytes at a time, each synced before the next."""

    def __init__(self, path, size):
        self.size = size
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._bytes = os.urandom(size)

    def microseconds(self, times):
        result = []
        for _ in range(times):
            begun = time.monotonic_ns()
            os.write(self._file, self._bytes)
            os.fdatasync(self._file)
            result.append((time.monotonic_ns() - begun) / 1000)
        return result


def bytes_of_a_commit(stack, orders):
    """How many bytes the bus writes to its store in one commit, by what it wrote for these cancels. What a checkpoint
    copies is in it, as far as one happened."""
    def state():
        return (stored_bytes(stack) - stack.processes["bus"].log_file.stat().st_size,
                stack.metric("cancelbus_store_commit_seconds_count"))

    (bytes_before, commits_before), _, (bytes_after, commits_after) = state(), stack.cancel(orders), state()
    commits = commits_after - commits_before
    return int((bytes_after - bytes_before) / commits), commits / len(orders)


def turn(subject, orders):
    stack = subject.stack
    before = [cpu_ns(pid) for pid in stack.service_pids], cpu_ns(stack.strategy_pid), log_size(stack)
    subject.times.append(stack.cancel(orders))
    subject.cpu_ns += sum(cpu_ns(pid) for pid in stack.service_pids) - sum(before[0])
    subject.strategy_cpu_ns += cpu_ns(stack.strategy_pid) - before[1]
    subject.log_bytes += log_size(stack) - before[2]


def measure(options):
    """The rows, and {label: all microseconds to the DELETE} for the plot, and the subjects by label."""
    folder, rounds, size = options.folder, options.rounds, options.cancels
    stacks = [Relay(options.build, folder / "relay"),
              *(Product(options.build, folder / store, store) for store in options.stores)]
    subjects = {}
    try:
        for stack in stacks:
            orders = stack.begin().place(2 * WARM_UP + rounds * size)
            stack.warm_up(orders[:WARM_UP])
            subjects[stack.label] = Subject(stack, [orders[2 * WARM_UP + index * size:][:size] for index in range(rounds)])
            subjects[stack.label].spare = orders[WARM_UP:2 * WARM_UP]
        append, appended = None, []
        if "full" in options.stores:
            written, commits = bytes_of_a_commit(subjects["sync=full"].stack, subjects["sync=full"].spare)
            append = Append(folder / "append", written)
        for index in range(rounds):
            order = list(subjects.values())
            for subject in order[index % len(order):] + order[:index % len(order)]:
                turn(subject, subject.rounds[index])
            if append:
                appended.append(append.microseconds(size))
        return rows_of(subjects, appended, append), subjects
    finally:
        end_all(stacks)


def rows_of(subjects, appended, append):
    def intervals(subject):
        read, left = subject.stack.deletes(), subject.stack.departures()
        return ([[(read[times.order] - times.sent) / 1000 for times in batch] for batch in subject.times],
                [[(times.ended - left[times.order]) / 1000 for times in batch] for batch in subject.times])

    measured = {label: intervals(subject) for label, subject in subjects.items()}
    for label, (to_delete, to_final) in measured.items():
        subjects[label].to_delete = [value for batch in to_delete for value in batch]
        subjects[label].to_final = [value for batch in to_final for value in batch]
    rows = []
    bare = measured[Relay.label]
    for what, index in ((TO_DELETE, 0), (TO_FINAL, 1)):
        for label, both in measured.items():
            baseline = {} if label == Relay.label else {"against": Relay.label, "baseline": bare[index]}
            rows.append(row_of_rounds(what, label, "µs", both[index], **baseline))
        if appended and "memory:" in measured:
            rows.append(excess(what, measured, index, appended))
    if appended:
        rows.append(row_of_rounds(APPEND, f"{append.size:,} bytes", "µs", appended))
    return rows


def excess(what, measured, index, appended):
    """What full sync adds to memory:, by the medians of the rounds, beside the append of the same round."""
    added = [[median(full) - median(memory)] for full, memory in
             zip(measured["sync=full"][index], measured["memory:"][index], strict=True)]
    row = row_of_rounds(what, "sync=full less memory:", "µs", added, against=APPEND, baseline=appended)
    return replace(row, p99=None, p99_ratio=None)
