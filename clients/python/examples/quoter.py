#!/usr/bin/env python3
"""A quoter: one bid and one ask around a price that wanders, replaced every round. A strategy complete but for its ideas.

    quoter.py [--rounds=N] [--seconds=S]

What it shows is what a quoter must get right: a new quote is placed only when the old one is proven gone, so there are
never two on one side, whatever becomes of a cancel. At the end nothing is left on the book, or it says what is.
"""

import argparse
import asyncio
import random
from decimal import Decimal

import cancelbus
from local_exchange import LocalExchange

SPREAD = Decimal(2_000)
QUANTITY = Decimal("0.01")


async def is_gone(bus, order_id):
    """Cancels, and returns whether the order is proven gone. False: it may be on the book, and we know of it."""
    try:
        cancel = await bus.cancel(order_id)
        if (await cancel.ack()).in_doubt:
            print(f"  {order_id}: in doubt; cancelbus is asking the exchange")
        final = await cancel.final()
    except cancelbus.RefusedError as refused:  # not sent at all, as when the queue is full
        print(f"  {refused}")
        return False
    except cancelbus.RejectedError as rejected:  # sent or not, nothing happened to the order
        print(f"  {rejected}")
        return False
    if final.cum_qty:
        print(f"  {order_id}: {final.cum_qty} were filled" + ("" if final.qty_exact else ", or more"))
    # Not merely "not open": a later contract may know states that we do not.
    return final.order_gone or final.ord_status == cancelbus.OrdStatus.REJECTED


class Side:
    """One side of the book, with at most one quote of ours."""

    def __init__(self, name, offset):
        self.name = name
        self.offset = offset
        self.order_id = None

    async def withdraw(self, bus):
        if self.order_id is not None and await is_gone(bus, self.order_id):
            self.order_id = None
        return self.order_id is None

    async def replace(self, bus, exchange, mid):
        if not await self.withdraw(bus):
            return print(f"  the {self.name} {self.order_id} stays, so no new one")
        self.order_id = exchange.place(self.name, mid + self.offset, QUANTITY)


async def quote(rounds, seconds):
    exchange, mid = LocalExchange(), Decimal(2_000_000)
    sides = Side("buy", -SPREAD), Side("sell", SPREAD)
    async with cancelbus.Client("quoter") as bus:
        for number in range(1, rounds + 1):
            await asyncio.gather(*(side.replace(bus, exchange, mid) for side in sides))
            print(f"round {number}: " + ", ".join(f"{side.name} {side.order_id} at {mid + side.offset}" for side in sides))
            await asyncio.sleep(seconds)
            mid += random.randrange(-500, 501)
        withdrawn = await asyncio.gather(*(side.withdraw(bus) for side in sides))
    print("nothing is left on the book" if all(withdrawn) else f"left: {[side.order_id for side in sides if side.order_id]}")
    return 0 if all(withdrawn) else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    raise SystemExit(asyncio.run(quote(options.rounds, options.seconds)))


if __name__ == "__main__":
    main()
