"""The bus dies at a bad moment and comes back on its store: every command ends once, and seqs go on."""

import restarts
from restarts import assert_each_ended_once, kill_and_restart
from scene import place_orders, requests

from cancelbus.v1 import cancel_pb2


def test_killed_with_commands_in_every_stage(store, connect):
    restarts.killed_with_commands_in_every_stage(store, connect)


def test_killed_with_its_workers_while_requests_are_under_way(store, connect):
    restarts.killed_with_its_workers_while_requests_are_under_way(store, connect)


def test_killed_again_and_again_under_a_stream_of_commands(store, connect):
    restarts.killed_again_and_again_under_a_stream_of_commands(store, connect)


def test_commands_given_while_there_is_no_bus_are_taken_when_it_is_there(store, connect):
    stack = store.stack.start()
    strategy = connect(stack, topics=["venue."])
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
    # It sends nothing until what it does not know counts no more: for 9 s, not 75 s.
    kill_and_restart(stack, store=f"sqlite:{stack.folder}/new.db", cancel_limits="10/1s", query_limits="30/1s", lost_after="8s")
    command = strategy.cancel(second)
    assert strategy.wait_final(command).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    strategy.wait_until(lambda: strategy.epoch != epoch, "the new epoch")
    assert sorted(strategy.events[strategy.epoch, strategy.own_topic]) == [1, 2]
