"""cancelctl as scripts and people meet it: JSON that parses, and colours only where they are shown."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from conftest import orderly_stack

from process import PATIENCE_SECONDS, clean_environment
from stack import CANCELCTL_TIMEOUT


class Terminal:
    """A command of cancelctl with a pseudo-terminal as its standard output."""

    def __init__(self, stack, *arguments, env=None):
        command = [stack.bin_dir / "cancelctl", *arguments]
        self._terminal, theirs = os.openpty()
        self.resize(100, 40)
        self.found = self.settings()
        self.shown = ""
        self.popen = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
                                      start_new_session=True, preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
                                      env=clean_environment() | stack.client_environment | {"TERM": "xterm", "CANCELBUS_TIMEOUT": CANCELCTL_TIMEOUT} | (env or {}))
        os.close(theirs)

    def read(self, seconds=0.05):
        """What it has shown until now."""
        try:
            while select.select([self._terminal], [], [], seconds)[0]:
                self.shown += os.read(self._terminal, 65536).decode()
        except OSError:  # It has ended.
            pass
        return self.shown

    def type(self, keys):
        os.write(self._terminal, keys)

    def settings(self):
        return termios.tcgetattr(self._terminal)

    def resize(self, columns, rows):
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, condition, what, timeout=PATIENCE_SECONDS):
        deadline = time.monotonic() + timeout
        while not condition(self.read()):
            assert time.monotonic() < deadline and self.popen.poll() is None, f"not {what}: {self.shown!r}"

    def wait(self, timeout=PATIENCE_SECONDS):
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
    assert types(shared.cancelctl("resolve", name, "--as=canceled", "--reason=seen", "--yes", "--json")) == ["resolved"]
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


# ---- top ----

ENTERS, LEAVES = "\x1b[?1049h", "\x1b[?7h\x1b[?25h\x1b[?1049l"


def pictures(shown):
    """What top has drawn, one picture after the other, as lines without their controls."""
    return [[re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in picture.split("\r\n")]
            for picture in shown.split(LEAVES)[0].split("\x1b[H")[1:]]


def test_top_draws_redraws_and_restores(shared, on_terminal):
    top = on_terminal("top", "--interval=100ms")
    order_id = shared.exchange.place_orders()[0]  # Its 451 makes the stream live.
    top.wait_for(lambda shown: "cancel 1s" in shown and "stream   live" in shown, "drawn")
    shared.cancelctl("--sender=ctl-top", "cancel", str(order_id))
    final = f"ctl-top order {order_id} final CANCELED (CHANNEL_452)"
    top.wait_for(lambda shown: any(final in line for line in pictures(shown)[-1]), "the final is shown")
    picture = pictures(top.shown)[-1]
    assert any(re.fullmatch(r"cancel 60s +\[#+\.+\] \d+/300", line) for line in picture), picture
    assert any(line.startswith("worker   0/") for line in picture), picture
    assert top.shown.startswith(ENTERS) and LEAVES not in top.shown
    assert "\n\n" not in top.shown.replace("\r", "")  # It draws in place: nothing scrolls.
    top.popen.send_signal(signal.SIGINT)
    assert top.wait().endswith(LEAVES)
    assert top.popen.returncode == 0


def test_top_fits_any_terminal(shared, on_terminal):
    top = on_terminal("top", "--interval=100ms")
    for columns, rows in ((100, 40), (24, 5), (1, 1), (80, 24)):
        top.resize(columns, rows)
        since = len(top.read())
        top.wait_for(lambda shown: shown[since:].count("\x1b[H") >= 3, "redrawn")
        picture = pictures(top.shown[:top.shown.rindex("\x1b[H")])[-1]
        assert len(picture) <= rows and max(map(len, picture)) <= columns, picture
    top.popen.send_signal(signal.SIGHUP)
    assert top.wait().endswith(LEAVES)


def test_top_ends_at_q_and_shows_no_keys(shared, on_terminal):
    top = on_terminal("top", "--interval=100ms")
    top.wait_for(lambda shown: "cancel 1s" in shown, "drawn")
    assert top.settings() != top.found
    top.type(b"XYZq")
    assert top.wait().endswith(LEAVES)
    assert "XYZ" not in top.shown
    assert top.popen.returncode == 0 and top.settings() == top.found


def test_top_can_be_stopped_and_continued(shared, on_terminal):
    top = on_terminal("top", "--interval=100ms")
    top.wait_for(lambda shown: "cancel 1s" in shown, "drawn")
    top.popen.send_signal(signal.SIGTSTP)
    shared.wait_until(lambda: " T " in Path(f"/proc/{top.popen.pid}/stat").read_text(), "it is stopped")
    assert top.read().endswith(LEAVES)
    top.popen.send_signal(signal.SIGCONT)
    top.wait_for(lambda shown: "cancel 1s" in shown[shown.rindex(ENTERS):], "drawn again")
    top.popen.send_signal(signal.SIGTERM)
    assert top.wait().endswith(LEAVES) and top.popen.returncode == 0


def test_top_elsewhere_prints_once(shared, on_terminal):
    once = shared.cancelctl("top")
    assert once.exit_code == 0
    assert "cancel 60s" in once.out and "\x1b" not in once.out
    assert on_terminal("top", "--count=1", env={"TERM": "dumb"}).wait().count("cancel 60s") == 1


def test_top_as_json(shared):
    top = shared.cancelctl("top", "--json", "--interval=50ms", "--count=3")
    assert types(top) == 3 * ["top"]
    assert all(line["bus_status"]["windows"] and isinstance(line["finals"], list) for line in top.json_lines)


def test_top_with_a_key_that_may_not_read_others(shared):
    shared.grant("strategy", "desk-top")
    top = shared.cancelctl("--sender=desk-top", "top", key="desk-top")
    assert top.exit_code == 0
    assert "last finals of desk-top (this key may not read others')" in top.out


def test_top_says_why_it_is_not_let_in(shared, on_terminal):
    refused = shared.cancelctl("--sender=another-desk", "top", key="desk-top")
    assert refused.exit_code == 1
    assert "the bus rejected field hello.sender_comp_id" in refused.log


def cancel_from_standard_input(stack, text, *words):
    return subprocess.run([stack.bin_dir / "cancelctl", "cancel", *words], input=text, capture_output=True, text=True,
                          timeout=PATIENCE_SECONDS, check=False, env=clean_environment() | stack.client_environment)


def test_ids_from_standard_input(shared):
    ids = shared.exchange.place_orders(3)
    done = cancel_from_standard_input(shared, f"{ids[0]}\n\n{ids[1]} {ids[2]}\n{ids[0]}\n", "-")
    assert done.returncode == 0, done.stderr
    assert "3 asked: 3 canceled" in done.stderr


def test_one_line_that_is_no_id_and_nothing_is_sent(shared):
    ids = shared.exchange.place_orders(2)
    before = len(shared.exchange.arrivals())
    done = cancel_from_standard_input(shared, f"{ids[0]}\n{ids[1]};BTCTRY\n", "-")
    assert done.returncode == 2
    assert f'line 2 of standard input: order id "{ids[1]};BTCTRY" is not a number from 1 to' in done.stderr
    assert [shared.exchange.order(order_id)["status"] for order_id in ids] == ["Untouched", "Untouched"]
    assert not any(arrival["order_id"] in ids for arrival in shared.exchange.arrivals()[before:])


def test_a_pipe_is_read_only_where_it_is_asked_for(shared):
    [order_id] = shared.exchange.place_orders(1)
    done = cancel_from_standard_input(shared, f"{order_id}\n")
    assert done.returncode == 2
    assert "cancel needs an order id, or - to read them from standard input" in done.stderr
    assert shared.exchange.order(order_id)["status"] == "Untouched"
