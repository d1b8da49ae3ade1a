"""Two buses on one store, of which one leads; and one address, behind which workers, subscriber and clients find that one.

Used by test_standby.py. The address is a proxy's, and moves to the bus that leads when wait_leader() sees that it does.
"""

import time

from buses import WHICH, Buses
from fault_proxy import FaultProxy
from process import PATIENCE_SECONDS


class Pair(Buses):
    def __init__(self, stack, **flags):
        super().__init__(stack, **flags)
        self.leads = None
        self._proxy = FaultProxy()
        self._links = {which: self._proxy.link("127.0.0.1:9") for which in WHICH}
        stack.reach_bus_at(**{which: link.address for which, link in self._links.items()})

    def close(self):
        self._proxy.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, workers=2):
        """The first bus leads, the second follows; all are connected."""
        self.stack.start_exchange()
        for name in self.NAMES:
            self.start_bus(name)
            self.wait_leader()
        for number in range(1, workers + 1):
            self.stack.start_worker(f"worker-{number}")
        self.stack.start_subscriber()
        self.stack.wait_connected(workers)
        return self

    def wait_leader(self, timeout=PATIENCE_SECONDS):
        """Its name, once exactly one leads; the others are led to it."""
        leader = super().wait_leader(timeout)
        if leader != self.leads:
            self.leads = leader
            for which, link in self._links.items():
                link.lead_to(self.addresses[leader][which])
        return leader

    def gap(self, strategy, arrived, since):
        """Seconds from `since`, by time.monotonic(), until another DELETE than these has arrived at the exchange. The strategy
        lives meanwhile: it repeats what it has given."""
        known = len(arrived)
        strategy.wait_until(lambda: len(deletes(self.stack)) > known, "another DELETE")
        return time.monotonic() - since


def deletes(stack):
    return [arrival for arrival in stack.exchange.arrivals() if arrival["request"].startswith("DELETE /api/v1/order")]
