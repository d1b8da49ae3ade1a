"""Who has stolen a worker's key takes tasks and lies about them, until it is revoked; and nothing beyond."""

import re
import time

import pytest
import zmq
from google.protobuf.timestamp_pb2 import Timestamp
from scene import bus_metric, bus_status, curve_keys, encrypt, place_orders, requests, statuses

from cancelbus.v1 import cancel_pb2
from cancelbus.v1.backend_pb2 import BackendReply, BackendRequest

HEARTBEAT_SECONDS = 0.1
AHEAD_SECONDS = 3600


class Thief:
    """Pretends to be workers, on one connection."""

    def __init__(self, stack, context):
        stack.grant("worker", "stolen")
        self._socket = encrypt(context.socket(zmq.DEALER), curve_keys(stack, "stolen"))
        self._socket.connect(stack.processes["bus"].endpoints["backend"])

    def presents(self, worker_id, credit=0, ahead_seconds=0, tasks=()):
        exchange_time = Timestamp()
        exchange_time.FromMicroseconds(round((time.time() + ahead_seconds) * 1e6))
        clock = {"series": 1, "exchange_time": exchange_time, "uncertainty": {"nanos": 500_000}}
        self._say(ready={"version": 1, "worker_id": worker_id, "name": f"thief-{worker_id}", "credit": credit,
                         "request_timeout": {"seconds": 5}, "task_ids": tasks, "key_series": 1, "clock": clock})

    def ends(self, task, **outcome):
        self._say(outcome={"task_id": task, **outcome})

    def tasks(self):
        """Those given to it since it was last asked."""
        found = []
        while self._socket.poll(0):
            reply = BackendReply.FromString(self._socket.recv())
            if reply.HasField("task"):
                found.append(reply.task.task_id)
        return found

    def _say(self, **request):
        self._socket.send(BackendRequest(**request).SerializeToString())


@pytest.fixture
def thief(running):
    with zmq.Context() as context:
        context.setsockopt(zmq.LINGER, 0)
        thief = Thief(running, context)
        yield thief
        context.destroy(linger=0)


def task_of(stack, command):
    """The task that a worker was given for it, as the bus logged it."""
    def found():
        return re.search(rf'"task_sent","task":(\d+),"kind":"cancel".*"cl_ord_id":"{command}"', stack.processes["bus"].log())

    return int(stack.wait_until(found, "a worker has it").group(1))


def test_it_neither_ends_nor_takes_over_the_tasks_of_others(running, connect, thief):
    stack, strategy = running, connect(running, topics=["venue."])
    [order_id] = place_orders(stack, strategy)
    stack.exchange.set_faults(latency={"order_ids": [order_id], "answer_ms": 3000})
    command = strategy.cancel(order_id)
    task = task_of(stack, command)
    name = 'cancelbus_outcomes_from_wrong_worker_total'
    thief.ends(task, ack={"status": cancel_pb2.CANCEL_ACK_STATUS_REJECTED, "order_id": order_id})
    thief.presents(worker_id=5, tasks=[task])
    thief.ends(task, ack={"status": cancel_pb2.CANCEL_ACK_STATUS_REJECTED, "order_id": order_id})
    strategy.wait_until(lambda: bus_metric(stack, name) >= 2, "the bus has not believed it")
    assert strategy.wait_ack(command).status == cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert (len(strategy.acks(command)), statuses(stack, "DELETE", order_id)) == (1, [200])


def test_a_clock_that_lied_is_not_waited_for_once_its_key_is_revoked(running, connect, thief):
    stack, strategy = running, connect(running, topics=["venue."])
    taken, afterwards, after_restart = place_orders(stack, strategy, 3)
    given = []

    def the_thief_has_a_task():
        for worker_id in range(1, 6):  # more than the honest ones, and they agree: the median is theirs
            thief.presents(worker_id, credit=1, ahead_seconds=AHEAD_SECONDS, tasks=given)
        strategy.live(HEARTBEAT_SECONDS)
        given.extend(thief.tasks())
        return given

    def the_honest_are_unavailable():
        the_thief_has_a_task()
        return all(worker.benched for worker in bus_status(strategy).workers if not worker.name.startswith("thief"))

    strategy.wait_until(the_honest_are_unavailable, "the lie is believed")
    command = strategy.cancel(taken)
    strategy.wait_until(the_thief_has_a_task, "the thief has a task, whose stamp is an hour ahead")
    assert not requests(stack, "DELETE", taken)

    stack.revoke("stolen")
    for cl_ord_id, order_id in [(command, taken), (strategy.cancel(afterwards), afterwards)]:
        assert strategy.wait_final(cl_ord_id).ord_status == cancel_pb2.ORD_STATUS_CANCELED
        assert statuses(stack, "DELETE", order_id) == [200]
    assert stack.processes["bus"].stop() == 0
    stack.start_bus()
    assert strategy.wait_final(strategy.cancel(after_restart)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
