"""SIGTERM: what is under way is finished, what waits stays in the store, the exit code is 0, and nothing is lost."""

from scene import bus_status, place_orders, requests, statuses

from cancelbus.v1 import cancel_pb2

DELETE = "DELETE /api/v1/order"


def assert_each_canceled_once(stack, strategy, ids, commands):
    for order_id, command in zip(ids, commands):
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert [ack.status for ack in strategy.acks(command)] == [cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED]
        assert len(strategy.finals(command)) == 1
        assert statuses(stack, "DELETE", order_id) == [200]


def test_the_bus_finishes_what_is_with_workers_and_keeps_the_queue(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    # Most of them wait for budget for seconds, in which the bus is asked to end.
    ids = place_orders(stack, strategy, 60)
    stack.exchange.set_faults(latency={"endpoint": DELETE, "answer_ms": 1000})
    commands = [strategy.cancel(order_id) for order_id in ids]
    for command in commands:
        strategy.wait_receipt(command)
    stack.wait_until(lambda: requests(stack, "DELETE"), "the first are at the exchange")
    bus = stack.processes["bus"]
    assert bus.stop() == 0
    # Whatever had reached a worker was answered before the bus ended, and nothing was sent after.
    assert set(statuses(stack, "DELETE")) == {200}
    sent = len(requests(stack, "DELETE"))
    assert 0 < sent < len(ids)
    assert '"draining"' in bus.log() and '"stopped"' in bus.log()

    stack.exchange.set_faults(latency=None)
    stack.start_bus()
    assert_each_canceled_once(stack, strategy, ids, commands)
    assert stack.exchange.counters()["refused_429"] == 0


def test_a_worker_finishes_its_tasks_and_another_does_the_rest(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    ids = place_orders(stack, strategy, 20)
    stack.exchange.set_faults(latency={"endpoint": DELETE, "answer_ms": 700})
    commands = [strategy.cancel(order_id) for order_id in ids]
    strategy.wait_until(lambda: all(worker.in_flight for worker in bus_status(strategy).workers), "both workers work")
    assert stack.processes["worker-1"].stop() == 0
    stack.exchange.set_faults(latency=None)
    assert_each_canceled_once(stack, strategy, ids, commands)
    finals = [strategy.finals(command)[0] for command in commands]
    assert len({final.timeline.worker for final in finals}) == 2


def test_a_subscriber_takes_its_leave_and_queries_make_up_for_it(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    first, *ids = place_orders(stack, strategy, 4)
    strategy.wait_final(strategy.cancel(first))
    assert stack.processes["subscriber"].stop() == 0
    stack.wait_until(lambda: stack.exchange.counters()["stream"]["open"] == 0, "the stream is closed")
    strategy.wait_until(lambda: not bus_status(strategy).stream.connected, "the bus knows")
    commands = [strategy.cancel(order_id) for order_id in ids]
    assert_each_canceled_once(stack, strategy, ids, commands)
    assert {strategy.finals(command)[0].evidence for command in commands} == {cancel_pb2.EVIDENCE_ORDER_QUERY}

    stack.start_subscriber()
    stack.wait_connected(workers=2)
    [last] = place_orders(stack, strategy)
    assert strategy.wait_final(strategy.cancel(last)).evidence == cancel_pb2.EVIDENCE_CHANNEL_452


def test_all_at_once_and_up_again(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    ids = place_orders(stack, strategy, 15)
    commands = [strategy.cancel(order_id) for order_id in ids]
    for command in commands:
        strategy.wait_receipt(command)
    ours = [stack.processes[name] for name in ("bus", "worker-1", "worker-2", "subscriber")]
    for process in ours:
        process.ask_to_end()
    assert [process.wait_exit() for process in ours] == [0, 0, 0, 0]
    stack.start_bus()
    stack.start_worker("worker-1")
    stack.start_subscriber()
    for order_id, command in zip(ids, commands):
        assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert (len(strategy.acks(command)), len(strategy.finals(command))) == (1, 1)
    assert stack.exchange.counters()["refused_429"] == 0
