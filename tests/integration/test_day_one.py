"""deploy/DAY_ONE.md, followed word for word against the local exchange: each block of commands as it stands there, and what
each must print. What the page takes from the reader's own world is given here: flags by their environment variables, other
ports, another folder for the store, ids."""

import re
import signal
import subprocess
import textwrap

import pytest
from conftest import ROOT
from process import PATIENCE_SECONDS, Process, clean_environment

PAGE = (ROOT / "deploy" / "DAY_ONE.md").read_text()


def section(heading):
    """The text below a heading, up to the next one."""
    return re.split(r"^#", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def one_blank(text):
    """Where the page breaks a line, or a table has columns."""
    return " ".join(text.split())


class Reader:
    """Who follows the page, in one folder that has the keys."""

    def __init__(self, stack):
        self.stack = stack
        self.home = stack.folder / "day-one"
        self.home.mkdir()
        (self.home / "bin").symlink_to(stack.bin_dir)
        self.environment = {
            "D": str(stack.folder), "R": stack.rest_url, "S": stack.stream_url, "CANCELBUS_REST_URL": stack.rest_url,
            "CANCELBUS_STREAM_URL": stack.stream_url, "CANCELBUS_CA_FILE": str(stack.authority.cert_file), "no_proxy": "*"}
        self.heading = ""

    def go_to(self, heading):
        self.heading = heading

    def block(self, holds, **values):
        """The block of commands in this section that holds this text; `values` replace words in capitals."""
        blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", section(self.heading), re.MULTILINE)]
        [block] = [block for block in blocks if holds in block]
        for name, value in ({"/var/lib/cancelbus": str(self.home)} | values).items():
            block = re.sub(rf"(?<!\w){name}(?!\w)", value, block)
        return block

    def run(self, script):
        """To its end; standard output and standard error."""
        done = subprocess.run(["bash", "-c", script], cwd=self.home, env=clean_environment() | self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=PATIENCE_SECONDS)
        return done.returncode, done.stdout

    def must_run(self, script):
        exit_code, said = self.run(script)
        assert exit_code == 0, said
        return said

    def start(self, name, script, **environment):
        """In a terminal of its own."""
        command = ["/usr/bin/env", "-C", str(self.home), "bash", "-c", re.sub(r"^(?=bin/)", "exec ", script, flags=re.MULTILINE)]
        process = Process(name, command, self.stack.folder, self.environment | environment)
        self.stack.processes[name] = process
        self.stack.started.append(process)
        return process

    def must_print(self, promised, said):
        """What the page promises here, and what was said."""
        assert promised in one_blank(section(self.heading)), f"the page no longer promises {promised!r}"
        assert promised in one_blank(said), said

    def must_come_to_print(self, promised, process):
        self.stack.wait_until(lambda: promised in process.out() + process.log(), f"{process.name} prints {promised!r}")
        self.must_print(promised, process.out() + process.log())


@pytest.fixture
def reader(stack):
    stack.start_exchange()
    return Reader(stack)


def test_the_page_as_it_stands(reader):
    rehearse(reader)
    ask_the_exchange(reader)
    make_keys(reader)
    bus = start_observing(reader)
    recorder = start_recorder(reader)
    worker = start_worker_and_subscriber(reader, recorder)
    look_without_sending(reader, bus, worker)
    bus = start_sending(reader, bus)
    cancel_one(reader)
    cancel_ten(reader, bus)
    end_recorder(reader, recorder)
    counters = reader.stack.exchange.counters()
    assert (counters["requests"]["DELETE /api/v1/order"], counters["max_deletes_per_order"]) == ({"200": 11}, 1)


def rehearse(reader):
    reader.go_to("Rehearse without the exchange")
    reader.must_run(reader.block("install -m 600"))
    reader.go_to("1. Keys at the exchange")
    listed = reader.must_run(reader.block("ls -l")).splitlines()
    assert [line.split()[0] for line in listed] == ["-rw-------"] * 4


def ask_the_exchange(reader):
    reader.go_to("2. Ask the exchange")
    said = reader.must_run("set -e\n" + reader.block("--check"))
    steps = [tuple(line.split()[:2]) for line in said.splitlines()]
    assert steps == [(step, "ok") for step in ("TLS", "clock", "key", "orders", "stream", "TLS", "banner", "login")]
    assert "four lines, TLS, clock, key and orders" in section(reader.heading)
    assert "four, stream, TLS, banner and login" in section(reader.heading)


def make_keys(reader):
    reader.go_to("3. Keys of cancelbus")
    lines = reader.must_run("set -e\n" + reader.block("keygen")).splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("strategy")] == [
        ["strategy", name] for name in ("bus", "worker", "subscriber", "ops", "desk-a")]
    assert len((reader.home / "policy").read_text().splitlines()) == 4


def start_observing(reader):
    reader.go_to("4. Look, without sending")
    free = {f"CANCELBUS_{name.upper()}_ENDPOINT": "tcp://127.0.0.1:0" for name in ("session", "event", "backend")}
    bus = reader.start("bus", reader.block("bin/cancel-bus"), CANCELBUS_MONITOR_ADDRESS="127.0.0.1:0", **free).wait_ready()
    assert len(bus.endpoints) == 4
    assert '"event":"observing"' in bus.log()
    reader.environment |= {f"CANCELBUS_{name.upper()}_ENDPOINT": bus.endpoints[name] for name in ("session", "event", "backend")}
    return bus


def start_recorder(reader):
    recorder = reader.start("recorder", reader.block("cancelctl record"))
    reader.must_come_to_print("recording to day-one.jsonl until interrupted", recorder)
    return recorder


