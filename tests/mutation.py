"""What tests/mutate knows of a mutation, and how it reads what the tests print of a mutant."""

import re
from dataclasses import dataclass
from pathlib import Path

# What is run for a mutation of each folder, beside the simulation.
TESTS = {
    "service/bus": ("bus_tests",),
    "service/btcturk": ("btcturk_tests",),
    "service/core": ("core_tests", "scenario_tests"),
    "service/io": ("io_tests",),
    "service/subscriber": ("subscriber_tests",),
    "service/wire": ("wire_tests",),
    "service/worker": ("worker_tests",),
    "clients/cpp": ("client_tests",),
}
TIMEOUT = "timeout"  # in place of an exit code
# How a program may end without having judged; a mutation that brings that about says so on top.
DIES, HANGS = "dies", "hangs"


class Failed(Exception):
    pass


@dataclass(frozen=True)
class Mutation:
    name: str
    breaks: str
    file: str
    notes: dict  # of "simulation", "dies" and "hangs" those that the patch has, and why
    path: Path

    @staticmethod
    def read(path):
        head, *diff = path.read_text().split("--- a/", 1)
        lines = head.strip().splitlines()
        if not diff or not lines:
            raise Failed(f"{path.name}: expected a line of text and then a unified diff")
        notes = dict(re.findall(r"^(simulation|dies|hangs): (.+)$", head, re.M))
        if len(notes) != len(lines) - 1:
            raise Failed(f"{path.name}: expected only lines `simulation: `, `dies: ` and `hangs: ` below the first one")
        file = diff[0].splitlines()[0].strip()
        if not any(file.startswith(folder + "/") for folder in TESTS):
            raise Failed(f"{path.name}: expected a file in {', '.join(TESTS)}, not {file}")
        return Mutation(path.stem, lines[0], file, notes, path)

    @property
    def blind(self):
        """Why the simulation cannot find it; empty: it must."""
        return self.notes.get("simulation", "")

    def tests(self):
        return next(tests for folder, tests in TESTS.items() if self.file.startswith(folder + "/"))


@dataclass(frozen=True)
class Finding:
    """What one program has found, as the table shows it, and whether it ended without having judged."""
    shown: tuple = ()
    end: str = ""


def read_tests(binary, code, output):
    """Of a GoogleTest binary."""
    failed = sorted(set(re.findall(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", output, re.M)))
    ran_to_its_end = re.search(r"^\[==========\] \d+ tests? from .* ran\.", output, re.M)
    if ran_to_its_end and code == (1 if failed else 0):
        return Finding(tuple(failed))
    end = HANGS if code == TIMEOUT else DIES
    steps = re.findall(r"^\[( RUN      |       OK |  FAILED  )\] ([\w/]+\.[\w/]+)", output, re.M)
    under_way = steps[-1][1] if steps and "RUN" in steps[-1][0] else binary
    return Finding((*failed, f"{under_way} ({end})"), end)


def read_simulation(code, output):
    """The first seed that breaks a promise and which, or that does not come to its end."""
    if code == 0:
        return Finding()
    broken = re.search(r"^seed (\d+)\s+[\d.]+\s+(.*)", output, re.M)
    if broken and code == 1:
        return Finding((f"seed {broken[1]}: {broken[2]}",))
    aborted = re.search(r"aborted; replay: .*--seed=(\d+)", output)
    why = re.search(r"broken invariant: (.*)", output)
    end = HANGS if code == TIMEOUT else DIES
    return Finding((f"seed {aborted[1] if aborted else '?'}: {'aborts: ' + why[1] if why else end}",), end)


def why_not_caught(mutation, tests, simulation):
    """Empty if the mutation is noticed as it should be. `tests`: a Finding of each of its test binaries."""
    for finding in (*tests, simulation):
        if finding.end and finding.end not in mutation.notes:
            return f"{finding.shown[-1]}, and the patch has no line `{finding.end}: `"
    noticed = any(finding.shown for finding in tests)
    if simulation.shown or (mutation.blind and noticed):
        return ""
    return "missed by the simulation" if noticed else "survived"


def row(mutation, tests, simulation):
    names = [name for finding in tests for name in finding.shown]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    found = simulation.shown[0] if simulation.shown else mutation.blind
    return f"| `{mutation.name}` | {mutation.breaks} | {shown or '—'} | {found or '—'} |"
