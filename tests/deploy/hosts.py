"""Hosts that exist only here: network namespaces on a switch of their own, and containers in them. Used by cluster.py.

Nothing reaches them from outside, they reach nothing outside, and the machine's own network is left alone: the switch is
a bridge in a namespace too.
"""

import ctypes
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

SWITCH = "cancelbus-switch"
SUBNET = "10.231.7"
CLONE_NEWNET = 0x40000000
_setns = ctypes.CDLL(None, use_errno=True).setns
# As small a machine as a restricted host allows; runc, for crun asks for more than a sandbox gives.
PODMAN_RUN = ("podman", "--runtime", "/usr/sbin/runc", "--cgroup-manager=cgroupfs", "run", "--pull=never",
              "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
# As the manifests want it.
CONFINED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges",
            "--user=10001:10001")


class Failed(Exception):
    """What was tried did not come about; the message says what."""


def run(*words, check=True):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
    return done


class Switch:
    """The network. Leaves nothing behind, also of a run that was killed."""

    def __init__(self):
        self._hosts = {}
        self.remove()
        run("ip", "netns", "add", SWITCH)
        run("ip", "-n", SWITCH, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", SWITCH, "link", "set", "bridge", "up")

    def add_host(self, name):
        """Its address."""
        number = len(self._hosts) + 10
        address = f"{SUBNET}.{number}"
        namespace = self.namespace(name)
        run("ip", "netns", "add", namespace)
        run("ip", "-n", SWITCH, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", namespace)
        run("ip", "-n", SWITCH, "link", "set", f"port{number}", "master", "bridge", "up")
        run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            run("ip", "-n", namespace, "link", "set", device, "up")
        self._hosts[name] = address
        return address

    def address(self, name):
        return self._hosts[name]

    @staticmethod
    def namespace(name):
        return f"cancelbus-{name}"

    @contextmanager
    def inside(self, name):
        """This thread speaks from that host."""
        with open("/proc/self/ns/net") as home, open(f"/run/netns/{self.namespace(name)}") as there:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(home)

    @staticmethod
    def _enter(namespace):
        if _setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise Failed(f"setns: {os.strerror(ctypes.get_errno())}")

    @staticmethod
    def remove():
        for line in run("ip", "netns", "list").stdout.splitlines():
            if line.startswith("cancelbus-"):
                run("ip", "netns", "delete", line.split()[0])


class Containers:
    """Of one image each, on a host of the switch; `files` is mounted read-only at /etc/cancelbus, a store read-write."""

    def __init__(self, switch, files):
        self._switch = switch
        self._files = files
        self._ids = {}

    def start(self, host, image, command, settings, store=None):
        volumes = [f"--volume={self._files}:/etc/cancelbus:ro"]
        if store:
            volumes.append(f"--volume={store}:/var/lib/cancelbus")
        environment = [f"--env=CANCELBUS_{name.upper()}={value}" for name, value in settings.items()]
        network = f"--network=ns:/run/netns/{self._switch.namespace(host)}"
        name = ("--replace", f"--name={self._switch.namespace(host)}", "--log-driver=k8s-file")
        self._ids[host] = run(*PODMAN_RUN, "--detach", *name, *CONFINED, network, *volumes, *environment, image,
                              *command).stdout.strip()

    def logs(self, host, stream="out"):
        done = run("podman", "logs", self._ids[host])
        return done.stdout if stream == "out" else done.stderr

    def state(self, host):
        return json.loads(run("podman", "inspect", "--format", "{{json .State}}", self._ids[host]).stdout)

    def running(self, host):
        return self.state(host)["Running"]

    def exit_code(self, host):
        return self.state(host)["ExitCode"]

    def end(self, host, grace_s=30):
        """As Kubernetes ends a pod: SIGTERM, and SIGKILL after the grace period; the container is gone then."""
        run("podman", "stop", f"--time={grace_s}", self._ids[host])
        exit_code = self.exit_code(host)
        logs = self.logs(host, "err")
        run("podman", "rm", self._ids.pop(host))
        if exit_code != 0:
            raise Failed(f"{host} ended with exit code {exit_code}:\n{logs[-2000:]}")

    def remove_all(self):
        for one in self._ids.values():
            run("podman", "rm", "--force", "--time=1", one, check=False)
        self._ids.clear()

    def tails(self, lines=12):
        text = []
        for host in self._ids:
            both = self.logs(host).splitlines()[-lines:] + self.logs(host, "err").splitlines()[-lines:]
            text += [f"  {host}: {line}" for line in both] or [f"  {host}: (said nothing)"]
        return "\n".join(text)


def give(path, mode):
    """To the numbered user of the containers alone."""
    Path(path).chmod(mode)
    os.chown(path, 10001, 10001)
