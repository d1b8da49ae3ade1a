"""`cancel-all --until-empty` of many orders at the exchange's real limits, while the bus is killed, the stream has a gap and
orders appear: each is gone with one DELETE, in hardly more time than the limits force, and no empty book is claimed too early.

CANCELBUS_OPEN_ORDERS asks for more orders. `tests/run --all emptying` takes 1,000, and judges the time too.
"""

import json
import time
from collections import Counter
from datetime import datetime

from desks import LIST, known, open_ids, operator, place
from process import wait_until
from restarts import kill_and_restart
from scene import positive_number, requests

ORDERS = positive_number("CANCELBUS_OPEN_ORDERS", 60)
A_SECOND, A_MINUTE = 10, 300  # DELETEs, as bus and exchange have it
# What a stalled machine adds is not judged where it is not little beside what the limits force.
JUDGED_FROM_SECONDS = 120
LATER = max(6, ORDERS // 25)  # orders that appear, two a second
LONGEST_SECONDS = 600


def deleted(stack):
    """How many DELETEs the exchange has met."""
    return sum(stack.exchange.counters()["requests"].get("DELETE /api/v1/order", {}).values())


def wait_deleted(stack, count):
    wait_until(lambda: deleted(stack) >= count, f"{count} DELETEs", LONGEST_SECONDS, interval=0.25)


def place_later(stack):
    """One every 500 ms. Returns their ids."""
    ids, due = [], time.monotonic()
    while len(ids) < LATER:
        ids += place(stack, 1, "dA-")
        due += 0.5
        time.sleep(max(0.0, due - time.monotonic()))
    return ids


def forced_seconds(count):
    """How long the limits keep the last of so many DELETEs back, if they begin with an unused budget."""
    return (count - 1) // A_MINUTE * 60 + (count - 1) % A_MINUTE // A_SECOND


def microseconds(text):
    return int(datetime.fromisoformat(text).timestamp() * 1e6)


def last_final(stack):
    """When the bus knew the end of the last command."""
    lines = map(json.loads, stack.processes["bus"].log().splitlines())
    return max(microseconds(line["time"]) for line in lines if line["event"] == "cancel_final")


def test_the_bus_dies_the_stream_has_a_gap_and_orders_appear(desk):
    others, first = place(desk, 3, "dB-"), place(desk, ORDERS, "dA-")
    with operator(desk) as bus:
        known(desk, bus, first)
    command = desk.start_cancelctl("emptying", "cancel-all", "--owner=desk-a", "--until-empty", "--yes", "--json",
                                   f"--timeout={LONGEST_SECONDS}s")
    wait_deleted(desk, ORDERS * 2 // 5)
    killed = time.time_ns() // 1_000
    desk.exchange.stream(close="reset")
    kill_and_restart(desk)
    restarted = time.time_ns() // 1_000
    wait_deleted(desk, ORDERS * 19 // 20)
    later = place_later(desk)
    assert command.wait_exit(LONGEST_SECONDS) == 0, command.tail()

    report = json.loads(command.out().splitlines()[-1])
    reported, complete_as_of = microseconds(report["heard"]), microseconds(report["mass_cancel_report"]["complete_as_of"])
    book = {order["id"]: order["changes"] for order in desk.exchange.orders() if order["id"] in {*first, *later}}
    placed = {order_id: changes[0]["at_us"] for order_id, changes in book.items()}
    claimed = [order_id for order_id in book if placed[order_id] <= complete_as_of - 2_000_000]
    assert report["mass_cancel_report"]["status"] == "MASS_CANCEL_STATUS_COMPLETED" and set(first) <= set(claimed)
    still_open = open_ids(desk)
    assert not still_open & set(claimed) and set(others) <= still_open
    gone = {order_id: book[order_id][-1]["at_us"] for order_id in claimed}
    assert max(gone.values()) <= reported, "an order was open when its scope was reported to be empty"
    sweeps = [arrival for arrival in desk.exchange.arrivals() if arrival["request"] == LIST
              and last_final(desk) < arrival["time_us"] <= reported]
    assert len(sweeps) == 2, "it was reported with the second list that began after the last order had left"

    arrived = requests(desk, "DELETE")
    twice = [order_id for order_id, count in Counter(arrival["order_id"] for arrival in arrived).items() if count > 1]
    for order_id in twice:  # What was under way when the bus died may have been sent again.
        before, _ = requests(desk, "DELETE", order_id)
        assert killed - 1_000_000 <= before["time_us"] <= restarted
    counters = desk.exchange.counters()
    assert counters["refused_429"] == 0 and counters["peak"]["1s"] <= A_SECOND and counters["peak"]["60s"] <= A_MINUTE

    took, forced = (arrived[ORDERS - 1]["time_us"] - arrived[0]["time_us"]) / 1e6, forced_seconds(ORDERS)
    print(f"\n{ORDERS} DELETEs in {took:.2f} s, the limits force {forced} s; {len(book)} orders with {LATER} that appeared, "
          f"{len(twice)} with a second DELETE; the bus was away for {(restarted - killed) / 1e6:.2f} s; "
          f"reported {(reported - max(gone.values())) / 1e6:.2f} s after the last order had left")
    assert forced < JUDGED_FROM_SECONDS or took <= forced * 1.03
