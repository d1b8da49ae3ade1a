"""A stack under load: the bus, three workers, the subscriber, and three strategies that never stop giving commands, 100 a
second, twice what the limits allow, or as many as the machine can bear. Every link between them goes through a fault proxy.

Used by test_crashes.py and test_rolling_restart.py, and with two buses by standby_scene.py. CANCELBUS_LOAD asks for another load. What must be true at the end
stands in reckoning.py.
"""

import os
from contextlib import contextmanager

from conftest import BUILD, ROOT
from load_strategy import Journal, Settings
from process import Failed, Process
from reckoning import Reckoning
from scene import positive_number
from witnesses import DELETE, events_by_topic, read_world

WORKERS = ("worker-1", "worker-2", "worker-3")
SENDERS = ("desk-a", "desk-b", "desk-c")
LOAD_PER_SECOND = positive_number("CANCELBUS_LOAD", 100)  # commands
# Half of the load, so that more always wait than may be sent: a permit that is lost then means a request too many. As at
# the real exchange the longer limit allows less in the long run.
LIMITS = {1: max(1, LOAD_PER_SECOND // 2), 60: 27 * LOAD_PER_SECOND}
CANCEL_LIMITS = ",".join(f"{limit}/{period}s" for period, limit in LIMITS.items())
QUERY_LIMITS = "500/1s,20000/60s"
# Of each worker. All together hold nearly as many requests as one second allows, so that the budget of a second is used up
# also where answers are slow.
CONNECTIONS = 16
WORKER_LEASE_SECONDS = 1.0
FLOW = 20  # cancels that the exchange has accepted since the last blow
# Of the exchange, throughout: some requests take so long that a dead worker's tasks are given to others meanwhile.
HABITS = {"latency": [{"share": 0.03, "request_ms": 500, "request_jitter_ms": 2000, "endpoint": DELETE},
                      {"request_ms": 2, "request_jitter_ms": 20, "answer_jitter_ms": 20}],
          "fill_instead": {"share": 0.02}, "stale_num_left": {"share": 0.02}, "no_452": {"share": 0.01},
          "reset_after": {"share": 0.002}}


class LoadScene:
    """How to start each of its parts, also again."""

    buses = ("bus",)
    lease_seconds = WORKER_LEASE_SECONDS

    def __init__(self, store, proxy, seed):
        """`store`: of stores.py."""
        self.store, self.stack, self.seed = store, store.stack, seed
        stack = store.stack
        exchange = stack.start_exchange(cancel_limits=CANCEL_LIMITS, query_limits=QUERY_LIMITS, connect_limits="off",
                                        ping_interval="500ms")
        stack.exchange.set_faults(**HABITS)
        places = {f"{worker} to exchange": exchange.endpoints["rest"] for worker in WORKERS}
        places["subscriber to exchange"] = exchange.endpoints["stream"]
        self.links = {name: proxy.link(place.split("://")[1]) for name, place in places.items()}
        self.links |= self.start_buses(proxy)
        for worker in WORKERS:
            self.start_worker(worker)
        self.start_subscriber()
        stack.wait_connected(len(WORKERS))
        for sender in SENDERS:
            self.start_strategy(sender)
        self._accepted = 0

    def start_buses(self, proxy):
        """Returns the links to them."""
        self.start_bus()
        bus = self.stack.processes["bus"].endpoints
        places = {f"{name} to bus": bus["backend"] for name in (*WORKERS, "subscriber")}
        places |= {"desk-a to bus": bus["session"], "bus to desk-a": bus["event"]}
        return {name: proxy.link(place.split("://")[1]) for name, place in places.items()}

    def bus_flags(self):
        return {"cancel_limits": CANCEL_LIMITS, "query_limits": QUERY_LIMITS, "lost_after": "8s",
                "worker_lease": f"{self.lease_seconds:g}s"}

    def start_bus(self):
        self.stack.start_bus(**self.bus_flags())

    def start_worker(self, name):
        self.stack.start_worker(name, connections=CONNECTIONS, request_timeout="2s",
                                rest_url=f"https://{self.links[f'{name} to exchange'].address}",
                                backend_endpoint=self.links[f"{name} to bus"].endpoint)

    def start_subscriber(self):
        self.stack.start_subscriber(silence_timeout="2s",
                                    stream_url=f"wss://{self.links['subscriber to exchange'].address}",
                                    backend_endpoint=self.links["subscriber to bus"].endpoint)

    def start_strategy(self, sender):
        session, event = self.stack.session_endpoint, self.stack.event_endpoint
        if f"{sender} to bus" in self.links:
            session, event = (self.links[link].endpoint for link in (f"{sender} to bus", f"bus to {sender}"))
        self.stack.grant("strategy", sender)
        keys = {flag: str(file) for flag, file in self.stack.access.flags(sender).items()}
        settings = Settings(sender=sender, journal=str(self.journal(sender)), session_endpoint=session,
                            event_endpoint=event, rest_url=self.stack.rest_url,
                            ca_file=str(self.stack.authority.cert_file), commands_per_second=LOAD_PER_SECOND / len(SENDERS),
                            seed=self.seed, **keys)
        modules = [ROOT / "deploy" / "local", ROOT / "tests" / "integration", BUILD / "python"]
        self.stack.processes[sender] = Process(sender, settings.command(), self.stack.folder,
                                               {"PYTHONPATH": os.pathsep.join(map(str, modules))})

    def journal(self, sender):
        return self.stack.folder / f"{sender}.jsonl"

    # Load.

    def wait_load(self):
        """Until load flows, as much as this machine can bear: the exchange has accepted as many cancels as it allows in some
        seconds, and the bus has used up the budget of one. Returns how many a second the last of them were."""
        wanted = 4 * LIMITS[1]
        self.stack.wait_until(self.budget_is_used_up, f"{LIMITS[1]} permits are in use")

        def times():
            met = self.stack.exchange.arrivals(last=2 * wanted)
            times = [arrival["time_us"] for arrival in met if arrival["request"] == DELETE and arrival["status"] == 200]
            return times[-wanted:] if len(times) >= wanted else None

        first, *_, last = self.stack.wait_until(times, f"{wanted} cancels")
        return wanted / (last - first) * 1e6

    def budget_is_used_up(self):
        """All permits of the shortest limit are held or cool down."""
        windows = [window for window in self.stack.status().get("windows", ()) if window["limiter"] == "cancel"]
        return any(window.get("used", 0) == window["limit"] == LIMITS[1] for window in windows)

    def flows(self):
        """Some cancels were accepted since this was last true."""
        accepted = self.stack.exchange.counters()["requests"][DELETE].get("200", 0)
        if accepted < self._accepted + FLOW:
            return False
        self._accepted = accepted
        return True

    def end_load(self):
        """Every strategy ends once each of its commands has come to its end."""
        for sender in SENDERS:
            self.stack.processes[sender].wait_ready().ask_to_end()
        for sender in SENDERS:
            exit_code = self.stack.processes[sender].wait_exit()
            assert exit_code == 0, self.stack.processes[sender].tail(50)

    @contextmanager
    def under_load(self, harms):
        """From when load flows until every command has come to its end. A failure is told with every harm until then."""
        try:
            rate = self.wait_load()
            yield rate
            self.end_load()
        except (Failed, AssertionError) as failure:
            for sender in SENDERS:
                self.stack.processes[sender].kill()  # it would wait for what may never come
            raise AssertionError(f"{failure}\nseed {self.seed}, harms:\n" + "\n".join(map(str, harms))) from None

    def reckon(self, harms):
        """Fails if a promise was broken, now that the load has ended; returns what is worth to be printed. Without `harms` no
        silence of a worker is an excuse."""
        journals = {sender: Journal(self.journal(sender)).entries() for sender in SENDERS}
        links = {worker: self.links[f"{worker} to bus"] for worker in WORKERS} if harms else {}
        reckoning = Reckoning(read_world(self.stack, WORKERS, journals, events_by_topic(self.store.events()), harms, links, limits=LIMITS,
                                         lease=self.lease_seconds, connections=CONNECTIONS, may_refuse=self.store.may_refuse))
        reckoning.settle()
        running = [name for name, process in self.stack.processes.items() if process.running]
        assert set(running) == {"exchange", *self.buses, "subscriber", *WORKERS}
        assert self.stack.status().get("commands_undecided", 0) == 0
        return reckoning.summary()
