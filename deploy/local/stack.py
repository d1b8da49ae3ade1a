"""The whole of cancelbus on loopback: the local exchange, the bus, workers and the subscriber, with throw-away keys.

Used by demo.py and by the integration tests. Every start_* starts one process, or starts it again: on the same
addresses, and the bus on the same store, so that the others find it. Flags are keyword arguments that add to the usual
ones or replace them, as start_bus(final_wait="500ms"); None leaves a usual one out. `wrappers` names words that stand
before the command of a process, as {"bus": ["nice"]}; they must end in exec.

All sockets are encrypted, and everybody has a key: cancelctl that of "operator", who may use every name. A strategy gets
one with grant("strategy", "desk-a"), also while the bus runs.
"""

import json
import signal
from dataclasses import dataclass
from pathlib import Path

from access import Access
from exchange import Exchange
from process import PATIENCE_SECONDS, Failed, Process, wait_until
from throwaway import Authority, make_api_key

# Of a cancelctl that is given none: it says what it waited for before its caller loses patience.
CANCELCTL_TIMEOUT = f"{PATIENCE_SECONDS / 2:g}s"
# Of the bus in deploy/kubernetes, which has the longest.
LONGEST_GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Finished:
    """What a command that ended by itself had to say."""
    exit_code: int
    out: str
    log: str

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Stack:
    def __init__(self, build_dir, folder, **bus_flags):
        self.bin_dir = Path(build_dir).resolve() / "bin"
        self.folder = Path(folder)
        self.api_key = make_api_key(self.folder)
        self.authority = Authority(self.folder)
        self.certificate = self.authority.issue()
        self.bus_flags = bus_flags  # of every bus, unless it is started with others
        self.exchange_flags = {}    # likewise
        self.processes = {}
        self.started = []  # every process ever, also those that others of their name have followed
        self.wrappers = {}
        self.loopback = "127.0.0.1"  # or "[::1]": where everything listens
        self.exchange = None
        self._access = None
        self._addresses = {}
        self._commands = 0

    # Starting.

    def start(self, workers=2, **bus_flags):
        """Everything, connected and ready to cancel."""
        self.start_exchange()
        self.start_bus(**bus_flags)
        for number in range(1, workers + 1):
            self.start_worker(f"worker-{number}")
        self.start_subscriber()
        self.wait_connected(workers)
        return self

    def start_exchange(self, **flags):
        process = self._start("exchange", "exchange-sim", {
            "rest_address": self._address("rest"), "stream_address": self._address("stream"),
            "cert_file": self.certificate.cert_file, "key_file": self.certificate.key_file,
            **self.api_key.flags} | self.exchange_flags | flags)
        self._remember(process.wait_ready())
        self.exchange = Exchange(self.rest_url, self.authority.cert_file)
        return process

    def start_bus(self, **flags):
        process = self.launch_bus(**flags)
        self._remember(process.wait_ready())
        return process

    def launch_bus(self, **flags):
        """As start_bus, but does not wait until it is ready."""
        return self.launch_bus_at("bus", self._addresses, **flags)

    def launch_bus_at(self, name, addresses, **flags):
        """One of several buses; the others find the one that leads through reach_bus_at(). `addresses`: its own, by
        "session", "event", "backend", "monitor"; any free one where none is given."""
        endpoint = {which: addresses.get(which, f"{self.loopback}:0") for which in ("session", "event", "backend", "monitor")}
        return self._start(name, "cancel-bus", {
            **{f"{which}_endpoint": f"tcp://{endpoint[which]}" for which in ("session", "event", "backend")},
            "monitor_address": endpoint["monitor"], "store": f"sqlite:{self.store_file}", "curve_key_file": self.access.bus.key_file,
            "policy_file": self.access.policy_file} | self.bus_flags | flags)

    def reach_bus_at(self, **addresses):
        """Where workers, the subscriber and clients find the bus, as reach_bus_at(session="127.0.0.1:5550", …). Of several
        buses, of which one leads, the address of each, separated by commas."""
        self._addresses.update(addresses)

    def start_worker(self, name="worker-1", **flags):
        return self._start(name, "cancel-worker", {
            "backend_endpoint": self._endpoint("backend"), "rest_url": self.rest_url,
            "ca_file": self.authority.cert_file, **self.access.flags("worker"), **self.api_key.flags} | flags)

    def start_subscriber(self, name="subscriber", **flags):
        return self._start(name, "final-subscriber", {
            "backend_endpoint": self._endpoint("backend"), "stream_url": self.stream_url,
            "ca_file": self.authority.cert_file, **self.access.flags("subscriber"), **self.api_key.flags} | flags)

    def start_fix(self, senders=("desk-a",), name="fix", settings="", sessions="", **flags):
        """A FIX gateway with a session of each sender: TargetCompID is the sender in capitals. `settings` are lines for
        [DEFAULT], `sessions` whole blocks beside these."""
        self.grant("strategy", name, senders=",".join(senders))
        store = self.folder / f"{name}-store"
        store.mkdir(exist_ok=True)
        port = self._address(name).rsplit(":", 1)[1]
        blocks = "".join(f"[SESSION]\nTargetCompID={sender.upper()}\nSender={sender}\n\n" for sender in senders)
        file = self.folder / f"{name}.cfg"
        file.write_text(f"[DEFAULT]\nBeginString=FIX.4.4\nSenderCompID=CANCELBUS\nSocketAcceptPort={port}\n"
                        f"FileStorePath={store}\n{settings}\n{blocks}{sessions}")
        process = self._start(name, "cancel-fix", {
            "settings": file, "session_endpoint": self._endpoint("session"), "event_endpoint": self._endpoint("event"),
            "monitor_address": self._address(f"{name}-monitor"), **self.access.flags(name)} | flags)
        process.wait_ready()
        self._addresses[name] = process.endpoints["fix"].split("://", 1)[1]
        self._addresses[f"{name}-monitor"] = process.endpoints["monitor"].split("://", 1)[1]
        return process

    def fix_port(self, name="fix"):
        return int(self._address(name).rsplit(":", 1)[1])

    def wait_connected(self, workers, timeout=PATIENCE_SECONDS):
        """Until the bus knows that the subscriber has logged in, and of so many workers that may work."""
        def connected():
            self._fail_if_refused()
            status = self.status()
            ready = [worker for worker in status.get("workers", ()) if not worker["benched"]]
            return len(ready) >= workers and status["stream"]["logged_in"]

        self.wait_until(connected, f"the subscriber and {workers} workers are connected", timeout)

    # Who may talk to it.

    @property
    def access(self):
        if self._access is None:
            self._access = Access(self.bin_dir / "cancelctl", self.folder)
            self._access.grant("operator", "operator", senders="*")
            self._access.grant("worker", "worker")
            self._access.grant("subscriber", "subscriber")
        return self._access

    def grant(self, role, name, **options):
        """A key of this name may from now on do what this role may; see Access.grant. Returns the key."""
        if self.access.grant(role, name, **options):
            self.reload()
        return self.access.key(name)

    def revoke(self, name):
        if self.access.revoke(name):
            self.reload()

    def reload(self):
        """Has each bus that runs read its policy again, and waits until it has said what it thinks of it."""
        for bus in self._buses():
            if not bus.running:
                continue
            before = self._policies_read(bus)
            bus.popen.send_signal(signal.SIGHUP)
            self.wait_until(lambda: self._policies_read(bus) > before or not bus.running, f"{bus.name} has read its policy")

    def _buses(self):
        return [process for process in self.processes.values() if process.name == "bus" or process.name.startswith("bus-")]

    @staticmethod
    def _policies_read(bus):
        log = bus.log()
        return log.count('"event":"policy_loaded"') + log.count('"event":"policy_refused"')

    # Talking to it.

    @property
    def rest_url(self):
        return f"https://{self._address('rest')}"

    @property
    def stream_url(self):
        return f"wss://{self._address('stream')}"

    @property
    def store_file(self):
        return self.folder / "cancelbus.db"

    @property
    def session_endpoint(self):
        return self._endpoint("session")

    @property
    def event_endpoint(self):
        return self._endpoint("event")

    @property
    def client_environment(self):
        """environment_of() the operator's key, which may use every name."""
        return self.environment_of("operator")

    def environment_of(self, key):
        """What a strategy's shell needs to use this stack: our clients take their options from it."""
        return {"CANCELBUS_SESSION_ENDPOINT": self.session_endpoint, "CANCELBUS_EVENT_ENDPOINT": self.event_endpoint,
                **{f"CANCELBUS_{flag.upper()}": str(file) for flag, file in self.access.flags(key).items()},
                "CANCELBUS_EXCHANGE_URL": self.rest_url, "CANCELBUS_EXCHANGE_CA_FILE": str(self.authority.cert_file),
                "EXCHANGE_URL": self.rest_url, "EXCHANGE_STREAM_URL": self.stream_url,
                "EXCHANGE_CA_FILE": str(self.authority.cert_file), "PYTHONPATH": str(self.bin_dir.parent / "python"),
                "CMAKE_PREFIX_PATH": str(self.bin_dir.parent / "cpp")}

    def start_cancelctl(self, name, *arguments, key="operator"):
        """In the background, as a Process of this name."""
        command = [self.bin_dir / "cancelctl", f"--session_endpoint={self.session_endpoint}",
                   f"--event_endpoint={self.event_endpoint}",
                   *(f"--{flag}={value}" for flag, value in self.access.flags(key).items()), *arguments]
        return self._keep(Process(name, command, self.folder, {"CANCELBUS_TIMEOUT": CANCELCTL_TIMEOUT}))

    def cancelctl(self, *arguments, timeout=PATIENCE_SECONDS, key="operator"):
        """Runs it to its end."""
        self._commands += 1
        process = self.start_cancelctl(f"cancelctl-{self._commands}", *arguments, key=key)
        return self._finish(process, timeout)

    def run(self, program, *arguments, timeout=PATIENCE_SECONDS):
        """Any of our executables with exactly these arguments, to its end."""
        self._commands += 1
        process = Process(f"{program}-{self._commands}", [self.bin_dir / program, *arguments], self.folder)
        return self._finish(self._keep(process), timeout)

    def status(self):
        """The BusStatus, {} while there is none."""
        finished = self.cancelctl("status", "--json")
        return finished.json_lines[0]["bus_status"] if finished.exit_code == 0 else {}

    def wait_until(self, condition, what, timeout=PATIENCE_SECONDS):
        """As process.wait_until; a failure also shows the end of every log."""
        try:
            return wait_until(condition, what, timeout)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.tails()}") from None

    def tails(self, lines=10):
        return "\n".join(process.tail(lines) for process in self.processes.values())

    # Ending.

    def stop(self, timeout=LONGEST_GRACE_SECONDS):
        """Ends everything, each before those it still talks to. What does not end in time is killed. Returns the names
        of those."""
        killed = []
        last = self._buses() + [self.processes[name] for name in ("exchange",) if name in self.processes]
        for group in ([process for process in self.processes.values() if process not in last], *([one] for one in last)):
            for process in group:
                process.ask_to_end()
            for process in group:
                try:
                    process.wait_exit(timeout)
                except Failed:
                    killed.append(process.name)
                    process.kill()
        return killed

    def _start(self, name, program, flags):
        if name in self.processes and self.processes[name].running:
            raise ValueError(f"{name} is running")
        arguments = [f"--{flag}={value}" for flag, value in flags.items() if value is not None]
        return self._keep(Process(name, [*self.wrappers.get(name, ()), *self.command(program), *arguments], self.folder))

    def command(self, program):
        """What starts a service or the exchange. A stack that measures takes it from elsewhere."""
        return [self.bin_dir / program]

    def _fail_if_refused(self):
        """What ended by itself with an error will not become ready; what was killed or stopped is the caller's doing."""
        for process in self.processes.values():
            if (process.exit_code or 0) > 0:
                raise Failed(f"{process.name} ended with exit code {process.exit_code}")

    def _keep(self, process):
        self.processes[process.name] = process
        self.started.append(process)
        return process

    def _finish(self, process, timeout):
        exit_code = process.wait_exit(timeout)
        del self.processes[process.name]
        return Finished(exit_code, process.out(), process.log())

    # Addresses: any free port at first, the same one ever after.

    def _remember(self, process):
        for name, url in process.endpoints.items():
            self._addresses[name] = url.split("://", 1)[1]

    def _address(self, name):
        return self._addresses.get(name, f"{self.loopback}:0")

    def _endpoint(self, name):
        return ",".join(f"tcp://{address}" for address in self._address(name).split(","))
