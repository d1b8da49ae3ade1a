"""Fixtures: a stack of real processes per test. See deploy/local/stack.py for what it can do."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build"))
sys.path[:0] = [str(ROOT / "deploy" / "local"), str(BUILD / "python")]

from stack import Stack  # noqa: E402

SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")
STACK = pytest.StashKey()


@pytest.fixture
def build_dir():
    return BUILD


@pytest.fixture
def stack(request):
    """Nothing started yet. Whatever the test leaves running must end in order afterwards."""
    with tempfile.TemporaryDirectory(prefix="cancelbus-test-") as folder:
        stack = request.node.stash[STACK] = Stack(BUILD, folder)
        try:
            yield stack
            running = [process for process in stack.processes.values()
                       if process.running and not process.command[0].endswith("/cancelctl")]
            killed = stack.stop()
            assert not killed, f"did not end within 10 s of SIGTERM: {killed}"
            assert {process.name: process.exit_code for process in running if process.exit_code != 0} == {}
            for log in Path(folder).glob("*.log"):
                text = log.read_text(errors="replace")
                assert not any(report in text for report in SANITIZER_REPORTS), f"{log.name}:\n{text}"
        finally:
            stack.stop()


@pytest.fixture
def running(stack):
    """Exchange, bus, two workers and the subscriber, connected."""
    return stack.start(workers=2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of every log, while the logs are still there."""
    report = (yield).get_result()
    stack = item.stash.get(STACK, None)
    if report.failed and stack is not None and Path(stack.folder).exists():
        report.sections.append(("processes", stack.tails(lines=30)))
