"""What does not vary with the machine's load: instructions and system calls of a cancel, instructions and memory of a long
queue, and what limiters get in virtual time."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import callgrind
from process import Failed
from stacks import Relay
from summary import Row

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = ("bus", "worker", "subscriber")
OPERATIONS = {"enqueue": 100, "coalesce": 100, "expire": 100, "next": 40}  # as bench-queue does them
MOST_GROWTH = 0.10
WARM_UP, CANCELS = 20, (40, 160)  # of the relay: two windows, whose difference counts


def of_a_cancel(options):
    """{process: what tests/instructions --json writes}. One run: its spread is 1 %."""
    figures = {}
    for process in PROCESSES:
        file = options.folder / f"instructions-{process}.json"
        done = subprocess.run([sys.executable, ROOT / "tests" / "instructions", f"--process={process}",
                               f"--bin={options.build / 'bin'}", f"--build={options.build}", "--runs=1", f"--json={file}"],
                              stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode == 77:
            return None, done.stdout.strip().splitlines()[-1].removeprefix("not run: ")
        if done.returncode != 0:
            raise Failed(f"tests/instructions --process={process} failed")
        figures[process] = json.loads(file.read_text())
    return figures, None


def of_the_relay(options):
    """{process of the bare relay: instructions of a cancel, by group}: what CURVE, libzmq, TLS and protobuf cost alone."""
    figures, instructions = {}, script("instructions")
    for process in PROCESSES:
        folder = options.folder / f"relay-{process}"
        stack = Relay(options.build, folder)
        tool = instructions.Callgrind(folder)
        stack.wrappers = {process: tool.command}
        stack.exchange_flags = {"ping_interval": "250ms"}  # callgrind is heard only while something happens
        try:
            orders = stack.begin().place(WARM_UP + sum(CANCELS))
            stack.cancel(orders[:WARM_UP])
            few, many = (window(stack, tool, stack.processes[process], part)
                         for part in (orders[WARM_UP:][:CANCELS[0]], orders[-CANCELS[1]:]))
        finally:
            stack.stop()
        many.subtract(few)
        figures[process] = Counter({key: cost / (CANCELS[1] - CANCELS[0]) for key, cost in many.items()})
    return figures


def script(name):
    """A script of tests/ as a module."""
    loader = SourceFileLoader(name, str(ROOT / "tests" / name))
    module = sys.modules[name] = module_from_spec(spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def window(stack, tool, process, orders):
    tool.begin(process)
    stack.cancel(orders)
    return tool.end(process)


def rows_of_a_cancel(figures, of_relay):
    rows = []
    for process, figure in figures.items():
        floor = of_relay[process]["total",]
        rows += [Row("instructions of a cancel", f"bare relay's {process}", "", floor),
                 Row("instructions of a cancel", process, "", figure["instructions"], ratio=figure["instructions"] / floor,
                     against=f"bare relay's {process}")]
    for process, figure in figures.items():
        if figure["system_calls"]:
            rows.append(Row("system calls of a cancel", process, "", sum(figure["system_calls"].values())))
    most = sorted(figures["bus"]["system_calls"].items(), key=lambda item: -item[1])[:8]
    return rows + [Row("system calls of a cancel", f"bus: {name}", "", count) for name, count in most]


def growth(figures, committed):
    """What costs more than a tenth above the committed figures, as sentences."""
    return [f"{process}: {now:,.0f} instructions per cancel, {now / then - 1:+.1%} from {then:,.0f}"
            for process, then in committed.items()
            if (now := figures[process]["instructions"]) > then * (1 + MOST_GROWTH)]


def of_the_queue(options):
    """Rows: bytes and instructions of each command, in a long queue and in one of 1,000; and why there are none."""
    if not shutil.which("vgdb", path="/usr/bin"):
        return [], "valgrind is not installed (deploy/setup instructions)"
    met = {count: run_queue(options, count) for count in (1_000, options.queue)}
    rows = [Row("memory of a queued command", f"{count:,} queued", "bytes", met[count][0]) for count in met]
    for operation in OPERATIONS:
        short, long = (met[count][1][operation] for count in met)
        rows.append(Row(f"instructions, {operation}", "1,000 queued", "", short))
        rows.append(Row(f"instructions, {operation}", f"{options.queue:,} queued", "", long, ratio=long / short,
                        against="1,000 queued"))
    return rows, None


def run_queue(options, count):
    """Bytes of each command, and {operation: instructions of each}."""
    profile, vgdb = options.folder / f"queue-{count}", f"--vgdb-prefix={options.folder / 'vgdb'}"
    process = subprocess.Popen(
        ["/usr/bin/valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", vgdb, "--compress-strings=no",
         "--compress-pos=no", f"--callgrind-out-file={profile}", options.build / "bin" / "bench-queue",
         f"--commands={count}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    bytes_each = 0
    for line in process.stdout:
        if line == "full\n":
            break
        bytes_each = int(line.split()[1])
    subprocess.run(["/usr/bin/vgdb", vgdb, f"--pid={process.pid}", "--max-invoke-ms=0", "--cmd-time-out=60",
                    "instrumentation", "on"], check=True, capture_output=True)
    out, _ = process.communicate("go\n")
    done = dict(line.split() for line in out.splitlines())
    if process.returncode != 0 or done != {"expired": "100", "sent": "40"}:
        raise Failed(f"bench-queue did {done} and ended with exit code {process.returncode}")
    with open(profile) as lines:
        figures = callgrind.figures(lines)
    costs = {key[1].short.rsplit("::", 1)[1]: cost for key, cost in figures.items()
             if key[0] == "inclusive" and key[1].short.startswith("cancelbus::bench::Queue::")}
    return bytes_each, {operation: costs[operation] / times for operation, times in OPERATIONS.items()}


def of_limiters(options):
    """Rows: what limiters get within 600 s of virtual time."""
    done = subprocess.run([options.build / "bin" / "bench-limiters"], stdout=subprocess.PIPE, text=True, check=True)
    names = {"tokens": "token bucket", "gcra": "GCRA", "spacing": "5/s, no burst", "cancelbus": "RateLimiter"}
    rows, cold_rows = [], []
    for line in done.stdout.splitlines():
        limiter, window, accepted, refused, cold = line.split()
        rows.append(Row(f"600 s simulated, window {window}", names[limiter], "cancels", float(accepted),
                        refused=float(refused), ratio=float(accepted) / 3000, against="3,000 allowed"))
        if window == "first":
            cold_rows.append(Row("300 from cold, simulated", names[limiter], "s", float(cold)))
    return rows + cold_rows
