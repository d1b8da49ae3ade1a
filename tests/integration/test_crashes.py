"""Processes die and stop, their links fail, at random moments under load: nothing is lost, doubled or guessed.

CANCELBUS_BLOWS says how many blows are dealt, 50 a round; CANCELBUS_SEED repeats a round's dice, though not its exact
moments. The processes and their load stand in load_scene.py, what must be true at the end in reckoning.py.
"""

import os
import random
from functools import partial

import pytest
from blows import Dealer, link_blows, process_blows
from fault_proxy import FaultProxy
from load_scene import WORKERS, LoadScene
from scene import positive_number

BLOWS = positive_number("CANCELBUS_BLOWS", 50)
BLOWS_A_ROUND = 50
FIRST_SEED = int(os.environ.get("CANCELBUS_SEED", random.SystemRandom().randrange(1_000_000)))
ROUNDS = [(FIRST_SEED + number, min(BLOWS_A_ROUND, BLOWS - number * BLOWS_A_ROUND))
          for number in range(-(-BLOWS // BLOWS_A_ROUND))]

def deck(scene, dice):
    """Half of the blows hit processes, half hit links."""
    blows = process_blows(scene.stack, "bus", scene.start_bus, longest_stop=2.0)
    for worker in WORKERS:
        blows += process_blows(scene.stack, worker, partial(scene.start_worker, worker), longest_stop=3.0)
    blows += process_blows(scene.stack, "subscriber", scene.start_subscriber, longest_stop=4.0)
    blows += process_blows(scene.stack, "desk-a", partial(scene.start_strategy, "desk-a"), longest_stop=3.0)
    of_links = [blow for name, link in scene.links.items() for blow in link_blows(name, link)]
    return dice.sample(2 * blows + dice.sample(of_links, 2 * len(blows)), 4 * len(blows))


@pytest.mark.long_on_postgresql
@pytest.mark.parametrize("seed, blows", ROUNDS)
def test_every_command_ends_once(store, capsys, seed, blows):
    with FaultProxy() as proxy:
        scene, dice = LoadScene(store, proxy, seed), random.Random(seed)
        dealer = Dealer(lambda: deck(scene, dice), dice, scene.flows)
        with scene.under_load(dealer.log) as rate:
            dealer.deal(blows)
    summary = scene.reckon(dealer.log)
    with capsys.disabled():
        print(f"\nseed {seed}: {rate:.0f} cancels a second before the first blow\n{summary}")
