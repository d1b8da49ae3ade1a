"""What cancels cost in processor time and memory: cancelbus, and one process with ccxt."""

from dataclasses import replace

import ccxt_package
from latency import cpu_ns
from stacks import Ccxt, Product, end_all
from summary import Row, row_of_rounds

AT_ONCE = (1, 128)
WARM_UP = 1_000  # enough for Node to have compiled what is hot


def resident_bytes(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no VmRSS")


def processor_time(options):
    """Rows, and why there is no comparison, if there is none."""
    installed, missing = ccxt_package.install(options.build / "ccxt")
    product = Product(options.build, options.folder / "cpu", "full")
    stacks = [product]
    services, all_of_us, theirs = "our services", "our services and strategy", "ccxt's process"
    rounds = {(who, most): [] for who in (services, all_of_us, theirs) for most in AT_ONCE}
    try:
        # No pause before the 452: both sides then cancel without one.
        product.exchange_flags = {"deleted_delay": "0ms"}
        product.begin()
        other = None
        if installed:
            other = Ccxt(options.build, options.folder / "ccxt", installed).begin(guess="repeated_stamp_refused=no")
            stacks.append(other)
        size = 4 * options.cancels
        orders = {stack: stack.place(WARM_UP + len(AT_ONCE) * options.rounds * size) for stack in stacks}
        for stack in stacks:
            stack.cancel(take(orders[stack], WARM_UP), 16)
        for _ in range(options.rounds):
            for most in AT_ONCE:
                spent = used(product, product.service_pids, take(orders[product], size), most)
                rounds[services, most].append([spent[0]])
                rounds[all_of_us, most].append([spent[1]])
                if other:
                    rounds[theirs, most].append([used(other, [], take(orders[other], size), most)[1]])
        return [row for most in AT_ONCE for row in rows_of(rounds, most, (services, all_of_us), theirs)], missing
    finally:
        end_all(stacks)


def take(orders, count):
    taken, orders[:] = orders[:count], orders[count:]
    return taken


def used(stack, pids, orders, most):
    """Microseconds of processor time of each cancel: of these processes, and with the strategy."""
    def now():
        return sum(map(cpu_ns, pids)), cpu_ns(stack.strategy_pid)

    before = now()
    stack.cancel(orders, most)
    services, strategy = ((after - then) / 1000 / len(orders) for then, after in zip(before, now()))
    return services, services + strategy


def rows_of(rounds, most, ours, theirs):
    name = "processor time of a cancel, " + ("one at a time" if most == 1 else f"{most} open")
    baseline = rounds[theirs, most]
    against = {"against": theirs, "baseline": baseline} if baseline else {}
    rows = [row_of_rounds(name, who, "µs", rounds[who, most], **against) for who in ours]
    if baseline:
        rows.append(row_of_rounds(name, theirs, "µs", baseline))
    return [replace(row, p99=None, p99_ratio=None) for row in rows]


def memory(options):
    """Resident memory of the bus before and after so many cancels, none of which it may forget."""
    count = options.memory_cancels
    stack = Product(options.build, options.folder / "memory", "normal", retention="24h")
    try:
        stack.begin()
        stack.cancel(stack.place(WARM_UP), 16)
        pid = stack.processes["bus"].pid
        before = resident_bytes(pid)
        for begin in range(0, count, 20_000):
            stack.cancel(stack.place(min(20_000, count - begin)), 128)
        after = resident_bytes(pid)
    finally:
        stack.stop()
    name = f"resident memory of the bus after {count:,} cancels"
    return [Row(name, "sync=normal", "MB", after / 1e6), Row(name, "of each cancel", "bytes", (after - before) / count)]


def log_bytes(subjects):
    """Of all three services; `subjects` of latency.measure()."""
    return [Row("log of a cancel", label, "bytes", subject.log_bytes / subject.cancels)
            for label, subject in subjects.items() if label.startswith("sync=full")]
