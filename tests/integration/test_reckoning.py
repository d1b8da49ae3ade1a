"""The reckoning accepts a run in which every promise was kept, and names each fault that is put into it."""

import re
from dataclasses import replace

import pytest
from blows import Harm
from cancelbus.v1.cancel_pb2 import CXL_REJ_REASON_STORE_UNAVAILABLE, ORD_STATUS_CANCELED, Event
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_REFUSED
from made_up_world import FILLED, OPEN, PLAIN, REFUSED, SENDER, T0, TOPIC, TWICE, Story, tell_all
from reckoning import Reckoning
from witnesses import DELETE, QUERY, Change, lost_tasks


def complaints(story):
    return [text for _, text in Reckoning(story.told_as()).faults]


def test_a_run_in_which_every_promise_was_kept_is_accepted():
    reckoning = Reckoning(tell_all().told_as())
    reckoning.settle()
    assert reckoning.overlaps == 1
    assert "CANCELED by CHANNEL_452" in reckoning.summary()


# What breaks the story: each takes it as tell_all() leaves it, and changes one thing.

def command_applied_twice(story):
    story.receipt(1.5, "a-1", RECEIPT_STATUS_APPLIED)


def told_canceled_before_the_order_left_the_book(story):
    story.world.book[PLAIN][-1] = replace(story.world.book[PLAIN][-1], at=T0 + 1.09)


def told_canceled_before_the_delete_that_did_it(story):
    story.world.book[PLAIN][-1] = replace(story.world.book[PLAIN][-1], at=T0 + 9.0)
    story.world.silences["worker-1"].append((T0 + 1.05, T0 + 8.9))
    story.delete(PLAIN, 8.95, 8.99)


def told_accepted_before_the_answer(story):
    alter_event(story, 1, lambda event: event.sending_time.FromNanoseconds(round((T0 + 1.01) * 1e9)))


def told_open_after_the_last_query_read_that_it_was_gone(story):
    story.world.book[OPEN].append(Change(T0 + 17.0, "Canceled", story.world.book[OPEN][0].left,
                                         story.world.book[OPEN][0].quantity))


def told_open_without_a_query(story):
    story.world.requests = [request for request in story.world.requests if request.order_id != OPEN]


def told_filled_where_it_was_canceled(story):
    story.world.book[FILLED][-1] = replace(story.world.book[FILLED][-1], status="Canceled")


def one_order_gets_twelve_deletes(story):
    for number in range(11):
        story.delete(PLAIN, 10.0 + number, 10.02 + number)


def one_order_gets_twelve_unanswered_deletes(story):
    story.world.requests = [request for request in story.world.requests if request.order_id != PLAIN]
    for number in range(12):
        stamp = story.task(PLAIN, 1.02 + number / 1000, 1.0201 + number / 1000, "doubtful")
        story.request(DELETE, PLAIN, 1.02 + number / 1000, 1.0201 + number / 1000, "reset", stamp)


def delete_after_it_was_told_gone(story):
    story.world.tasks[min(story.world.tasks)].verdict = "doubtful"
    story.delete(PLAIN, 1.075, 1.08)


def delete_that_no_worker_knows(story):
    story.world.tasks.pop(min(story.world.tasks))
    story.world.harms.append(Harm("kill", "worker-1", T0 + 9.0, T0 + 9.1))
    story.world.tasks |= lost_tasks(story.world.requests, story.world.tasks, story.world.harms)


def seven_thousand_late_requests(story):
    for number in range(7000):
        at = 30.0 + number / 100
        story.request(QUERY, PLAIN, at, at + 0.01, 401, round((T0 + at - 6.0) * 1000))


def key_is_refused(story):
    story.request(QUERY, PLAIN, 30.0, 30.01, 401)


def address_is_blocked(story):
    story.request(QUERY, PLAIN, 30.0, 30.01, 403, round((T0 + 20.0) * 1000))


def unauthorized_requests_that_are_not_in_the_arrivals(story):
    story.told_as = lambda: with_counters(Story.told_as(story), unauthorized={"stale stamp": 7000})


def refused_and_executed(story):
    story.delete(REFUSED, 19.02, 19.04)
    story.change(REFUSED, 19.045, "Canceled", "0.01")


def refused_and_sent(story):
    story.delete(REFUSED, 19.02, 19.04)


def refused_and_gone(story):
    story.change(REFUSED, 19.045, "Canceled", "0.01")


