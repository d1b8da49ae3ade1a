"""The registry of open orders: what is listed to whom, whose orders are whose, and who may cancel them."""

import json

import cancelbus
import pytest
from cancelbus import blocking
from cancelbus.v1 import cancel_pb2
from cancelbus.v1.session_pb2 import RECEIPT_STATUS_REFUSED
from python_client import client
from scene import bus_metric, readiness

ALL = 1_300


def ids(listed):
    return [order.order_id for order in listed.orders]


def grant_desks(stack, **of_a):
    stack.grant("strategy", "desk-a", prefixes="dA-,eA-", **of_a)
    stack.grant("strategy", "desk-b", prefixes="dB-")


def wait_listed(stack, bus, *order_ids):
    """What is listed, once it is complete and these are among it."""
    def listed():
        found = bus.open_orders()
        return found if found.complete_as_of and set(order_ids) <= set(ids(found)) else None
    return stack.wait_until(listed, f"{order_ids} are listed")


def operator(stack):
    return client(stack, "ctl-test", kind=blocking.Client)


def test_orders_of_the_stream_and_of_sweeps_are_listed_with_their_owners(stack):
    stack.start_exchange()
    old = stack.exchange.place_orders(2, newOrderClientId="dA-old", orderType="sell", price="3000000")
    grant_desks(stack)
    stack.start_bus()
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(1)
    [mine] = stack.exchange.place_orders(newOrderClientId="eA-1", quantity="0.5")
    [theirs] = stack.exchange.place_orders(newOrderClientId="dB-1", pair="ETHUSDT")
    [other] = stack.exchange.place_orders()
    with operator(stack) as bus, client(stack, "desk-a", kind=blocking.Client, key="desk-a") as strategy:
        everything = wait_listed(stack, bus, *old, mine, theirs, other)
        assert ids(everything) == [*old, mine, theirs, other]
        first, _, third, *_ = everything.orders
        assert (first.symbol, first.side, str(first.price), first.client_order_id, first.owner, first.evidence) == \
            ("BTCTRY", cancelbus.Side.SELL, "3000000", "dA-old-1", "desk-a", cancelbus.Evidence.SWEEP)
        assert (third.symbol, third.side, str(third.quantity), str(third.leaves_qty), third.client_order_id, third.owner) == \
            ("BTCTRY", cancelbus.Side.BUY, "0.5", "0.5", "eA-1", "desk-a")
        assert [order.owner for order in everything.orders] == ["desk-a", "desk-a", "desk-a", "desk-b", ""]
        assert ids(bus.open_orders(owner="desk-b")) == [theirs]
        assert ids(bus.open_orders(symbol="ETHUSDT")) == [theirs]
        assert ids(bus.open_orders(side="sell")) == old
        assert ids(strategy.open_orders()) == [*old, mine]
        assert ids(strategy.open_orders(owner="desk-a", side=cancelbus.Side.BUY)) == [mine]
        with pytest.raises(cancelbus.OpenOrdersRefused, match="open_orders_request.owner"):
            strategy.open_orders(owner="desk-b")
        counts = {count.owner: count.orders for count in bus.status().open_order_counts}
        assert counts == {"desk-a": 3, "desk-b": 1, "": 1}


def test_what_the_stream_says_of_an_order_is_shown_at_once(running):
    grant_desks(running)
    with operator(running) as bus:
        part, whole, gone = running.exchange.place_orders(3, newOrderClientId="dA", quantity="0.5")
        wait_listed(running, bus, part, whole, gone)
        running.exchange.fill(part, "0.2")
        running.exchange.fill(whole)
        running.exchange.cancel_by_hand(gone)
        running.wait_until(lambda: ids(bus.open_orders()) == [part], "a filled and a canceled order have left")
        [order] = bus.open_orders().orders
        assert (str(order.quantity), str(order.leaves_qty)) == ("0.5", "0.3")


def test_cancelctl_lists_them(running):
    grant_desks(running)
    [mine] = running.exchange.place_orders(newOrderClientId="dA-1")
    [theirs] = running.exchange.place_orders(newOrderClientId="dB-1", orderType="sell")
    with operator(running) as bus:
        wait_listed(running, bus, mine, theirs)
    text = running.cancelctl("orders")
    assert text.exit_code == 0 and "2 open orders, complete as of 20" in text.out
    rows = [line.split() for line in text.out.splitlines()]
    assert rows[1][:2] == [str(mine), "BTCTRY"] and "desk-a" in rows[1] and "dA-1" in rows[1]
    *orders, last = running.cancelctl("orders", "--json", "--owner=desk-b", "--side=sell", "--symbol=BTCTRY").json_lines
    assert [(line["type"], line["open_order"]["order_id"], line["open_order"]["side"]) for line in orders] == \
        [("open_order", str(theirs), "SIDE_SELL")]
    assert (last["type"], last["count"]) == ("open_orders", "1") and last["complete_as_of"]
    assert running.cancelctl("orders", "--owner=desk-c").out.startswith("0 open orders, complete as of ")
    refused = running.cancelctl("orders", "--sender=desk-a", "--owner=desk-b", key="desk-a")
    assert refused.exit_code == 1 and "may not see open orders of desk-b" in refused.log
    assert "orders   2 known (desk-a 1, desk-b 1), complete as of " in running.cancelctl("status").out
    assert bus_metric(running, 'cancelbus_open_orders{owner="desk-a"}') == 1
    assert 0 < bus_metric(running, "cancelbus_open_orders_complete_age_seconds") < 3_600


