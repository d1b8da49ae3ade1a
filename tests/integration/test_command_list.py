"""What waits, and why: the list of undecided commands over the bus, for operators and for the strategies whose they are."""

import cancelbus
import pytest
from cancelbus import CommandState, Stage, blocking
from cancelbus.v1 import cancel_pb2
from python_client import client

DELETE, QUERY = "DELETE /api/v1/order", "GET /api/v1/order/{id}"


@pytest.fixture
def doubtful(stack):
    """DELETEs and queries are answered 503: what is sent stays in doubt."""
    stack.start_exchange()
    for desk in ("desk-a", "desk-b"):
        stack.grant("strategy", desk)
    stack.start_bus(doubt_after="300ms")
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    stack.exchange.set_faults(answer=[{"endpoint": endpoint, "payload": "cancel_503_html"} for endpoint in (DELETE, QUERY)])
    return stack


def operator(stack):
    return client(stack, "ctl-test", kind=blocking.Client)


def names(listed):
    return {f"{command.sender_comp_id}/{command.cl_ord_id}" for command in listed.commands}


def test_commands_in_doubt_are_listed_with_the_exchanges_answer(doubtful, connect):
    stack, a, b = doubtful, connect(doubtful), connect(doubtful, "desk-b")
    orders = stack.exchange.place_orders() + stack.exchange.place_orders(pair="ETHUSDT")
    mine, theirs = a.cancel(orders[0], symbol="BTCTRY"), b.cancel(orders[1])
    for strategy, command in ((a, mine), (b, theirs)):
        assert strategy.wait_ack(command).status == cancel_pb2.CANCEL_ACK_STATUS_IN_DOUBT
    with operator(stack) as bus, client(stack, "desk-a", kind=blocking.Client, key="desk-a") as strategy:
        listed = bus.commands(state=CommandState.IN_DOUBT)
        assert names(listed) == {f"desk-a/{mine}", f"desk-b/{theirs}"}
        [command] = bus.commands(sender_comp_id="desk-a", state="in_doubt").commands
        assert (command.order_id, command.symbol, command.acked) == (orders[0], "BTCTRY", True)
        assert command.http_status == 503 and "503" in command.text and command.attempts >= 1
        assert command.stage in (Stage.IN_DOUBT, Stage.SENT, Stage.QUEUED)
        assert command.next_step and listed.as_of >= command.since >= command.received
        # A strategy sees its own alone.
        assert names(strategy.commands()) == {f"desk-a/{mine}"}
        with pytest.raises(cancelbus.InquiryRefused, match="commands_request.sender_comp_id"):
            strategy.commands(sender_comp_id="desk-b")
        assert not bus.commands(state="stuck").commands
        assert not bus.commands(older_than="24h").commands
        assert names(bus.commands(symbol="BTCTRY")) == {f"desk-a/{mine}"}


def test_cancelctl_lists_them_the_oldest_first(doubtful, connect):
    stack, strategy = doubtful, connect(doubtful)
    older, newer = stack.exchange.place_orders(2)[::-1]
    commands = []
    for order in (older, newer):
        commands.append(strategy.cancel(order))
        strategy.wait_ack(commands[-1])
    text = stack.cancelctl("list", "--state=in_doubt")
    assert text.exit_code == 0 and text.out.splitlines()[-1] == "2 commands"
    heads = [line for line in text.out.splitlines() if line.startswith("desk-a/")]
    assert heads == [f"desk-a/{command} order {order} BTCTRY" for command, order in zip(commands, (older, newer))]
    assert "HTTP 503" in text.out and "    next: " in text.out
    *lines, last = stack.cancelctl("list", "--json", "--owner=desk-a").json_lines
    assert [line["command"]["cl_ord_id"] for line in lines] == commands
    assert {line["type"] for line in lines} == {"command"}
    assert (last["type"], last["count"]) == ("commands", "2") and last["as_of"]
    assert stack.cancelctl("list", "--owner=desk-c").out == "0 commands\n"
    refused = stack.cancelctl("list", "--sender=desk-a", "--owner=desk-b", key="desk-a")
    assert refused.exit_code == 1 and "may not see commands of desk-b" in refused.log


def test_pages_follow_each_other(doubtful):
    stack = doubtful
    stack.processes["worker-1"].kill()
    orders = stack.exchange.place_orders(450)
    with client(stack, "desk-b", kind=blocking.Client, key="desk-b") as strategy, operator(stack) as bus:
        cancels = [strategy.submit(order) for order in orders]
        for cancel in cancels:
            cancel.received()
        listed = bus.commands(sender_comp_id="desk-b")
        assert [command.order_id for command in listed.commands] == sorted(orders)
        assert bus.status().commands_undecided == len(orders)


def test_a_stuck_order_is_listed_with_what_an_operator_can_do(stack, connect):
    stack.start_exchange()
    stack.start_bus(max_attempts=1)
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(workers=1)
    stack.exchange.set_faults(answer={"payload": "cancel_200"})
    strategy = connect(stack)
    command = strategy.cancel(stack.exchange.place_orders()[0])

    def stuck():
        lines = stack.cancelctl("list", "--state=stuck", "--json").json_lines
        return [line["command"] for line in lines if line["type"] == "command"]

    strategy.wait_until(stuck, "the command is stuck")
    [entry] = stuck()
    assert (entry["cl_ord_id"], entry["stage"]) == (command, "CANCEL_STAGE_STUCK")
    assert entry["text"] == "1 cancels were answered and the order is still open"
    assert "resolve" in entry["operator_step"]
