#!/usr/bin/env python3
"""Cancels every order of the account, urgently, and comes back only with proof.

    stop_everything.py [--tries=N]

Exit code 0: the exchange lists no open order any more. 1: it does, and they are named. It uses the blocking client, as a
script does.
"""

import argparse

from cancelbus import CancelbusError, blocking
from local_exchange import LocalExchange


def cancel_all(bus, order_ids):
    """Says what became of each. Whether they are gone the exchange will say."""
    cancels = [bus.submit(order_id, urgent=True) for order_id in order_ids]  # all at once, then wait
    for cancel in cancels:
        try:
            outcome = str(cancel.final(timeout=120).ord_status)
        except CancelbusError as error:  # refused, rejected, or not known in time
            outcome = str(error)
        print(f"{cancel.order_id}: {outcome}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=3)
    tries = parser.parse_args().tries
    exchange = LocalExchange()
    with blocking.Client("stop-everything") as bus:
        for _ in range(tries):
            order_ids = exchange.open_orders()
            if not order_ids:
                break
            print(f"{len(order_ids)} open orders")
            cancel_all(bus, order_ids)
    left = exchange.open_orders()
    print(f"STILL OPEN: {left}" if left else "no order is open")
    raise SystemExit(1 if left else 0)


if __name__ == "__main__":
    main()
