"""deploy/demo --standby: two buses on a PostgreSQL with two standbys. The leading bus dies, then the primary database, then
both at once, while three strategies go on canceling. Called by demo.py."""

import contextlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from buses import Buses
from database import cluster
from process import PATIENCE_SECONDS, Process

STRATEGIES = ("strategy-a", "strategy-b", "strategy-c")
WORKERS = 2
# Four cancels a second in all: less than the 300 in 60 s that the account allows, so that no pause is for want of budget.
EVERY_SECONDS = 0.75
FLOW = 12  # cancels that the exchange accepts before the next death, and after it before the time is taken
DECIDES_AFTER_SECONDS = 3.0  # what watches a database is not sure at once that it is dead
DELETE = "DELETE /api/v1/order"
SENT_AGAIN = "cancelbus_events_retransmitted_total"
COLUMNS = ("what died", "gap without cancels", "limit", "events sent again", "commands", "refused", "lost", "429s")


@dataclass(frozen=True)
class Death:
    what: str
    bus: bool
    database: bool
    most_seconds: float


DEATHS = (Death("the leading bus", True, False, 5.0), Death("the primary database", False, True, 10.0),
          Death("both at once", True, True, 10.0))


@dataclass(frozen=True)
class Outcome:
    death: Death
    gap: float
    sent_again: int
    commands: int
    refused: int
    lost: int
    throttled: int

    def row(self):
        return (self.death.what, f"{self.gap:.1f} s", f"{self.death.most_seconds:g} s", str(self.sent_again),
                str(self.commands), str(self.refused), str(self.lost), str(self.throttled))

    def wrong(self):
        if self.gap > self.death.most_seconds:
            yield f"{self.death.what}: no cancel for {self.gap:.1f} s, {self.death.most_seconds:g} s are allowed"
        if self.lost:
            yield f"{self.death.what}: {self.lost} commands were lost"
        if self.throttled:
            yield f"{self.death.what}: {self.throttled} requests were refused with 429"


