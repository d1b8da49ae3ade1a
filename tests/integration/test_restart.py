"""The bus dies at a bad moment and comes back on its store: every command ends once, and seqs go on."""

from scene import place_orders, requests

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_DUPLICATE

DELETE = "DELETE /api/v1/order"


def assert_each_ended_once(strategy, commands):
    for command in commands:
        final = strategy.wait_final(command)
        assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert len(strategy.acks(command)) == 1
        assert len(strategy.finals(command)) == 1


def assert_no_gaps(strategy):
    seqs = sorted(strategy.events[strategy.epoch, strategy.own_topic])
    assert seqs == list(range(1, len(seqs) + 1))
    assert strategy.hello().position[0].next_seq == len(seqs) + 1
    assert [epoch for epoch, topic in strategy.events if topic == strategy.own_topic] == [strategy.epoch]


def kill_and_restart(stack, **flags):
    stack.processes["bus"].kill()
    stack.start_bus(**flags)


def test_killed_with_commands_in_every_stage(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    epoch = strategy.epoch
    done, silent, *slow = place_orders(stack, strategy, 20)
    ended = strategy.cancel(done)
    strategy.wait_final(ended)
    stack.exchange.set_faults(no_452={"order_ids": [silent]}, latency={"order_ids": slow, "answer_ms": 1500})
    acked = strategy.cancel(silent)
    strategy.wait_ack(acked)
    others = [strategy.cancel(order_id) for order_id in slow]
    for command in others:
        strategy.wait_receipt(command)
    stack.wait_until(lambda: len(requests(stack, "DELETE")) > 2, "some are at the exchange, most wait in the queue")
    assert not all(strategy.acks(command) for command in others)

    # Time for the workers to find the new bus, also on a busy machine.
    kill_and_restart(stack, worker_lease="10s")
    assert_each_ended_once(strategy, [ended, acked, *others])
    assert strategy.epoch == epoch
    assert_no_gaps(strategy)
    counters = stack.exchange.counters()
    assert counters["refused_429"] == 0
    assert counters["max_overlapping_deletes_per_order"] == 1
    # The workers lived on and told the new bus what became of their tasks.
    assert counters["max_deletes_per_order"] == 1

    # What ended before is known: answered again, not executed again.
    before = len(strategy.replies)
    strategy.cancel(done, ended)
    strategy.wait_until(lambda: sum(reply.HasField("retransmission") for reply in strategy.replies[before:]) == 2,
                        "its ack and final again")
    assert strategy.receipts[ended][-1].status == RECEIPT_STATUS_DUPLICATE
    assert len(requests(stack, "DELETE", done)) == 1


def test_killed_with_its_workers_while_requests_are_under_way(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    ids = place_orders(stack, strategy, 8)
    stack.exchange.set_faults(latency={"endpoint": DELETE, "request_ms": 300, "answer_ms": 5000})
    commands = [strategy.cancel(order_id) for order_id in ids]
    stack.wait_until(lambda: len(requests(stack, "DELETE")) == len(ids), "all are at the exchange")
    for name in ("bus", "worker-1", "worker-2"):
        stack.processes[name].kill()
    stack.exchange.set_faults(latency=None)
    stack.start_bus()
    stack.start_worker("worker-1")
    assert_each_ended_once(strategy, commands)
    assert_no_gaps(strategy)
    assert stack.exchange.counters()["refused_429"] == 0


def test_killed_again_and_again_under_a_stream_of_commands(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    commands = []
    for order_id in place_orders(stack, strategy, 30):
        commands.append(strategy.cancel(order_id))
        if len(commands) % 10 == 0:
            strategy.wait_until(lambda: strategy.acks(commands[-10]), "an ack")
            kill_and_restart(stack)
    assert_each_ended_once(strategy, commands)
    assert_no_gaps(strategy)
    counters = stack.exchange.counters()
    assert (counters["refused_429"], counters["repeated_stamps"]) == (0, 0)
    assert counters["peak"]["1s"] <= 10


def test_commands_given_while_there_is_no_bus_are_taken_when_it_is_there(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    ids = place_orders(stack, strategy, 3)
    stack.processes["bus"].kill()
    commands = [strategy.cancel(order_id) for order_id in ids]
    stack.start_bus()
    assert_each_ended_once(strategy, commands)
    assert [len(requests(stack, "DELETE", order_id)) for order_id in ids] == [1, 1, 1]


def test_a_second_bus_on_the_same_store_is_refused(running, connect):
    stack = running
    second = stack.run("cancel-bus", f"--store=sqlite:{stack.store_file}", "--session_endpoint=tcp://127.0.0.1:*",
                       "--event_endpoint=tcp://127.0.0.1:*", "--backend_endpoint=tcp://127.0.0.1:*",
                       "--monitor_address=127.0.0.1:0", f"--curve_key_file={stack.access.bus.key_file}",
                       f"--policy_file={stack.access.policy_file}")
    assert second.exit_code == 2
    assert second.out == ""
    assert "--store" in second.log and "another cancel-bus" in second.log
    strategy = connect(stack)
    final = strategy.wait_final(strategy.cancel(stack.exchange.place_orders()[0]))
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED


def test_with_another_store_the_epoch_is_another(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    first, second = place_orders(stack, strategy, 2)
    strategy.wait_final(strategy.cancel(first))
    epoch = strategy.epoch
    kill_and_restart(stack, store=f"sqlite:{stack.folder}/new.db")
    command = strategy.cancel(second)
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    strategy.wait_until(lambda: strategy.epoch != epoch, "the new epoch")
    assert sorted(strategy.events[strategy.epoch, strategy.own_topic]) == [1, 2]
