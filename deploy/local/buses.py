"""Two buses on one store, of which one leads. Used by failover.py and by the tests."""

import json
import urllib.error
import urllib.request

from process import PATIENCE_SECONDS

WHICH = ("session", "event", "backend")


class Buses:
    NAMES = ("bus-a", "bus-b")

    def __init__(self, stack, **flags):
        """`flags`: of both, unless one is started with others."""
        self.stack = stack
        self.flags = flags
        self.addresses = {name: {} for name in self.NAMES}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def start(self):
        """The first one leads."""
        for name in self.NAMES:
            self.start_bus(name)
            self.wait_leader()
        self.be_found()
        return self

    def be_found(self):
        """Workers, the subscriber and clients that are started from now on know the endpoints of both."""
        self.stack.reach_bus_at(**{which: ",".join(self.addresses[name][which] for name in self.NAMES) for which in WHICH})

    def launch_bus(self, name, **flags):
        """As start_bus, but does not wait until it is ready."""
        return self.stack.launch_bus_at(name, self.addresses[name], **self.flags | flags)

    def start_bus(self, name, **flags):
        return self.remember(self.launch_bus(name, **flags).wait_ready())

    def remember(self, process):
        """Where it listens, once it is ready."""
        self.addresses[process.name] = {which: url.split("://", 1)[1] for which, url in process.endpoints.items()}
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
            with self._opener.open(f"http://{self.addresses[name]['monitor']}{path}", timeout=0.5) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def leaders(self):
        return [name for name in self.NAMES if self.get(name, "/leaderz")[0] == 200]

    def wait_leader(self, timeout=PATIENCE_SECONDS):
        """Its name, once exactly one leads."""
        return self.stack.wait_until(lambda: len(found := self.leaders()) == 1 and found, "one bus leads", timeout)[0]

    def events(self, name):
        """The events of its log, in order."""
        return [json.loads(line)["event"] for line in self.process(name).log().splitlines()]
