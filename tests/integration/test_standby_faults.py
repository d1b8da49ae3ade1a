"""Two buses on one PostgreSQL under load, of which everything dies and stops, and whose links fail: nothing is lost, doubled or
guessed, and no limit is exceeded, whichever bus leads.

CANCELBUS_STANDBY_FAULTS says how many blows are dealt, 50 a round; CANCELBUS_SEED repeats a round's dice, though not its exact
moments. The processes and the blows stand in standby_scene.py, what must be true at the end in reckoning.py.
"""

import os
import random

import pytest
from blows import Dealer
from fault_proxy import FaultProxy
from postgres import postgres
from scene import positive_number
from standby_scene import StandbyScene
from stores import PostgresStore

FAULTS = positive_number("CANCELBUS_STANDBY_FAULTS", 10)
FAULTS_A_ROUND = 50
LINKS_A_DECK = 3
FIRST_SEED = int(os.environ.get("CANCELBUS_SEED", random.SystemRandom().randrange(1_000_000)))
ROUNDS = [(FIRST_SEED + number, min(FAULTS_A_ROUND, FAULTS - number * FAULTS_A_ROUND))
          for number in range(-(-FAULTS // FAULTS_A_ROUND))]


# Both outlast the stack: the buses reach their database through the proxy until they end.
@pytest.fixture
def cluster():
    with postgres(with_standby=True) as cluster:
        yield cluster


@pytest.fixture
def proxy():
    with FaultProxy() as proxy:
        yield proxy


def deck(scene, dice):
    """Each blow to a process once, and some of those to links."""
    blows = scene.bus_blows() + scene.database_blows() + dice.sample(scene.blows_to_links(), LINKS_A_DECK)
    return dice.sample(blows, len(blows))


@pytest.mark.parametrize("seed, faults", ROUNDS)
def test_every_command_ends_once_whichever_bus_leads(cluster, proxy, stack, capsys, seed, faults):
    scene, dice = StandbyScene(PostgresStore(stack, cluster), proxy, seed), random.Random(seed)
    dealer = Dealer(lambda: deck(scene, dice), dice, scene.flows)
    with scene.under_load(dealer.log) as rate:
        dealer.deal(faults)
    summary = scene.reckon(dealer.log)
    with capsys.disabled():
        print(f"\nseed {seed}: {rate:.0f} cancels a second before the first blow\n{summary}")


def test_a_permit_that_the_store_has_lost_is_noticed(cluster, proxy, stack):
    scene = StandbyScene(PostgresStore(stack, cluster), proxy, seed=1)
    with scene.under_load(harms=[]):
        pass
    assert scene.store.delete("permits", "true") > 0
    with pytest.raises(AssertionError, match="no permit in the store"):
        scene.reckon(harms=[])
