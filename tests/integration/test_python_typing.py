"""What mypy says of programs that use the Python clients: a misspelt option is found before the program runs. And of the
package itself."""

import importlib.util
import subprocess

import pytest
from conftest import BUILD
from process import clean_environment

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")

# Debian has no types of protobuf. protoc's own stubs derive from them.
CONFIG = """[mypy]
strict = True
[mypy-google.*]
ignore_missing_imports = True
[mypy-cancelbus.v1.*]
ignore_errors = True
"""

ASYNCIO = """
import asyncio
from decimal import Decimal
from typing import Optional
import cancelbus

async def main() -> Optional[Decimal]:
    async with cancelbus.Client("desk-a", topics=["venue."], cancel_on_disconnect="10s") as bus:
        cancel = await bus.cancel(1, time_to_live="2s", urgent=True)
        summary = await bus.cancel_many([2, 3], time_to_live=2.5)
        print(summary.counts[cancelbus.Outcome.CANCELED], summary.results[2].to_dict()["outcome"], bus.undecided[0].stage)
        status = await bus.status()
        print(status.workers[0].name, status.event_bars, bus.problem)
        print(status.kill_switches[0].since, status.dead_man_switches[0].window.total_seconds(), status.to_dict()["headline"])
        engaged = await bus.engage_kill_switch(scope="ALL", reason="runaway quotes")
        print(engaged.status == cancelbus.KillSwitchStatus.ENGAGED, engaged.still_open, engaged.cl_ord_id)
        left = (await cancel.final()).cum_qty
        print((await bus.goodbye(keep_orders=True)).text)
        return left

asyncio.run(main())
"""
BLOCKING = """
from datetime import timedelta
from cancelbus import OrdStatus, blocking

with blocking.Client("desk-a", topics=["venue."], connect_timeout=5, cancel_on_disconnect=10) as bus:
    cancel = bus.cancel(1, time_to_live=timedelta(seconds=2), urgent=True, timeout=3)
    print(cancel.final(timeout=2).ord_status == OrdStatus.CANCELED, cancel.stage, bus.problem, bus.undecided[0].cl_ord_id)
    print(bus.cancel_many([2, 3], urgent=True).all_gone, bus.status().workers_available)
    print(bus.engage_kill_switch(reason="stop", side="buy").text, bus.release_kill_switch(reason="over", force=True).status)
    print(bus.goodbye(keep_orders=False, timeout=5).cl_ord_id)
"""


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Runs it in a folder of its own, where it remembers what it has read of the package."""
    folder = tmp_path_factory.mktemp("mypy")
    (folder / "mypy.ini").write_text(CONFIG)

    def mypy(*arguments, program=""):
        (folder / "strategy.py").write_text(program)
        return subprocess.run(["/usr/bin/python3", "-m", "mypy", *arguments], capture_output=True, text=True, check=False,
                              cwd=folder, env=clean_environment() | {"MYPYPATH": str(BUILD / "python")})

    return mypy


def test_the_package(mypy):
    checked = mypy("-p", "cancelbus")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("program", [ASYNCIO, BLOCKING], ids=["asyncio", "blocking"])
def test_a_program_that_is_right(mypy, program):
    assert "Success: no issues found" in mypy("strategy.py", program=program).stdout


@pytest.mark.parametrize("program", [ASYNCIO, BLOCKING], ids=["asyncio", "blocking"])
@pytest.mark.parametrize("right, wrong, complaint", [
    ("topics=", "topic=", 'Unexpected keyword argument "topic" for "Client"'),
    ("time_to_live=", "time_to_life=", 'Unexpected keyword argument "time_to_life" for "cancel"'),
    ("cancel(1,", "cancel(\"1\",", 'Argument 1 to "cancel" of "Client" has incompatible type "str"; expected "int"'),
    ("[2, 3]", "[\"2\"]", 'List item 0 has incompatible type "str"; expected "int"'),
    (".undecided[0]", ".undecided_", '"Client" has no attribute "undecided_"'),
    ("reason=", "why=", 'Unexpected keyword argument "why" for "engage_kill_switch"'),
    ("keep_orders=", "keep=", 'Unexpected keyword argument "keep" for "goodbye"')])
def test_a_mistake_is_found(mypy, program, right, wrong, complaint):
    assert right in program
    assert complaint in mypy("strategy.py", program=program.replace(right, wrong, 1)).stdout
