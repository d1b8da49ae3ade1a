"""The stream speaks early, twice, of strangers, or of nothing: each command still gets one ack and then one final."""

import re

import pytest
from conftest import orderly_stack
from scene import bus_metric, departed, hear_stream, metric, place_orders, requests, statuses

from cancelbus.v1 import cancel_pb2

REPEATED = 'cancelbus_repeated_departures_total'


@pytest.fixture(scope="module")
def shared():
    """With a subscriber that shows what it counts."""
    with orderly_stack() as stack:
        stack.start_exchange()
        stack.start_bus()
        stack.start_worker("worker-1")
        stack.start_worker("worker-2")
        stack.start_subscriber(monitor_address="127.0.0.1:0")
        stack.wait_connected(workers=2)
        yield stack


def seqs(strategy, command, kind):
    """Of this command's events of this kind."""
    return [seq for seq, event in strategy.events[strategy.epoch, strategy.own_topic].items()
            if event.WhichOneof("event") == kind and getattr(event, kind).cl_ord_id == command]


def assert_acked_then_canceled_by_452(strategy, command):
    final = strategy.wait_final(command)
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert final.evidence == cancel_pb2.EVIDENCE_CHANNEL_452
    [ack_seq], [final_seq] = seqs(strategy, command, "cancel_ack"), seqs(strategy, command, "cancel_final")
    assert ack_seq < final_seq
    assert strategy.acks(command)[0].status == cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED


def test_452_before_the_answer_waits_for_it(shared, connect, faults):
    strategy = connect(shared, "early", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    faults(early_452={"order_ids": [order_id], "delay_ms": 1500})
    command = strategy.cancel(order_id)
    assert_acked_then_canceled_by_452(strategy, command)
    told = strategy.events[strategy.epoch, strategy.own_topic]
    [ack_seq], [final_seq] = seqs(strategy, command, "cancel_ack"), seqs(strategy, command, "cancel_final")
    # In one turn: the proof was there when the answer came.
    assert told[ack_seq].sending_time == told[final_seq].sending_time
    assert statuses(shared, "DELETE", order_id) == [200]
    assert requests(shared, "GET", order_id) == []
    assert departed(strategy, order_id) == []


def test_a_second_452_is_counted_and_published_to_no_topic(shared, connect, faults):
    strategy = connect(shared, "twice", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    before = bus_metric(shared, REPEATED)
    faults(duplicate_452={"order_ids": [order_id], "delay_ms": 50})
    command = strategy.cancel(order_id)
    assert_acked_then_canceled_by_452(strategy, command)
    strategy.wait_until(lambda: bus_metric(shared, REPEATED) == before + 1, "the second 452 is counted")
    hear_stream(shared, strategy)
    assert len(strategy.finals(command)) == 1
    assert departed(strategy, order_id) == []


def test_a_452_of_an_order_that_no_strategy_canceled_goes_to_venue(shared, connect, faults):
    strategy = connect(shared, "among-strangers", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    told = set(strategy.events[strategy.epoch, "venue."])
    faults(foreign_452={"order_ids": [order_id]})
    command = strategy.cancel(order_id)
    assert_acked_then_canceled_by_452(strategy, command)

    def strangers():
        events = strategy.events[strategy.epoch, "venue."]
        return [event.cancel_final for seq, event in events.items() if seq not in told]

    [stranger] = strategy.wait_until(strangers, "the stranger on venue.")
    assert stranger.order_id not in (order_id, 0)
    assert (stranger.cl_ord_id, stranger.unsolicited) == ("", True)
    assert stranger.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert stranger.evidence == cancel_pb2.EVIDENCE_CHANNEL_452
    assert requests(shared, "GET", stranger.order_id) == []


def test_a_452_with_id_0_is_counted_and_ignored(shared, connect, faults):
    strategy = connect(shared, "nothing", topics=["venue."])
    port = shared.wait_until(lambda: re.search(r'"monitor_listens".*"port":(\d+)', shared.processes["subscriber"].log()),
                             "the subscriber logs where its monitor listens").group(1)

    def zeros():
        return metric(f"http://127.0.0.1:{port}", 'cancelbus_subscriber_frames_total{type="id_zero"}')

    before = zeros()
    [order_id] = place_orders(shared, strategy)
    faults(zero_id_452={"order_ids": [order_id]})
    command = strategy.cancel(order_id)
    assert_acked_then_canceled_by_452(strategy, command)
    hear_stream(shared, strategy)
    assert zeros() == before + 1
    assert departed(strategy, 0) == []


def test_an_order_that_fills_instead_makes_no_452_and_is_asked_about_at_once(shared, connect, faults):
    strategy = connect(shared, "filled", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    faults(fill_instead={"order_ids": [order_id]})
    command = strategy.cancel(order_id)
    final = strategy.wait_final(command)
    assert strategy.wait_ack(command).status == cancel_pb2.CANCEL_ACK_STATUS_ACCEPTED
    assert (final.exec_type, final.ord_status) == (cancel_pb2.EXEC_TYPE_TRADE, cancel_pb2.ORD_STATUS_FILLED)
    assert final.evidence == cancel_pb2.EVIDENCE_ORDER_QUERY
    assert shared.exchange.order(order_id)["status"] == "Closed"


def test_an_order_that_has_left_the_book_costs_no_delete(shared, connect):
    strategy = connect(shared, "late", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    shared.exchange.cancel_by_hand(order_id)
    strategy.wait_until(lambda: departed(strategy, order_id), "its departure on venue.")
    command = strategy.cancel(order_id)
    final = strategy.wait_final(command)
    [ack] = strategy.acks(command)
    assert (ack.status, ack.origin) == (cancel_pb2.CANCEL_ACK_STATUS_REJECTED, cancel_pb2.ORIGIN_BUS)
    assert (ack.cxl_rej_reason, ack.final_follows) == (cancel_pb2.CXL_REJ_REASON_TOO_LATE, True)
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert requests(shared, "DELETE", order_id) == []


def test_a_stream_that_says_nothing_is_made_up_for_by_a_query(shared, connect, faults):
    strategy = connect(shared, "silence", topics=["venue."])
    [order_id] = place_orders(shared, strategy)
    faults(no_452={"order_ids": [order_id]})
    final = strategy.wait_final(strategy.cancel(order_id))
    assert final.ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert final.evidence == cancel_pb2.EVIDENCE_ORDER_QUERY
    assert final.qty_exact
    assert statuses(shared, "DELETE", order_id) == [200]
