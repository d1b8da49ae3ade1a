"""--observe: the bus looks and sends no cancel, whatever strategies ask for."""

from scene import bus_metric, hear_stream, place_orders, readiness, requests

from cancelbus.v1 import cancel_pb2


def test_commands_are_rejected_and_nothing_is_sent(stack, connect):
    stack.start(workers=1, observe="true")
    assert '"event":"observing"' in stack.processes["bus"].log()
    assert readiness(stack) == (200, "ok, observing: no cancel is sent\n") and bus_metric(stack, "cancelbus_observing") == 1
    status = stack.status()
    assert status["observing"] and status["headline"] == "OBSERVING: no cancel is sent"
    table = stack.cancelctl("status").out
    assert table.startswith("bus      OBSERVING: no cancel is sent; the bus runs with --observe\n")
    assert table.count("logged in") == 1
    strategy = connect(stack, topics=["venue."])
    orders = place_orders(stack, strategy, 3)
    for order in orders:
        ack = strategy.wait_ack(strategy.cancel(order))
        assert (ack.status, ack.origin, ack.cxl_rej_reason) == (
            cancel_pb2.CANCEL_ACK_STATUS_REJECTED, cancel_pb2.ORIGIN_BUS, cancel_pb2.CXL_REJ_REASON_OBSERVING)
        assert not ack.final_follows and "--observe" in ack.text
    hear_stream(stack, strategy)  # The stream is read, and told on venue.
    assert requests(stack, "DELETE") == []
    assert len(stack.exchange.orders("Untouched")) == len(orders)
    clock_reads = [arrival for arrival in stack.exchange.arrivals() if "server/time" in arrival["request"]]
    assert clock_reads and bus_metric(stack, "cancelbus_commands_undecided") == 0


def test_what_was_sent_before_is_settled_by_queries(stack, connect):
    stack.start(workers=1, final_wait="100ms")
    strategy = connect(stack, topics=["venue."])
    [order] = place_orders(stack, strategy, 1)
    stack.exchange.set_faults(stall={"order_ids": [order], "processed": True}, no_452={"order_ids": [order]})
    command = strategy.cancel(order)
    stack.wait_until(lambda: requests(stack, "DELETE", order), "the cancel is at the exchange")
    stack.processes["bus"].kill()
    stack.start_bus(observe="true", final_wait="100ms")
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert len(requests(stack, "DELETE", order)) == 1
