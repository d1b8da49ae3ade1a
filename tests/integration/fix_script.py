"""Runs an acceptance script of tests/integration/fix: messages that a counterparty sends, and messages that it must get.

A line of a script is one of these; `#` begins a comment line. A line may begin with a session's name (`desk-b -> ...`);
without one it is desk-a's.

  -> 35=F|11=c-1|37=$order   is sent; BeginString, BodyLength, CheckSum, and of the header what is not given are filled in,
                             a tag with the value ~ is left out
  raw 8=FIX.4.4|9=...|       is sent as it stands, with | for the delimiter
  <- 35=8|150=6|17=*         must be the next message, with these values among others: * is any value, - none at all,
                             ~text one that holds the text, $name the value of a variable, which this line sets if it is
                             new. Heartbeats and test requests are passed over, unless they are what is expected
  <~ 35=8|11=c-2             the same, but the lines of a block may come in any order
  nothing                    no message waits: the answer to a test request comes next
  skip                       what waits is read and forgotten
  connect, logon, logout     a connection; one that logs on with sequence numbers that begin anew; the end of a session
  resume                     a connection that logs on and goes on with its sequence numbers
  close, closed              the counterparty closes; the gateway must close
  order $name FIELD=VALUE    an order is placed, and the bus knows it: quantity, price, orderType, pair, newOrderClientId
  fill $name AMOUNT, edit $name FIELD=VALUE, hand $name      it fills, is edited, is canceled by hand
  gone $name                 waits until it has left the book, and the bus has decided everything
  fault NAME JSON            a fault of the local exchange, as tests/exchange/README.md names them; null ends it
  start NAME, kill NAME, stop NAME                           of the processes fix, bus, worker-1, subscriber
  start bus FLAG=VALUE, start fix SETTING=VALUE              until the script ends
  forget_ended, forget_all   while no bus runs: its store loses events and ended commands, as after --retention; all
  ctl COMMAND                an operator's cancelctl, which must succeed
  deaf                       this counterparty answers no test request of its next connection
  ready                      the gateway's /readyz says so
"""

import json
import re
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing

from fix import FixClient, frame_of, parse, shown

from process import PATIENCE_SECONDS

SESSION_LEVEL = ("0", "1")
NUMBERS = ("quantity", "price", "amount")


class Mismatch(AssertionError):
    """What the script wants, and what came."""


