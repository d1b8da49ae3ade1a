"""The exchange at its worst, met by the real services: what a strategy is told, and that no order is canceled twice.

Each fault of the local exchange that other tests leave out. Those of single orders happen all at once.
"""

from dataclasses import dataclass

import pytest
from conftest import orderly_stack
from scene import departed, place_orders, statuses

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.cancel_pb2 import (CANCEL_ACK_STATUS_ACCEPTED as ACCEPTED, CANCEL_ACK_STATUS_IN_DOUBT as IN_DOUBT,
                                     CANCEL_ACK_STATUS_REJECTED as REJECTED, CXL_REJ_REASON_BLOCKED as BLOCKED,
                                     CXL_REJ_REASON_OTHER as OTHER, CXL_REJ_REASON_UNKNOWN_ORDER as UNKNOWN_ORDER,
                                     EVIDENCE_CHANNEL_452 as CHANNEL_452, EVIDENCE_ORDER_QUERY as ORDER_QUERY,
                                     ORD_STATUS_CANCELED as CANCELED, ORD_STATUS_NEW as NEW)

TRY_AGAIN_SECONDS = 0.2
LIMITS = "100/1s,1000/60s"
# Soon, and yet longer than a machine that is busy needs for an answer or a frame.
SOON_SECONDS = 3


def start(stack, **exchange_flags):
    """With one worker that soon gives up on an answer, and a subscriber that soon gives up on a stream."""
    stack.start_exchange(cancel_limits=LIMITS, connect_limits="off", ping_interval="200ms", **exchange_flags)
    stack.start_bus(cancel_limits=LIMITS, final_wait=f"{SOON_SECONDS}s")
    stack.start_worker("worker-1", request_timeout=f"{SOON_SECONDS}s", connections=16)
    start_subscriber(stack)
    stack.wait_connected(workers=1)
    return stack


def start_subscriber(stack):
    stack.start_subscriber(silence_timeout=f"{SOON_SECONDS}s")


@pytest.fixture(scope="module")
def shared():
    with orderly_stack() as stack:
        yield start(stack)


# Faults that one order meets.


@dataclass(frozen=True)
class Case:
    fault: str
    rule: dict
    deletes: list  # how the exchange answered the DELETEs
    ack: tuple  # status, and why
    final: tuple = ()  # state, and evidence if only one will do; empty: no final


def answered(payload=None, **answer):
    return ("answer", {"payload": payload} if payload else answer)


ALL_WELL = ((ACCEPTED, 0), (CANCELED, CHANNEL_452))
DONE_UNANSWERED = ((IN_DOUBT, 0), (CANCELED,))  # by the stream or by a query, whichever is first
STILL_OPEN = (NEW, ORDER_QUERY)
CASES = {
    "an answer that never comes": Case("stall", {"count": 1}, ["abandoned", 200], *ALL_WELL),
    "an answer that never comes, of work that is done": Case("stall", {"processed": True}, ["abandoned"],
                                                             *DONE_UNANSWERED),
    "a reset before the work": Case("reset_before", {"count": 1}, ["reset", 200], *ALL_WELL),
    "a reset after the work": Case("reset_after", {}, ["reset"], *DONE_UNANSWERED),
    "a page of a proxy after the work": Case("proxy_page", {}, [503], *DONE_UNANSWERED),
    "a connection that ends after the answer": Case("close_after_answer", {}, [200], *ALL_WELL),
    "a slow way in": Case("latency", {"request_ms": 300}, [200], *ALL_WELL),
    "a fill that the 452 does not know of": Case("stale_num_left", {}, [200], (ACCEPTED, 0), (CANCELED, ORDER_QUERY)),
    "no such order": Case(*answered("cancel_400_no_order"), [400], (REJECTED, UNKNOWN_ORDER), STILL_OPEN),
    "could not be canceled": Case(*answered("cancel_400_could_not"), [400], (REJECTED, OTHER), STILL_OPEN),
    "could not, said at length": Case(*answered("cancel_400_extra_fields"), [400], (REJECTED, OTHER), STILL_OPEN),
    "maintenance": Case(*answered(status=400, body={"success": False, "message": "ORDER_CANCEL_BLOCKED", "code": 1}),
                        [400], (REJECTED, BLOCKED)),
    "a path that is not there": Case(*answered(status=404, body="<html>nothing here</html>"), [404], (REJECTED, OTHER), STILL_OPEN),
    "an error inside": Case("answer", {"payload": "cancel_500", "count": 1}, [500, 200], *ALL_WELL),
    "an error inside, of work that is done": Case("answer", {"payload": "cancel_500", "processed": True}, [500],
                                                  *DONE_UNANSWERED),
}


def test_of_single_orders(shared, connect, faults):
    strategy = connect(shared, topics=["venue."])
    ids = dict(zip(CASES, place_orders(shared, strategy, len(CASES))))
    rules = {}
    for name, case in CASES.items():
        rules.setdefault(case.fault, []).append({**case.rule, "order_ids": [ids[name]]})
    faults(**rules)
    commands = {name: strategy.cancel(order_id) for name, order_id in ids.items()}

    told = {name: what_it_was_told(strategy, command) for name, command in commands.items()}
    # Where no final is expected, any is too many.
    assert {name: (ack, final[:len(CASES[name].final) or None]) for name, (ack, final) in told.items()} == {
        name: (case.ack, case.final) for name, case in CASES.items()}
    assert {name: statuses(shared, "DELETE", ids[name]) for name in CASES} == {
        name: case.deletes for name, case in CASES.items()}
    assert shared.exchange.counters()["max_overlapping_deletes_per_order"] == 1