def test_thousands_are_swept_in_one_request_and_listed_by_pages(stack):
    stack.start_exchange()
    grant_desks(stack)
    orders = stack.exchange.place_orders(ALL, newOrderClientId="dA") + stack.exchange.place_orders(ALL, pair="ETHUSDT")
    stack.start_bus()
    stack.start_worker()
    stack.start_subscriber()
    stack.wait_connected(1)
    with operator(stack) as bus:
        assert ids(wait_listed(stack, bus, *orders)) == orders
        assert len(bus.open_orders(owner="desk-a").orders) == ALL
    sweep = next(json.loads(line) for line in stack.processes["bus"].log().splitlines() if '"sweep_complete"' in line)
    assert (sweep["orders"], sweep["requests"]) == (2 * ALL, 1)
    assert len(stack.cancelctl("orders", "--json").json_lines) == 2 * ALL + 1


def test_a_list_is_given_up_and_does_not_disturb_the_next(running):
    with operator(running) as bus:
        [order] = running.exchange.place_orders()
        wait_listed(running, bus, order)
        running.processes["bus"].pause()
        with pytest.raises(cancelbus.NotYet):
            bus.open_orders(owner="desk-a", timeout=0.2)
        running.processes["bus"].resume()
        assert ids(bus.open_orders()) == [order]


def test_after_a_restart_all_is_known_again_by_a_sweep(running):
    grant_desks(running)
    orders = running.exchange.place_orders(3, newOrderClientId="dA")
    with operator(running) as bus:
        before = wait_listed(running, bus, *orders)
        running.processes["bus"].kill()
        running.exchange.cancel_by_hand(orders[0])
        running.start_bus()
        after = wait_listed(running, bus, *orders[1:])
        assert ids(after) == orders[1:] and after.complete_as_of > before.complete_as_of
        assert {order.owner for order in after.orders} == {"desk-a"}


def test_who_cancels_its_own_alone_cannot_cancel_anothers(running, connect):
    grant_desks(running, cancels="own")
    strategy, free = connect(running, "desk-a"), connect(running, "desk-b")
    [mine], [theirs] = (running.exchange.place_orders(newOrderClientId=name) for name in ("dA-1", "dB-1"))
    [unowned] = running.exchange.place_orders()
    with operator(running) as bus:
        wait_listed(running, bus, mine, theirs, unowned)
    since = len(strategy.replies)
    refused = strategy.cancel(theirs)
    receipt = strategy.wait_reply("receipt", since=since).receipt
    assert (receipt.cl_ord_id, receipt.status, receipt.reason) == \
        (refused, RECEIPT_STATUS_REFUSED, cancel_pb2.CXL_REJ_REASON_NOT_OWNER)
    assert receipt.text == "order_id: the order is desk-b's, and the policy says cancels=own of this key"
    assert bus_metric(running, "cancelbus_not_owner_total") == 1
    for order in (mine, unowned):
        assert strategy.wait_final(strategy.cancel(order)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert running.exchange.order(theirs)["deletes"] == 0
    assert free.wait_final(free.cancel(theirs)).ord_status == cancel_pb2.ORD_STATUS_CANCELED


def test_prefixes_that_contain_each_other_are_refused_and_what_was_good_stays(running):
    grant_desks(running)
    [order] = running.exchange.place_orders(newOrderClientId="dA-x1")
    with operator(running) as bus:
        assert [found.owner for found in wait_listed(running, bus, order).orders] == ["desk-a"]
        running.grant("strategy", "desk-c", prefixes="dA-x")
        log = running.processes["bus"].log()
        assert '\\"dA-x\\" of desk-c begins with \\"dA-\\" of desk-a: an order would belong to both' in log
        assert log.count('"event":"policy_refused"') == 1 and readiness(running)[0] == 200
        assert [found.owner for found in bus.open_orders().orders] == ["desk-a"]
        running.revoke("desk-a")
        assert [found.owner for found in bus.open_orders().orders] == ["desk-c"]
