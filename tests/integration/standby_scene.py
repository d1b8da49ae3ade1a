"""The load of load_scene.py on two buses that share a PostgreSQL, a primary and a synchronous standby, and the blows to them.

Used by test_standby_faults.py. Each bus reaches the database through links of its own, and everything else reaches the buses
through links.
"""

import json
from datetime import datetime
from itertools import pairwise

from blows import Blow, link_blows
from buses import Buses
from fault_proxy import Links
from load_scene import LIMITS, WORKERS, LoadScene
from witnesses import DELETE, read_requests

# A takeover takes less, so it is no reason to give out a task a second time.
LEASE_SECONDS = 6.0
# Permits are read later than the requests that they are held against, and by another clock.
PERMITS_READ_SECONDS = 10.0


class StandbyScene(LoadScene):
    buses = Buses.NAMES
    lease_seconds = LEASE_SECONDS

    def __init__(self, store, proxy, seed):
        """`store`: of the database, which only this scene uses."""
        self.database = store.cluster
        self.pair = Buses(store.stack, **self.bus_flags())
        self._stores = {}
        super().__init__(store, proxy, seed)

    # Starting.

    def start_buses(self, proxy):
        links = {}
        for name in self.buses:
            links[f"{name} to database"] = ways = Links(proxy.link(server.address) for server in self.database.servers)
            self._stores[name] = self.database.uri_at(link.address for link in ways.links)
            self.pair.start_bus(name, store=self._stores[name])
            self.pair.wait_leader()
        self.pair.be_found()

        def to_buses(which):
            return Links(proxy.link(self.pair.addresses[name][which]) for name in self.buses)

        links |= {f"{name} to bus": to_buses("backend") for name in (*WORKERS, "subscriber")}
        return links | {"desk-a to bus": to_buses("session"), "bus to desk-a": to_buses("event")}

    def restart_bus(self, name):
        """Does not wait: the bus is ready when the database is."""
        self.pair.launch_bus(name, store=self._stores[name])

    # Blows.

    def bus_blows(self):
        return [blow for leads in (True, False) for blow in self._blows_to_bus(leads)]

    def _blows_to_bus(self, leads):
        """To the bus that leads when the blow is dealt, or to the other."""
        hit = []

        def one():
            leader = next(iter(self.pair.leaders()), self.buses[0])
            hit.append(leader if leads else self.pair.other(leader))
            return self.pair.process(hit[-1])

        who = "leader" if leads else "standby bus"
        return [Blow(f"kill the {who}", "buses", lambda: one().kill(), lambda: self.restart_bus(hit.pop()), (0.0, 6.0)),
                Blow(f"stop the {who}", "buses", lambda: one().pause(), lambda: self.pair.process(hit.pop()).resume(),
                     (0.1, 6.0))]

    def database_blows(self):
        database = self.database

        def promote():
            dead = database.primary
            database.fail_over()
            database.rejoin(dead)

        return [Blow("kill the primary", "database", lambda: database.primary.kill(), lambda: database.primary.start(), (0.0, 3.0)),
                Blow("kill the primary and promote", "database", lambda: database.primary.kill(), promote, (0.0, 4.0)),
                Blow("stop the primary", "database", lambda: database.primary.pause(), lambda: database.primary.resume(),
                     (0.1, 4.0)),
                Blow("kill the database's standby", "database", lambda: database.standby.kill(),
                     lambda: database.standby.start(), (0.0, 4.0)),
                Blow("stop the database's standby", "database", lambda: database.standby.pause(),
                     lambda: database.standby.resume(), (0.1, 4.0))]

    def blows_to_links(self):
        return [blow for name, link in self.links.items() if isinstance(link, Links) for blow in link_blows(name, link)]

    # Reckoning.

    def reckon(self, harms):
        for name in self.buses:
            self.pair.process(name).wait_ready()
        self.pair.wait_leader()
        self.check_permits()
        return "\n".join([super().reckon(harms), *self.takeovers()])

    def check_permits(self):
        """The store knows each request that still counts, and that each DELETE was given out before it was sent."""
        requests = [request for request in read_requests(self.stack.exchange.arrivals()) if request.stamp]
        counts_from = max(request.judged for request in requests) - max(LIMITS) + PERMITS_READ_SECONDS
        permits = self._numbers("SELECT stamp FROM cancelbus.permits")
        unknown = [request for request in requests if request.judged > counts_from and request.stamp not in permits]
        assert not unknown, f"no permit in the store: {unknown}"
        given_out = self._numbers("SELECT stamp FROM cancelbus.history WHERE stamp IS NOT NULL")
        unknown = [request for request in requests if request.kind == DELETE and request.stamp not in given_out]
        assert not unknown, f"not in the store: {unknown}"

    def _numbers(self, query):
        return set(map(int, self.database.primary.sql(query).splitlines()))

    def takeovers(self):
        """A line for each change of the leader: the pause between the accepted cancels around it."""
        cancels = sorted(request.judged for request in read_requests(self.stack.exchange.arrivals())
                         if request.kind == DELETE and request.status == 200)
        for term, (at, name) in sorted(self._terms().items()):
            gap = next((later - earlier for earlier, later in pairwise(cancels) if earlier <= at <= later), None)
            if gap is not None:
                yield f"  term {term}: {name} leads, no cancel for {gap:.1f} s"

    def _terms(self):
        """{term: (when it began, which bus)}."""
        terms = {}
        for name in self.buses:
            for line in self.pair.process(name).log().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # half a line of a bus that was killed, and the first of the next
                if entry["event"] == "store_loaded":
                    terms[entry["term"]] = datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp(), name
        return terms
