"""More cancels than the account may send: the exchange refuses none, and hardly any of the budget is left unused.

CANCELBUS_OVERLOAD_SECONDS asks for another length, CANCELBUS_WINDOWS for other kinds of windows at the exchange, as
first,clock,sliding. `tests/run --all overload` runs 130 s of each.
"""

import os

import pytest
from scene import positive_number

SECONDS = positive_number("CANCELBUS_OVERLOAD_SECONDS", 60)
WINDOWS = os.environ.get("CANCELBUS_WINDOWS", "first").split(",")
A_SECOND, A_MINUTE = 10, 300
# What the limits allow in this time if it begins with an unused budget.
ALLOWED = SECONDS // 60 * A_MINUTE + min(A_MINUTE, SECONDS % 60 * A_SECOND)


def deletes(stack):
    return [arrival for arrival in stack.exchange.arrivals() if arrival["request"].startswith("DELETE")]


@pytest.mark.parametrize("window", WINDOWS)
def test_overload_uses_the_budget_and_never_exceeds_it(stack, window):
    stack.start_exchange(window=window)
    # What it checks of itself after each step grows with what waits, and would take the time that is measured here.
    stack.start_bus(cancel_limits=f"{A_SECOND}/1s,{A_MINUTE}/60s", check_invariants="false")
    stack.start_worker("worker-1")
    stack.start_worker("worker-2")
    stack.start_subscriber()
    stack.wait_connected(workers=2)

    # Twice what may be sent, so that something always waits.
    ids = stack.exchange.place_orders(2 * ALLOWED)
    for index, name in enumerate(("strategy-a", "strategy-b")):
        share = ids[index * ALLOWED:(index + 1) * ALLOWED]
        stack.start_cancelctl(name, f"--sender={name}", "--json", "cancel", f"--timeout={5 * SECONDS}s", "--wait=ack",
                              *map(str, share))

    stack.wait_until(lambda: deletes(stack), "the first cancel")
    first = deletes(stack)[0]["time_us"]

    def over():
        return stack.exchange.arrivals(last=1)[0]["time_us"] >= first + SECONDS * 1_000_000

    stack.wait_until(over, f"{SECONDS} s of the exchange's clock have passed", SECONDS + 30)
    within = [arrival for arrival in deletes(stack) if arrival["time_us"] < first + SECONDS * 1_000_000]
    # Speed is not judged beyond this: a stalled machine leaves budget unused, a defect leaves more.
    print(f"\n{window}: {len(within)} of {ALLOWED} cancels in {SECONDS} s, "
          f"the first {A_MINUTE} in {(within[:A_MINUTE][-1]['time_us'] - first) / 1e6:.2f} s")
    counters = stack.exchange.counters()
    assert counters["refused_429"] == 0
    assert counters["peak"]["1s"] <= A_SECOND
    assert counters["peak"]["60s"] <= A_MINUTE
    assert counters["max_deletes_per_order"] == 1
    assert ALLOWED * 29 // 30 <= len(within) <= ALLOWED
    assert {arrival["status"] for arrival in within} == {200}