def refused_sent_once_and_acked(story):
    refused_and_executed(story)
    story.ack(REFUSED, 19.05, "a-5")
    story.final(REFUSED, 19.07, "a-5", ORD_STATUS_CANCELED, "0.01", exact=False)


def refused_without_a_time_to_live(story):
    story.command(REFUSED, 20.0, "a-6")
    story.receipt(20.01, "a-6", RECEIPT_STATUS_REFUSED)


def refused_for_a_reason_that_another_run_allows(story):
    refused_without_a_time_to_live(story)
    story.world.may_refuse = frozenset({CXL_REJ_REASON_STORE_UNAVAILABLE})


def overlap_after_a_delay_of_50_ms(story):
    story.world.silences = {"worker-1": [(T0 + 3.1, T0 + 3.15)]}
    story.world.harms = [Harm("delay", "worker-1 to bus", T0 + 3.1, T0 + 4.6)]


def overlap_after_a_stop_that_had_ended(story):
    story.world.silences = {"worker-1": [(T0 + 0.5, T0 + 2.4)]}
    story.world.harms = [Harm("stop", "worker-1", T0 + 0.5, T0 + 2.4)]


def overlap_before_the_lease_ended(story):
    story.world.silences = {"worker-1": [(T0 + 3.6, T0 + 5.6)]}


def overlap_after_a_stop_of_another_worker(story):
    story.world.silences = {"worker-2": [(T0 + 3.1, T0 + 4.6)]}


def overlap_while_only_the_bus_was_stopped(story):
    story.world.silences = {}
    story.world.harms = [Harm("stop", "bus", T0 + 3.1, T0 + 4.6)]


def overlap_before_a_kill(story):
    story.world.silences = {}
    story.world.harms = [Harm("kill", "worker-1", T0 + 4.1, T0 + 4.3)]


def overlap_that_the_exchange_did_not_count(story):
    story.told_as = lambda: with_counters(Story.told_as(story), max_overlapping_deletes_per_order=1)


def limit_exceeded(story):
    story.told_as = lambda: with_counters(Story.told_as(story), peak={"1s": 11, "60s": 11})


def longer_limit_exceeded(story):
    story.told_as = lambda: with_counters(Story.told_as(story), peak={"1s": 10, "60s": 301})


def refused_for_its_limits(story):
    story.told_as = lambda: with_counters(Story.told_as(story), refused_429=1)


def exact_quantities_are_not_the_books(story):
    alter_final(story, "a-3", leaves_qty="0.01", cum_qty="0")


def stale_remainder_after_a_fill(story):
    alter_final(story, "a-1", leaves_qty="0.004", cum_qty="0.006")


def quantities_do_not_add_up(story):
    alter_final(story, "a-1", cum_qty="0.001")


def quantity_of_another_order(story):
    alter_final(story, "a-1", order_qty="1", cum_qty="0.99")


def no_quantities(story):
    alter_final(story, "a-1", leaves_qty="")


def not_exact_although_asked_for(story):
    alter_final(story, "a-2", qty_exact=False)


def event_published_twice(story):
    story.entries.append({"time": T0 + 30.0, "event": story.told[0].SerializeToString().hex()})


def event_repeated_and_changed(story):
    event = Event.FromString(story.told[0].SerializeToString())
    event.poss_dup, event.cancel_ack.text = True, "something else"
    story.entries.append({"time": T0 + 30.0, "event": event.SerializeToString().hex()})


def event_never_heard(story):
    story.entries = [entry for entry in story.entries if entry.get("event") != story.told[2].SerializeToString().hex()]


def second_final(story):
    story.final(PLAIN, 30.0, "a-1", ORD_STATUS_CANCELED, "0.01", exact=False)


def second_ack(story):
    story.ack(PLAIN, 30.0, "a-1")


def no_final(story):
    story.told.pop()
    story.entries = [entry for entry in story.entries if "event" not in entry or entry["time"] < T0 + 18.0]


def final_of_another_order(story):
    alter_final(story, "a-1", order_id=FILLED)


def epoch_changed(story):
    alter_event(story, len(story.told), lambda event: setattr(event, "epoch", 8))