def start_worker_and_subscriber(reader, recorder):
    both = reader.block("bin/cancel-worker")
    at = both.index("bin/final-subscriber")
    worker, subscriber = reader.start("worker", both[:at]), reader.start("subscriber", both[at:])
    for process, events in ((worker, ("bus_connected", "clock_read")), (subscriber, ("bus_connected", "stream_state"))):
        for event in events:
            assert f"`{event}`" in section(reader.heading)
            reader.stack.wait_until(lambda: f'"event":"{event}"' in process.log(), f"{process.name} logs {event}")
    reader.must_come_to_print('"logged_in":true', subscriber)
    for name in ("worker", "subscriber"):
        pattern = rf"recording {name} \S+/\d+ from its start"
        reader.stack.wait_until(lambda: re.search(pattern, recorder.log()), f"{name} is recorded from its start")
    return worker


def look_without_sending(reader, bus, worker):
    status = reader.block("cancelctl status")
    reader.environment |= dict(re.findall(r"(CANCELBUS_\w+)=(\S+)", status))  # of the fifth terminal from now on
    reader.stack.wait_until(lambda: "logged in" in reader.run(status)[1], "the bus knows that the subscriber has logged in")
    said = reader.must_run(status)
    reader.must_print("OBSERVING: no cancel is sent", said.splitlines()[0])
    assert "runbook: " not in said, f"a cause: {said}"
    assert len(re.findall(r"^ +\S+/\d+ .* yes$", said, re.MULTILINE)) == 1, f"one worker: {said}"

    watch = reader.start("watch", reader.block("cancelctl watch"))
    order = place(reader, 1)[0]
    cancel_by_hand(reader, order)
    reader.stack.wait_until(lambda: re.search(rf"venue\..*\b{order}\b", watch.out()), "watch shows that the order has left the book")
    watch.popen.send_signal(signal.SIGINT)
    watch.wait_exit()

    count_frames = reader.block("uniq -c")
    for number in ("[991", "[114", "[451", "[452"):
        reader.stack.wait_until(lambda: number in reader.run(count_frames)[1], f"{number} is recorded")
        reader.must_print(number, reader.must_run(count_frames))

    exit_code, said = reader.run(reader.block("cancelctl cancel 1"))
    assert exit_code != 0
    reader.must_print("REJECTED by BUS, OBSERVING", said)
    assert not re.search(r'"event":"task_sent".*"kind":"cancel"', bus.log())
    assert not re.search(r'"event":"task_taken".*"kind":"cancel"', worker.log())


def start_sending(reader, bus):
    command = reader.block("bin/cancel-bus").replace(" --observe", "")
    bus.popen.send_signal(signal.SIGINT)
    bus.wait_exit()
    reader.go_to("5. Cancel one order")
    bus = reader.start("bus", command, CANCELBUS_MONITOR_ADDRESS="127.0.0.1:0").wait_ready()
    assert bus.log().count('"event":"observing"') == 1, "of the first start alone, whose log it continues"
    reader.stack.wait_until(lambda: "bus ok" in one_blank(reader.run("bin/cancelctl status")[1]), "all have come back")
    reader.must_print("bus ok", reader.must_run("bin/cancelctl status"))
    return bus


def cancel_one(reader):
    order, = place(reader, 1)
    said = reader.must_run(reader.block("--wait=final", ID=order))
    assert "ACCEPTED" in said
    reader.must_print("CANCELED (CHANNEL_452)", said)
    [name] = set(re.findall(r" \((\S+/\S+)\)$", said, re.MULTILINE))
    explained = reader.must_run(reader.block("cancelctl explain", **{"SENDER/CL_ORD_ID": name}))
    assert explained.count("DELETE") >= 1 and "200" in explained and "452" in explained, explained
    responses = reader.block("jq -c")
    wanted = f'"request":"DELETE /api/v1/order?id={order}","status":200'
    reader.stack.wait_until(lambda: wanted in reader.run(responses)[1], "the response is recorded")


def cancel_ten(reader, bus):
    reader.go_to("6. Cancel ten")
    ten = place(reader, 10)
    script = reader.block("cancelctl cancel")
    for order in ten:
        script = re.sub(r"(?<!\w)ID(?!\w)", order, script, count=1)
    reader.must_print("10 asked: 10 canceled", reader.must_run(script))
    assert """`grep '"http_status":429' bus.log` must print nothing""" in section(reader.heading)
    assert '"http_status":429' not in bus.log()


def end_recorder(reader, recorder):
    reader.go_to("7. Leave it running")
    recorder.popen.send_signal(signal.SIGINT)
    exit_code = recorder.wait_exit()
    last = recorder.log().splitlines()[-1]
    missing = re.search(r"day-one\.jsonl has \d+ more records, (none|\d+) missing$", last)
    assert missing, last
    assert "exit with 3 if any are missing" in one_blank(section(reader.heading))
    assert exit_code == (0 if missing[1] == "none" else 3)
    lost = [line for line in (reader.home / "day-one.jsonl").read_text().splitlines() if '"type":"lost"' in line]
    assert (missing[1] == "none") == (lost == []), lost


def place(reader, count):
    """As the page says to do it in a rehearsal. The ids."""
    return ids_in(reader.must_run(rehearsal_line(reader, "/sim/orders").replace('"count":1', f'"count":{count}')))


def cancel_by_hand(reader, order):
    reader.must_run(rehearsal_line(reader, "/sim/cancel").replace("ID", order))


def rehearsal_line(reader, holds):
    here, reader.heading = reader.heading, "Rehearse without the exchange"
    [line] = [line for line in reader.block("/sim/orders").splitlines() if holds in line]
    reader.heading = here
    return line


def ids_in(said):
    return re.findall(r"\d{6,}", said[said.index('{"ids"'):])
