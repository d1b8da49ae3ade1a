"""Nothing can be committed, as on a full disk or while the database waits for its standby: nothing is received or sent, the
monitor says so, and nothing is lost when commits work again."""

from scene import bus_metric, bus_status, place_orders, readiness, requests, statuses

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_REFUSED

WRITABLE = "cancelbus_store_writable"


def test_nothing_is_received_or_sent_until_commits_work_again_and_nothing_is_lost(store, connect):
    stack = store.stack.start(**store.patient_flags)
    strategy = connect(stack, topics=["venue."])
    first, second, third = place_orders(stack, strategy, 3)
    stack.exchange.set_faults(latency={"order_ids": [first], "answer_ms": 3000})
    under_way = strategy.cancel(first)
    strategy.wait_receipt(under_way)
    stack.wait_until(lambda: requests(stack, "DELETE", first), "its request is at the exchange")
    with store.refuses():
        unwritten = strategy.cancel(second)
        strategy.wait_until(lambda: bus_metric(stack, WRITABLE) == 0, "the bus to notice")
        refused = strategy.cancel(third)
        receipt = strategy.wait_receipt(refused)
        assert receipt.status == RECEIPT_STATUS_REFUSED
        assert receipt.reason == cancel_pb2.CXL_REJ_REASON_STORE_UNAVAILABLE
        assert not bus_status(strategy).store_writable
        code, why = readiness(stack)
        assert code == 503 and why.strip()
        # What the exchange answers meanwhile is kept back, as long as it is not committed.
        strategy.wait_until(lambda: statuses(stack, "DELETE", first) == [200], "the exchange's answer")
        strategy.live(0.5)
        assert not strategy.acks(under_way)
        assert not strategy.receipts[unwritten]
    for command in (under_way, unwritten):
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert (len(strategy.acks(command)), len(strategy.finals(command))) == (1, 1)
    # Here no receipt is waited for: the strategy asks again, unless the ack tells it first that the bus has it.
    assert not any(receipt.status == RECEIPT_STATUS_REFUSED for receipt in strategy.receipts[unwritten])
    assert bus_metric(stack, WRITABLE) == 1
    assert readiness(stack)[0] == 200
    assert [len(requests(stack, "DELETE", order_id)) for order_id in (first, second, third)] == [1, 1, 0]
    again = strategy.cancel(third)
    assert strategy.wait_receipt(again).status == RECEIPT_STATUS_APPLIED
    strategy.wait_final(again)
    seqs = sorted(strategy.events[strategy.epoch, strategy.own_topic])
    assert seqs == list(range(1, len(seqs) + 1))
