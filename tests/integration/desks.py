"""Strategies that own orders, as the fixture `desk` grants them: desk-a, desk-b and desk-c own the client order ids that
begin with dA-, dB- and dC-. Used by test_*.py."""

from cancelbus import blocking
from python_client import client
from scene import requests

PREFIXES = {"desk-a": "dA-", "desk-b": "dB-", "desk-c": "dC-"}
LIST = "GET /api/v1/openOrders"


def grant_desks(stack):
    for name, prefix in PREFIXES.items():
        stack.access.grant("strategy", name, prefixes=prefix)


def strategy(stack, name, **options):
    return client(stack, name, kind=blocking.Client, key=name, **options)


def operator(stack, **options):
    return client(stack, "ctl-test", kind=blocking.Client, **options)


def place(stack, count, prefix, **fields):
    return stack.exchange.place_orders(count, newOrderClientId=prefix + "x", **fields)


def open_ids(stack):
    return {order["id"] for status in ("Untouched", "Partial") for order in stack.exchange.orders(status)}


def known(stack, bus, ids, **filters):
    """Returns when the bus knows these orders."""
    stack.wait_until(lambda: set(ids) <= {order.order_id for order in bus.open_orders(**filters).orders}, "the orders are known")


def deletes(stack, ids):
    return [len(requests(stack, "DELETE", order_id)) for order_id in ids]
