"""The same cl_ord_id is the same command: answered again, on the session that asked, and never executed again."""

from scene import place_orders, statuses

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_DUPLICATE, RECEIPT_STATUS_REFUSED


def kinds(replies):
    """Of what answers a command; heartbeats come whenever they are due."""
    return [kind for reply in replies if (kind := reply.WhichOneof("reply")) in ("receipt", "retransmission")]


def test_after_the_end_its_ack_and_final_are_told_again_to_the_asker_alone(shared, connect):
    asked, other = connect(shared, "desk-a", topics=["venue."]), connect(shared, "desk-a")
    [order_id] = place_orders(shared, asked)
    command = asked.cancel(order_id)
    asked.wait_final(command)
    other.wait_final(command)
    assert asked.wait_receipt(command).status == RECEIPT_STATUS_APPLIED
    [ack], [final] = asked.acks(command), asked.finals(command)
    next_seq = asked.hello().position[0].next_seq
    before, before_other = len(asked.replies), len(other.replies)

    asked.cancel(order_id, command)
    repeated = asked.wait_until(lambda: [reply.retransmission for reply in asked.replies[before:]
                                         if reply.HasField("retransmission")][1:], "the final again")
    assert kinds(asked.replies[before:]) == ["receipt", "retransmission", "retransmission"]
    assert asked.receipts[command][-1].status == RECEIPT_STATUS_DUPLICATE
    assert repeated[0].poss_dup
    # The same events, not new ones with the same words.
    assert (asked.acks(command), asked.finals(command)) == ([ack], [final])
    assert asked.hello().position[0].next_seq == next_seq

    # The other session of the same sender is sent nothing: by its next hello that would have come.
    other.hello()
    assert kinds(other.replies[before_other:]) == []
    assert statuses(shared, "DELETE", order_id) == [200]


def test_while_it_is_under_way_there_is_nothing_to_tell_yet(shared, connect):
    strategy = connect(shared, "hasty", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    shared.exchange.set_faults(latency={"endpoint": "DELETE /api/v1/order", "order_ids": [order_id], "answer_ms": 1000})
    command = strategy.cancel(order_id)
    for _ in range(3):
        strategy.cancel(order_id, command)
    # The client repeats by itself what has no receipt yet, so that there may be more than four.
    strategy.wait_until(lambda: len(strategy.receipts[command]) >= 4, "four receipts")
    first, *others = (receipt.status for receipt in strategy.receipts[command])
    assert (first, set(others)) == (RECEIPT_STATUS_APPLIED, {RECEIPT_STATUS_DUPLICATE})
    strategy.wait_final(command)
    shared.exchange.set_faults(latency=None)
    strategy.hello()
    assert (len(strategy.acks(command)), len(strategy.finals(command))) == (1, 1)
    assert statuses(shared, "DELETE", order_id) == [200]


def test_with_another_order_it_is_refused_and_the_first_stands(shared, connect):
    strategy = connect(shared, "confused")
    order_id, another = shared.exchange.place_orders(2)
    command = strategy.cancel(order_id)
    strategy.wait_final(command)
    strategy.cancel(another, command)
    refusal = strategy.wait_until(lambda: strategy.receipts[command][1:], "the second receipt")[0]
    assert refusal.status == RECEIPT_STATUS_REFUSED
    assert refusal.reason == cancel_pb2.CXL_REJ_REASON_DUPLICATE_CL_ORD_ID
    assert refusal.text.startswith("cl_ord_id: ") and str(order_id) in refusal.text
    strategy.hello()
    assert (len(strategy.acks(command)), len(strategy.finals(command))) == (1, 1)
    assert statuses(shared, "DELETE", another) == []
    assert shared.exchange.order(another)["status"] == "Untouched"


def test_two_senders_may_use_the_same_cl_ord_id(shared, connect):
    first, second = connect(shared, "desk-b"), connect(shared, "desk-c")
    one, other = shared.exchange.place_orders(2)
    first.cancel(one, "number-1")
    second.cancel(other, "number-1")
    assert first.wait_final("number-1").order_id == one
    assert second.wait_final("number-1").order_id == other
    assert [strategy.receipts["number-1"][0].status for strategy in (first, second)] == 2 * [RECEIPT_STATUS_APPLIED]


def test_a_sender_has_at_most_100_commands_for_one_order_and_others_have_theirs(shared, connect):
    strategy, other = connect(shared, "insistent", topics=["venue."]), connect(shared, "other")
    [order_id] = place_orders(shared, strategy)
    shared.exchange.set_faults(latency={"endpoint": "DELETE /api/v1/order", "order_ids": [order_id], "answer_ms": 3000})
    commands = [strategy.cancel(order_id) for _ in range(100)]
    refused = strategy.cancel(order_id)
    receipt = strategy.wait_receipt(refused)
    assert (receipt.status, receipt.reason) == (RECEIPT_STATUS_REFUSED, cancel_pb2.CXL_REJ_REASON_BUS_FULL)
    assert "100 open commands for this order" in receipt.text
    theirs = other.cancel(order_id)
    assert other.wait_receipt(theirs).status == RECEIPT_STATUS_APPLIED
    shared.exchange.set_faults(latency=None)
    for command in commands:
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    other.wait_final(theirs)
    assert statuses(shared, "DELETE", order_id) == [200]
