"""A time_to_live that ends while the command waits for budget: the exchange never sees it, and the strategy is told."""

import pytest
from conftest import orderly_stack
from scene import place_orders, statuses

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_REFUSED

# One request in so many seconds, so that there is a queue to wait in, also for one who is slow.
PERIOD_SECONDS = 8


@pytest.fixture(scope="module")
def shared():
    with orderly_stack() as stack:
        stack.start_exchange()
        stack.start_bus(cancel_limits=f"1/{PERIOD_SECONDS}s")
        stack.start_worker("worker-1")
        stack.start_subscriber()
        stack.wait_connected(workers=1)
        yield stack


def seconds(duration):
    return duration.seconds + duration.nanos / 1e9


def test_a_ttl_that_ends_in_the_queue_expires_and_one_too_short_is_refused(shared, connect):
    first, second = connect(shared, "desk-a", topics=["venue."]), connect(shared, "desk-b")
    sent, urgent, late, hopeless = place_orders(shared, first, 4)
    first.wait_ack(first.cancel(sent))

    # The budget is spent now, for the period; the next permit is the urgent one's, and only the one after it desk-b's.
    winner = first.cancel(urgent, priority=cancel_pb2.PRIORITY_URGENT)
    assert first.wait_receipt(winner).status == RECEIPT_STATUS_APPLIED
    loser = second.cancel(late, time_to_live={"seconds": PERIOD_SECONDS + 1})
    receipt = second.wait_receipt(loser)
    assert receipt.status == RECEIPT_STATUS_APPLIED
    assert 0 < seconds(receipt.estimated_wait) < PERIOD_SECONDS + 1

    # Behind its own order, the estimate alone says that this one cannot be sent in time.
    refused = second.cancel(hopeless, time_to_live={"seconds": PERIOD_SECONDS})
    receipt = second.wait_receipt(refused)
    assert receipt.status == RECEIPT_STATUS_REFUSED
    assert receipt.reason == cancel_pb2.CXL_REJ_REASON_TTL_TOO_SHORT
    assert receipt.text.startswith("time_to_live: ")
    assert PERIOD_SECONDS < seconds(receipt.estimated_wait) <= 2 * PERIOD_SECONDS * 1.001

    ack = second.wait_ack(loser)
    assert (ack.status, ack.origin) == (cancel_pb2.CANCEL_ACK_STATUS_REJECTED, cancel_pb2.ORIGIN_BUS)
    assert (ack.cxl_rej_reason, ack.final_follows) == (cancel_pb2.CXL_REJ_REASON_EXPIRED, False)
    assert ack.timeline.attempts == 0
    assert not ack.timeline.HasField("dispatched")
    expired_after = ack_delay(second, loser)
    assert PERIOD_SECONDS + 1 <= expired_after < 2 * PERIOD_SECONDS

    assert first.wait_final(winner).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    met = [statuses(shared, "DELETE", order_id) for order_id in (sent, urgent, late, hopeless)]
    assert met == [[200], [200], [], []]
    assert second.finals(loser) == second.acks(refused) == []
    assert [shared.exchange.order(order_id)["status"] for order_id in (late, hopeless)] == 2 * ["Untouched"]


def ack_delay(strategy, command):
    """Seconds from the receipt by the bus to its ack, by the bus's own clock."""
    [event] = [event for event in strategy.events[strategy.epoch, strategy.own_topic].values()
               if event.cancel_ack.cl_ord_id == command]
    received = event.cancel_ack.timeline.received
    return event.sending_time.seconds - received.seconds + (event.sending_time.nanos - received.nanos) / 1e9


def test_a_ttl_that_ends_while_no_worker_can_send_it_expires(stack, connect):
    stack.start_exchange()
    stack.start_bus()
    strategy = connect(stack)
    [order_id] = stack.exchange.place_orders()
    ack = strategy.wait_ack(strategy.cancel(order_id, time_to_live={"nanos": 300_000_000}))
    assert (ack.cxl_rej_reason, ack.final_follows) == (cancel_pb2.CXL_REJ_REASON_EXPIRED, False)
    stack.start_worker()
    stack.wait_until(lambda: stack.status().get("workers"), "the worker is there")
    last = strategy.cancel(stack.exchange.place_orders()[0])
    strategy.wait_ack(last)
    assert statuses(stack, "DELETE", order_id) == []
