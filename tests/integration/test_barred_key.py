"""A strategy that asks for a topic which is not its own hears so, and is not barred; one whose key is barred hears that, goes on
with its commands, and is shown in the bus's status."""

import asyncio
import re
import time

import cancelbus
import pytest
import zmq
from cancelbus import EventsBarred, KeyRefused, blocking
from process import PATIENCE_SECONDS
from python_client import client
from scene import count, curve_keys, encrypt, refusals


def bars(stack):
    return {bar["name"]: bar for bar in stack.status()["event_bar"]}


def bar(stack, name):
    """Another program with this key subscribes to what it may not read."""
    context = zmq.Context()
    spy = encrypt(context.socket(zmq.SUB), curve_keys(stack, name))
    spy.subscribe(b"client.")
    spy.connect(stack.event_endpoint)
    stack.wait_until(lambda: name in bars(stack), f"the key of {name} is barred")
    context.destroy(linger=0)


def test_a_topic_of_others_is_refused_by_name_and_bars_no_key(shared, connect):
    shared.grant("strategy", "greedy")
    bystander = connect(shared, "bystander")
    for _ in range(10):  # a subscription and a hello race on two sockets
        before = count(shared, "topic")
        with pytest.raises(KeyRefused, match=r"hello\.topics\[1\]: .*greedy may not read client\..*leave it out.*observer's key"):
            with client(shared, "greedy", blocking.Client, key="greedy", topics=["venue.", "client."]):
                pass
        assert count(shared, "topic") > before  # a hello whose answer takes a second is sent, and counted, again
    assert {line["detail"].split(":")[0] for line in refusals(shared, "topic", "greedy")} == {"session"}
    assert bars(shared) == {}
    [order_id] = shared.exchange.place_orders(1)
    with client(shared, "greedy", blocking.Client, key="greedy", topics=["venue.", "bus."]) as bus:
        assert bus.cancel(order_id).final(timeout=PATIENCE_SECONDS).order_gone
        assert bus.problem is None
    assert bystander.wait_receipt(bystander.cancel(7))
    assert '"event":"event_endpoint_reopened"' not in shared.processes["bus"].log()


def test_a_name_that_is_not_its_own(shared):
    shared.grant("strategy", "modest")
    for _ in range(5):
        with pytest.raises(KeyRefused, match=r"hello\.sender_comp_id: .*may not use this name"):
            with client(shared, "immodest", blocking.Client, key="modest"):
                pass
    assert "modest" not in bars(shared)


def test_a_barred_key_is_said_to_be_one_and_its_commands_go_on(shared):
    shared.grant("strategy", "barred")
    bar(shared, "barred")
    one, other, third = shared.exchange.place_orders(3)
    with client(shared, "barred", blocking.Client, key="barred") as bus:
        events = bus.events()
        shared.wait_until(lambda: isinstance(bus.problem, EventsBarred) and bus.problem.until, "the client knows it")
        problem = bus.problem
        assert re.search(r'the key of barred is barred from events until [\d:]+ UTC \(\d+ s left\): subscribed to "client\."',
                         str(problem))
        assert "unknown" not in str(problem) and "does not know" not in str(problem)
        assert problem.bar.name == "barred" and 0 < problem.bar.remaining.total_seconds() <= 60
        # By request, a moment later than otherwise.
        assert bus.cancel(one).final(timeout=PATIENCE_SECONDS).order_gone
        assert [event.seq for event in (next(events), next(events))] == [1, 2]
        assert [bar.name for bar in bus.status(timeout=PATIENCE_SECONDS).event_bars] == ["barred"]

        ctl = shared.cancelctl("--sender=barred", "status", key="barred")
        assert ctl.exit_code == 0, ctl.log
        assert re.search(r"^barred   the key of barred is barred from events until .* left\): subscribed to", ctl.out, re.M), ctl.out
        # The C++ client: commands go on, and their events come by request.
        ctl = shared.cancelctl("--sender=barred", "cancel", str(third), key="barred")
        assert ctl.exit_code == 0, ctl.log
        assert "the key of barred is barred from events until" in ctl.log and "policy file" not in ctl.log, ctl.log

        shared.reload()
        shared.wait_until(lambda: bus.problem is None, "the bar has ended")
        assert bus.cancel(other).final(timeout=PATIENCE_SECONDS).order_gone
    assert "barred" not in bars(shared)


def test_a_bar_is_in_the_log_and_in_waits(shared, caplog):
    shared.grant("strategy", "barred-log")
    bar(shared, "barred-log")

    async def run():
        async with client(shared, "barred-log", key="barred-log") as bus:
            until = time.monotonic() + PATIENCE_SECONDS
            while "barred from events until" not in caplog.text and time.monotonic() < until:
                await asyncio.sleep(0.05)
            cancel = bus.submit(7)
            with pytest.raises(cancelbus.NotYet, match="barred from events until .* UTC"):
                await cancel.final(timeout=0.0)

    asyncio.run(run())
    assert "the key of barred-log is barred from events until" in caplog.text
    shared.reload()


def test_a_topic_that_a_new_policy_takes_away_is_not_asked_for_again(stack):
    stack.start_bus()
    stack.grant("strategy", "shrinking", senders="shrinking,former")
    with client(stack, "shrinking", blocking.Client, key="shrinking", topics=["client.former."]) as bus:
        stack.grant("strategy", "shrinking", senders="shrinking")
        stack.wait_until(lambda: isinstance(bus.problem, KeyRefused) and "hello.topics[0]" in str(bus.problem), "it hears so")
        before = count(stack, "topic")
        stack.wait_until(lambda: count(stack, "topic") >= before + 3, "it has asked again and again")
        stack.wait_until(lambda: bars(stack) == {}, "its client may come back for events")
        assert {line["detail"].split(":")[0] for line in refusals(stack, "topic", "shrinking")} == {"session"}
        assert stack.processes["bus"].log().count('"event":"event_endpoint_reopened"') == 1
        stack.grant("strategy", "shrinking", senders="shrinking,former")
        stack.wait_until(lambda: bus.problem is None, "it is let in again")


def test_a_bus_that_comes_back_with_another_policy_bars_none_that_it_let_in_before(stack):
    stack.start_bus()
    stack.grant("strategy", "restarted", senders="restarted,former")
    with client(stack, "restarted", blocking.Client, key="restarted", topics=["client.former."]) as bus:
        stack.processes["bus"].kill()
        stack.wait_until(lambda: isinstance(bus.problem, cancelbus.BusUnreachable), "the client notices")
        stack.grant("strategy", "restarted", senders="restarted")
        stack.start_bus()
        stack.wait_until(lambda: isinstance(bus.problem, KeyRefused) and "hello.topics[0]" in str(bus.problem), "it hears so")
        assert bars(stack) == {}
        assert refusals(stack, "barred", "restarted") == []
