"""How a bus is killed at a bad moment and comes back on its store, and what must be true afterwards.

Used by test_restart.py, on each store; test_forgetful_store.py shows that the same scenarios fail if the store has lost what
they are about. `forget`: keys of FORGET, deleted between a kill and the next start.

The limits' period is long and the budget small: a restart falls into the time in which the permits of before still
count, and a bus that has forgotten one sends a request too many.
"""

from scene import place_orders, requests

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_APPLIED, RECEIPT_STATUS_DUPLICATE

DELETE = "DELETE /api/v1/order"
# Of the commands those whose strategy will repeat them: without an acked one its final would be waited for in vain.
FORGET = {"commands": ("cancels", "NOT ended AND ack_seq = 0"), "permits": ("permits", "true")}


def start(stack, limits, **flags):
    stack.start_exchange(cancel_limits=limits)
    stack.start_bus(cancel_limits=limits, **flags)
    for number in (1, 2):
        stack.start_worker(f"worker-{number}")
    stack.start_subscriber()
    stack.wait_connected(2)


def kill_and_restart(stack, **flags):
    stack.processes["bus"].kill()
    stack.start_bus(**flags)


def kill_and_forget(store, forget, **flags):
    store.stack.processes["bus"].kill()
    forget_rows(store, forget)
    store.stack.start_bus(**flags)


def forget_rows(store, forget):
    """While the bus does not run. There must be something to forget, or nothing would be shown."""
    for name in forget:
        assert store.delete(*FORGET[name]) > 0, f"{name}: nothing to forget"


def assert_each_ended_once(strategy, commands):
    for command in commands:
        final = strategy.wait_final(command)
        assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert len(strategy.acks(command)) == 1
        assert len(strategy.finals(command)) == 1
        applied = sum(receipt.status == RECEIPT_STATUS_APPLIED for receipt in strategy.receipts[command])
        assert applied <= 1, f"{command}: {applied} receipts APPLIED"


def assert_limits_were_kept(counters):
    assert counters["refused_429"] == 0, f"{counters['refused_429']} requests too many"
    assert counters["repeated_stamps"] == 0


def assert_no_gaps(strategy):
    seqs = sorted(strategy.events[strategy.epoch, strategy.own_topic])
    assert seqs == list(range(1, len(seqs) + 1))
    assert strategy.hello().position[0].next_seq == len(seqs) + 1
    assert [epoch for epoch, topic in strategy.events if topic == strategy.own_topic] == [strategy.epoch]


def killed_with_commands_in_every_stage(store, connect, forget=()):
    stack = store.stack
    start(stack, limits="10/10s")
    strategy = connect(stack, topics=["venue."])
    epoch = strategy.epoch
    done, silent, *slow = place_orders(stack, strategy, 14)
    ended = strategy.cancel(done)
    strategy.wait_final(ended)
    stack.exchange.set_faults(no_452={"order_ids": [silent]}, latency={"order_ids": slow, "answer_ms": 1500})
    acked = strategy.cancel(silent)
    strategy.wait_ack(acked)
    others = [strategy.cancel(order_id) for order_id in slow]
    for command in others:
        strategy.wait_receipt(command)
    stack.wait_until(lambda: len(requests(stack, "DELETE")) == 10, "the budget is used up, and some wait in the queue")
    assert not all(strategy.acks(command) for command in others)

    # Time for the workers to find the new bus, also on a busy machine.
    kill_and_forget(store, forget, cancel_limits="10/10s", worker_lease="10s")
    assert_each_ended_once(strategy, [ended, acked, *others])
    assert strategy.epoch == epoch
    assert_no_gaps(strategy)
    counters = stack.exchange.counters()
    assert_limits_were_kept(counters)
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


def killed_with_its_workers_while_requests_are_under_way(store, connect, forget=()):
    stack = store.stack
    start(stack, limits="8/10s", lost_after="8s")
    strategy = connect(stack, topics=["venue."])
    *ids, late = place_orders(stack, strategy, 9)
    stack.exchange.set_faults(latency={"endpoint": DELETE, "request_ms": 300, "answer_ms": 5000})
    commands = [strategy.cancel(order_id) for order_id in ids]
    for command in commands:
        strategy.wait_receipt(command)
    stack.wait_until(lambda: len(requests(stack, "DELETE")) == len(ids), "all are at the exchange")
    for name in ("worker-1", "worker-2"):
        stack.processes[name].kill()
    stack.exchange.set_faults(latency=None)
    kill_and_forget(store, forget, cancel_limits="8/10s", lost_after="8s")
    stack.start_worker("worker-1")
    # One more finds no budget for as long as those permits count.
    commands.append(strategy.cancel(late))
    assert_each_ended_once(strategy, commands)
    assert_no_gaps(strategy)
    assert_limits_were_kept(stack.exchange.counters())


def killed_again_and_again_under_a_stream_of_commands(store, connect, forget=()):
    stack = store.stack
    start(stack, limits="12/10s")
    strategy = connect(stack, topics=["venue."])
    ids = place_orders(stack, strategy, 24)
    # Of each eight one is answered late, so that something is undecided when the bus is killed for the first time.
    stack.exchange.set_faults(latency={"order_ids": ids[1::8], "answer_ms": 4000})
    commands = []
    for order_id in ids:
        commands.append(strategy.cancel(order_id))
        if len(commands) % 8 == 0:
            for command in commands[-8:]:
                strategy.wait_receipt(command)
            strategy.wait_until(lambda: strategy.acks(commands[-8]), "an ack")
            kill_and_forget(store, forget if len(commands) == 8 else (), cancel_limits="12/10s")
    assert_each_ended_once(strategy, commands)
    assert_no_gaps(strategy)
    counters = stack.exchange.counters()
    assert_limits_were_kept(counters)
    assert counters["peak"]["1s"] <= 12
