"""What is not known of the real exchange, either way: the promises hold under each value of each guess of exchange-sim.

Each order meets the exchange in another way; afterwards its final is compared with the book, which is the truth.
"""

from collections import Counter

import pytest
from conftest import BUILD, orderly_stack
from exchange import other_guesses
from process import Failed
from scene import curve_keys, departed, statuses
from strategy_client import StrategyClient

from cancelbus.v1.cancel_pb2 import ORD_STATUS_CANCELED, ORD_STATUS_FILLED

LIMITS = "100/1s,1000/60s"
GUESSES = other_guesses(BUILD / "bin")
NEVER_PLACED = 10**15
# Which guesses make no difference to the orders of this file, and why.
NEVER_MET = {
    "blocked_prolongs": "nothing is sent while the exchange blocks us; the simulation has other programs that get us blocked",
    "stale_stamp_counts": "a stamp is at most a second old; the simulation sets the exchange's clock",
    "repeated_stamp_refused": "no stamp is used twice",
    "not_found_status": "every order was placed; the test below queries one that was not",
}
FINAL = {"Canceled": ORD_STATUS_CANCELED, "Closed": ORD_STATUS_FILLED}


def test_every_guess_is_listed_with_another_value():
    assert {"edit_keeps_id=no", "blocked_prolongs=yes", "not_found_status=404", "pair_required=yes", "fill_sends_452=yes",
            "stale_stamp_counts=yes", "partial_cancel_reads=Closed", "early_452=yes", "filled_reads=Canceled"} <= set(GUESSES)
    assert NEVER_MET.keys() <= {name_of(guess) for guess in GUESSES}


def name_of(guess):
    return guess.partition("=")[0]


def wait_met(stack, guess):
    """Until the exchange has done otherwise than by default at least once."""
    stack.wait_until(lambda: stack.exchange.counters()["guesses"].get(name_of(guess), 0) > 0, f"{guess} makes a difference")


@pytest.fixture
def guessed(request):
    """A stack whose exchange does so, a strategy, and an order that was canceled before the stream was there."""
    with orderly_stack() as stack:
        stack.start_exchange(cancel_limits=LIMITS, query_limits=LIMITS, guess=request.param)
        unheard, = stack.exchange.place_orders(1)
        stack.exchange.cancel_by_hand(unheard)
        stack.start_bus(cancel_limits=LIMITS, query_limits=LIMITS, edit_grace="500ms", final_wait="1s")
        stack.start_worker()
        stack.start_subscriber()
        stack.wait_connected(workers=1)
        stack.grant("strategy", "desk-a")
        with StrategyClient(stack.session_endpoint, stack.event_endpoint, "desk-a", ["venue."],
                            curve=curve_keys(stack, "desk-a")) as strategy:
            strategy.hello()
            yield stack, strategy, request.param, unheard


@pytest.mark.parametrize("guessed", GUESSES, indirect=True)
def test_every_final_is_true_and_nothing_is_canceled_twice(guessed):
    stack, strategy, guess, unheard = guessed
    exchange = stack.exchange
    placed = plain, partly, by_hand, edited, edited_before, filled, filled_before = exchange.place_orders(7)
    orders = [*placed, unheard]
    exchange.fill(partly, "0.004")
    exchange.fill(filled_before)
    exchange.cancel_by_hand(by_hand)
    exchange.edit(edited_before, price="1900000")
    exchange.set_faults(edit_during_cancel={"order_ids": [edited], "delay_ms": 10, "count": 1},
                        fill_instead={"order_ids": [filled]})
    hear_frames(stack, strategy)

    # Each twice: the second command meets an order that is canceled, filled or edited already.
    finals = {}
    for _ in range(2):
        # Exact quantities are queried for.
        commands = {order: strategy.cancel(order, exact_quantities=order == partly) for order in orders}
        for order, command in commands.items():
            finals[command] = strategy.wait_final(command)
            truth = exchange.order(order)
            assert finals[command].ord_status == FINAL[truth["status"]], (order, truth, finals[command])
            assert len(strategy.finals(command)) == 1
    # On venue. too a fill is none's cancel; an edit's 452 cannot be told from one.
    assert {final.ord_status for final in departed(strategy, filled_before)} <= {ORD_STATUS_FILLED}
    assert {final.ord_status for final in departed(strategy, by_hand)} <= {ORD_STATUS_CANCELED}
    assert exchange.counters()["refused_429"] == 0
    answered = {order: Counter(statuses(stack, "DELETE", order)) for order in orders}
    assert answered[plain] == {200: 1} and answered[partly] == {200: 1}, answered
    # The edit that won made the first DELETE do nothing.
    assert answered[edited].total() <= 2, answered
    assert all(counts.total() <= 2 for counts in answered.values()), answered
    if name_of(guess) not in NEVER_MET:
        wait_met(stack, guess)


@pytest.mark.parametrize("guessed", ["not_found_status=404", "not_found_status=200"], indirect=True)
def test_an_order_that_the_exchange_does_not_know_is_neither_canceled_nor_filled(guessed):
    stack, strategy, guess, _ = guessed
    command = strategy.cancel(NEVER_PLACED)
    ack = strategy.wait_ack(command)
    final = strategy.wait_final(command) if ack.final_follows else None
    assert final is None or final.ord_status not in FINAL.values(), final
    wait_met(stack, guess)


def test_a_guess_that_is_none_is_refused_by_name(stack):
    with pytest.raises(Failed, match='--guess: "edits" is no guess'):
        stack.start_exchange(guess="edits=no")
    assert stack.processes["exchange"].wait_exit() == 2


def hear_frames(stack, strategy):
    """Returns when the bus has heard all that the stream has said. A cancel by hand, which scene.hear_stream uses, says
    nothing under one of the guesses: here it is a frame of our own."""
    stack.exchange.stream(frame=[452, {"type": 452, "id": NEVER_PLACED, "symbol": "BTCTRY", "price": "1", "amount": "1",
                                       "numLeft": "1", "denomLeft": "1"}])
    strategy.wait_until(lambda: departed(strategy, NEVER_PLACED), "the departure of an order that was never placed")
