"""The registry of open orders: what the stream and sweeps tell the bus, who may see what of it, and whose orders are whose."""

import cancelbus
from cancelbus import blocking
import pytest
from cancelbus.v1 import cancel_pb2
from python_client import client
from scene import bus_metric, bus_status, hear_stream

LIST = "GET /api/v1/openOrders"


def sweeps(stack):
    """Requests for open orders that the exchange has answered with 200."""
    return [arrival for arrival in stack.exchange.arrivals() if arrival["request"] == LIST and arrival["status"] == "200"]


def ids(listing):
    return [order.order_id for order in listing.orders]


def listing_until(stack, bus, condition, what, **filters):
    """The operator's or a strategy's listing, once it fulfils the condition."""
    def look():
        found = bus.open_orders(**filters)
        return found if condition(found) else None
    return stack.wait_until(look, what)


def start_all_but_exchange(stack, workers=1, **bus_flags):
    stack.start_bus(**bus_flags)
    for number in range(1, workers + 1):
        stack.start_worker(f"worker-{number}")
    stack.start_subscriber()
    stack.wait_connected(workers)


@pytest.fixture
def operator(stack):
    """Of a stack that runs."""
    with client(stack, "ctl-test", kind=blocking.Client) as bus:
        yield bus


def test_orders_of_the_stream_and_of_sweeps_are_listed_with_their_owners(stack):
    stack.access.grant("strategy", "desk-a", prefixes="dA-,eA-")
    stack.access.grant("strategy", "desk-b", prefixes="dB-")
    stack.start_exchange()
    before = stack.exchange.place_orders(2, newOrderClientId="dA-old", orderType="sell", price="3000000")
    start_all_but_exchange(stack)
    [mine] = stack.exchange.place_orders(newOrderClientId="eA-1", quantity="0.5")
    [theirs] = stack.exchange.place_orders(newOrderClientId="dB-1", pair="ETHUSDT")
    [nobodys] = stack.exchange.place_orders()
    with client(stack, "ctl-test", kind=blocking.Client) as operator, \
            client(stack, "desk-a", kind=blocking.Client, key="desk-a") as strategy:
        everything = listing_until(stack, operator, lambda found: found.complete_as_of and nobodys in ids(found) and
                                   before[0] in ids(found), "all orders are known")
        assert ids(everything) == [*before, mine, theirs, nobodys]
        old, _, new, *_ = everything.orders
        assert (old.symbol, old.side, str(old.price), old.client_order_id, old.owner, old.evidence) == \
            ("BTCTRY", cancelbus.Side.SELL, "3000000", "dA-old-1", "desk-a", cancelbus.Evidence.SWEEP)
        assert (new.symbol, new.side, str(new.quantity), str(new.leaves_qty), new.client_order_id, new.owner) == \
            ("BTCTRY", cancelbus.Side.BUY, "0.5", "0.5", "eA-1", "desk-a")
        assert [order.owner for order in everything.orders] == ["desk-a", "desk-a", "desk-a", "desk-b", ""]
        assert ids(operator.open_orders(owner="desk-b")) == [theirs]
        assert ids(operator.open_orders(symbol="ETHUSDT")) == [theirs]
        assert ids(operator.open_orders(side="sell")) == before
        assert ids(strategy.open_orders()) == [*before, mine]
        assert ids(strategy.open_orders(owner="desk-a", side=cancelbus.Side.BUY)) == [mine]
        with pytest.raises(cancelbus.OpenOrdersRefused, match="open_orders_request.owner"):
            strategy.open_orders(owner="desk-b")
        counts = {count.owner: count.orders for count in operator.status().open_order_counts}
        assert counts == {"desk-a": 3, "desk-b": 1, "": 1}