class Script:
    def __init__(self, stack, file, sessions, start_fix, make_client=None):
        make_client = make_client or (lambda name, said: FixClient(0, name.upper(), said=said))
        self.stack = stack
        self.name = file.name
        self.lines = file.read_text(encoding="utf-8").splitlines()
        self.start_fix = start_fix
        self.clients = {name: make_client(name, self._note(name)) for name in sessions}
        self.variables = {}
        self.faults = set()
        self.special = set()  # processes that run with flags or settings of this script
        self.talk = []

    def _note(self, name):
        return lambda direction, frame: self.talk.append(f"    {name} {direction} {shown(frame)}")

    def run(self):
        number = 0
        try:
            while number < len(self.lines):
                line = self.lines[number].strip()
                number += 1
                if not line or line.startswith("#"):
                    continue
                self.talk.append(f"{number}: {line}")
                block = [line]
                if re.match(r"(\S+ )?<~ ", line):
                    while number < len(self.lines) and re.match(r"(\S+ )?<~ ", self.lines[number].strip()):
                        block.append(self.lines[number].strip())
                        number += 1
                    self._expect_block(block)
                else:
                    self._do(line)
        except Exception as failure:
            raise Mismatch(f"{self.name}:{number}: {failure}\n" + "\n".join(self.talk[-40:])) from failure

    def end(self):
        """Leaves the stack as it was."""
        self.stack.exchange.set_faults(**dict.fromkeys(self.faults))
        for client in self.clients.values():
            client.close()
        for name in self.special:
            if self.stack.processes[name].running:
                assert self.stack.processes[name].stop() == 0
        for name, start in (("bus", self.stack.start_bus), ("fix", self.start_fix)):
            if not self.stack.processes[name].running:
                start()
        self.stack.wait_connected(2)

    def _do(self, line):
        found = re.match(r"(?:(\S+) )?(->|<-) (.*)", line)
        if found:
            client = self._client(found.group(1))
            if found.group(2) == "->":
                client.send([(tag, None if value == "~" else value) for tag, value in parse(self._filled(found.group(3)))])
            else:
                self._expect(client, found.group(3))
            return
        words = line.split(" ")
        if words[0] in self.clients:
            client, words = self.clients[words[0]], words[1:]
        else:
            client = self._client(None)
        command = getattr(self, f"_{words[0]}", None)
        if command is None:
            raise ValueError("no such line")
        command(client, *words[1:])

    def _client(self, name):
        return self.clients[name or next(iter(self.clients))]

    def _filled(self, text):
        return re.sub(r"\$(\w+)", lambda found: str(self.variables[found.group(1)]), text)

    # Messages.

    def _expect(self, client, text):
        expected = parse(text)
        passed_over = [kind for kind in SESSION_LEVEL if kind != dict(expected).get(35)]
        message = self._next(client, passed_over)
        why = self._difference(expected, message)
        if why:
            raise Mismatch(f"{why} in {message}")

    def _next(self, client, passed_over=SESSION_LEVEL):
        while True:
            message = client.receive()
            if message is None:
                raise Mismatch("no message came" + ("" if client.connected else ", and the connection is closed"))
            if message.type not in passed_over:
                return message

    def _expect_block(self, block):
        wanted = []
        for line in block:
            name, text = re.match(r"(?:(\S+) )?<~ (.*)", line).groups()
            wanted.append((name, parse(text)))
        while wanted:
            client = self._client(wanted[0][0])
            message = self._next(client)
            fitting = next((one for one in wanted if self._client(one[0]) is client and not self._difference(one[1], message)), None)
            if fitting is None:
                raise Mismatch(f"no line of the block is {message}")
            wanted.remove(fitting)

    def _difference(self, expected, message):
        new = {}
        for tag, value in expected:
            got = message.get(tag)
            if value == "-":
                if got is not None:
                    return f"{tag} is there"
            elif got is None:
                return f"{tag} is missing"
            elif value.startswith("~"):
                if self._filled(value[1:]) not in got:
                    return f"{tag}={got} holds no {value[1:]}"
            elif value.startswith("$") and value[1:] not in self.variables:
                new[value[1:]] = got
            elif value != "*" and self._filled(value) != got:
                return f"{tag}={got} is not {self._filled(value)}"
        self.variables |= new
        return ""

    def _raw(self, client, *words):
        client.send_bytes(self._filled(" ".join(words)).replace("|", "\x01").encode("latin-1"))

    def _framed(self, client, text):
        """As raw, with BodyLength and CheckSum."""
        client.send_bytes(frame_of(parse(self._filled(text))).encode("latin-1"))

    def _nothing(self, client):
        client.send([(35, "1"), (112, "nothing")])
        message = self._next(client, ("1",))
        while message.type == "0" and message.get(112) is None:
            message = self._next(client, ("1",))
        if (message.type, message.get(112)) != ("0", "nothing"):
            raise Mismatch(f"{message} waits")

    def _skip(self, client):
        client.send([(35, "1"), (112, "skip")])
        while self._next(client, ("1",)).get(112) != "skip":
            pass

    # Connections.

    def _deaf(self, client):
        client.heartbeats = False

    def _connect(self, client):
        client.address = ("127.0.0.1", self.stack.fix_port())
        client.connect()

    def _logon(self, client):
        self._connect(client)
        client.next_out = client.next_in = 1
        client.send([(35, "A"), (98, 0), (108, 30), (141, "Y")])
        client.expect("A")

    def _resume(self, client):
        self._connect(client)
        client.send([(35, "A"), (98, 0), (108, 30)])

    def _logout(self, client):
        client.log_out()

    def _close(self, client):
        client.close()

    def _closed(self, client):
        for message in client.wait_closed():
            if message.type not in SESSION_LEVEL:
                raise Mismatch(f"before the end came {message}")

    # The rest of the world.

    def _fields(self, words):
        pairs = (word.split("=", 1) for word in words)
        return {name: self._filled(value) for name, value in pairs}

    def _order(self, _client, name, *words):
        fields = {"pair": "BTCTRY"} | self._fields(words)
        order_id = self.stack.exchange.place_orders(1, fields.pop("pair"), **fields)[0]
        self.variables[name.lstrip("$")] = order_id
        self.stack.wait_until(lambda: self._knows(order_id), f"the bus knows order {order_id}")

    def _knows(self, order_id):
        listed = self.stack.cancelctl("orders", "--json")
        return any(str(line.get("open_order", {}).get("order_id")) == str(order_id) for line in listed.json_lines)

    def _fill(self, _client, name, *amount):
        self.stack.exchange.fill(self.variables[name.lstrip("$")], *amount)

    def _edit(self, _client, name, *words):
        self.stack.exchange.edit(self.variables[name.lstrip("$")], **self._fields(words))

    def _hand(self, _client, name):
        self.stack.exchange.cancel_by_hand(self.variables[name.lstrip("$")])

    def _fault(self, _client, name, *words):
        self.faults.add(name)
        self.stack.exchange.set_faults(**{name: json.loads(" ".join(words))})

    def _gone(self, _client, name):
        order_id = self.variables[name.lstrip("$")]

        def gone():
            left = self.stack.exchange.order(order_id)["status"] in ("Canceled", "Closed")
            return left and not self.stack.status()["commands_undecided"]

        self.stack.wait_until(gone, f"order {order_id} is gone")

    def _start(self, _client, name, *words):
        flags = self._fields(words)
        if flags:
            self.special.add(name)
        starts = {"fix": self.start_fix, "bus": self.stack.start_bus, "subscriber": self.stack.start_subscriber}
        starts.get(name, lambda: self.stack.start_worker(name))(**flags)

    def _forget_ended(self, _client):
        with closing(sqlite3.connect(self.stack.store_file)) as store, store:
            store.execute("INSERT OR REPLACE INTO topics(topic, next_seq) SELECT topic, MAX(seq) + 1 FROM events GROUP BY topic")
            assert store.execute("DELETE FROM events").rowcount > 0
            assert store.execute("DELETE FROM cancels WHERE ended").rowcount > 0

    def _forget_all(self, _client):
        for file in self.stack.folder.glob(f"{self.stack.store_file.name}*"):
            file.unlink()

    def _ctl(self, _client, *words):
        finished = self.stack.cancelctl(*(self._filled(word) for word in words))
        assert finished.exit_code == 0, finished.out + finished.log

    def _kill(self, _client, name):
        self.stack.processes[name].kill()

    def _stop(self, _client, name):
        assert self.stack.processes[name].stop() == 0

    def _ready(self, _client):
        url = f"{self.stack.processes['fix'].endpoints['monitor']}/readyz"

        def ready():
            try:
                with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as page:
                    return page.status == 200
            except urllib.error.HTTPError:
                return False

        self.stack.wait_until(ready, "the gateway is ready")
