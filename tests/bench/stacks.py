"""What is measured, as processes on loopback: cancelbus, the bare relay, and a strategy that cancels at either.

Each stack has a local exchange of its own, without limits, so that nothing waits for budget.
"""

import contextlib
import re
import subprocess
import time
import urllib.request
from dataclasses import dataclass

from process import PATIENCE_SECONDS, Failed, clean_environment, die_with_parent
from stack import Stack

# From a cancel's 200 to its 452: long enough for the ack to be out of the way.
DELETED_DELAY = "8ms"
MOST_PER_REQUEST = 20_000
NO_LIMIT = "1000000/1s"


@dataclass(frozen=True)
class Times:
    """Of one cancel, in nanoseconds of CLOCK_MONOTONIC."""
    order: int
    sent: int    # by the strategy
    acked: int
    ended: int   # the strategy has the final


class Measured(Stack):
    """A stack with a strategy."""

    label = ""

    def __init__(self, build, folder, **bus_flags):
        folder.mkdir(parents=True)
        super().__init__(build, folder, **bus_flags)
        self._strategy = None
        self._clock_offset_us = 0

    def start_exchange(self, **flags):
        off = dict.fromkeys(("cancel_limits", "query_limits", "place_limits", "open_orders_limits", "connect_limits"), "off")
        process = super().start_exchange(**{"deleted_delay": DELETED_DELAY, **off} | self.exchange_flags | flags)
        # The exchange's clock is the wall clock at its start, and from there on the steady one.
        self._clock_offset_us = (time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()) / 1000
        return process

    def steady_ns(self, exchange_us):
        """A time of the exchange's control interface on CLOCK_MONOTONIC."""
        return (exchange_us - self._clock_offset_us) * 1000

    def start_strategy(self, name="bench"):
        self.grant("strategy", name)
        flags = self.access.flags(name) | {"session_endpoint": self.session_endpoint,
                                           "event_endpoint": self.event_endpoint, "sender": name}
        self._begin_strategy([str(self.bin_dir / "bench-strategy"), *(f"--{flag}={value}" for flag, value in flags.items())])

    def _begin_strategy(self, command, environment=None):
        with open(self.folder / "strategy.log", "ab") as log:
            self._strategy = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                              start_new_session=True, preexec_fn=die_with_parent(),
                                              env=clean_environment() | (environment or {}))

    @property
    def strategy_pid(self):
        return self._strategy.pid

    def place(self, count):
        ids = []
        while len(ids) < count:
            ids += self.exchange.place_orders(min(count - len(ids), MOST_PER_REQUEST))
        return ids

    def ask(self, orders, at_once=1):
        """Begins to cancel them, and does not wait."""
        try:
            self._strategy.stdin.write(" ".join(map(str, [at_once, *orders])) + "\n")
            self._strategy.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def cancel(self, orders, at_once=1):
        """Cancels them, so many at once, and returns the Times of each when all have their finals."""
        self.ask(orders, at_once)
        times = []
        for line in self._strategy.stdout:
            if line == "done\n":
                return times
            times.append(self.read(line))
        raise self._ended()

    def _ended(self):
        return Failed(f"{self.label}: the strategy ended: {(self.folder / 'strategy.log').read_text()}\n{self.tails()}")

    def read(self, line):
        return Times(*map(int, line.split()))

    def warm_up(self, orders):
        """Also waits until the bus has heard of all orders: frames keep their order."""
        self.cancel(orders)

    def deletes(self):
        """{order: when the exchange had read its first DELETE}, in nanoseconds of CLOCK_MONOTONIC."""
        read = {}
        for arrival in self.exchange.arrivals():
            if arrival["request"].startswith("DELETE"):
                read.setdefault(arrival["order_id"], self.steady_ns(arrival["read_us"]))
        return read

    def departures(self):
        """{order: when it left the book and its 452 was sent}"""
        return {order["id"]: self.steady_ns(order["changes"][-1]["at_us"]) for order in self.exchange.orders("Canceled")}

    @property
    def service_pids(self):
        """Of the three services, without exchange and strategy."""
        return [process.pid for name, process in self.processes.items() if name != "exchange"]

    def stop(self, timeout=PATIENCE_SECONDS):
        if self._strategy is not None:
            self._strategy.kill()  # it may have much to do yet, and keeps nothing
            self._strategy.wait(timeout)
            with contextlib.suppress(BrokenPipeError):
                self._strategy.stdin.close()
            self._strategy.stdout.close()
            self._strategy = None
        return super().stop(timeout)


