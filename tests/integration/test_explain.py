"""`cancelctl explain` tells the whole history of a command from the bus's store: while the bus runs, and when it is down."""

from scene import place_orders

from cancelbus.v1 import cancel_pb2

DELETE = "DELETE /api/v1/order"


def explain(stack, strategy, command, *flags):
    """Exactly this: cancelctl() would name a bus, which explain needs none of."""
    return stack.run("cancelctl", "explain", f"{strategy.sender}/{command}", f"--store={stack.store_file}", *flags)


def whats(explained):
    """What happened, in order: the `what` of a line of history, else its type."""
    return [line.get("what", line["type"]) for line in explained.json_lines]


def test_an_ordinary_cancel_is_told_in_order(running, connect):
    stack, strategy = running, connect(running, topics=["venue."])
    command = strategy.cancel(place_orders(stack, strategy, 1)[0])
    assert strategy.wait_final(command).evidence == cancel_pb2.EVIDENCE_CHANNEL_452
    explained = explain(stack, strategy, command, "--json")
    assert explained.exit_code == 0, explained.log
    # The frame and the answer come by two ways.
    assert sorted(whats(explained)) == ["ANSWER", "DELETE", "FACT", "cancel_ack", "cancel_final", "received"]
    assert whats(explained)[:2] == ["received", "DELETE"] and whats(explained)[-1] == "cancel_final"
    answer = next(line for line in explained.json_lines if line.get("what") == "ANSWER")
    assert (answer["status"], answer["http_status"]) == ("ACCEPTED", "200")
    said = explain(stack, strategy, command).out
    assert "DELETE given to" in said and "final CANCELED (CHANNEL_452)" in said


def test_doubt_a_word_and_a_dead_bus(running, connect):
    stack, strategy = running, connect(running)
    stack.exchange.set_faults(reset_before={"endpoint": DELETE})
    command = strategy.cancel(stack.exchange.place_orders()[0])
    strategy.wait_until(lambda: strategy.statuses(command), "doubt")
    assert stack.cancelctl("resolve", f"{strategy.sender}/{command}", "--as=unknown_order", "--reason=not in their list",
                           "--yes").exit_code == 0
    strategy.wait_final(command)
    while_it_runs = explain(stack, strategy, command)
    told = whats(explain(stack, strategy, command, "--json"))
    assert {"DELETE", "ANSWER", "STATUS", "RESOLVE"} <= set(told)
    assert "operator's word REJECTED" in while_it_runs.out and "ctl-" in while_it_runs.out
    assert ": not in their list" in while_it_runs.out
    assert '"event":"operator_resolve"' in stack.processes["bus"].log() and "not in their list" in stack.processes["bus"].log()
    stack.processes["bus"].kill()
    assert explain(stack, strategy, command).out == while_it_runs.out
    stack.start_bus()
    assert explain(stack, strategy, command).out == while_it_runs.out


def test_what_it_cannot_read_is_named(running, connect):
    stack, strategy = running, connect(running)
    unknown = explain(stack, strategy, "nothing")
    assert unknown.exit_code == 1 and "no command desk-a/nothing" in unknown.log
    missing = stack.run("cancelctl", "explain", "desk-a/c1", f"--store=sqlite:{stack.folder}/no.db")
    assert missing.exit_code == 2 and "--store" in missing.log and "no.db" in missing.log