class Failover:
    def __init__(self, stack, database, say):
        self.stack, self.database, self.say = stack, database, say
        self.buses = Buses(stack, store=database.uri())

    def start(self):
        for name in STRATEGIES:
            self.stack.grant("strategy", name)
        self.stack.start_exchange()
        self.buses.start()
        for number in range(1, WORKERS + 1):
            self.stack.start_worker(f"worker-{number}")
        self.stack.start_subscriber()
        self.stack.wait_connected(WORKERS)
        for name in STRATEGIES:
            self._start_strategy(name)

    def _start_strategy(self, name):
        command = ["/usr/bin/python3", Path(__file__).with_name("steady.py"), f"--every={EVERY_SECONDS}"]
        environment = self.stack.environment_of(name) | {"CANCELBUS_SENDER": name}
        process = Process(name, command, self.stack.folder, environment)
        self.stack.processes[name] = process
        process.wait_ready()

    # What the exchange and the strategies have seen.

    def cancels(self):
        """When the exchange accepted them, in seconds by its clock."""
        return sorted(arrival["time_us"] / 1e6 for arrival in self.stack.exchange.arrivals()
                      if arrival["request"] == DELETE and arrival["status"] == 200)

    def wait_flow(self, since):
        """Until so many cancels are accepted after this moment."""
        return self.stack.wait_until(lambda: len(found := [at for at in self.cancels() if at > since]) >= FLOW and found,
                                     "cancels go on")

    def told(self):
        """{"given" or "refused" or "canceled": orders of the strategies; of "refused" each time}."""
        found = {"given": [], "refused": [], "canceled": []}
        for name in STRATEGIES:
            for line in self.stack.processes[name].out().splitlines(keepends=True):
                entry = json.loads(line) if line.endswith("}\n") else {}
                for kind in ("given", "refused"):
                    if kind in entry:
                        found[kind].append(entry[kind])
                if entry.get("as") == "CANCELED":
                    found["canceled"].append(entry["ended"])
        return found

    def lost(self, given):
        return set(given) - set(self.told()["canceled"])

    def count(self, bus):
        """Events that this bus has sent again."""
        found = re.search(rf"^{SENT_AGAIN} (\S+)$", self.buses.get(bus, "/metrics")[1], re.MULTILINE)
        return int(float(found[1])) if found else 0

    def now(self):
        return self.stack.exchange.call("GET", "/sim/time")["now_us"] / 1e6

    # Deaths.

    def undergo(self, death):
        leader = self.buses.wait_leader()
        self.say(f"\nKilling {death.what}: " + " and ".join(
            ([leader] if death.bus else []) + ([f"the server {self.database.primary.name}"] if death.database else [])))
        before, told, throttled = self.count(leader), self.told(), self.throttled()
        died_at = self.now()
        if death.bus:
            self.buses.process(leader).kill()
        dead = self.database.primary
        if death.database:
            dead.kill()
            time.sleep(DECIDES_AFTER_SECONDS)
            self.database.fail_over()
            self.say(f"The server {self.database.primary.name} is promoted")
        self.wait_flow(died_at)
        given = set(self.told()["given"]) - set(told["canceled"])  # not ended when it died, or given since
        self.wait_ended(given)
        now_leads = self.buses.wait_leader()
        self.say(f"{now_leads} leads; no cancel for {self.gap(died_at):.1f} s")
        again = self.count(now_leads)
        again -= before if now_leads == leader and again >= before else 0
        if death.bus:
            self.buses.start_bus(leader)
        if death.database:
            self.database.rejoin(dead)
            self.say(f"The server {dead.name} is back, as a standby")
        return Outcome(death, self.gap(died_at), again, len(given), len(self.told()["refused"]) - len(told["refused"]),
                       len(self.lost(given)), self.throttled() - throttled)

    def gap(self, since):
        """The longest pause between two cancels, the one in which this moment lies or a later one."""
        times = self.cancels()
        first = max(0, sum(at <= since for at in times) - 1)
        return max(later - earlier for earlier, later in zip(times[first:], times[first + 1:]))

    def wait_ended(self, given):
        """Until these commands have ended, or for so long that they never will."""
        until = time.monotonic() + PATIENCE_SECONDS / 2
        self.stack.wait_until(lambda: not self.lost(given) or time.monotonic() > until, "commands end")

    def throttled(self):
        return self.stack.exchange.counters()["refused_429"]

    def end(self):
        """Every strategy ends with the last of its commands. Returns what is wrong."""
        for name in STRATEGIES:
            self.stack.processes[name].ask_to_end()
        wrong = [f"{name} ended with exit code {code}" for name in STRATEGIES
                 if (code := self.stack.processes[name].wait_exit()) != 0]
        given = self.told()["given"]
        if self.lost(given):
            wrong.append(f"{len(self.lost(given))} of {len(given)} commands were lost")
        counters = self.stack.exchange.counters()
        self.say(f"\nAt the exchange: {len(self.cancels())} orders canceled for {len(given)} commands; "
                 f"at most {counters['max_deletes_per_order']} DELETEs per order; {counters['refused_429']} answered 429.")
        return wrong


def table(outcomes):
    rows = [COLUMNS, *(outcome.row() for outcome in outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) if index == 0 else cell.rjust(width)
                               for index, (cell, width) in enumerate(zip(row, widths))) for row in rows)


EXPLANATION = f"""\
gap without cancels: the longest pause between two cancels that the exchange accepted, the strategies asking for four a second
events sent again: on request of a strategy that had missed them; the client hands out each once
refused: while the bus could not write to the database; the strategy gives such a command again
lost: commands without a proof that their order is canceled
A standby of the database is promoted {DECIDES_AFTER_SECONDS:g} s after the death of the primary, as if by what watches it."""


def run(stack, say):
    """Returns what went wrong, nothing if all is well."""
    with contextlib.ExitStack() as afterwards:
        say("Starting PostgreSQL: a primary and two standbys, of which each commit waits for one")
        database = afterwards.enter_context(cluster("standby_1", "standby_2"))
        afterwards.callback(stack.stop)  # while the database is there
        say("Starting the exchange, two buses, two workers, the subscriber and three strategies")
        scene = Failover(stack, database, say)
        scene.start()
        scene.wait_flow(0.0)
        outcomes = [scene.undergo(death) for death in DEATHS]
        wrong = scene.end()
        say(f"\n{table(outcomes)}\n\n{EXPLANATION}")
        return [*wrong, *(sentence for outcome in outcomes for sentence in outcome.wrong())]
