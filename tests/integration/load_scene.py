"""A stack under load: the bus, three workers, the subscriber, and three strategies that never stop giving commands, 200
cancels a second, or as many as the machine can bear. Every link between them goes through a fault proxy.

Used by test_crashes.py and test_rolling_restart.py. CANCELBUS_LOAD asks for another load. What must be true at the end
stands in reckoning.py.
"""

import os
from contextlib import contextmanager

from conftest import BUILD, ROOT
from load_strategy import Journal, Settings
from process import Failed, Process
from reckoning import DELETE, Reckoning

WORKERS = ("worker-1", "worker-2", "worker-3")
SENDERS = ("desk-a", "desk-b", "desk-c")
LIMIT_PER_SECOND = 500
LIMITS = f"{LIMIT_PER_SECOND}/1s,20000/60s"
LOAD_PER_SECOND = int(os.environ.get("CANCELBUS_LOAD", "200"))  # cancels accepted
LOAD_SECONDS = 2
COMMANDS_PER_SECOND = 1.2 * LOAD_PER_SECOND / len(SENDERS)  # of each strategy
FLOW = 20  # cancels that the exchange has accepted since the last blow
# Of the exchange, throughout: some requests take so long that a dead worker's tasks are given to others meanwhile.
HABITS = {"latency": [{"share": 0.03, "request_ms": 500, "request_jitter_ms": 2000, "endpoint": DELETE},
                      {"request_ms": 2, "request_jitter_ms": 20, "answer_jitter_ms": 20}],
          "fill_instead": {"share": 0.02}, "no_452": {"share": 0.01}, "reset_after": {"share": 0.002}}


class LoadScene:
    """How to start each of its parts, also again."""

    def __init__(self, stack, proxy, seed):
        self.stack, self.seed = stack, seed
        exchange = stack.start_exchange(cancel_limits=LIMITS, query_limits=LIMITS, connect_limits="off",
                                        ping_interval="500ms")
        stack.exchange.set_faults(**HABITS)
        self.start_bus()
        bus = stack.processes["bus"].endpoints
        places = {f"{worker} to exchange": exchange.endpoints["rest"] for worker in WORKERS}
        places |= {f"{name} to bus": bus["backend"] for name in (*WORKERS, "subscriber")}
        places |= {"subscriber to exchange": exchange.endpoints["stream"], "desk-a to bus": bus["session"],
                   "bus to desk-a": bus["event"]}
        self.links = {name: proxy.link(place.split("://")[1]) for name, place in places.items()}
        for worker in WORKERS:
            self.start_worker(worker)
        self.start_subscriber()
        stack.wait_connected(len(WORKERS))
        for sender in SENDERS:
            self.start_strategy(sender)
        self._accepted = 0

    def start_bus(self):
        self.stack.start_bus(cancel_limits=LIMITS, query_limits=LIMITS, lost_after="8s")

    def start_worker(self, name):
        self.stack.start_worker(name, connections=16, request_timeout="2s",
                                rest_url=f"https://{self.links[f'{name} to exchange'].address}",
                                backend_endpoint=f"tcp://{self.links[f'{name} to bus'].address}")

    def start_subscriber(self):
        self.stack.start_subscriber(silence_timeout="2s",
                                    stream_url=f"wss://{self.links['subscriber to exchange'].address}",
                                    backend_endpoint=f"tcp://{self.links['subscriber to bus'].address}")

    def start_strategy(self, sender):
        session, event = self.stack.session_endpoint, self.stack.event_endpoint
        if f"{sender} to bus" in self.links:
            session, event = (f"tcp://{self.links[link].address}" for link in (f"{sender} to bus", f"bus to {sender}"))
        self.stack.grant("strategy", sender)
        keys = {flag: str(file) for flag, file in self.stack.access.flags(sender).items()}
        settings = Settings(sender=sender, journal=str(self.journal(sender)), session_endpoint=session,
                            event_endpoint=event, rest_url=self.stack.rest_url,
                            ca_file=str(self.stack.authority.cert_file), commands_per_second=COMMANDS_PER_SECOND,
                            seed=self.seed, **keys)
        modules = [ROOT / "deploy" / "local", ROOT / "tests" / "integration", BUILD / "python"]
        self.stack.processes[sender] = Process(sender, settings.command(), self.stack.folder,
                                               {"PYTHONPATH": os.pathsep.join(map(str, modules))})

    def journal(self, sender):
        return self.stack.folder / f"{sender}.jsonl"

    # Load.

    def wait_load(self):
        """Until load flows, as much as this machine can bear: the exchange has accepted as many cancels as are asked for in
        some seconds. Returns how many a second the last of them were."""
        wanted = LOAD_PER_SECOND * LOAD_SECONDS

        def times():
            met = self.stack.exchange.arrivals(last=2 * wanted)
            times = [arrival["time_us"] for arrival in met if arrival["request"] == DELETE and arrival["status"] == 200]
            return times[-wanted:] if len(times) >= wanted else None

        first, *_, last = self.stack.wait_until(times, f"{wanted} cancels")
        return wanted / (last - first) * 1e6

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
        """Fails if a promise was broken, now that the load has ended; returns what is worth to be printed."""
        journals = {sender: Journal(self.journal(sender)).entries() for sender in SENDERS}
        reckoning = Reckoning(self.stack, WORKERS, journals, harms, LIMIT_PER_SECOND)
        reckoning.settle()
        running = [name for name, process in self.stack.processes.items() if process.running]
        assert set(running) == {"exchange", "bus", "subscriber", *WORKERS}
        assert self.stack.status().get("commands_undecided", 0) == 0
        return reckoning.summary()