FAULTS = {
    command_applied_twice: "a-1: 2 receipts APPLIED",
    told_canceled_before_the_order_left_the_book: "a-1: final ORD_STATUS_CANCELED, but then the order was Untouched",
    told_canceled_before_the_delete_that_did_it: "a-1: final ORD_STATUS_CANCELED, but then the order was Untouched",
    told_accepted_before_the_answer: "a-1: ack ACCEPTED, and the exchange had accepted no DELETE",
    told_open_after_the_last_query_read_that_it_was_gone: "a-4: final ORD_STATUS_NEW, but then the order was Canceled",
    told_open_without_a_query: "a-4: final ORD_STATUS_NEW, but then the order was None",
    told_filled_where_it_was_canceled: "a-2: final ORD_STATUS_FILLED, but then the order was Canceled",
    one_order_gets_twelve_deletes: "12 DELETEs of one order",
    one_order_gets_twelve_unanswered_deletes: "12 DELETEs of one order",
    delete_after_it_was_told_gone: r"DELETE \d+ was given out after the order was told to be gone",
    delete_that_no_worker_knows: r"DELETE \d+, and no worker had taken such a task",
    seven_thousand_late_requests: "7000 unauthorized requests, 0 stalls explain 10",
    key_is_refused: "was unauthorized, and its stamp was good",
    address_is_blocked: "was unauthorized, and its stamp was good",
    unauthorized_requests_that_are_not_in_the_arrivals: "7000 unauthorized requests, 0 stalls explain 10",
    refused_and_executed: "Canceled, and no command for it was taken",
    refused_and_sent: "a DELETE, and no command for it was taken",
    refused_and_gone: "Canceled, and no command for it was taken",
    refused_sent_once_and_acked: "a-5: refused, sent only once, and acked",
    refused_without_a_time_to_live: "a-6: refused, and it has no time_to_live",
    refused_for_a_reason_that_another_run_allows: "a-6: refused, and it has no time_to_live",
    overlap_after_a_delay_of_50_ms: "overlap, and nothing explains it",
    overlap_after_a_stop_that_had_ended: "overlap, and nothing explains it",
    overlap_before_the_lease_ended: "overlap, and nothing explains it",
    overlap_after_a_stop_of_another_worker: "overlap, and nothing explains it",
    overlap_while_only_the_bus_was_stopped: "overlap, and nothing explains it",
    overlap_before_a_kill: "overlap, and nothing explains it",
    overlap_that_the_exchange_did_not_count: "1 DELETEs of an order overlapped, the arrivals show 1 pairs",
    limit_exceeded: "11 DELETEs within 1 s, 10 are allowed",
    longer_limit_exceeded: "301 DELETEs within 60 s, 300 are allowed",
    refused_for_its_limits: "refused_429: 1",
    exact_quantities_are_not_the_books: "a-3: final with .* exact True, but the order had 0.01, 0.005 left",
    stale_remainder_after_a_fill: "a-1: final with .* exact False, but the order had 0.01, 0.01 left",
    quantities_do_not_add_up: "a-1: final with",
    quantity_of_another_order: "a-1: final with",
    no_quantities: "a-1: a quantity of the final is no number",
    not_exact_although_asked_for: "a-2: asked for exact quantities, and the final has none",
    event_published_twice: "desk-a: heard seq 1 2 times without poss_dup",
    event_repeated_and_changed: "desk-a: 1 was heard as .* and is stored as",
    event_never_heard: "desk-a: never heard 1 events of 8, the first is 3",
    second_final: "a-1: final_follows True, 2 finals",
    second_ack: "a-1: 2 acks",
    no_final: "a-4: final_follows True, 0 finals",
    final_of_another_order: "a-1: told of another order",
    epoch_changed: "desk-a: the epoch changed",
}


def with_counters(world, **counters):
    world.counters |= counters
    return world


def alter_event(story, seq, alter):
    """In the store and in the journal."""
    before = story.told[seq - 1].SerializeToString().hex()
    alter(story.told[seq - 1])
    for entry in story.entries:
        if entry.get("event") == before:
            entry["event"] = story.told[seq - 1].SerializeToString().hex()


def alter_final(story, name, **fields):
    [event] = [event for event in story.told if event.cancel_final.cl_ord_id == name]
    alter_event(story, event.seq, lambda event: [setattr(event.cancel_final, *field) for field in fields.items()])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_named(fault):
    story = tell_all()
    fault(story)
    found = complaints(story)
    assert any(re.search(FAULTS[fault], text) for text in found), found
    with pytest.raises(AssertionError, match="faults:"):
        Reckoning(story.told_as()).settle()


# What is no fault.

def repeated_events(story):
    for event in story.told:
        again = Event.FromString(event.SerializeToString())
        again.poss_dup = True
        story.entries.append({"time": T0 + 30.0, "event": again.SerializeToString().hex()})


