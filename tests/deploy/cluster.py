#!/usr/bin/python3
"""The image at work: every process in a container of its own, read-only and without capabilities, on a host of its own,
with CURVE on. Two strategies cancel the demo's 150 orders; a worker and then the bus are replaced in the middle.

usage: tests/deploy/cluster.py PRODUCTION_IMAGE SANDBOX_IMAGE, as root; called by tests/cluster.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "local"))

import report  # noqa: E402
from exchange import Exchange  # noqa: E402
from hosts import PODMAN_RUN, Containers, Failed, Switch, give, run  # noqa: E402
from process import Failed as TooLate  # noqa: E402
from process import wait_until  # noqa: E402
from throwaway import Authority, make_api_key  # noqa: E402

STRATEGIES = ("strategy-a", "strategy-b")
ORDERS_EACH = 75
# Less than the exchange allows, so that replacing a container falls into the middle of the load on a slow machine too.
SLOW_LIMITS = "4/1s,240/60s"
ROLES = {"worker": "worker", "subscriber": "subscriber", **{name: "strategy" for name in STRATEGIES}}
AT = "/etc/cancelbus"


class Cluster:
    def __init__(self, folder, image, sandbox_image):
        self.image, self.sandbox_image = image, sandbox_image
        self.files, self.store = folder / "files", folder / "store"
        for path in (self.files, self.store):
            path.mkdir()
        self.switch = Switch()
        for host in ("exchange", "bus", "worker-1", "worker-2", "subscriber", *STRATEGIES):
            self.switch.add_host(host)
        self.authority = self._make_files()
        self.containers = Containers(self.switch, self.files)

    def _make_files(self):
        make_api_key(self.files)
        authority = Authority(self.files)
        authority.issue(hosts=(f"IP:{self.switch.address('exchange')}",))
        for name in ("bus", *ROLES):
            run(*PODMAN_RUN, "--rm", "--network=none", "--user=0:0", f"--volume={self.files}:/keys", "--workdir=/keys",
                self.image, "cancelctl", "keygen", name)
        policy = [f"{role} {name} {(self.files / f'{name}.pub').read_text().strip()}" for name, role in ROLES.items()]
        (self.files / "policy").write_text("\n".join(policy) + "\n")
        for path in self.files.iterdir():
            give(path, 0o400)
        give(self.files, 0o500)
        give(self.store, 0o700)
        return authority

    def tcp(self, port):
        return f"tcp://{self.switch.address('bus')}:{port}"

    def client(self, name):
        return {"curve_key_file": f"{AT}/{name}.key", "curve_server_key_file": f"{AT}/bus.pub"}

    def exchange_client(self):
        return {"backend_endpoint": self.tcp(5552), "ca_file": f"{AT}/ca.pem", "api_key_file": f"{AT}/api.key",
                "api_secret_file": f"{AT}/api.secret"}

    def start_exchange(self):
        self.containers.start("exchange", self.sandbox_image, ["exchange-sim"], {
            "rest_address": "0.0.0.0:8443", "stream_address": "0.0.0.0:8444", "cert_file": f"{AT}/exchange.pem",
            "key_file": f"{AT}/exchange-key.pem", "api_key_file": f"{AT}/api.key", "api_secret_file": f"{AT}/api.secret"})
        self.wait(lambda: "ready" in self.containers.logs("exchange").split(), "the exchange is ready")
        self.exchange = Exchange(f"https://{self.switch.address('exchange')}:8443", self.authority.cert_file)

    def start_bus(self):
        self.containers.start("bus", self.image, ["cancel-bus"], {
            "session_endpoint": "tcp://*:5550", "event_endpoint": "tcp://*:5551", "backend_endpoint": "tcp://*:5552",
            "monitor_address": "0.0.0.0:9550", "curve_key_file": f"{AT}/bus.key", "policy_file": f"{AT}/policy",
            "cancel_limits": SLOW_LIMITS}, store=self.store)

    def start_worker(self, name):
        self.containers.start(name, self.image, ["cancel-worker"], {
            "rest_url": f"https://{self.switch.address('exchange')}:8443", "monitor_address": "0.0.0.0:9550",
            **self.exchange_client(), **self.client("worker")})

    def start_subscriber(self):
        self.containers.start("subscriber", self.image, ["final-subscriber"], {
            "stream_url": f"wss://{self.switch.address('exchange')}:8444", "monitor_address": "0.0.0.0:9550",
            **self.exchange_client(), **self.client("subscriber")})

    def start_strategy(self, name, order_ids):
        self.containers.start(name, self.image, ["cancelctl", f"--sender={name}", "--json", "cancel", "--timeout=120s",
                                                 "--wait=final", *map(str, order_ids)],
                              {"session_endpoint": self.tcp(5550), "event_endpoint": self.tcp(5551), **self.client(name)})

    def ready(self, host):
        """What an orchestrator would be told."""
        with self.switch.inside(host):
            done = run("curl", "-sS", "--noproxy", "*", "--max-time", "5", "http://127.0.0.1:9550/readyz", check=False)
        return done.stdout.strip() == "ok"

    def at_exchange(self, ask):
        with self.switch.inside("subscriber"):
            return ask(self.exchange)

    def wait(self, condition, what, timeout=60):
        return wait_until(condition, what, timeout, interval=0.1)


def acked(strategies, cluster):
    for strategy in strategies:
        strategy.read(cluster.containers.logs(strategy.name))
    return sum(len(strategy.acks) for strategy in strategies)


def run_load(cluster):
    """The demo's load, with two replacements in its middle. Returns the strategies, each with what it was told."""
    total = len(STRATEGIES) * ORDERS_EACH
    ids = cluster.at_exchange(lambda exchange: exchange.place_orders(total))
    strategies = [report.Strategy(name, ORDERS_EACH) for name in STRATEGIES]
    for index, name in enumerate(STRATEGIES):
        cluster.start_strategy(name, ids[index * ORDERS_EACH:(index + 1) * ORDERS_EACH])

    cluster.wait(lambda: acked(strategies, cluster) >= total // 4, "a quarter is acked")
    cluster.containers.end("worker-1")
    cluster.start_worker("worker-1")
    print(f"worker-1 was replaced when {acked(strategies, cluster)} of {total} were acked")

    cluster.wait(lambda: acked(strategies, cluster) >= total // 2, "half is acked")
    cluster.containers.end("bus")
    cluster.start_bus()
    met = acked(strategies, cluster)
    print(f"the bus was replaced when {met} of {total} were acked")
    if met >= total:
        raise Failed("the load had ended before the bus was replaced")

    cluster.wait(lambda: not any(cluster.containers.running(name) for name in STRATEGIES), "the strategies end", 150)
    acked(strategies, cluster)
    return strategies


def verdict(cluster, strategies):
    """What is wrong, nothing if all is well."""
    counters = cluster.at_exchange(lambda exchange: exchange.counters())
    canceled = len(cluster.at_exchange(lambda exchange: exchange.orders("Canceled")))
    total = sum(strategy.sent for strategy in strategies)
    deletes = sum(counters["requests"].get("DELETE /api/v1/order", {}).values())
    print(f"{canceled} of {total} orders canceled with {deletes} DELETEs, at most {counters['max_deletes_per_order']} "
          f"per order; {counters['refused_429']} answered 429; most in 1 s: {counters['peak']['1s']}")
    wrong = []
    if canceled != total or deletes != total or counters["max_deletes_per_order"] != 1:
        wrong.append("not every order was canceled with one DELETE")
    if counters["refused_429"] != 0 or counters["peak"]["1s"] > 10:
        wrong.append("a limit was tripped")
    for strategy in strategies:
        exit_code = cluster.containers.exit_code(strategy.name)
        if exit_code != 0 or len(strategy.acks) != strategy.sent or len(strategy.finals) != strategy.sent:
            wrong.append(f"{strategy.name}: exit code {exit_code}, {len(strategy.acks)} acks and {len(strategy.finals)} finals "
                         f"for {strategy.sent}")
    for host in ("bus", "worker-1", "worker-2", "subscriber"):
        if not cluster.containers.running(host):
            wrong.append(f"{host} has ended")
    return wrong


def try_all(cluster):
    cluster.start_exchange()
    cluster.start_bus()
    for host in ("worker-1", "worker-2"):
        cluster.start_worker(host)
    cluster.start_subscriber()
    for host in ("bus", "worker-1", "worker-2", "subscriber"):
        cluster.wait(lambda host=host: cluster.ready(host), f"{host} is ready")
    return verdict(cluster, run_load(cluster))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("image")
    parser.add_argument("sandbox_image")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cancelbus-cluster-"))
    cluster = None
    try:
        cluster = Cluster(folder, options.image, options.sandbox_image)
        wrong = try_all(cluster)
    except (Failed, TooLate, subprocess.SubprocessError, OSError) as failure:
        wrong = [str(failure)]
    finally:
        if cluster is not None:
            if sys.exc_info()[0] or wrong:
                print(cluster.containers.tails())
            cluster.containers.remove_all()
        Switch.remove()
        shutil.rmtree(folder, ignore_errors=True)
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
