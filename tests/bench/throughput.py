"""How many cancels get through when more are wanted than the account may send, and how many requests are refused: cancelbus,
a direct client with a common limiter, and ccxt, each at a local exchange of its own with the true limits, at the same time."""

import math
import time

import ccxt_package
from process import Failed
from stacks import Ccxt, Direct, Product, end_all
from summary import Row

WINDOWS = ("first", "clock", "sliding")
LIMITS = "10/1s,300/60s"
SECONDS = 130
NAMES = {"cancelbus": "cancelbus", "tokens": "token bucket", "gcra": "GCRA", "ccxt": "ccxt's throttler"}
# Of each request: what a line to an exchange does.
LINE = '{"latency":{"request_ms":2,"request_jitter_ms":20,"answer_jitter_ms":20,"endpoint":"DELETE /api/v1/order"}}'


def allowed(seconds):
    """How many requests the limits allow in less than so many seconds from the first."""
    return int(seconds // 60) * 300 + min(300, 10 * math.ceil(seconds % 60))


def begin(options, window, seconds):
    """{name: stack}, all connected; and why there is no ccxt, if there is none."""
    installed, missing = ccxt_package.install(options.build / "ccxt")
    flags = {"cancel_limits": LIMITS, "window": window, "faults": LINE}
    folder = options.folder / f"throughput-{window}"
    stacks = {"cancelbus": Product(options.build, folder / "cancelbus", "full", cancel_limits=LIMITS)}
    stacks["cancelbus"].exchange_flags = flags
    stacks["cancelbus"].begin()
    for limiter in ("tokens", "gcra"):
        stacks[limiter] = Direct(options.build, folder / limiter, limiter).begin(seconds, **flags)
    if installed:
        stacks["ccxt"] = Ccxt(options.build, folder / "ccxt", installed, throttled=True).begin(**flags)
    return stacks, missing


def measure(options):
    """Rows, {name: seconds at which each cancel was accepted, with the windows that begin at the first request}, and why
    ccxt is missing, if it is."""
    seconds = options.seconds
    running = {}
    try:
        missing = None
        for window in options.windows:
            running[window], missing = begin(options, window, seconds)
        for stacks in running.values():
            for name, stack in stacks.items():
                stack.ask(stack.place(2 * allowed(seconds)), 1000 if name == "cancelbus" else 16)
        time.sleep(seconds + 5)  # the measurement itself: what got through within so many seconds
        met = {window: {name: accepted_and_refused(stack, seconds) for name, stack in stacks.items()}
               for window, stacks in running.items()}
    finally:
        for stacks in running.values():
            end_all(stacks.values())
    rows, cold = [], []
    for window, subjects in met.items():
        for name, (accepted, refused) in subjects.items():
            what = f"{seconds} s of too many cancels, window {window}"
            rows.append(Row(what, NAMES[name], "cancels", len(accepted), refused=refused,
                            ratio=len(accepted) / allowed(seconds), against=f"{allowed(seconds)} allowed"))
            if len(accepted) >= 300:
                cold.append(Row(f"300 from cold, window {window}", NAMES[name], "s", accepted[299]))
    rows += cold
    return rows, met.get("first", {}), missing


def accepted_and_refused(stack, seconds):
    """When the accepted cancels arrived, in seconds from the first request on, and how many requests got a 429."""
    if not stack.exchange.counters()["peak_as_counted"]:
        raise Failed(f"{stack.label}: its exchange counted nothing, so it had no limits")
    met = [arrival for arrival in stack.exchange.arrivals() if arrival["request"].startswith("DELETE")]
    begun = min(arrival["time_us"] for arrival in met)
    within = [arrival for arrival in met if arrival["time_us"] < begun + seconds * 1e6]
    return (sorted((arrival["time_us"] - begun) / 1e6 for arrival in within if arrival["status"] == 200),
            sum(arrival["status"] == 429 for arrival in within))
