"""What a command prints does not arrive: at a full disk it says so and fails, a reader that has left ends it quietly."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD
from scene import place_orders, takes

from process import clean_environment, wait_until

NO_SPACE = "cannot write to standard output: No space left on device\n"
FULL = "/dev/full"


def run(program, *arguments, environment=None):
    """With its standard output on a full disk."""
    with open(FULL, "w", encoding="utf-8") as full:
        return subprocess.run([BUILD / "bin" / program, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=30, check=False, env=clean_environment() | (environment or {}))


@pytest.mark.parametrize("program", ["cancel-bus", "cancel-worker", "final-subscriber", "cancel-fix", "cancelctl"])
@pytest.mark.parametrize("question", ["--help", "--version"])
def test_an_answer_that_does_not_arrive_is_a_failure(program, question):
    ran = run(program, question)
    assert (ran.returncode, ran.stderr) == (1, f"{program}: {NO_SPACE}")


@pytest.mark.parametrize("arguments", [("completion", "bash"), ("keygen", "fresh", "--out=.")], ids=str)
def test_so_is_what_cancelctl_makes_without_a_bus(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    ran = run("cancelctl", *arguments)
    assert ran.returncode == 1
    assert ran.stderr.endswith(f"cancelctl: {NO_SPACE}")


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("watch", "--topic=bus."), ("top", "--json"),
                                       ("cancel", "ORDER"), ("cancel", "--json", "ORDER")], ids=" ".join)
def test_so_is_what_cancelctl_hears_from_the_bus(shared, connect, arguments):
    strategy = connect(shared, "desk-a", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    arguments = [order_id if word == "ORDER" else word for word in arguments]
    ran = run("cancelctl", *arguments, environment=shared.client_environment)
    assert ran.returncode == 1, ran.stderr
    assert ran.stderr.endswith(f"cancelctl: {NO_SPACE}")
    if "cancel" in arguments:
        assert shared.exchange.order(order_id)["status"] == "Canceled"


@pytest.mark.parametrize("start", ["start_worker", "start_subscriber"])
def test_so_is_a_check(shared, start):
    shared.wrappers = {"check": ["/bin/sh", "-c", f'exec "$@" >{FULL}', "sh"]}
    check = getattr(shared, start)("check", check="true", backend_endpoint=None)
    assert check.wait_exit(30) == 1
    assert check.log().endswith(NO_SPACE)
    del shared.processes["check"]


@pytest.mark.parametrize("arguments", [("watch", "--topic=bus."), ("watch", "--topic=venue."), ("top", "--json")], ids=" ".join)
def test_a_reader_that_has_read_enough_ends_what_would_go_on(shared, arguments):
    """Also where nothing more is printed, as on a topic on which nothing happens."""
    reader, writer = os.pipe()
    with subprocess.Popen([BUILD / "bin" / "cancelctl", *arguments], stdout=writer, stderr=subprocess.PIPE, text=True,
                          restore_signals=False, env=clean_environment() | shared.client_environment) as command:
        os.close(writer)
        try:
            if arguments[-1] != "--topic=venue.":
                assert os.read(reader, 1)
            os.close(reader)
            _, said = command.communicate(timeout=30)
        finally:
            command.kill()
    assert (command.returncode, said) == (0, "")


def test_a_cancel_goes_on_to_its_end_without_its_reader(shared, connect):
    strategy = connect(shared, "desk-a", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as unread:
        ran = subprocess.run([BUILD / "bin" / "cancelctl", "cancel", str(order_id)], stdout=unread, stderr=subprocess.PIPE,
                             text=True, timeout=30, check=False, env=clean_environment() | shared.client_environment)
    assert (ran.returncode, ran.stderr) == (0, "cancelctl: 1 asked: 1 canceled\n")
    assert shared.exchange.order(order_id)["status"] == "Canceled"


def full_pipe():
    """A reader and a writer between which nothing fits any more."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x")
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer


def sleeps(process_id):
    return Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "S"


def test_cancelctl_ends_when_asked_also_while_its_reader_is_slow():
    reader, writer = full_pipe()
    with subprocess.Popen([BUILD / "bin" / "cancelctl", "completion", "bash"], stdout=writer, stderr=subprocess.PIPE,
                          text=True, env=clean_environment()) as command:
        try:
            wait_until(lambda: takes(command.pid, signal.SIGTERM) and sleeps(command.pid), "it waits for its reader")
            command.terminate()
            command.communicate(timeout=30)
        finally:
            command.kill()
    os.close(reader)
    os.close(writer)
