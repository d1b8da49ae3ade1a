"""More cancels than the account may send: the exchange refuses none, and hardly any of the budget is left unused."""

SECONDS = 60
# Twice what 60 s allow, so that there is always something to send.
ORDERS_EACH = 300


def deletes(stack):
    return sum(stack.exchange.counters()["requests"].get("DELETE /api/v1/order", {}).values())


def test_a_minute_of_overload_uses_the_budget_and_never_exceeds_it(stack):
    stack.start_exchange()
    stack.start_bus(cancel_limits="10/1s,300/60s")
    stack.start_worker("worker-1")
    stack.start_worker("worker-2")
    stack.start_subscriber()
    stack.wait_connected(workers=2)

    ids = stack.exchange.place_orders(2 * ORDERS_EACH)
    for index, name in enumerate(("strategy-a", "strategy-b")):
        share = ids[index * ORDERS_EACH:(index + 1) * ORDERS_EACH]
        stack.start_cancelctl(name, f"--sender={name}", "--json", "cancel", "--timeout=300s", "--wait=ack",
                              *map(str, share))

    stack.wait_until(lambda: deletes(stack) > 0, "the first cancel")
    first = min(arrival["time_us"] for arrival in stack.exchange.arrivals() if arrival["request"].startswith("DELETE"))

    def within():
        return [arrival for arrival in stack.exchange.arrivals()
                if arrival["request"].startswith("DELETE") and arrival["time_us"] < first + SECONDS * 1_000_000]

    def over():
        return stack.exchange.arrivals(last=1)[0]["time_us"] >= first + SECONDS * 1_000_000

    stack.wait_until(over, "a minute of the exchange's clock has passed", SECONDS + 30)
    counters = stack.exchange.counters()
    assert counters["refused_429"] == 0
    assert counters["peak"]["1s"] <= 10
    assert counters["peak"]["60s"] <= 300
    assert counters["max_deletes_per_order"] == 1
    assert 290 <= len(within()) <= 300
    assert {arrival["status"] for arrival in within()} == {200}
