"""A strategy that cancels one order after another at an even rate, through whichever bus leads. Used by failover.py.

    steady.py --every=0.75

Everything else it takes from the environment (stack.py, environment_of). It prints a JSON object a line:
{"given": ORDER_ID} for each command, {"refused": ORDER_ID, "why": TEXT} when the bus cannot write its store and the command is
given again, and in the end {"ended": ORDER_ID, "as": TEXT}. SIGTERM: no new commands; it ends once each has ended, with exit
code 0.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys

import cancelbus
from exchange import Exchange

ORDERS_AT_ONCE = 50
AGAIN_SECONDS = 0.5


def say(**line):
    print(json.dumps(line), flush=True)


async def cancel(bus, order_id):
    """Until the order is proven gone, or the bus refuses for a reason that will not pass."""
    say(given=order_id)
    while True:
        try:
            ended = (await bus.submit(order_id).final()).ord_status.name
        except cancelbus.RefusedError as refused:
            if refused.reason == cancelbus.Reason.STORE_UNAVAILABLE:
                say(refused=order_id, why=str(refused))
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            ended = str(refused)
        except cancelbus.CancelbusError as error:
            ended = f"{type(error).__name__}: {error}"
        return say(ended=order_id, **{"as": ended})


async def run(every):
    exchange = Exchange(os.environ["EXCHANGE_URL"], os.environ["EXCHANGE_CA_FILE"])
    ends = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ends.set)
    orders, commands = [], []
    async with cancelbus.Client(connect_timeout=None) as bus:
        print("ready", flush=True)
        while not ends.is_set():
            if not orders:
                orders = await asyncio.to_thread(exchange.place_orders, ORDERS_AT_ONCE)
            commands.append(asyncio.create_task(cancel(bus, orders.pop())))
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ends.wait(), every)
        await asyncio.gather(*commands)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=float, required=True)
    asyncio.run(run(parser.parse_args().every))


if __name__ == "__main__":
    sys.exit(main())
