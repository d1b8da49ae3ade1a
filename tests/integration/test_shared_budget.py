"""Another program spends half of the account's budget: the bus lowers its limit, says so, and refusals get rare."""

import json

from scene import bus_metric, bus_status, place_orders, requests, statuses

from cancelbus.v1 import cancel_pb2

ORDERS = 120
OTHERS_PER_SECOND = 5
SHARE_REFUSED = 0.2


def test_beside_another_program_refusals_get_rare_and_the_limit_is_shown(running, connect):
    strategy = connect(running, topics=["venue."])
    ids = place_orders(running, strategy, ORDERS)
    running.exchange.set_faults(other_program={"per_second": OTHERS_PER_SECOND})
    commands = [strategy.cancel(order_id) for order_id in ids]

    def lowered():
        return [window for window in bus_status(strategy).windows if window.limit < window.configured_limit]

    [window] = strategy.wait_until(lowered, "a limit is lowered")
    assert (window.limiter, window.period.seconds, window.configured_limit) == ("cancel", 1, 10)
    text = running.cancelctl("status").out
    assert "10/1s, lowered to " in text and ": another program spends this budget" in text
    for command in commands:
        assert strategy.wait_final(command, timeout=120).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    met = statuses(running, "DELETE")
    refused = met.count(429)
    print(f"{refused} of {len(met)} DELETEs got 429")
    assert 0 < refused <= SHARE_REFUSED * len(met)
    assert bus_metric(running, 'cancelbus_limit_configured{limiter="cancel",period="1s"}') == 10
    lines = [json.loads(line) for line in running.processes["bus"].log().splitlines() if '"cause_began"' in line]
    assert "10/1s, lowered to 5: another program spends this budget" in [line["why"] for line in lines]


def test_a_retry_after_of_zero_is_no_flood(running, connect):
    strategy = connect(running, topics=["venue."])
    [order] = place_orders(running, strategy)
    running.exchange.set_faults(answer={"payload": "cancel_429_ip", "retry_after": "0", "count": 3})
    strategy.wait_final(strategy.cancel(order))
    met = requests(running, "DELETE")
    assert [request["status"] for request in met] == [429, 429, 429, 200]
    pauses = [after["time_us"] - before["ended_us"] for before, after in zip(met, met[1:])]
    assert all(pause >= (2**n + 1) * 1_000_000 for n, pause in enumerate(pauses)), pauses


def test_a_backoff_of_a_503_ends_with_one_request(running, connect):
    strategy = connect(running, topics=["venue."])
    ids = place_orders(running, strategy, 5)
    running.exchange.set_faults(answer={"payload": "cancel_503_html", "retry_after_date_s": 3, "order_ids": ids[:1],
                                        "count": 1},
                                latency={"endpoint": "DELETE /api/v1/order", "answer_ms": 400})
    commands = [strategy.cancel(ids[0])]
    strategy.wait_until(lambda: bus_status(strategy).holds, "the limiter is held")
    commands += [strategy.cancel(order_id) for order_id in ids[1:]]
    for command in commands:
        strategy.wait_final(command)
    refused, first, *rest = requests(running, "DELETE")
    assert first["time_us"] - refused["ended_us"] >= 3_000_000
    assert all(request["time_us"] - first["time_us"] >= 400_000 for request in rest)
