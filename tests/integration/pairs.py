"""Two buses on one store, of which one leads; and one address, behind which everybody else finds that one.

Used by test_standby.py. The address is a proxy's, and moves to the bus that leads when wait_leader() sees that it does.
"""

import json
import time
import urllib.error
import urllib.request

from fault_proxy import FaultProxy
from process import PATIENCE_SECONDS

WHICH = ("session", "event", "backend")


class Pair:
    NAMES = ("bus-a", "bus-b")

    def __init__(self, stack, **flags):
        self.stack = stack
        self.flags = flags
        self.addresses = {name: {} for name in self.NAMES}
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

    def start_bus(self, name):
        process = self.stack.launch_bus_at(name, self.addresses[name], **self.flags).wait_ready()
        self.addresses[name] = {which: url.split("://", 1)[1] for which, url in process.endpoints.items()}
        return process

    def process(self, name):
        return self.stack.processes[name]

    def other(self, name):
        return next(each for each in self.NAMES if each != name)

    def get(self, name, path):
        """(status, text) of its monitor; (0, "") if it does not answer, as while it is stopped."""
        if not self.addresses[name]:
            return 0, ""
        try:
            with urllib.request.urlopen(f"http://{self.addresses[name]['monitor']}{path}", timeout=0.5) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def leaders(self):
        return [name for name in self.NAMES if self.get(name, "/leaderz")[0] == 200]

    def wait_leader(self, timeout=PATIENCE_SECONDS):
        """Its name, once exactly one leads; the others are led to it."""
        leaders = self.stack.wait_until(lambda: len(found := self.leaders()) == 1 and found, "one bus leads", timeout)
        if leaders[0] != self.leads:
            self.leads = leaders[0]
            for which, link in self._links.items():
                link.lead_to(self.addresses[self.leads][which])
        return self.leads

    def events(self, name):
        """What its log has told, in order."""
        return [json.loads(line)["event"] for line in self.process(name).log().splitlines()]

    def gap(self, strategy, arrived, since):
        """Seconds from `since`, by time.monotonic(), until another DELETE than these has arrived at the exchange. The strategy
        lives meanwhile: it repeats what it has given."""
        known = len(arrived)
        strategy.wait_until(lambda: len(deletes(self.stack)) > known, "another DELETE")
        return time.monotonic() - since


def deletes(stack):
    return [arrival for arrival in stack.exchange.arrivals() if arrival["request"].startswith("DELETE /api/v1/order")]
