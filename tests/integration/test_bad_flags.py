"""Bad flags, key files and stores: exit code 2 and the flag's name, before any socket opens or any file is made."""

import os
import socket
import sqlite3
import subprocess
from contextlib import closing

import pytest
from conftest import BUILD, ROOT

from process import PATIENCE_SECONDS, clean_environment
from throwaway import Authority, make_api_key, write_secret

BUS, WORKER, SUBSCRIBER = "cancel-bus", "cancel-worker", "final-subscriber"
SIM, LOAD, CTL = "exchange-sim", "cancel-load", "cancelctl"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Flags with which each process would start, on addresses that are taken: it must not come to trying them."""
    folder = tmp_path_factory.mktemp("good")
    key, authority = make_api_key(folder), Authority(folder)
    certificate = authority.issue()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    by_name = address.replace("127.0.0.1", "localhost")
    keys = {name: str(file) for name, file in key.flags.items()}
    plain = {"insecure_loopback": "true"}
    flags = {
        BUS: {"session_endpoint": f"tcp://{address}", "monitor_address": address, "store": "sqlite:store.db", **plain},
        WORKER: {"rest_url": f"https://{address}", "monitor_address": address, "backend_endpoint": f"tcp://{address}",
                 "ca_file": str(authority.cert_file), **keys, **plain},
        SUBSCRIBER: {"stream_url": f"wss://{address}", "monitor_address": address,
                     "backend_endpoint": f"tcp://{address}", "ca_file": str(authority.cert_file), **keys, **plain},
        SIM: {"rest_address": address, "cert_file": str(certificate.cert_file),
              "key_file": str(certificate.key_file), **keys},
        CTL: {"session_endpoint": f"tcp://{address}", "event_endpoint": f"tcp://{by_name}", **plain},
        LOAD: {"session_endpoint": f"tcp://{address}", "event_endpoint": f"tcp://{by_name}",
               "exchange_url": f"https://{address}", "exchange_ca_file": str(authority.cert_file), **plain},
    }
    with listener:
        yield {program: dict(values, listener=listener) for program, values in flags.items()}


def run(program, *arguments, folder, environment=None):
    return subprocess.run([BUILD / "bin" / program, *arguments], cwd=folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                          check=False, stdin=subprocess.DEVNULL, env=clean_environment() | (environment or {}))


def refused(good, program, folder, *arguments, environment=None):
    """What a process says that gets these arguments beside good ones, once it is seen that it refused in time."""
    given = {argument[2:].split("=")[0] for argument in arguments}
    usual = [f"--{name}={value}" for name, value in good[program].items() if name != "listener" and name not in given]
    before = set(os.listdir(folder))
    ran = run(program, *usual, *arguments, folder=folder, environment=environment)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert ran.stdout == ""
    with pytest.raises(BlockingIOError):
        good[program]["listener"].accept()
    assert set(os.listdir(folder)) == before
    return ran.stderr


@pytest.mark.parametrize("program, bad, names", [
    (BUS, ["--colour=red"], "--colour"),
    (BUS, ["--final_wait=soon"], "--final_wait"),
    (BUS, ["--final_wait=-1s"], "--final_wait"),
    (BUS, ["--final_wait"], "--final_wait"),
    (BUS, ["--final_wait=1s", "--final_wait=2s"], "--final_wait"),
    (BUS, ["stray"], "stray"),
    (BUS, ["--default_ttl=25h"], "--default_ttl"),
    (BUS, ["--edit_grace=1h"], "--edit_grace"),
    (BUS, ["--doubt_after=0"], "--doubt_after"),
    (BUS, ["--lost_after=1s"], "--lost_after"),
    (BUS, ["--worker_lease=1ms"], "--worker_lease"),
    (BUS, ["--retention=0"], "--retention"),
    (BUS, ["--max_attempts=0"], "--max_attempts"),
    (BUS, ["--max_open=many"], "--max_open"),
    (BUS, ["--max_open_per_sender=0"], "--max_open_per_sender"),
    (BUS, ["--cancel_limits="], "--cancel_limits"),
    (BUS, ["--cancel_limits=10"], "--cancel_limits"),
    (BUS, ["--cancel_limits=0/1s"], "--cancel_limits"),
    (BUS, ["--cancel_limits=10/1s,20/1s"], "--cancel_limits"),
    (BUS, ["--query_limits=30/week"], "--query_limits"),
    (BUS, ["--urgent_reserve=two"], "--urgent_reserve"),
    (BUS, ["--urgent_reserve=0/1s"], "--urgent_reserve"),
    (BUS, ["--urgent_reserve=2/5s"], "--urgent_reserve=2/5s: names a period that --cancel_limits does not have"),
    (BUS, ["--urgent_reserve=2/1s,300/60s"], "--urgent_reserve=2/1s,300/60s: must leave at least one of each limit to NORMAL"),
    (BUS, ["--store=postgres:x"], "--store"),
    (BUS, ["--store_sync=maybe"], "--store_sync"),
    (BUS, ["--store=postgresql://[::1/cancelbus"], "--store"),
    (BUS, ["--store=postgresql://h/db?no_such_option=1"], "--store"),
    (BUS, ["--lease=1s"], "--lease"),
    (BUS, ["--store_downgrade_to=-1"], "--store_downgrade_to"),
    (BUS, ["--store_downgrade_to=1", "--store=memory:"], "--store_downgrade_to"),
    (BUS, [f"--account={'x' * 65}"], "--account"),
    (BUS, ["--monitor_address=nowhere"], "--monitor_address"),
    (BUS, ["--log_level=loud"], "--log_level"),
    (BUS, ["--session_endpoint=127.0.0.1:5550"], "--session_endpoint"),
    (BUS, ["--backend_endpoint=tcp://127.0.0.1:99999"], "--backend_endpoint"),
    (BUS, ["--session_endpoint=tcp://127.0.0.1:5550", "--event_endpoint=tcp://127.0.0.1:5550"], "--event_endpoint"),
    (BUS, ["--insecure_loopback=false"], "--curve_key_file and --policy_file"),
    (BUS, ["--insecure_loopback=false", "--curve_key_file=bus.key"], "--insecure_loopback"),
    (BUS, ["--policy_file=policy"], "--insecure_loopback"),
    (BUS, ["--session_endpoint=tcp://*:5550"], "--session_endpoint"),
    (BUS, ["--event_endpoint=tcp://0.0.0.0:5551"], "--event_endpoint"),
    (BUS, ["--backend_endpoint=tcp://127.example.org:5552"], "--backend_endpoint"),
    (BUS, ["--max_session_rate=0"], "--max_session_rate"),
    (BUS, ["--max_sessions_per_key=0"], "--max_sessions_per_key"),
    (WORKER, ["--insecure_loopback=false"], "--curve_key_file and --curve_server_key_file"),
    (WORKER, ["--curve_key_file=worker.key"], "--insecure_loopback"),
    (WORKER, ["--backend_endpoint=tcp://bus.example.org:5552"], "--backend_endpoint"),
    (SUBSCRIBER, ["--insecure_loopback=false"], "--curve_key_file and --curve_server_key_file"),
    (SUBSCRIBER, ["--backend_endpoint=tcp://10.0.0.1:5552"], "--backend_endpoint"),
    (CTL, ["--insecure_loopback=false", "status"], "--curve_key_file"),
    (CTL, ["--curve_key_file=ops.key", "status"], "insecure_loopback"),
    (CTL, ["--session_endpoint=tcp://10.0.0.1:5550", "status"], "--session_endpoint"),
    (CTL, ["--session_endpoint=tcp://::1:5550", "status"], "--session_endpoint"),
    (CTL, ["--event_endpoint=tcp://127.0.0.1", "status"], "event_endpoint"),
    (CTL, ["--out=.", "status"], "--out"),
    (WORKER, ["--colour=red"], "--colour"),
    (WORKER, ["--connections=0"], "--connections"),
    (WORKER, ["--connections=65"], "--connections"),
    (WORKER, ["--request_timeout=1h"], "--request_timeout"),
    (WORKER, ["--rest_url=http://127.0.0.1:1"], "--rest_url"),
    (WORKER, ["--exchange_ip_family=5"], "--exchange_ip_family"),
    (SUBSCRIBER, ["--exchange_ip_family="], "--exchange_ip_family"),
    (WORKER, ["--rest_url=https://127.0.0.1:1/api"], "--rest_url"),
    (WORKER, ["--ca_file=/nowhere.pem"], "--ca_file"),
    (WORKER, ["--backend_endpoint=tcp://*:5552"], "--backend_endpoint"),
    (WORKER, ["--monitor_address=127.0.0.1"], "--monitor_address"),
    (WORKER, ["--check=perhaps"], "--check"),
    (SUBSCRIBER, ["--colour=red"], "--colour"),
    (SUBSCRIBER, ["--stream_url=https://127.0.0.1:1"], "--stream_url"),
    (SUBSCRIBER, ["--stream_url=ws://127.0.0.1:1"], "--stream_url"),
    (SUBSCRIBER, ["--login_nonce=99"], "--login_nonce"),
    (SUBSCRIBER, ["--login_nonce=60001"], "--login_nonce"),
    (SUBSCRIBER, ["--silence_timeout=0"], "--silence_timeout"),
    (SUBSCRIBER, ["--ca_file=/nowhere.pem"], "--ca_file"),
    (SUBSCRIBER, ["--backend_endpoint=udp://127.0.0.1:5552"], "--backend_endpoint"),
    (SUBSCRIBER, ["--monitor_address=:1"], "--monitor_address"),
    (SIM, ["--colour=red"], "--colour"),
    (SIM, ["--window=round"], "--window"),
    (SIM, ["--cancel_limits=10"], "--cancel_limits"),
    (SIM, ["--deleted_delay=later"], "--deleted_delay"),
    (SIM, ['--faults={"no_such_fault": {}}'], "no_such_fault"),
    (SIM, ["--cert_file="], "--cert_file"),
    (LOAD, ["--colour=red"], "--colour"),
    (LOAD, ["--exchange_url="], "--exchange_url"),
    (LOAD, ["--exchange_url=http://127.0.0.1:1"], "--exchange_url"),
    (LOAD, ["--exchange_url=https://api.btcturk.com"], "is not on this machine"),
    (LOAD, ["--exchange_url=https://127.example.org:1"], "is not on this machine"),
    (LOAD, ["--exchange_ca_file="], "--exchange_ca_file"),
    (LOAD, ["--session_endpoint=tcp://cancel-bus:5550"], "--session_endpoint"),
    (LOAD, ["--event_endpoint=tcp://10.0.0.1:5551"], "--event_endpoint"),
    (LOAD, ["--insecure_loopback=false"], "--curve_key_file"),
    (LOAD, ["--sender=a b"], "--sender"),
    (LOAD, ["--count=100001"], "--count"),
    (LOAD, ["--rate=-1"], "--rate"),
    (LOAD, ["--seconds=5"], "--seconds: needs --rate or --count"),
    (LOAD, ["--rate=10000", "--seconds=3600"], "more than 100000"),
    (CTL, ["--colour=red", "status"], "--colour"),
    (CTL, ["--sender=a b", "status"], "--sender"),
    (CTL, ["--ttl=soon", "cancel", "1"], "--ttl"),
    (CTL, ["--wait=receipt", "cancel", "1"], "--wait"),
    (CTL, ["--ttl=1s", "status"], "--ttl"),
    (CTL, ["cancel", "0"], "0"),
    (CTL, ["cancel", "12x"], "12x"),
    (CTL, ["cancel"], "needs an order id"),
    (CTL, ["undo"], "undo"),
])
def test_a_bad_flag_is_named(good, tmp_path, program, bad, names):
    said = refused(good, program, tmp_path, *bad)
    assert said.startswith(program)
    assert names in said.splitlines()[0]


@pytest.mark.parametrize("program, flag", [(BUS, "final_wait"), (WORKER, "request_timeout"),
                                           (SUBSCRIBER, "silence_timeout"), (SIM, "read_lag"), (LOAD, "timeout")])
def test_a_bad_environment_variable_is_named(good, tmp_path, program, flag):
    said = refused(good, program, tmp_path, environment={f"CANCELBUS_{flag.upper()}": "soon"})
    assert f"--{flag}" in said.splitlines()[0]


# What stands in the file, or None for no file; and a word of the complaint.
BAD_KEYS = {
    "missing": (None, "No such file"),
    "empty": (b"", "empty"),
    "blank": (b"\n", "empty"),
    "two_lines": (b"c2VjcmV0\nbW9yZQ==\n", "second line"),
    "binary": (b"\x00\x01\x02\x03", "printable"),
    "too_large": (b"A" * 5000, "4096"),
}


@pytest.mark.parametrize("program", [WORKER, SUBSCRIBER])
@pytest.mark.parametrize("flag", ["api_key_file", "api_secret_file"])
@pytest.mark.parametrize("what", BAD_KEYS)
def test_a_bad_key_file_is_named(good, tmp_path, program, flag, what):
    content, complaint = BAD_KEYS[what]
    file = tmp_path / what
    if content is not None:
        file.write_bytes(content)
    said = refused(good, program, tmp_path, f"--{flag}={file}")
    assert f"--{flag}={file}" in said
    assert complaint in said


@pytest.mark.parametrize("program", [WORKER, SUBSCRIBER])
@pytest.mark.parametrize("secret", ["no-base-64-but-secret!!", "dG9wc2VjcmV0a2V", "dG9wc2VjcmV0a2V5=dG9w"])
def test_a_secret_that_is_no_base64_is_named_and_not_shown(good, tmp_path, program, secret):
    said = refused(good, program, tmp_path, f"--api_secret_file={write_secret(tmp_path / 'secret', secret)}")
    assert "--api_secret_file" in said
    assert secret not in said


@pytest.mark.parametrize("program, flag", [(program, flag) for program in (WORKER, SUBSCRIBER, SIM)
                                           for flag in ("api_key_file", "api_secret_file")])
def test_a_key_file_that_is_not_given_is_asked_for(good, tmp_path, program, flag):
    said = refused(good, program, tmp_path, f"--{flag}=")
    assert f"--{flag}{': required' if program == SIM else ' is missing'}" in said.splitlines()[0]


@pytest.mark.parametrize("question", ["-h", "--help"])
@pytest.mark.parametrize("program", [BUS, WORKER, SUBSCRIBER, SIM, LOAD, CTL])
def test_help_is_given_whatever_else_is_said(tmp_path, program, question):
    ran = run(program, "--colour=red", question, folder=tmp_path) if program != SIM else run(SIM, question, folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"{program}: ")


@pytest.mark.parametrize("program", [BUS, WORKER, SUBSCRIBER, SIM, LOAD, CTL])
def test_the_version_is_the_projects(tmp_path, program):
    ran = run(program, "--version", folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    version = subprocess.run([ROOT / "deploy" / "version"], capture_output=True, text=True, check=True).stdout
    assert ran.stdout == f"{program} {version}"


def bus(folder, **flags):
    free = {"session_endpoint": "tcp://127.0.0.1:*", "event_endpoint": "tcp://127.0.0.1:*",
            "backend_endpoint": "tcp://127.0.0.1:*", "monitor_address": "127.0.0.1:0", "store": "memory:",
            "insecure_loopback": "true"}
    return run(BUS, *(f"--{name}={value}" for name, value in (free | flags).items()), folder=folder)


def assert_refuses_store(folder, store):
    ran = bus(folder, store=f"sqlite:{store}")
    assert ran.returncode == 2
    assert "--store" in ran.stderr and str(store) in ran.stderr


def test_a_store_that_is_something_else_is_refused_and_left_alone(tmp_path):
    text, database = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("this is no database\n" * 100)
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE notes(text)")
        other.commit()
    for file in (text, database):
        before = file.read_bytes()
        assert_refuses_store(tmp_path, file)
        assert file.read_bytes() == before


def test_a_store_in_a_folder_that_is_not_there_is_refused(tmp_path):
    store = tmp_path / "no_such_folder" / "cancelbus.db"
    ran = bus(tmp_path, store=f"sqlite:{store}")
    assert ran.returncode == 2
    assert f"--store: {store}: its folder is not there" in ran.stderr


def test_a_damaged_store_is_refused(tmp_path):
    store = tmp_path / "cancelbus.db"
    with closing(sqlite3.connect(store)) as damaged:
        damaged.executescript("PRAGMA application_id=1128418387; PRAGMA user_version=1; CREATE TABLE cancels(x);"
                              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)"
                              "INSERT INTO cancels SELECT hex(randomblob(40)) FROM n;")
    content = bytearray(store.read_bytes())
    content[4 * 4096:12 * 4096] = b"\xa5" * (8 * 4096)
    store.write_bytes(content)
    assert_refuses_store(tmp_path, store)


@pytest.mark.parametrize("program", [WORKER, SUBSCRIBER])
def test_a_monitor_address_that_is_taken_is_named(good, tmp_path, program):
    flags = [f"--{name}={value}" for name, value in good[program].items() if name != "listener"]
    ran = run(program, *flags, folder=tmp_path)
    assert ran.returncode == 1
    assert "cannot_start" in ran.stderr
    assert f"--monitor_address: cannot listen on {good[program]['monitor_address']}: " in ran.stderr


@pytest.mark.parametrize("flag", ["session_endpoint", "event_endpoint", "backend_endpoint", "monitor_address"])
def test_an_address_that_is_taken_is_named(tmp_path, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = bus(tmp_path, **{flag: address if flag == "monitor_address" else f"tcp://{address}"})
    assert ran.returncode == 2
    assert f"--{flag}" in ran.stderr and address in ran.stderr