def what_it_was_told(strategy, command):
    """In the words of a Case, once it is all."""
    ack = strategy.wait_ack(command)
    if ack.final_follows:
        strategy.wait_final(command)
    [final] = [(final.ord_status, final.evidence) for final in strategy.finals(command)] or [()]
    assert (len(strategy.acks(command)), bool(final)) == (1, ack.final_follows)
    return (ack.status, ack.cxl_rej_reason), final


def test_an_edit_that_wins_is_told_and_a_new_command_cancels(shared, connect, faults):
    strategy = connect(shared, "edited", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    faults(edit_during_cancel={"order_ids": [order_id], "count": 1, "delay_ms": SOON_SECONDS * 1000})
    command = strategy.cancel(order_id)
    assert what_it_was_told(strategy, command) == ALL_WELL
    strategy.wait_until(lambda: [status.stage for status in strategy.statuses(command)] ==
                        [cancel_pb2.CANCEL_STAGE_BACK_ON_BOOK], "the order is back on the book")
    assert shared.exchange.order(order_id)["status"] == "Untouched"
    assert what_it_was_told(strategy, strategy.cancel(order_id)) == ALL_WELL
    assert statuses(shared, "DELETE", order_id) == [200, 200]


# Faults of the stream.


def wait_stream(stack, strategy):
    """Until the stream tells again of what happens: of one of several orders that are canceled by hand meanwhile."""
    gone = []

    def told():
        if any(departed(strategy, order_id) for order_id in gone):
            return True
        gone.extend(stack.exchange.place_orders())
        stack.exchange.cancel_by_hand(gone[-1])
        strategy.live(TRY_AGAIN_SECONDS)
        return False

    strategy.wait_until(told, "word of any order on venue.")


def test_frames_that_come_late_are_not_waited_for_and_change_nothing(shared, connect, faults):
    strategy = connect(shared, "late", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    faults(stream_latency={"delay_ms": 2 * SOON_SECONDS * 1000})
    command = strategy.cancel(order_id)
    assert what_it_was_told(strategy, command) == ((ACCEPTED, 0), (CANCELED, ORDER_QUERY))
    faults(stream_latency=None)
    wait_stream(shared, strategy)
    assert len(strategy.finals(command)) == 1
    assert departed(strategy, order_id) == []
    assert statuses(shared, "DELETE", order_id) == [200]


# Once muted, because only a missing frame makes the bus ask for another login.
@pytest.mark.parametrize("fault, rule", [
    ("refuse_handshake", {"retry_after_s": 1}), ("refuse_login", {"message": "not today"}), ("silent_socket", {}),
    ("close_without_frame", {}), ("mute_45x", {"count": 1})])
def test_what_the_stream_does_not_tell_a_query_does_and_the_next_login_is_good(shared, connect, faults, fault, rule):
    strategy = connect(shared, fault, topics=["venue."])
    first, second = place_orders(shared, strategy, 2)
    shared.processes["subscriber"].stop()
    faults(**{fault: rule})
    start_subscriber(shared)
    shared.wait_until(lambda: shared.exchange.counters()["faults_applied"].get(fault), f"{fault} is met")
    if fault == "mute_45x":
        shared.wait_connected(workers=1)  # the bus misses a frame only of a stream that it knows to be logged in

    command = strategy.cancel(first)
    assert what_it_was_told(strategy, command) == ((ACCEPTED, 0), (CANCELED, ORDER_QUERY))
    faults(**{fault: None})
    wait_stream(shared, strategy)
    assert what_it_was_told(strategy, strategy.cancel(second)) == ALL_WELL
    assert [statuses(shared, "DELETE", order_id) for order_id in (first, second)] == [[200], [200]]
    assert len(strategy.finals(command)) == 1
    shared.exchange.forget_counters()


@pytest.mark.parametrize("ending", ["frame", "no_frame", "reset"])
def test_an_end_of_the_stream_is_made_up_for(shared, connect, ending):
    strategy = connect(shared, f"ending-{ending}", topics=["venue."])
    order_id, after = place_orders(shared, strategy, 2)
    shared.exchange.stream(close=ending)
    assert what_it_was_told(strategy, strategy.cancel(order_id))[1][0] == CANCELED
    wait_stream(shared, strategy)
    assert what_it_was_told(strategy, strategy.cancel(after)) == ALL_WELL
    assert [statuses(shared, "DELETE", order_id) for order_id in (order_id, after)] == [[200], [200]]


# The exchange's clock.


def test_a_clock_that_is_off_does_no_harm_and_one_that_jumps_costs_a_probe(stack, connect):
    start(stack, faults='{"clock_off":{"seconds":2}}')
    strategy = connect(stack, topics=["venue."])
    first, second = place_orders(stack, strategy, 2)
    assert what_it_was_told(strategy, strategy.cancel(first)) == ALL_WELL
    stack.exchange.set_faults(clock_off={"seconds": 22})
    assert what_it_was_told(strategy, strategy.cancel(second)) == ALL_WELL
    assert [statuses(stack, "DELETE", order_id) for order_id in (first, second)] == [[200], [401, 200]]
    assert stack.exchange.counters()["repeated_stamps"] == 0
