"""kill -9 of the FIX gateway, the bus and a worker under load: nothing is lost, and nothing comes twice without a mark."""

import collections

from desks import grant_desks
from fix_initiator import Initiator
from scene import positive_number

# tests/run --all fix asks for more.
DEATHS = positive_number("TEST_FIX_DEATHS", 4)
ORDERS_PER_DEATH = 4


def test_nothing_is_lost_whatever_dies(stack):
    grant_desks(stack)
    stack.start(workers=2, final_wait="500ms")
    stack.start_fix()
    desk = Initiator(stack.fix_port(), "DESK-A")
    starts = {"fix": stack.start_fix, "bus": stack.start_bus, "worker-1": lambda: stack.start_worker("worker-1")}
    orders = {}
    for death in range(DEATHS):
        ids = stack.exchange.place_orders(ORDERS_PER_DEATH, newOrderClientId=f"dA-crash-{death}")
        for number, order_id in enumerate(ids):
            desk.stay_connected()
            orders[f"c{death}-{number}"] = order_id
            desk.send([(35, "F"), (11, f"c{death}-{number}"), (37, order_id)])
            desk.work()
        victim = list(starts)[death % len(starts)]
        stack.processes[victim].kill()
        starts[victim]()

    def all_ended():
        desk.stay_connected()
        desk.work(0.05)
        return set(orders) <= set(terminals(desk))

    stack.wait_until(all_ended, "each cancel has its last report")
    desk.log_out()

    ends = terminals(desk)
    assert {cl_ord_id: len(reports) for cl_ord_id, reports in ends.items()} == dict.fromkeys(orders, 1)
    for cl_ord_id, [report] in ends.items():
        assert (report.get(150), report.get(37)) == ("4", str(orders[cl_ord_id])), report
    pending = collections.Counter(message.get(11) for message in desk.messages.values()
                                  if message.get(150) == "6" and message.get(17).endswith("-P"))
    assert pending == collections.Counter(dict.fromkeys(orders, 1))
    exec_ids = [message.get(17) for message in desk.messages.values() if message.get(97) != "Y"]
    assert len(exec_ids) == len(set(exec_ids))
    assert desk.unmarked == []
    assert all(message.get(122) for message in desk.repeated)
    assert {order["id"] for order in stack.exchange.orders("Canceled")} >= set(orders.values())


def terminals(desk):
    """The reports that end a cancel, by its ClOrdID, without those that say that they are repeated."""
    ends = collections.defaultdict(list)
    for message in desk.messages.values():
        if message.get(97) != "Y" and (message.type == "9" or message.get(150) == "4"):
            ends[message.get(11)].append(message)
    return ends
