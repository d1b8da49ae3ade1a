"""The FIX gateway: the scripts of tests/integration/fix, run by a raw socket against real processes."""

from pathlib import Path

import pytest
from desks import grant_desks
from fix_script import Script

from conftest import orderly_stack

SCRIPTS = sorted((Path(__file__).parent / "fix").glob("*.txt"))
SENDERS = ("desk-a", "desk-b")
DROP_COPY = "[SESSION]\nTargetCompID=DROP\nDropCopy=Y\n"


@pytest.fixture(scope="module")
def traded():
    """One stack with a gateway for all scripts, which leave it as they found it."""
    with orderly_stack() as stack:
        grant_desks(stack)
        stack.bus_flags["final_wait"] = "500ms"
        stack.start(workers=2)
        start_fix(stack)
        yield stack


def start_fix(stack, **settings):
    lines = "\n".join(f"{name}={value}" for name, value in settings.items())
    return stack.start_fix(SENDERS, settings=lines, sessions=DROP_COPY)


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_script(traded, file):
    script = Script(traded, file, (*SENDERS, "drop"), lambda **settings: start_fix(traded, **settings))
    try:
        script.run()
    finally:
        script.end()
