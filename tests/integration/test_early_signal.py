"""A process is asked to end before it is ready to be asked, also as process 1 of a container, which the kernel spares
every signal that it neither handles nor blocks: it ends in order all the same."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BUILD
from scene import takes

from process import clean_environment, die_with_parent, wait_until
from throwaway import Authority, make_api_key

AS_PROCESS_1 = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
# Sends itself the signals, held back until the program that it becomes takes them.
ALREADY_SENT = """
import os, signal, sys
signals = [signal.Signals[name] for name in sys.argv[1].split(",")]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
for one in signals:
    os.kill(os.getpid(), one)
os.execv(sys.argv[2], sys.argv[2:])
"""


def may_unshare():
    return subprocess.run([*AS_PROCESS_1, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture(params=["as any process", "as process 1"])
def wrapper(request):
    if request.param == "as any process":
        return []
    if not may_unshare():
        pytest.skip("a process namespace may not be made here, so nothing can be process 1")
    return AS_PROCESS_1


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Each service on free ports, with neither bus nor exchange within reach."""
    folder = tmp_path_factory.mktemp("commands")
    common = {"insecure_loopback": "true", "monitor_address": "127.0.0.1:0"}
    outside = {**make_api_key(folder).flags, "ca_file": Authority(folder).cert_file, **common,
               "backend_endpoint": "tcp://127.0.0.1:1"}
    flags = {
        "cancel-bus": {"store": "memory:", **common, **{f"{name}_endpoint": "tcp://127.0.0.1:*"
                                                        for name in ("session", "event", "backend")}},
        "cancel-worker": {"rest_url": "https://127.0.0.1:1", **outside},
        "final-subscriber": {"stream_url": "wss://127.0.0.1:1", **outside},
    }
    settings = folder / "fix.cfg"
    settings.write_text(f"[DEFAULT]\nBeginString=FIX.4.4\nSenderCompID=C\nSocketAcceptPort=0\nFileStorePath={folder}\n"
                        "[SESSION]\nTargetCompID=A\nSender=a\n")
    flags["cancel-fix"] = {"settings": settings, **common, "session_endpoint": "tcp://127.0.0.1:1",
                           "event_endpoint": "tcp://127.0.0.1:2"}
    return {program: [BUILD / "bin" / program, *(f"--{name}={value}" for name, value in given.items())]
            for program, given in flags.items()}


PROGRAMS = pytest.mark.parametrize("program", ["cancel-bus", "cancel-worker", "final-subscriber", "cancel-fix"])


@PROGRAMS
@pytest.mark.parametrize("signals", ["SIGTERM", "SIGINT", "SIGHUP,SIGTERM"])
def test_a_signal_that_was_there_before_the_process_ends_it_in_order(commands, wrapper, program, signals):
    ran = subprocess.run([*wrapper, sys.executable, "-c", ALREADY_SENT, signals, *commands[program]], timeout=30,
                         capture_output=True, text=True, check=False, env=clean_environment())
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '"level":"error"' not in ran.stderr


def itself(popen, program):
    """The number of the program's process, once it is there: it may be a child of the one that was started."""
    for number in (popen.pid, *map(int, Path(f"/proc/{popen.pid}/task/{popen.pid}/children").read_text().split())):
        try:
            if os.path.basename(os.readlink(f"/proc/{number}/exe")) == program:
                return number
        except FileNotFoundError:
            continue
    return None


@PROGRAMS
def test_a_signal_that_comes_as_soon_as_it_can_be_taken_ends_it_in_order(commands, wrapper, program):
    with subprocess.Popen([*wrapper, *commands[program]], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=clean_environment(), preexec_fn=die_with_parent()) as popen:
        try:
            number = wait_until(lambda: itself(popen, program), f"{program} runs", interval=0)
            wait_until(lambda: takes(number, signal.SIGTERM), f"{program} takes SIGTERM", interval=0)
            os.kill(number, signal.SIGTERM)
            _, log = popen.communicate(timeout=30)
        finally:
            popen.kill()
    assert popen.returncode == 0, log
