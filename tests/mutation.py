"""What tests/mutate knows of a mutation, how it reads what the tests print of a mutant, and the page of all results."""

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
# Instead of a result: why the mutation has none yet.
UNTRIED = "untried"

PAGE = """\
# Mutations

What happens to each promise when the code that keeps it is broken on purpose: one row for each patch of `mutations/`, with the tests
that fail and what the simulation finds within 2,000 seeds. [README.md](README.md#mutations) says how they are tried.

This page is written by `tests/mutate --write`; do not edit it. The first two columns and the reasons why the simulation is blind come
from the patches, and the test `habit.mutations` fails when they do not agree, or when a patch has neither a row nor a line `untried: `.

"""
HEAD = "| mutation | what it breaks | tests that fail | the simulation |\n|---|---|---|---|\n"


class Failed(Exception):
    pass


@dataclass(frozen=True)
class Mutation:
    name: str
    breaks: str
    file: str
    notes: dict  # of "simulation", "dies", "hangs" and "untried" those that the patch has, and why
    path: Path

    @staticmethod
    def read(path):
        head, *diff = path.read_text().split("--- a/", 1)
        lines = head.strip().splitlines()
        if not diff or not lines:
            raise Failed(f"{path.name}: expected a line of text and then a unified diff")
        notes = dict(re.findall(r"^(simulation|dies|hangs|untried): (.+)$", head, re.M))
        if len(notes) != len(lines) - 1:
            raise Failed(f"{path.name}: expected only lines `simulation: `, `dies: `, `hangs: ` and `untried: ` below "
                         "the first one")
        file = diff[0].splitlines()[0].strip()
        if not any(file.startswith(folder + "/") for folder in TESTS):
            raise Failed(f"{path.name}: expected a file in {', '.join(TESTS)}, not {file}")
        return Mutation(path.stem, lines[0], file, notes, path)

    def tried(self):
        """It has a result now: the same, and its patch, without the line that says why not."""
        if UNTRIED not in self.notes:
            return self
        lines = self.path.read_text().splitlines(keepends=True)
        self.path.write_text("".join(line for line in lines if not line.startswith(f"{UNTRIED}: ")))
        return Mutation.read(self.path)

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


def cell(text):
    return text.replace("|", "\\|") or "—"


def row(mutation, tests, simulation):
    names = [name for finding in tests for name in finding.shown]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    found = simulation.shown[0] if simulation.shown else mutation.blind
    return f"| `{mutation.name}` | {mutation.breaks} | {cell(shown)} | {cell(found)} |"


# ---- The page of all results ----

def read_page(text):
    """The rows by the name of their mutation."""
    return {match[1]: match[0] for match in re.finditer(r"^\| `([\w-]+)` \| .* \|$", text, re.M)}


def untried_row(mutation):
    return f"| `{mutation.name}` | {mutation.breaks} | not tried: {mutation.notes[UNTRIED]} | {cell(mutation.blind)} |"


def page(mutations, rows):
    """`rows`: of those that were tried, by name. A row of a mutation that is gone is dropped."""
    shown = {mutation.name: untried_row(mutation) if UNTRIED in mutation.notes else rows.get(mutation.name) for mutation in mutations}
    return PAGE + HEAD + "".join(f"{shown[name]}\n" for name in sorted(shown) if shown[name])


def row_fault(mutation, row):
    """Why the row is not this mutation's; empty if it is."""
    if row is None:
        return "has no row; try it with --write, or say why not in a line `untried: ` of its patch"
    if UNTRIED in mutation.notes:
        return "" if row == untried_row(mutation) else "the patch says that it is untried, and the page says something else"
    if not row.startswith(f"| `{mutation.name}` | {mutation.breaks} | ") or " | not tried: " in row:
        return "the patch has changed; try it again with --write"
    found = re.search(r" \| seed [\d?]+: ", row) or (mutation.blind and row.endswith(f" | {mutation.blind} |"))
    return "" if found else "the simulation does not find it, and the patch does not say why; try it again with --write"


def page_faults(mutations, text):
    """What of the page does not agree with the patches."""
    rows = read_page(text)
    for mutation in mutations:
        fault = row_fault(mutation, rows.get(mutation.name))
        if fault:
            yield f"{mutation.name}: {fault}"
    for name in rows.keys() - {mutation.name for mutation in mutations}:
        yield f"{name}: has a row and no patch"
    if text != page(mutations, rows):
        yield "the page is not as --write would write it"
