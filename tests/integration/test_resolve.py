"""The exchange does not tell what became of a cancel: an operator looks, and settles it with `cancelctl resolve`."""

import asyncio

import cancelbus
import pytest
from cancelbus import OrdStatus, blocking
from scene import bus_metric, requests

from cancelbus.v1 import cancel_pb2
from process import PATIENCE_SECONDS

DELETE = "DELETE /api/v1/order"


@pytest.fixture
def doubtful(stack):
    """Soon in doubt; DELETEs are reset before the exchange does anything."""
    stack.start_exchange()
    stack.start_bus(doubt_after="300ms")
    stack.start_worker("worker-1")
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    stack.exchange.set_faults(reset_before={"endpoint": DELETE})
    return stack


def resolve(stack, strategy, command, word):
    return stack.cancelctl("resolve", f"{strategy.sender}/{command}", f"--as={word}", "--reason=looked at it", "--yes", "--json")


def test_an_order_in_doubt_is_settled_and_its_strategy_told(doubtful, connect):
    stack, strategy, other = doubtful, connect(doubtful), connect(doubtful, "desk-b")
    order_id = stack.exchange.place_orders()[0]
    command, also = strategy.cancel(order_id), other.cancel(order_id)
    assert strategy.wait_ack(command).status == cancel_pb2.CANCEL_ACK_STATUS_IN_DOUBT
    other.wait_ack(also)

    # Open: for this command alone.
    settled = resolve(stack, strategy, command, "open")
    assert (settled.exit_code, settled.json_lines[-1]["resolved"]["status"]) == (0, "RESOLVE_STATUS_SETTLED")
    final = strategy.wait_final(command)
    assert (final.ord_status, final.evidence) == (cancel_pb2.ORD_STATUS_NEW, cancel_pb2.EVIDENCE_OPERATOR)
    assert not other.finals(also)

    # Gone: for every other. Nothing is sent any more, and what settled it once does not settle it twice.
    assert resolve(stack, other, also, "canceled").exit_code == 0
    final = other.wait_final(also)
    assert (final.ord_status, final.evidence) == (cancel_pb2.ORD_STATUS_CANCELED, cancel_pb2.EVIDENCE_OPERATOR)
    sent = len(requests(stack, "DELETE"))
    again = resolve(stack, other, also, "filled")
    assert again.exit_code == 1 and "final already" in again.out
    assert resolve(stack, other, also, "canceled").exit_code == 0
    assert resolve(stack, other, "nothing", "canceled").exit_code == 1
    stack.processes["bus"].kill()
    stack.start_bus()
    assert resolve(stack, other, also, "canceled").exit_code == 0
    assert (len(strategy.finals(command)), len(other.finals(also))) == (1, 1)
    assert len(requests(stack, "DELETE")) == sent


def test_only_an_operator_may(doubtful, connect):
    stack, strategy = doubtful, connect(doubtful)
    command = strategy.cancel(stack.exchange.place_orders()[0])
    strategy.wait_ack(command)
    since = len(strategy.replies)
    strategy.send(resolve={"sender_comp_id": strategy.sender, "cl_ord_id": command, "as": cancel_pb2.ORD_STATUS_FILLED,
                           "reason": "seen"})
    reject = strategy.wait_reply("reject", since=since).reject
    assert (reject.field, reject.reason) == ("resolve", cancel_pb2.CXL_REJ_REASON_NOT_AUTHORIZED)
    assert not strategy.finals(command)
    assert resolve(stack, strategy, command, "open").exit_code == 0
    strategy.wait_final(command)


def test_a_word_that_was_wrong_is_counted_and_the_truth_told(doubtful, connect):
    stack, strategy = doubtful, connect(doubtful, topics=["venue."])
    order_id = stack.exchange.place_orders()[0]
    command = strategy.cancel(order_id)
    strategy.wait_ack(command)
    assert resolve(stack, strategy, command, "filled").exit_code == 0
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_FILLED
    stack.exchange.cancel_by_hand(order_id)

    def told():
        return [event.cancel_final for event in strategy.events[strategy.epoch, "venue."].values()
                if event.cancel_final.order_id == order_id]

    strategy.wait_until(told, "its departure on venue.")
    assert told()[0].unsolicited
    assert bus_metric(stack, 'cancelbus_overrides_contradicted_total') == 1
    assert len(strategy.finals(command)) == 1


def test_an_operator_s_program_in_python(doubtful, connect):
    stack, strategy = doubtful, connect(doubtful)
    commands = [strategy.cancel(order_id) for order_id in stack.exchange.place_orders(2)]
    for command in commands:
        strategy.wait_ack(command)
    options = {"session_endpoint": stack.session_endpoint, "event_endpoint": stack.event_endpoint}

    async def settle():
        async with cancelbus.Client("ctl-1", **options, **stack.access.flags("operator")) as bus:
            with pytest.raises(cancelbus.NotSettled, match="desk-a/nothing") as unknown:
                await bus.resolve("desk-a", "nothing", OrdStatus.FILLED, reason="seen", timeout=PATIENCE_SECONDS)
            assert unknown.value.resolved.status == cancelbus.ResolveStatus.REFUSED
            with pytest.raises(cancelbus.OptionError, match="ord_status"):
                await bus.resolve("desk-a", commands[0], OrdStatus.PARTIALLY_FILLED, reason="seen")
            one = asyncio.create_task(bus.resolve("desk-a", commands[0], OrdStatus.CANCELED, reason="seen", timeout=PATIENCE_SECONDS))
            await asyncio.sleep(0)
            with pytest.raises(cancelbus.OptionError, match="another"):
                await bus.resolve("desk-a", commands[1], OrdStatus.CANCELED, reason="seen", timeout=PATIENCE_SECONDS)
            return await one

    assert asyncio.run(settle()).cl_ord_id == commands[0]
    assert strategy.wait_final(commands[0]).evidence == cancel_pb2.EVIDENCE_OPERATOR
    with blocking.Client("desk-a", **options, **stack.access.flags("desk-a")) as bus:
        with pytest.raises(cancelbus.NotSettled, match="not an operator"):
            bus.resolve("desk-a", commands[1], OrdStatus.NEW, reason="seen", timeout=PATIENCE_SECONDS)
    with blocking.Client("ctl-1", **options, **stack.access.flags("operator")) as bus:
        assert bus.resolve("desk-a", commands[1], OrdStatus.NEW, reason="seen", timeout=PATIENCE_SECONDS).status == cancelbus.ResolveStatus.SETTLED
    assert strategy.wait_final(commands[1]).ord_status == cancel_pb2.ORD_STATUS_NEW
