"""Keys made, mistaken and refused: what is said about it, by whom, and with which exit code."""

import json
import os
import stat
import subprocess

import pytest
from conftest import BUILD

from process import PATIENCE_SECONDS, clean_environment
from stack import CANCELCTL_TIMEOUT

WAITED_OUT = "5s"  # of a cancelctl that is to say what it has met so far, which is there within milliseconds


def cancelctl(*arguments):
    return subprocess.run([BUILD / "bin" / "cancelctl", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                          check=False, stdin=subprocess.DEVNULL, env=clean_environment())


def keygen(folder, name):
    made = cancelctl("keygen", f"--out={folder}", name)
    assert made.returncode == 0, made.stderr
    return folder / f"{name}.key", folder / f"{name}.pub"


def test_keygen_makes_a_pair_once(tmp_path):
    made = cancelctl("keygen", f"--out={tmp_path}", "desk-a")
    key_file, public_file = tmp_path / "desk-a.key", tmp_path / "desk-a.pub"
    assert made.returncode == 0
    assert made.stdout == f"strategy desk-a {public_file.read_text()}"
    assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600
    secret = key_file.read_text()
    assert len(secret) == 41 and secret.strip() not in made.stdout + made.stderr
    assert sorted(os.listdir(tmp_path)) == ["desk-a.key", "desk-a.pub"]

    again = cancelctl("keygen", f"--out={tmp_path}", "desk-a")
    assert (again.returncode, again.stdout) == (1, "")
    assert "desk-a.key: File exists" in again.stderr
    key_file.unlink()
    assert cancelctl("keygen", f"--out={tmp_path}", "desk-a").returncode == 1
    assert not key_file.exists(), "no half of a pair"
    assert cancelctl("keygen", "desk a").returncode == cancelctl("keygen").returncode == 2


# What is wrong with the two files (ours and the bus's), and what is said about which flag.
MISTAKES = {
    "readable by others": (lambda own, bus: (own[0].chmod(0o644), own[0], bus[1])[1:], "curve_key_file", "chmod 600"),
    "public instead of secret": (lambda own, bus: (own[1], bus[1]), "curve_key_file", "public key"),
    "secret instead of public": (lambda own, bus: (own[0], bus[0]), "curve_server_key_file", "secret key"),
    "our own public key": (lambda own, bus: (own[0], own[1]), "curve_server_key_file", "our own"),
    "no key": (lambda own, bus: (own[0].write_text("secret\n"), own[0], bus[1])[1:], "curve_key_file", "40 Z85"),
    "no file": (lambda own, bus: (own[0].with_name("none"), bus[1]), "curve_key_file", "No such file"),
    "one alone": (lambda own, bus: (own[0], ""), "curve_server_key_file", "needed|is no path"),
}


@pytest.mark.parametrize("program", ["cancelctl", "cancel-worker"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistaken_key_file_is_named(tmp_path, program, mistake):
    files, flag, complaint = MISTAKES[mistake]
    own_file, bus_file = files(keygen(tmp_path, "own"), keygen(tmp_path, "bus"))
    ran = subprocess.run([BUILD / "bin" / program, f"--curve_key_file={own_file}", f"--curve_server_key_file={bus_file}",
                          *(["status"] if program == "cancelctl" else [])],
                         capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env=clean_environment())
    assert ran.returncode == 2, ran.stdout + ran.stderr
    said = ran.stderr.splitlines()[0]
    assert f"--{flag}" in said or flag in said
    assert any(word in said for word in complaint.split("|")), said
    if own_file and own_file.exists():
        assert own_file.read_text().strip() == "secret" or own_file.read_text().strip() not in ran.stderr


def test_the_group_may_read_a_key_file(stack):
    """As Kubernetes mounts secrets for a pod's own group."""
    stack.access.bus.key_file.chmod(0o440)
    stack.start_bus()
    assert stack.cancelctl("status").exit_code == 0


def test_a_policy_file_that_everybody_may_write_is_refused(stack):
    stack.access.policy_file.chmod(0o666)
    ran = stack.run("cancel-bus", f"--curve_key_file={stack.access.bus.key_file}", f"--policy_file={stack.access.policy_file}",
                    "--store=memory:")
    assert ran.exit_code == 2 and "--policy_file" in ran.log and "chmod o-w" in ran.log


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("strangers")


@pytest.mark.parametrize("who, exit_code, said", [
    ("stranger", 1, "refused our key"), ("worker", 1, "refused our key"), ("mistaken", 3, "curve_server_key_file is not")])
def test_cancelctl_says_why_the_bus_will_not_have_it(shared, folder, who, exit_code, said):
    timeout = WAITED_OUT if who == "mistaken" else CANCELCTL_TIMEOUT  # it does not wait where the bus says no
    key_file = shared.access.key("worker").key_file if who == "worker" else keygen(folder, who)[0]
    bus_file = keygen(folder, "another-bus")[1] if who == "mistaken" else shared.access.bus.public_file
    ran = shared.run("cancelctl", f"--session_endpoint={shared.session_endpoint}", f"--event_endpoint={shared.event_endpoint}",
                     f"--curve_key_file={key_file}", f"--curve_server_key_file={bus_file}", "status", f"--timeout={timeout}")
    assert ran.exit_code == exit_code, ran.log
    assert said in ran.log


def test_cancelctl_with_and_without_keys_at_the_wrong_bus(shared, stack):
    with_keys = shared.access.flags("operator")
    stack.start_bus(curve_key_file=None, policy_file=None, insecure_loopback="true")
    # Who hangs up first, and so what the other hears, is a matter of luck.
    for bus, flags, said in ((shared, ["--insecure_loopback"], "those who have keys|the bus may want keys"),
                             (stack, [f"--{flag}={file}" for flag, file in with_keys.items()], "does not speak CURVE|hung up")):
        ran = bus.run("cancelctl", f"--session_endpoint={bus.session_endpoint}", f"--event_endpoint={bus.event_endpoint}",
                      *flags, "status", f"--timeout={WAITED_OUT}")
        assert ran.exit_code == 3, ran.log
        assert any(words in ran.log for words in said.split("|")), ran.log


def test_a_name_that_the_key_may_not_use_and_a_topic(shared):
    shared.grant("strategy", "desk-a")
    for arguments, field in ((["--sender=desk-b", "status"], "hello.sender_comp_id"),
                             (["--sender=desk-a", "watch"], "hello.topics")):
        ran = shared.cancelctl(*arguments, key="desk-a")
        assert ran.exit_code == 1 and field in ran.log, ran.log
    # It asked first: no subscriber was thrown out for it.
    assert '"event":"event_endpoint_reopened"' not in shared.processes["bus"].log()


def test_a_worker_that_is_refused_comes_in_once_it_may(stack):
    stack.start_exchange()
    stack.start_bus()
    flags = {flag: str(file) for flag, file in stack.access.flags("new-worker").items()}
    worker = stack.start_worker("worker-1", **flags)

    def troubles():
        return [json.loads(line)["why"] for line in worker.log().splitlines() if '"event":"bus_not_reached"' in line]

    stack.wait_until(troubles, "the worker says that it is refused")
    assert "refused our key" in troubles()[-1]
    assert stack.status().get("workers", []) == []
    stack.grant("worker", "new-worker")
    stack.wait_until(lambda: stack.status().get("workers"), "the worker is there")
    assert len(troubles()) <= 2, "told once"
