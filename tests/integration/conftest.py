"""Fixtures: stacks of real processes, and strategies that speak to them. See deploy/local/stack.py for what a stack can
do, and strategy_client.py for a strategy."""

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CANCELBUS_BUILD", ROOT / "build")).resolve()
sys.path[:0] = [str(ROOT / "deploy" / "local"), str(BUILD / "python"), str(ROOT / "tests" / "integration")]

from stack import LONGEST_GRACE_SECONDS, Stack  # noqa: E402

# What no log may hold: a broken invariant of ours (core/check.hpp), or what a sanitizer has found.
REPORTS = ("broken invariant", "ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer")


@contextmanager
def orderly_stack():
    """Nothing started yet. What is left running must end in order afterwards, what ended before must have been killed by
    the test or have its exit code asked for, and no log may tell a secret."""
    with tempfile.TemporaryDirectory(prefix="cancelbus-test-") as folder:
        stack = Stack(BUILD, folder, check_invariants="true")
        try:
            yield stack
            running = [process for process in stack.processes.values()
                       if process.running and not process.command[0].endswith("/cancelctl")]
            died = {process.name: process.exit_code for process in stack.started
                    if not process.running and process.exit_code != 0 and not process.end_expected}
            assert died == {}, f"ended by themselves: {died}\n{stack.tails()}"
            killed = stack.stop()
            assert not killed, f"did not end within {LONGEST_GRACE_SECONDS:g} s of SIGTERM: {killed}\n{stack.tails()}"
            assert {process.name: process.exit_code for process in running if process.exit_code != 0} == {}
            secrets = [file.read_text().strip() for file in (stack.api_key.key_file, stack.api_key.secret_file)]
            secrets += [key.secret for key in stack.access.keys.values()]
            for log in Path(folder).glob("*.log"):
                text = log.read_text(errors="replace")
                assert not any(report in text for report in REPORTS), f"{log.name}:\n{text}"
                assert not any(secret in text for secret in secrets), f"{log.name} tells a key or a secret"
        finally:
            stack.stop()


@pytest.fixture
def build_dir():
    return BUILD


@pytest.fixture
def stack():
    with orderly_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def database():
    """PostgreSQL with a synchronous standby, for the tests of a file, which leave both running."""
    from postgres import postgres

    with postgres(with_standby=True) as cluster:
        yield cluster


def pytest_generate_tests(metafunc):
    """A test with the fixture `store` runs on SQLite and on PostgreSQL. Where that takes long, on PostgreSQL only if
    CANCELBUS_STORES=all, as in tests/run --all standby."""
    if "store" in metafunc.fixturenames:
        takes_long = metafunc.definition.get_closest_marker("long_on_postgresql") is not None
        both = not takes_long or os.environ.get("CANCELBUS_STORES") == "all"
        metafunc.parametrize("store", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


@pytest.fixture
def store(request, stack):
    """Of a stack of which nothing is started yet, `store.stack`."""
    from stores import PostgresStore, SqliteStore

    return SqliteStore(stack) if request.param == "sqlite" else PostgresStore(stack, request.getfixturevalue("database"))


@pytest.fixture
def running(stack):
    """Exchange, bus, two workers and the subscriber, connected."""
    return stack.start(workers=2)


@pytest.fixture
def desk(stack):
    """As `running`, with three strategies that own orders (desks.py)."""
    from desks import grant_desks  # The client need not be built for tests without a strategy.

    grant_desks(stack)
    return stack.start(workers=2)


@pytest.fixture(scope="module")
def shared():
    """As `running`, but one for all tests of a file, which leave it as they found it."""
    with orderly_stack() as stack:
        yield stack.start(workers=2)


@pytest.fixture
def faults(shared):
    """Sets faults at the exchange of `shared` for the time of one test: faults(no_452={"share": 0.1})."""
    names = set()

    def set_faults(**faults):
        names.update(faults)
        shared.exchange.set_faults(**faults)

    yield set_faults
    shared.exchange.set_faults(**dict.fromkeys(names))


@pytest.fixture
def connect():
    """A strategy that has said hello, with a key of its own: connect(stack), connect(stack, "desk-b", topics=["venue."]).
    Who wants others' topics gets a key that may read everything, unless the test says which role it has."""
    from scene import curve_keys
    from strategy_client import StrategyClient  # The contract need not be built for tests without a strategy.

    clients = []

    def connect(stack, sender="desk-a", topics=(), role=None, **settings):
        reads_others = any(topic not in ("venue.", "bus.", f"client.{sender}.") for topic in topics)
        if role is not None or not stack.access.has(sender):
            stack.grant(role or ("operator" if reads_others else "strategy"), sender, senders=sender)
        clients.append(StrategyClient(stack.session_endpoint, stack.event_endpoint, sender, topics,
                                      **{"curve": curve_keys(stack, sender)} | settings))
        if clients[-1].manners:
            clients[-1].hello()
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of every log, while the logs are still there."""
    report = (yield).get_result()
    if not report.failed:
        return
    for stack in (value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Stack)):
        if Path(stack.folder).exists():
            report.sections.append(("processes", stack.tails(lines=30)))
            return