class Product(Measured):
    """cancel-bus, one worker and the subscriber. `store`: memory, normal or full."""

    def __init__(self, build, folder, store, **bus_flags):
        self.label = "memory:" if store == "memory" else f"sync={store}"
        kind = {"store": "memory:"} if store == "memory" else {"store_sync": store}
        limits = {"cancel_limits": NO_LIMIT, "query_limits": NO_LIMIT, "max_session_rate": 1_000_000}
        super().__init__(build, folder, **limits | kind | bus_flags)

    def begin(self, **worker_flags):
        self.start_exchange()
        self.start_bus()
        self.start_worker(**worker_flags)
        self.start_subscriber()
        self.wait_connected(1)
        self.start_strategy()
        return self

    def metric(self, name):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.processes['bus'].endpoints['monitor']}/metrics", timeout=PATIENCE_SECONDS) as page:
            found = re.search(rf"^{re.escape(name)} (\S+)$", page.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0


class Ccxt(Measured):
    """One Node process that cancels with ccxt. `throttled`: under ccxt's own limiter."""

    label = "ccxt"

    def __init__(self, build, folder, installed, throttled=False):
        super().__init__(build, folder)
        self._command = ["node", str(installed / "cancel.mjs"), "", str(self.api_key.key_file),
                         str(self.api_key.secret_file), *(["throttled"] if throttled else [])]

    def begin(self, **exchange_flags):
        self.start_exchange(**exchange_flags)
        self._command[2] = self.rest_url
        self._begin_strategy(self._command, {"NODE_EXTRA_CA_CERTS": str(self.authority.cert_file)})
        return self

    def read(self, line):
        order, sent, answered = map(int, line.split())
        return Times(order, sent, answered, answered)


class Direct(Measured):
    """A strategy that sends its own cancels, under a limiter of its own."""

    def __init__(self, build, folder, limiter):
        self.label = limiter
        super().__init__(build, folder)

    def begin(self, seconds, **exchange_flags):
        self.start_exchange(**exchange_flags)
        flags = {"exchange_url": self.rest_url, "ca_file": self.authority.cert_file, **self.api_key.flags,
                 "limiter": self.label, "seconds": seconds}
        self._begin_strategy([str(self.bin_dir / "bench-direct"), *(f"--{flag}={value}" for flag, value in flags.items())])
        return self


class Relay(Measured):
    """The bare relay."""

    label = "bare relay"

    def begin(self):
        self.start_exchange()
        self._remember(self._relay("bus", curve_key_file=self.access.bus.key_file).wait_ready())
        self._relay("worker", exchange_url=self.rest_url, **self._backend("worker"))
        self._relay("subscriber", exchange_url=self.stream_url, **self._backend("subscriber"))
        self.wait_until(lambda: self.exchange.counters()["stream"].get("logins"), "the subscriber's login")
        self.start_strategy()
        return self

    def reload(self):
        """It has no policy."""

    def _relay(self, role, **flags):
        return self._start(role, "bench-relay", {"role": role, **flags})

    def _backend(self, name):
        return {"backend_endpoint": self._endpoint("backend"), "ca_file": self.authority.cert_file,
                **self.access.flags(name), **self.api_key.flags}


def end_all(stacks):
    for stack in stacks:
        stack.stop()
