"""Blows to a stack under load: processes are killed and stopped, their links cut, stalled, half-closed, reset, delayed.

Used by test_crashes.py. A Dealer deals them in random order at random moments, each kind to each victim about as often,
and only while load flows; what lasts heals after a random time, so that several can be in force at once. Its log says
what happened when, by the same clock as everything else on this machine.
"""

import time
from dataclasses import dataclass
from typing import Callable

from process import wait_until

POLL_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.3  # between the return of the load and the next blow


@dataclass(frozen=True)
class Blow:
    """`lasts`: from and to how many seconds until `heal` is called."""
    kind: str
    victim: str
    deal: Callable
    heal: Callable
    lasts: tuple


@dataclass
class Harm:
    """A blow that was dealt, by wall clock; `ended` is None while it lasts."""
    kind: str
    victim: str
    began: float
    ended: float = None

    def __str__(self):
        lasted = "not healed" if self.ended is None else f"{self.ended - self.began:.3f} s"
        return f"{self.kind} {self.victim}: {lasted}"


def process_blows(stack, name, start, longest_stop):
    """kill -9 and a new start, SIGSTOP and SIGCONT. `start` must return when the process is ready for more."""
    process = lambda: stack.processes[name]  # noqa: E731  Another one after each restart.
    return [Blow("kill", name, lambda: process().kill(), start, (0.0, 1.0)),
            Blow("stop", name, lambda: process().pause(), lambda: process().resume(), (0.05, longest_stop))]


def link_blows(name, link):
    def reset_and_restore():
        link.reset()
        link.restore()

    return [Blow("cut", name, link.cut, link.restore, (0.1, 1.5)),
            Blow("stall", name, link.stall, link.restore, (0.1, 4.0)),
            Blow("stall-and-reset", name, link.stall, reset_and_restore, (0.1, 4.0)),
            Blow("stall-up", name, lambda: link.stall("up"), link.restore, (0.1, 3.0)),
            Blow("stall-down", name, lambda: link.stall("down"), link.restore, (0.1, 3.0)),
            Blow("half-close-up", name, lambda: link.half_close("up"), link.restore, (0.0, 0.1)),
            Blow("half-close-down", name, lambda: link.half_close("down"), link.restore, (0.0, 0.1)),
            Blow("reset", name, link.reset, link.restore, (0.0, 0.1)),
            Blow("delay", name, lambda: link.delay(0.05), link.restore, (0.2, 2.0))]


class Dealer:
    def __init__(self, new_deck, random, flows):
        """`new_deck()`: blows in the order in which to deal them, made anew whenever all are dealt. `flows()`: true if
        load has flowed since it was last true."""
        self._new_deck = new_deck
        self._random = random
        self._flows = flows
        self._deck = []
        self._healing = {}  # victim: (when by the monotonic clock, what to call, Harm)
        self.log = []  # every Harm, in order

    def deal(self, count):
        """So many blows; returns when all that they did is healed."""
        until = len(self.log) + count
        while len(self.log) < until:
            pause_until = time.monotonic() + self._random.uniform(0.0, LONGEST_PAUSE_SECONDS)
            self._wait(lambda: time.monotonic() >= pause_until, "the pause is over")
            self._wait(self._flows, "load flows")
            self._wait(self._deal_one, "a victim is whole")
        self._wait(lambda: not self._healing, "all is healed")

    def _wait(self, condition, what):
        def healed_and_so():
            self._heal_due()
            return condition()

        wait_until(healed_and_so, what, interval=POLL_SECONDS)

    def _deal_one(self):
        """The next blow of the deck whose victim is whole; False if there is none."""
        if not any(blow.victim not in self._healing for blow in self._deck):
            self._deck += self._new_deck()
        for blow in self._deck:
            if blow.victim in self._healing:
                continue
            self._deck.remove(blow)
            harm = Harm(blow.kind, blow.victim, time.time())
            self.log.append(harm)
            self._healing[blow.victim] = (time.monotonic() + self._random.uniform(*blow.lasts), blow.heal, harm)
            blow.deal()
            return True
        return False

    def _heal_due(self):
        for victim, (due, heal, harm) in list(self._healing.items()):
            if time.monotonic() >= due:
                heal()
                harm.ended = time.time()
                del self._healing[victim]
