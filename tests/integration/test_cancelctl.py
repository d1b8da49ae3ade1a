"""cancelctl as scripts and people meet it: JSON that parses, and colours only where they are shown."""

import json
import os
import select
import subprocess
import time
from pathlib import Path

import pytest

from process import clean_environment


class Terminal:
    """A command of cancelctl with a pseudo-terminal as its standard output."""

    def __init__(self, stack, *arguments, env=None):
        command = [stack.bin_dir / "cancelctl", *arguments]
        self._terminal, theirs = os.openpty()
        self.shown = ""
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE,
                                      env=clean_environment() | stack.client_environment | {"TERM": "xterm"} | (env or {}))
        os.close(theirs)

    def read(self, seconds=0.05):
        """What it has shown until now."""
        try:
            while select.select([self._terminal], [], [], seconds)[0]:
                self.shown += os.read(self._terminal, 65536).decode()
        except OSError:  # It has ended.
            pass
        return self.shown

    def wait(self, timeout=20):
        deadline = time.monotonic() + timeout
        while self.popen.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self.read()
        return self.read()

    def close(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stderr.close()
        os.close(self._terminal)


@pytest.fixture
def on_terminal(shared):
    begun = []

    def begin(*arguments, **options):
        begun.append(Terminal(shared, *arguments, **options))
        return begun[-1]

    yield begin
    for terminal in begun:
        terminal.close()


def types(finished):
    """Of the objects that were printed; every line must be one."""
    for line in finished.out.splitlines():
        assert isinstance(json.loads(line), dict) and line == line.strip()
    return [line["type"] for line in finished.json_lines]


def test_every_line_of_json_is_an_object(shared):
    order_id = shared.exchange.place_orders()[0]
    watch = shared.start_cancelctl("watch", "--json", "watch", "--topic=bus.", "--topic=client.", "--topic=venue.")
    shared.wait_until(lambda: "bus_status" in watch.out(), "the watcher hears the bus")
    canceled = shared.cancelctl("--json", "--color=always", "--sender=ctl-json", "cancel", str(order_id))
    assert sorted(types(canceled)) == ["cancel_ack", "cancel_final", "receipt"]
    name = f"ctl-json/{canceled.json_lines[0]['cl_ord_id']}"
    shared.wait_until(lambda: "cancel_final" in watch.out(), "the watcher hears the final")
    assert {"bus_status", "cancel_ack", "cancel_final"} <= {json.loads(line)["type"] for line in watch.out().splitlines()}
    status = shared.cancelctl("status", "--json")
    assert types(status) == ["bus_status"]
    assert {"cancels_in_flight", "orders_in_doubt", "store_bytes"} <= status.json_lines[0]["bus_status"].keys()
    assert types(shared.cancelctl("resolve", name, "--as=canceled", "--json")) == ["resolved"]
    assert "received" in types(shared.run("cancelctl", "explain", f"--store={shared.store_file}", "--json", name))
    made = shared.run("cancelctl", "keygen", "--json", f"--out={shared.folder}", "json-key")
    assert types(made) == ["key_pair"]
    public = Path(made.json_lines[0]["public_key_file"]).read_text().strip()
    assert made.json_lines[0]["public_key"] == public and len(public) == 40
    assert Path(made.json_lines[0]["key_file"]).read_text().strip() not in made.out + made.log


@pytest.mark.parametrize("arguments, env, colored", [
    ([], {}, True),
    (["--color=never"], {}, False),
    (["--json"], {}, False),
    ([], {"NO_COLOR": "1"}, False),
    ([], {"TERM": "dumb"}, False),
    (["--color=always"], {"NO_COLOR": "1"}, True),
])
def test_colours_on_a_terminal(shared, on_terminal, arguments, env, colored):
    terminal = on_terminal("cancel", str(shared.exchange.place_orders()[0]), *arguments, env=env)
    assert "CANCELED" in terminal.wait()
    assert ("\x1b[32m" in terminal.shown) == colored
    assert ("\x1b" in terminal.shown) == colored


def test_no_colours_elsewhere(shared):
    order_id = shared.exchange.place_orders()[0]
    assert "\x1b" not in shared.cancelctl("cancel", str(order_id)).out
