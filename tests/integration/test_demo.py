"""The demo says what it promises, and leaves nothing behind however it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT

from database import binaries
from process import PATIENCE_SECONDS, clean_environment, wait_until


class Demo:
    """deploy/demo in the background, with its temporary files in a folder of the test."""

    def __init__(self, build_dir, folder, *flags):
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.out_file = folder / "out"
        with open(self.out_file, "wb") as out:
            self.popen = subprocess.Popen([ROOT / "deploy" / "demo", f"--build_dir={build_dir}", *flags], stdout=out,
                                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                          env=clean_environment() | {"TMPDIR": str(self.temporary)})

    def out(self):
        return self.out_file.read_text()

    def wait_for(self, text):
        def shown():
            assert self.popen.poll() is None, self.out()
            return text in self.out()

        wait_until(shown, f"the demo says {text!r}")

    def processes(self):
        """Command lines of all that was started with files in the folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes()
                except OSError:
                    continue  # It ended meanwhile.
                if str(self.temporary).encode() in words:
                    found.append(words.replace(b"\0", b" ").decode())
        return found


@pytest.fixture
def start(build_dir, tmp_path):
    demos = []

    def start(*flags, folder=tmp_path):
        demos.append(Demo(build_dir, folder, *flags))
        return demos[-1]

    yield start
    for demo in demos:
        if demo.popen.poll() is None:
            demo.popen.kill()
            demo.popen.wait()


def test_every_order_is_canceled_once(start):
    demo = start()
    assert demo.popen.wait(PATIENCE_SECONDS) == 0, demo.out()
    assert re.search(r"150 of 150 orders canceled with 150 DELETEs, at most 1 per order; 0 answered 429", demo.out())
    for strategy in "abc":
        assert re.search(rf"^strategy-{strategy} +50 +50 +50 +\d", demo.out(), re.MULTILINE)
    assert demo.processes() == []
    assert list(demo.temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_ends_all(start, number):
    demo = start()
    demo.wait_for("of 150 acked")
    assert len(demo.processes()) >= 5
    demo.popen.send_signal(number)
    assert demo.popen.wait(PATIENCE_SECONDS) == 128 + number
    assert demo.processes() == []
    assert list(demo.temporary.iterdir()) == []


@pytest.fixture
def open_folder():
    """For PostgreSQL, which may run as another user than we: its user must be able to enter the folder."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="cancelbus-test-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


# What the machine takes beside the gap itself is not judged: the demo's own limits are for a machine that is free.
ROW = r"^{} +([\d.]+) s +{} s +(\d+) +(\d+) +(\d+) +0 +0$"


def test_with_standbys_the_leading_bus_and_the_database_die_and_no_command_is_lost(start, open_folder):
    demo = start("--standby", folder=open_folder)
    exit_code = demo.popen.wait(2 * PATIENCE_SECONDS)
    gaps = [float(re.search(ROW.format(what, limit), demo.out(), re.MULTILINE)[1])
            for what, limit in (("the leading bus", 5), ("the primary database", 10), ("both at once", 10))]
    slow = gaps[0] > 5 or max(gaps[1:]) > 10
    assert exit_code == int(slow), demo.out()
    assert re.search(r"^At the exchange: (\d+) orders canceled for \1 commands; .*; 0 answered 429\.$", demo.out(), re.MULTILINE)
    assert demo.processes() == []
    # The logs stay when something was wrong.
    assert slow or list(demo.temporary.iterdir()) == []


def test_a_signal_ends_the_databases_too(start, open_folder):
    demo = start("--standby", folder=open_folder)
    demo.wait_for("Killing the leading bus")
    assert any("/bin/postgres" in command for command in demo.processes())
    demo.popen.send_signal(signal.SIGTERM)
    assert demo.popen.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM
    assert demo.processes() == []
    assert list(demo.temporary.iterdir()) == []


INTERRUPTED = """
import os, signal, sys
from process import Ended, end_on, wait_until
end_on(signal.SIGINT, signal.SIGTERM)
try:
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("went on", flush=True)
    wait_until(lambda: print("waited"), "an end")
except Ended as ended:
    print(ended.exit_code, flush=True)
wait_until(lambda: True, "nothing")
"""


def test_a_signal_ends_a_wait_and_interrupts_nothing_else():
    """An exception out of the signal's handler once left a lock of subprocess taken: every wait after it took minutes."""
    paths = os.pathsep.join(path for path in sys.path if path)
    program = subprocess.run([sys.executable, "-c", INTERRUPTED], env=clean_environment() | {"PYTHONPATH": paths},
                             capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (program.stdout, program.stderr) == ("went on\n130\n", "")


def test_its_sudden_death_ends_all(start):
    demo = start()
    demo.wait_for("of 150 acked")
    demo.popen.kill()
    demo.popen.wait()
    wait_until(lambda: demo.processes() == [], "everything has died with it")


def readme_blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "clients" / "README.md").read_text(), re.M | re.S)


