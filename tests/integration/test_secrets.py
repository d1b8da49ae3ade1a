"""A reader of what the processes leave behind learns no secret: logs, output, metrics, command lines, environments,
the store, a core dump, and, of the API secret as it was given, not even their memory.

Secret is every file that a process was given as one; a secret is searched for in every form in which it might be
written. Each search is shown to find a secret that was planted.
"""

import base64
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from scene import place_orders, statuses

from process import PATIENCE_SECONDS, Process, wait_until
from throwaway import ApiKey, Authority, make_api_key, write_secret

# Flags whose file holds a secret, and the one of such a name whose file does not.
SECRET_FLAGS = ("_key_file", "_secret_file")
PUBLIC_FLAGS = ("curve_server_key_file",)

# A process that is none of ours, in Python.
SLEEPER = "import time; print('ready', flush=True); time.sleep(3600)"


def secret_files(stack):
    """Every file that a process of this stack was given as a secret, and all others in its folder of such a name."""
    files = {file for file in stack.folder.rglob("*") if file.suffix in (".key", ".secret") and file.is_file()}
    for process in stack.processes.values():
        for name, value in (word[2:].split("=", 1) for word in process.command if word.startswith("--") and "=" in word):
            if name.endswith(SECRET_FLAGS) and name not in PUBLIC_FLAGS:
                files.add(Path(value))
    return files


def decoded(text):
    """What the text may stand for: bytes."""
    for decode in (lambda: base64.b64decode(text, validate=True), lambda: bytes.fromhex(text), lambda: z85_decode(text)):
        try:
            yield decode()
        except ValueError:
            pass


def z85_decode(text):
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    if len(text) % 5 or not set(text) <= set(alphabet):
        raise ValueError("not Z85")
    out = b""
    for group in (text[i:i + 5] for i in range(0, len(text), 5)):
        number = 0
        for char in group:
            number = number * 85 + alphabet.index(char)
        if number >= 1 << 32:
            raise ValueError("not Z85")
        out += number.to_bytes(4, "big")
    return out


def forms(secret):
    """The ways in which it might be written somewhere."""
    text = secret.strip()
    half = len(text) // 2
    found = {text[:half], text[half:], urllib.parse.quote(text, safe=""), json.dumps(text)[1:-1],
             text.replace("/", "\\/")}
    found = {form.encode() for form in found}
    for raw in (text.encode(), *decoded(text)):
        found |= {raw, base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"="),
                  raw.hex().encode(), raw.hex().upper().encode()}
    return {form for form in found if len(form) >= 12}


class Search:
    """For secrets, in whatever is shown to it: notes where one was found."""

    def __init__(self, files):
        self.forms = {form: file.name for file in files for form in forms(file.read_text())}
        self.found = set()

    def look(self, where, content):
        self.found |= {(where, file) for form, file in self.forms.items() if form in content}


def look_at_files(search, folder, besides):
    for file in folder.rglob("*"):
        if file.is_file() and file not in besides:
            search.look(file.name, file.read_bytes())


def look_at_processes(search, processes):
    for process in processes:
        for what in ("cmdline", "environ", "status"):
            try:
                search.look(f"{process.name} {what}", Path(f"/proc/{process.pid}/{what}").read_bytes())
            except PermissionError:
                pass  # then only root can read it, and root's run of this test does


def look_at_pages(search, processes):
    for process in processes:
        for page in ("metrics", "healthz", "readyz", "nothing"):
            search.look(f"{process.name} /{page}", read_page(f"{monitor_of(process)}/{page}"))


def monitor_of(process):
    if "monitor" in process.endpoints:
        return process.endpoints["monitor"]
    wait_until(logged(process, '"monitor_listens"'), f"{process.name} logs where its monitor listens")
    [line] = [line for line in process.log().splitlines() if '"monitor_listens"' in line]
    return f"http://127.0.0.1:{json.loads(line)['port']}"


def read_page(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE_SECONDS) as page:
            return page.read()
    except urllib.error.HTTPError as error:
        return error.read()


def throw_garbage(endpoint):
    host, port = endpoint.split("://")[1].rsplit(":", 1)
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 8, b"\xff" + bytes(8) + b"\x01\x7f"):
        with socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS) as peer:
            peer.sendall(garbage)


def logged(process, text):
    return lambda: text in process.log()


