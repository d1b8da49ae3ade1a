"""What happened to commands, asked of the bus: `cancelctl find` and `explain`, and both of the Python clients."""

import asyncio
from datetime import datetime, timedelta, timezone

import cancelbus
import pytest
from cancelbus import blocking
from python_client import client

from cancelbus.v1 import cancel_pb2

DELETE = "DELETE /api/v1/order"


@pytest.fixture
def desks(running, connect):
    """Two strategies with keys of their own, and a canceled order of each."""
    for desk in ("desk-a", "desk-b"):
        running.grant("strategy", desk)
    commands = {}
    for desk in ("desk-a", "desk-b"):
        strategy = connect(running, desk)
        [order] = running.exchange.place_orders()
        commands[desk] = (strategy.cancel(order), order)
        assert strategy.wait_final(commands[desk][0]).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    return running, commands


def operator(stack):
    return client(stack, "ctl-test", kind=blocking.Client)


def names(history):
    return [f"{command.sender_comp_id}/{command.cl_ord_id}" for command in history.commands]


def test_operators_find_all_and_strategies_their_own(desks):
    stack, commands = desks
    (mine, order), (theirs, _) = commands["desk-a"], commands["desk-b"]
    with operator(stack) as bus, client(stack, "desk-a", kind=blocking.Client, key="desk-a") as strategy:
        assert names(bus.history()) == [f"desk-a/{mine}", f"desk-b/{theirs}"]
        assert names(bus.history(sender_comp_id="desk-b")) == [f"desk-b/{theirs}"]
        [found] = bus.history(order_id=order).commands
        assert (found.cl_ord_id, found.order_id, found.ended) == (mine, order, True)
        assert found.ack.body.accepted and found.final.body.order_gone and found.ack.poss_dup
        assert {"DELETE", "ANSWER", "FACT"} <= {line.what for line in found.line}
        assert [line.http_status for line in found.line if line.what == "ANSWER"] == [200]
        assert names(strategy.history()) == [f"desk-a/{mine}"]
        assert not strategy.history(cl_ord_id=theirs).commands
        with pytest.raises(cancelbus.InquiryRefused, match="history_request.sender_comp_id"):
            strategy.history(sender_comp_id="desk-b")
        now = datetime.now(timezone.utc)
        assert names(bus.history(until=now)) == [f"desk-a/{mine}", f"desk-b/{theirs}"]
        assert not bus.history(since=now + timedelta(seconds=1)).commands
        assert not bus.history(until=now - timedelta(hours=1)).commands
        one = bus.history(limit=1)
        assert names(one) == [f"desk-a/{mine}"] and not one.complete
        with pytest.raises(cancelbus.OptionError, match="time zone"):
            bus.history(since=datetime(2026, 3, 2))


def test_pages_follow_each_other(desks):
    stack, _ = desks
    orders = stack.exchange.place_orders(230)

    async def cancel_and_read():
        async with client(stack, "desk-c") as bus:
            await bus.cancel_many(orders)
            return await bus.history(sender_comp_id="desk-c")

    found = asyncio.run(cancel_and_read())
    assert found.complete and sorted(command.order_id for command in found.commands) == orders
    assert all({"DELETE", "ANSWER"} <= {line.what for line in command.line} for command in found.commands)


def test_cancelctl_finds(desks):
    stack, commands = desks
    (mine, order), (theirs, _) = commands["desk-a"], commands["desk-b"]
    text = stack.cancelctl("find", f"--order_id={order}")
    assert text.exit_code == 0 and text.out.startswith(f"desk-a/{mine}: cancel of order {order}")
    assert "DELETE given to" in text.out and "final CANCELED (CHANNEL_452)" in text.out
    assert text.out.splitlines()[-1] == "1 command"
    lines = stack.cancelctl("find", "--from=10m", "--json").json_lines
    assert [line["cl_ord_id"] for line in lines if line["type"] == "received"] == [mine, theirs]
    assert (lines[-1]["type"], lines[-1]["count"], lines[-1]["complete"]) == ("found", "2", True)
    assert stack.cancelctl("find", "--to=2026-03-02T09:30:00Z").out == "0 commands\n"
    assert stack.cancelctl("find", "--owner=desk-b", f"--cl_ord_id={theirs}").out.startswith(f"desk-b/{theirs}: ")
    some = stack.cancelctl("find", "--limit=1")
    assert some.exit_code == 3 and "there are more" in some.out
    refused = stack.cancelctl("find", "--sender=desk-a", "--owner=desk-b", key="desk-a")
    assert refused.exit_code == 1 and "may not see history of desk-b" in refused.log
    own = stack.cancelctl("find", "--sender=desk-a", key="desk-a")
    assert own.exit_code == 0 and own.out.splitlines()[-1] == "1 command"


def test_explain_asks_the_bus_and_tells_what_the_store_does(running, connect):
    stack, strategy, other = running, connect(running), connect(running, "desk-b")
    stack.exchange.set_faults(reset_before={"endpoint": DELETE})
    [order] = stack.exchange.place_orders()
    command, also = strategy.cancel(order), other.cancel(order)
    strategy.wait_until(lambda: strategy.statuses(command), "doubt")
    assert stack.cancelctl("resolve", f"desk-a/{command}", "--as=unknown_order", "--reason=none", "--yes").exit_code == 0
    strategy.wait_final(command)
    other.wait_final(also)
    asked = stack.cancelctl("explain", f"desk-a/{command}")
    assert asked.exit_code == 0, asked.log
    stored = stack.run("cancelctl", "explain", f"desk-a/{command}", f"--store={stack.store_file}")
    told = [line.removesuffix(" [repeated]") for line in asked.out.splitlines()]
    assert told == stored.out.splitlines()
    assert f"the same order: desk-b/{also}" in told and "operator's word REJECTED" in asked.out
    unknown = stack.cancelctl("explain", "desk-a/nothing")
    assert unknown.exit_code == 1 and "no command desk-a/nothing" in unknown.log
    stack.processes["bus"].kill()
    silent = stack.cancelctl("explain", f"desk-a/{command}", "--timeout=1500ms")
    assert silent.exit_code == 3 and "no answer" in silent.log