def refused_and_then_taken(story):
    story.repeat(19.02, "a-5")
    story.receipt(19.03, "a-5", RECEIPT_STATUS_APPLIED)
    story.delete(REFUSED, 19.04, 19.06)
    story.change(REFUSED, 19.065, "Canceled", "0.01")
    story.ack(REFUSED, 19.07, "a-5")
    story.final(REFUSED, 19.08, "a-5", ORD_STATUS_CANCELED, "0.01", exact=False)


def refused_for_a_reason_that_this_run_allows(story):
    story.command(REFUSED, 20.0, "a-6")
    story.receipt(20.01, "a-6", RECEIPT_STATUS_REFUSED, reason=CXL_REJ_REASON_STORE_UNAVAILABLE)
    story.world.may_refuse = frozenset({CXL_REJ_REASON_STORE_UNAVAILABLE})


def stale_remainder(story):
    story.world.book[PLAIN].insert(1, Change(T0 + 1.044, "Partial", story.world.book[TWICE][-1].left,
                                             story.world.book[PLAIN][0].quantity))
    story.world.book[PLAIN][-1] = replace(story.world.book[PLAIN][-1], left=story.world.book[TWICE][-1].left)


def overlap_after_a_kill(story):
    story.world.silences = {}
    story.world.harms = [Harm("kill", "worker-1", T0 + 3.1, T0 + 3.2)]


def overlap_after_a_worker_was_killed_before_it_had_logged(story):
    first = min(stamp for stamp, task in story.world.tasks.items() if task.order_id == TWICE)
    del story.world.tasks[first]
    story.world.silences = {}
    story.world.harms = [Harm("kill", "worker-1", T0 + 3.1, T0 + 3.2)]
    story.world.tasks |= lost_tasks(story.world.requests, story.world.tasks, story.world.harms)


def unanswered_and_killed_before_it_had_logged(story):
    story.world.requests = [replace(request, status="abandoned", ended=T0 + 4.1) if request.ended == T0 + 5.02 else request
                            for request in story.world.requests]
    story.world.silences = {}
    story.world.harms = [Harm("kill", "worker-1", T0 + 4.2, T0 + 4.3)]
    story.told_as = lambda: with_counters(Story.told_as(story), max_overlapping_deletes_per_order=1)


def overlap_after_a_task_that_was_held_up(story):
    first = min(stamp for stamp, task in story.world.tasks.items() if task.order_id == TWICE)
    story.world.tasks[first].taken = T0 + 4.2
    story.world.silences, story.world.holds = {}, {"worker-1": [(T0 + 3.03, T0 + 4.19)]}


def overlap_after_an_outcome_without_an_answer(story):
    first = min(stamp for stamp, task in story.world.tasks.items() if task.order_id == TWICE)
    story.world.silences = {}
    story.world.tasks[first].ended, story.world.tasks[first].verdict = T0 + 4.1, "doubtful"


def delete_again_after_one_for_which_there_was_no_budget(story):
    """That there was none is another fault, which the exchange counts."""
    story.request(DELETE, PLAIN, 1.011, 1.013, 429, story.task(PLAIN, 1.011, 1.014, "throttled"))


def late_requests_behind_a_stalled_link(story):
    story.world.harms.append(Harm("stall", "worker-1 to exchange", T0 + 24.0, T0 + 28.0))
    for number in range(12):
        story.request(QUERY, PLAIN, 30.0, 30.01, 401, round((T0 + 24.0) * 1000) + number)


@pytest.mark.parametrize("story_goes_on", [
    repeated_events, refused_and_then_taken, refused_for_a_reason_that_this_run_allows, stale_remainder, overlap_after_a_kill,
    overlap_after_a_worker_was_killed_before_it_had_logged, unanswered_and_killed_before_it_had_logged,
    overlap_after_a_task_that_was_held_up, overlap_after_an_outcome_without_an_answer,
    delete_again_after_one_for_which_there_was_no_budget,
    late_requests_behind_a_stalled_link])
def test_what_may_happen_is_accepted(story_goes_on):
    story = tell_all()
    story_goes_on(story)
    assert complaints(story) == []


def test_the_history_of_an_order_is_told_with_its_fault():
    story = tell_all()
    told_canceled_before_the_order_left_the_book(story)
    report = Reckoning(story.told_as()).report()
    assert f"order {PLAIN}:" in report
    assert "worker-1 (life 1) takes" in report and "the book says Canceled" in report and "stop worker-1: 1.500 s" in report