@pytest.fixture
def eventful(stack, connect):
    """A stack that has been through everything that makes it talk, and talks as much as it can."""
    stack.start_exchange(connect_limits="off", most_unauthorized=0)
    stack.start_bus(log_level="debug")
    for name in ("worker-1", "worker-2"):
        stack.start_worker(name, **LOUD)
    stack.start_subscriber(**LOUD)
    stack.wait_connected(workers=2)
    strategy = connect(stack, topics=["venue."])
    answers_go_wrong(stack, strategy)
    other = make_api_key(stack.folder, "other")
    wrong_keys_and_certificates(stack, other)
    bad_files_and_flags(stack, other)
    for endpoint in (stack.session_endpoint, stack.event_endpoint, stack.processes["bus"].endpoints["backend"]):
        throw_garbage(endpoint)
    rotate(stack, other)
    # The subscriber logs in again, and another one cannot: a query will have to prove this one gone.
    [last] = stack.exchange.place_orders()
    strategy.wait_final(strategy.cancel(last))
    stack.cancelctl("status", "--json")
    return stack


LOUD = {"log_level": "debug", "monitor_address": "127.0.0.1:0"}


def answers_go_wrong(stack, strategy):
    ids = place_orders(stack, strategy, 3)
    stack.exchange.set_faults(answer=[{"payload": "cancel_401_empty", "count": 1},
                                      {"status": 500, "body": "<html>rubbish</html>", "count": 1}])
    for order_id in ids:
        strategy.wait_final(strategy.cancel(order_id))
    assert {401, 500, 200} <= set(statuses(stack, "DELETE"))
    stack.exchange.set_faults(answer=None)
    stack.exchange.stream(text="rubbish")


def wrong_keys_and_certificates(stack, other):
    mixed = ApiKey(stack.api_key.key_file, other.secret_file).flags
    stranger = {"ca_file": Authority(stack.folder, "stranger").cert_file}
    for start in (stack.start_worker, stack.start_subscriber):
        for number, flags in enumerate((mixed, stranger)):
            check = start(f"{start.__name__}-check-{number}", check="true", **{"backend_endpoint": None} | flags)
            assert check.wait_exit() == 1
    for process, text in ((stack.start_worker("mistaken", **LOUD | mixed), '"clock_read"'),
                          (stack.start_worker("distrustful", **LOUD | stranger), "certificate was refused"),
                          (stack.start_subscriber("distrustful-too", **LOUD | stranger), "certificate was refused")):
        stack.wait_until(logged(process, text), f"{process.name} logs {text}")


def bad_files_and_flags(stack, other):
    secret = other.secret_file.read_text().strip()
    with_blank = write_secret(stack.folder / "blank.secret", secret + " ")
    cut = write_secret(stack.folder / "cut.secret", secret[:-3])
    for program in ("cancel-worker", "final-subscriber"):
        for bad in ({"api_secret_file": with_blank}, {"api_secret_file": cut}, {"api_key_file": with_blank},
                    {"api_secret": "x"}):
            flags = stack.api_key.flags | bad
            assert stack.run(program, *(f"--{name}={value}" for name, value in flags.items())).exit_code == 2


def rotate(stack, other):
    """By a secret that was cut off, then by the whole. The former key is kept under another name."""
    for file in stack.api_key.flags.values():
        write_secret(stack.folder / f"former-{file.name}", file.read_text().strip())
    stack.exchange.accept_keys(stack.api_key, other)
    cut = ApiKey(other.key_file, stack.folder / "cut.secret")
    for key, event in ((cut, "api_key_not_replaced"), (other, "api_key_replaced")):
        stack.api_key.replace_by(key)
        for process in (stack.processes[name] for name in ("worker-1", "worker-2", "subscriber")):
            process.popen.send_signal(signal.SIGHUP)
            stack.wait_until(logged(process, f'"{event}"'), f"{process.name} logs {event}")


def look_everywhere(stack):
    files = secret_files(stack)
    search = Search(files)
    alive = [process for process in stack.processes.values() if process.running]
    look_at_files(search, stack.folder, besides=files)
    look_at_processes(search, alive)
    look_at_pages(search, [process for process in alive if process.name not in ("exchange", "canary")])
    return search.found