def run_in(folder, environment, command):
    """As a user would type it after reading the file of environment variables."""
    return subprocess.run(["bash", "-ec", f". {environment}; {command}"], cwd=folder, env=clean_environment(),
                          capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def assert_readme_python_cancels(folder, environment, order_id):
    """The first Python of clients/README.md, as it stands there, in a folder where nothing else is."""
    program = readme_blocks("python")[0]
    assert len(program.splitlines()) <= 15
    (folder / "cancel.py").write_text(program)
    untold = run_in(folder, environment, "/usr/bin/python3 cancel.py")
    assert (untold.returncode, untold.stdout, untold.stderr) == (2, "", "usage: cancel.py ORDER_ID\n")
    tried = run_in(folder, environment, f"/usr/bin/python3 cancel.py {order_id}")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "OrdStatus.CANCELED" in tried.stdout and order_id in tried.stdout, tried.stdout


def assert_readme_cpp_cancels(folder, environment, order_id, build_dir):
    """The first C++ and the first CMakeLists.txt, built against what the client's package installs and nothing else."""
    program, cmake_lists = readme_blocks("cpp")[0], readme_blocks("cmake")[0]
    assert len(program.splitlines()) <= 15
    (folder / "cancel.cpp").write_text(program)
    (folder / "CMakeLists.txt").write_text(cmake_lists)
    sanitize = re.search(r"^CANCELBUS_SANITIZE:STRING=(.+)$", (Path(build_dir) / "CMakeCache.txt").read_text(), re.M)
    # Where libzmq is a sanitized one too, the user's program needs that.
    flags = (f"-DCMAKE_CXX_FLAGS=-fsanitize={sanitize[1]} -DCMAKE_BUILD_RPATH={Path(build_dir).resolve()}/libzmq/lib"
             if sanitize else "")
    tried = run_in(folder, environment, f"cmake -S . -B build {flags}; cmake --build build; build/cancel {order_id}")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert f"order {order_id}: final CANCELED" in tried.stdout, tried.stdout
    untold = run_in(folder, environment, "build/cancel")
    assert (untold.returncode, untold.stdout, untold.stderr) == (2, "", "usage: cancel ORDER_ID\n")


def test_a_folder_without_the_programs_is_named_with_the_way_to_build_them(start, tmp_path):
    demo = start(f"--build_dir={tmp_path}")
    assert demo.popen.wait(PATIENCE_SECONDS) == 1
    assert f"FAILED: --build_dir: {tmp_path}/bin has no cancel-bus" in demo.out()
    assert "build with `deploy/setup demo && deploy/build`, or omit --build_dir" in demo.out()
    assert "Traceback" not in demo.out()


def test_keep_stays_up_and_says_how_to_use_it(start, build_dir, tmp_path):
    demo = start("--keep")
    demo.wait_for("Everything still runs")
    shown = demo.out().split("Everything still runs")[1]
    order_id = re.search(rf"{re.escape(str(Path(build_dir).resolve()))}/bin/cancelctl cancel (\d+)$", shown, re.MULTILINE).group(1)
    environment, of_strategy = re.findall(r"^  \. (\S+)$", shown, re.MULTILINE)
    tried = subprocess.run(["bash", "-c", f". {environment} && exec {build_dir}/bin/cancelctl cancel {order_id}"],
                           env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    other_id = re.search(r"^  \S+/bin/cancelctl cancel (\d+) \d+ --urgent", shown, re.MULTILINE).group(1)
    for name in ("python", "cpp"):
        (tmp_path / name).mkdir()
    assert_readme_python_cancels(tmp_path / "python", of_strategy, other_id)
    third_id = re.search(r"^  \S+/bin/cancelctl cancel \d+ (\d+) --urgent", shown, re.MULTILINE).group(1)
    assert_readme_cpp_cancels(tmp_path / "cpp", of_strategy, third_id, build_dir)
    assert run_in(tmp_path, of_strategy, "cancelctl --sender=desk-b status").returncode == 1, "its key has no other name"
    page = re.search(r"^In a browser, .* (http://\S+/)$", shown, re.MULTILINE).group(1)
    assert "<title>cancelbus</title>" in urllib.request.build_opener(urllib.request.ProxyHandler({})).open(page).read().decode()
    rest, stream = re.search(r"^The local exchange: REST (https://\S+), private stream (wss://\S+)$", shown, re.MULTILINE).groups()
    assert f"listens at {rest} and, with its private stream, at {stream}\n" in demo.out()
    assert re.search(rf"^To rehearse deploy/DAY_ONE.md, in each terminal: D=\S+ R={re.escape(rest)} S={re.escape(stream)}$", shown, re.MULTILINE)
    checks = run_in(tmp_path, environment, checks_of(demo, rest, stream))
    assert checks.returncode == 0, checks.stdout + checks.stderr
    os.kill(demo.popen.pid, signal.SIGINT)
    assert demo.popen.wait(PATIENCE_SECONDS) == 0
    assert demo.processes() == []


def checks_of(demo, rest, stream):
    """As DAY_ONE.md has them to rehearse."""
    folder = re.search(r"^Logs and keys are in (\S+) until then", demo.out(), re.MULTILINE).group(1)
    keys = f"--api_key_file={folder}/api.key --api_secret_file={folder}/api.secret --ca_file={folder}/ca.pem"
    return f"cancel-worker --check {keys} --rest_url={rest}; final-subscriber --check {keys} --stream_url={stream}"


def faults_of(folder, environment):
    shown = run_in(folder, environment, "curl --fail --silent --show-error --cacert $EXCHANGE_CA_FILE $EXCHANGE_URL/sim/faults")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)


def test_the_faults_that_it_prints_are_taken_and_ended(start, tmp_path):
    demo = start("--keep")
    demo.wait_for("Logs and keys are in")
    environment = re.search(r"^  \. (\S+)$", demo.out(), re.MULTILINE).group(1)
    assert faults_of(tmp_path, environment) == {}
    lines = re.findall(r"^  (curl .*/sim/faults -d '(.*)')    ", demo.out(), re.MULTILINE)
    for line, fault in lines:
        tried = run_in(tmp_path, environment, line.replace("curl ", "curl --fail --silent --show-error "))
        assert tried.returncode == 0, line + tried.stderr
        wanted = {name for name, value in json.loads(fault).items() if value is not None}
        assert wanted <= set(faults_of(tmp_path, environment)), line
    assert len(lines) == 6
    assert faults_of(tmp_path, environment) == {}, "the last line ends them all"


def test_what_dies_is_started_again(start, tmp_path):
    demo = start("--keep")
    demo.wait_for("Logs and keys are in")
    environment = re.search(r"^  \. (\S+)$", demo.out(), re.MULTILINE).group(1)
    pids = dict(re.findall(r"([\w-]+) (\d+)", re.search(r"^Deaths to try.*: (.*)$", demo.out(), re.MULTILINE).group(1)))
    assert pids.keys() == {"exchange", "bus", "worker-1", "worker-2", "subscriber"}
    os.kill(int(pids["worker-1"]), signal.SIGKILL)
    demo.wait_for("worker-1 was killed by signal 9")
    demo.wait_for("worker-1 is started again")
    os.kill(int(pids["subscriber"]), signal.SIGTERM)
    demo.wait_for("subscriber ended with exit code 0")
    demo.wait_for("subscriber is started again")
    for name in ("bus", "exchange"):
        os.kill(int(pids[name]), signal.SIGKILL)
        demo.wait_for(f"{name} is started again")
    order = run_in(tmp_path, environment, "curl --fail --silent --show-error --cacert $EXCHANGE_CA_FILE $EXCHANGE_URL/sim/orders "
                                          "-d '{\"count\":1}'")
    assert order.returncode == 0, order.stderr
    tried = run_in(tmp_path, environment, f"cancelctl cancel --timeout={PATIENCE_SECONDS / 2:g}s {json.loads(order.stdout)['ids'][0]}")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    os.kill(demo.popen.pid, signal.SIGINT)
    assert demo.popen.wait(PATIENCE_SECONDS) == 0
    assert demo.processes() == []
