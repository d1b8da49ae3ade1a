"""A proxy's 503 page instead of an answer: it is unknown whether the cancel was processed, until a query shows it."""

import pytest
from scene import place_orders, requests, statuses

from cancelbus.v1 import cancel_pb2

# One request a second, so that a permit that is still held can be seen.
PERIOD_SECONDS = 1
# So long after its dispatch the request behind a page is still taken to be on its way.
PAGE_SETTLES_SECONDS = 6


@pytest.fixture
def prompt(stack):
    """An exchange whose REST side shows a cancel as soon as it is done."""
    stack.start_exchange(deleted_delay="0", read_lag="0")
    stack.start_bus(cancel_limits=f"1/{PERIOD_SECONDS}s,100/60s")
    stack.start_worker("worker-1")
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    return stack


def moment(timestamp):
    return timestamp.seconds + timestamp.nanos / 1e9


def test_processed_behind_the_page_is_found_by_a_query_and_its_permit_stays_held(prompt, connect):
    strategy = connect(prompt, topics=["venue."])
    order_id, next_id = place_orders(prompt, strategy, 2)
    prompt.exchange.set_faults(proxy_page={"count": 1}, no_452={"order_ids": [order_id]})
    command = strategy.cancel(order_id)
    final = strategy.wait_final(command)
    [ack] = strategy.acks(command)
    assert (ack.status, ack.final_follows) == (cancel_pb2.CANCEL_ACK_STATUS_IN_DOUBT, True)
    assert (final.ord_status, final.evidence) == (cancel_pb2.ORD_STATUS_CANCELED, cancel_pb2.EVIDENCE_ORDER_QUERY)
    assert cancel_pb2.CANCEL_STAGE_IN_DOUBT in [status.stage for status in strategy.statuses(command)]
    assert statuses(prompt, "DELETE", order_id) == [503]

    # The request may still be on its way behind the proxy, so its permit is not free for another.
    later = strategy.wait_final(strategy.cancel(next_id))
    pause = moment(later.timeline.dispatched) - moment(final.timeline.dispatched)
    assert pause >= PAGE_SETTLES_SECONDS + PERIOD_SECONDS
    assert statuses(prompt, "DELETE", next_id) == [200]


def test_processed_behind_the_page_may_also_be_told_by_the_stream(running, connect):
    strategy = connect(running, topics=["venue."])
    [order_id] = place_orders(running, strategy)
    running.exchange.set_faults(proxy_page={"count": 1})
    command = strategy.cancel(order_id)
    final = strategy.wait_final(command)
    [ack] = strategy.acks(command)
    assert (ack.status, ack.final_follows) == (cancel_pb2.CANCEL_ACK_STATUS_IN_DOUBT, True)
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(running, "DELETE", order_id) == [503]


def test_not_processed_behind_the_page_is_sent_again(running, connect):
    strategy = connect(running, topics=["venue."])
    [order_id] = place_orders(running, strategy)
    running.exchange.set_faults(answer={"payload": "cancel_503_html", "count": 1})
    command = strategy.cancel(order_id)
    final = strategy.wait_final(command)
    [ack] = strategy.acks(command)
    assert (ack.status, ack.http_status) == (cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED, 200)
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert cancel_pb2.CANCEL_STAGE_IN_DOUBT in [status.stage for status in strategy.statuses(command)]
    assert statuses(running, "DELETE", order_id) == [503, 200]
    # Asked about at once, and canceled again a second later, when the order was still open.
    page, repeat = requests(running, "DELETE", order_id)
    assert requests(running, "GET", order_id)[0]["time_us"] < repeat["time_us"]
    assert repeat["time_us"] - page["ended_us"] >= 1_000_000


def test_pages_to_every_cancel_end_in_doubt_and_then_in_a_proof(stack, connect):
    stack.start_exchange()
    stack.start_bus(doubt_after="1500ms")
    stack.start_worker("worker-1")
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    strategy = connect(stack, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.set_faults(answer={"payload": "cancel_503_html"})
    command = strategy.cancel(order_id)
    ack = strategy.wait_ack(command)
    assert (ack.status, ack.origin) == (cancel_pb2.CANCEL_ACK_STATUS_IN_DOUBT, cancel_pb2.ORIGIN_BUS)
    assert ack.final_follows
    assert strategy.finals(command) == []
    stack.exchange.set_faults(answer=None)
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert len(strategy.acks(command)) == 1
