#!/usr/bin/env python3
"""Tests that were skipped: how ctest learns of them, and what tests/run prints of them.

    skips.py run FILE...    runs Python tests; exit code 77 if all that ran passed and any was skipped
    skips.py report LOG     of ctest's LastTest.log: how many tests were skipped, and the reason of each

An entry of ctest holds a whole file of Python tests or several. pytest counts one skipped test among them as success,
so without the other exit code ctest would show the entry as passed.
"""

import re
import sys
from pathlib import Path

# SKIP_RETURN_CODE in python_tests.cmake.
SKIPPED = 77

ENTRY = re.compile(r"^\d+/\d+ Test: (.*)$")
# The lines of pytest's -rs, and the two of GTEST_SKIP. A path begins where ctest ran the test.
PYTEST = re.compile(r"^SKIPPED \[(\d+)\] (?:\.\./)*(.*)$")
GTEST = re.compile(r"^(\S+:\d+): Skipped$")


class Watch:
    """A plugin that remembers whether anything was skipped: a test, or a file when its tests were collected."""

    skipped = False

    def pytest_runtest_logreport(self, report):
        self.skipped = self.skipped or report.skipped

    def pytest_collectreport(self, report):
        self.skipped = self.skipped or report.skipped


def run(files):
    import pytest  # not needed for a report

    watch = Watch()
    settings = Path(__file__).with_name("pytest.ini")  # which has pytest print the reasons
    code = pytest.main(["-q", "-p", "no:cacheprovider", "-c", str(settings), *files], plugins=[watch])
    nothing_failed = code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return SKIPPED if nothing_failed and watch.skipped else code


def skips(log):
    """(how many, entry, where and why) for each reason in the log."""
    entry, lines = "", iter(log.splitlines())
    for line in lines:
        if found := ENTRY.match(line):
            entry = found[1]
        elif found := PYTEST.match(line):
            yield int(found[1]), entry, found[2]
        elif found := GTEST.match(line):
            yield 1, entry, f"{found[1]}: {next(lines, '')}"


def report(log):
    found = sorted(skips(log), key=lambda skip: skip[1:])
    total = sum(count for count, _, _ in found)
    lines = [f"  [{count}] {entry}: {why}" for count, entry, why in found]
    return "\n".join([f"Skipped tests: {total}{', and why:' if total else ''}", *lines])


def main(word="", *arguments):
    if word == "run" and arguments:
        return run(arguments)
    if word == "report" and len(arguments) == 1:
        print(report(Path(arguments[0]).read_text(encoding="utf-8", errors="replace")))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