def test_nothing_that_is_left_behind_holds_a_secret(eventful):
    stack = eventful
    assert look_everywhere(stack) == set()

    # The same search finds what was planted: in a file, a command line, an environment.
    secret = stack.api_key.secret_file.read_text().strip()
    raw = base64.b64decode(secret)
    (stack.folder / "planted.txt").write_bytes(b"... " + raw.hex().encode() + b" ...")
    canary = Process("canary", [sys.executable, "-c", SLEEPER, secret], stack.folder, {"SOME_SECRET": secret})
    stack.processes["canary"] = canary.wait_ready()
    found = {where for where, _ in look_everywhere(stack)}
    canary.kill()
    assert found == {"planted.txt", "canary cmdline", "canary environ"}


def test_a_page_that_told_a_secret_would_be_found(stack):
    search = Search({stack.api_key.secret_file})
    search.look("page", b'cancelbus_total{key="' + stack.api_key.secret_file.read_bytes().strip() + b'"} 1')
    assert {where for where, _ in search.found} == {"page"}


# ---- Core dumps ----

# SIGSEGV takes the same way through the kernel; a sanitizer would catch it first.
FATAL = (signal.SIGABRT, signal.SIGQUIT)


@pytest.fixture
def core_dumps_allowed():
    """For every process started here: by the limit, as far as this machine lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def dumps_core(pid, fatal):
    """Whether the kernel says that it has written one, wherever core_pattern sends it."""
    os.kill(pid, fatal)
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert ended.si_status == fatal
    return ended.si_code == os.CLD_DUMPED


@pytest.mark.parametrize("fatal", FATAL)
def test_a_crash_leaves_no_core_dump(core_dumps_allowed, stack, fatal):
    stack.start(workers=1)
    watch = stack.start_cancelctl("watch", "watch", "--topic=bus.")
    stack.wait_until(watch.out, "cancelctl runs")
    for name in ("watch", "worker-1", "subscriber", "bus"):
        if (name, fatal) == ("watch", signal.SIGQUIT):
            continue  # cancelctl ends in order then, lest top leaves a spoiled terminal behind
        process = stack.processes[name]
        process.end_expected = True
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
        assert not dumps_core(process.pid, fatal), name
        process.popen.wait()
    assert not list(stack.folder.glob("core*"))


@pytest.mark.parametrize("fatal", FATAL)
def test_elsewhere_such_a_crash_leaves_one(core_dumps_allowed, tmp_path, fatal):
    """What the test before relies upon. Where no crash leaves a core dump, there is nothing to be shown."""
    with subprocess.Popen([sys.executable, "-c", SLEEPER], cwd=tmp_path, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        dumped = dumps_core(other.pid, fatal)
    if not dumped:
        pytest.skip("this machine writes no core dumps of anybody's")


# ---- Memory ----

def memory_of(pid):
    """All that it has written, in chunks; a process that holds keys shows it to root alone."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if not rights.startswith("rw") or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            if end - start > 2**40:
                pytest.skip("a sanitizer maps terabytes, which cannot be looked through")
            memory.seek(start)
            try:
                yield memory.read(end - start)
            except OSError:
                continue


def times_in_memory(process, *needles):
    counts = dict.fromkeys(needles, 0)
    for chunk in memory_of(process.pid):
        for needle in needles:
            counts[needle] += chunk.count(needle)
    return [counts[needle] for needle in needles]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a process that holds keys")
def test_the_secret_is_wiped_from_memory(stack):
    stack.start(workers=1)
    holders = [stack.processes["worker-1"], stack.processes["subscriber"]]
    text = stack.api_key.secret_file.read_bytes().strip()
    raw = base64.b64decode(text)
    for process in holders:
        as_given, in_use = times_in_memory(process, text, raw)
        assert as_given == 0
        assert in_use > 0  # in OpenSSL's keyed context alone; so this search does find what is there
    fresh = make_api_key(stack.folder, "fresh")
    stack.exchange.accept_keys(stack.api_key, fresh)
    stack.api_key.replace_by(fresh)
    for process in holders:
        process.popen.send_signal(signal.SIGHUP)
        stack.wait_until(logged(process, '"api_key_replaced"'), f"{process.name} has the other key")
        new = fresh.secret_file.read_bytes().strip()
        *former, in_use = times_in_memory(process, text, raw, new, base64.b64decode(new))
        assert former == [0, 0, 0]
        assert in_use > 0
