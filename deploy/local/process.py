"""One process under watch: its output goes to a file, its end is noticed, and it never outlives its parent.

Used by stack.py. An executable of ours prints what it listens on, one `NAME ADDRESS` a line, and then `ready`.
"""

import ctypes
import os
import re
import signal
import subprocess
import time
from pathlib import Path

# No wait ends for want of this time on a machine that is slow or busy: a wait that takes longer will never end.
PATIENCE_SECONDS = 120.0

PR_SET_PDEATHSIG = 1
# Looked up here: after a fork is no time to load a library.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


class Failed(Exception):
    """What was waited for did not come about; the message says what, and shows the end of the logs."""


class Ended(Exception):
    """A signal asked us to end."""

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


_asked_by = []  # The signal that has come, until a wait has raised it.


def end_on(*numbers):
    """Has the next wait_until raise Ended once one of these signals has come; what comes after it is ignored. The handler
    raises nothing itself: between two instructions of subprocess.Popen that would leave its lock taken, and each later
    wait for that process would last until the end of its patience."""
    def take(number, _frame):
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        _asked_by.append(number)

    for number in numbers:
        signal.signal(number, take)


def wait_until(condition, what, timeout=PATIENCE_SECONDS, interval=0.01):
    """What `condition()` returns once that is true (in Python's sense)."""
    deadline = time.monotonic() + timeout
    while True:
        if _asked_by:
            raise Ended(_asked_by.pop())
        late = time.monotonic() >= deadline
        result = condition()
        if result:
            return result
        if late:
            raise Failed(f"not within {timeout:g} s: {what}")
        time.sleep(interval)


def die_with_parent():
    """What a child is to run before its command: the kernel then kills it when we die, however we die."""
    parent = os.getpid()

    def set_up():
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return set_up


def clean_environment():
    """Without the caller's CANCELBUS_* variables, which our executables take for flags."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CANCELBUS_")}


class Process:
    """A running command. `endpoints` holds the addresses it printed, once `wait_ready` has returned. `end_expected` says
    that its end was wanted, whatever its exit code."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.out_file = folder / f"{name}.out"
        self.log_file = folder / f"{name}.log"
        self.endpoints = {}
        self.end_expected = False  # killed by us, or its exit code was asked for
        self._asked_to_end = False
        if not Path(self.command[0]).exists():
            raise Failed(f"{self.command[0]} is not there: build it first")
        # A session of its own, so that Ctrl-C reaches only the parent, which then ends things in order.
        with open(self.out_file, "wb") as out, open(self.log_file, "ab") as log:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                                          start_new_session=True, preexec_fn=die_with_parent(),
                                          env=clean_environment() | (environment or {}))

    @property
    def pid(self):
        return self.popen.pid

    @property
    def exit_code(self):
        """None while it runs; negative if a signal ended it."""
        return self.popen.poll()

    @property
    def running(self):
        return self.exit_code is None

    def out(self):
        return self.out_file.read_text(errors="replace")

    def log(self):
        """In whole lines: a process that still runs may have written half of the last one."""
        ended = not self.running
        text = self.log_file.read_text(errors="replace")
        return text if ended else text[:text.rfind("\n") + 1]

    def tail(self, lines=15):
        both = self.out().splitlines()[-lines:] + self.log().splitlines()[-lines:]
        return "\n".join(f"  {self.name}: {line}" for line in both) or f"  {self.name}: (said nothing)"

    def wait_ready(self, timeout=PATIENCE_SECONDS):
        def ready():
            if re.search(r"^ready$", self.out(), re.MULTILINE):
                return True
            if not self.running:
                raise Failed(f"{self.name} ended with exit code {self.exit_code} before it was ready")
            return False

        try:
            wait_until(ready, f"{self.name} is ready", timeout)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.tail()}") from None
        self.endpoints = dict(re.findall(r"^(\w+) (\w+://\S+)$", self.out(), re.MULTILINE))
        return self

    def wait_exit(self, timeout=PATIENCE_SECONDS):
        """Its exit code, once it has ended by itself."""
        self.end_expected = True
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} has not ended within {timeout:g} s\n{self.tail()}") from None

    def ask_to_end(self):
        """By one SIGTERM, however often this is called: a second one would end a service at once."""
        if not self.running:
            return
        self.popen.send_signal(signal.SIGCONT)  # A stopped process does not receive SIGTERM.
        if not self._asked_to_end:
            self._asked_to_end = True
            self.popen.terminate()

    def stop(self, timeout=PATIENCE_SECONDS):
        """Ends it in order (SIGTERM). Returns its exit code."""
        self.ask_to_end()
        return self.wait_exit(timeout)

    def kill(self):
        """Ends it as a crash would."""
        if self.running:
            self.end_expected = True
            self.popen.kill()
        self.popen.wait()

    def pause(self):
        """Stops it without its knowing, as a stalled machine would; returns when it has stopped."""
        self.popen.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self):
        self.popen.send_signal(signal.SIGCONT)
