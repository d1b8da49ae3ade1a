"""Three strategies cancel 150 orders on a local exchange, and the exchange's own counters say how it went.

Called by deploy/demo, which see for its flags. Whatever ends this process ends everything that it started.
"""

import argparse
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import failover
import report
from fix import FixClient, shown
from process import Ended, Failed, die_with_parent, end_on, wait_until
from stack import Stack

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("cancel-bus", "cancel-worker", "final-subscriber", "cancel-fix", "exchange-sim", "cancelctl", "cancel-load")
STRATEGIES = ("strategy-a", "strategy-b", "strategy-c")
ORDERS_EACH = 50
FIX_ORDERS = 10
DESK = "desk-a"  # The strategy of clients/README.md.
DESK_PREFIX = "da-"  # Its orders are those whose client order id begins so.
AGAIN_SECONDS = 2.0
TIMEOUT_S = 90  # Of which the budget takes 15.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text=""):
    print(text, flush=True)


def build():
    say(f"Building {', '.join(PROGRAMS)}")
    command = subprocess.Popen([ROOT / "deploy" / "build", *PROGRAMS, "cancelbus_python", "cancelbus_cpp"], stdin=subprocess.DEVNULL,
                               start_new_session=True, preexec_fn=die_with_parent())
    try:
        wait_until(lambda: command.poll() is not None, "the build ends", math.inf)
    except Ended:
        os.killpg(command.pid, signal.SIGTERM)
        command.wait()
        raise
    if command.returncode != 0:
        raise Failed("the build failed: see above")
    return ROOT / "build"


def built(build_dir):
    """The same, if all is there."""
    missing = [program for program in PROGRAMS if not (build_dir / "bin" / program).exists()]
    if missing:
        raise Failed(f"--build_dir: {build_dir}/bin has no {', '.join(missing)}; build with `deploy/setup demo && deploy/build`, or omit --build_dir")
    return build_dir


class Progress:
    """One line, renewed in place on a terminal; elsewhere a new one every 2 s."""

    def __init__(self):
        self._live = sys.stdout.isatty()
        self._started = self._shown = time.monotonic()

    def show(self, strategies, last=False):
        now = time.monotonic()
        if not last and now - self._shown < (0.1 if self._live else 2.0):
            return
        self._shown = now
        asked = sum(s.sent for s in strategies)
        text = (f"{now - self._started:5.1f} s  {sum(len(s.acks) for s in strategies)} of {asked} acked, "
                f"{sum(len(s.finals) for s in strategies)} final  "
                f"({', '.join(f'{s.name} {len(s.finals)}' for s in strategies)})")
        print(f"\r\x1b[K{text}" if self._live else text, end="\n" if last or not self._live else "", flush=True)


def cancel_all(stack, order_ids):
    """Has the strategies cancel their share each, with a key of their own, and returns what they were told."""
    strategies = [report.Strategy(name, ORDERS_EACH) for name in STRATEGIES]
    processes = []
    for index, strategy in enumerate(strategies):
        share = order_ids[index * ORDERS_EACH:(index + 1) * ORDERS_EACH]
        processes.append(stack.start_cancelctl(strategy.name, f"--sender={strategy.name}", "--json", "cancel",
                                               f"--timeout={TIMEOUT_S}s", "--wait=final", *map(str, share),
                                               key=strategy.name))
    progress = Progress()

    def all_ended():
        for strategy, process in zip(strategies, processes):
            strategy.read(process.out())
        progress.show(strategies)
        return not any(process.running for process in processes)

    stack.wait_until(all_ended, "every strategy has its finals", TIMEOUT_S + 10)
    all_ended()
    progress.show(strategies, last=True)
    return strategies


def verdict(stack, strategies):
    """What the exchange counted, printed, and what is wrong with it."""
    counters = stack.exchange.counters()
    deletes = sum(counters["requests"].get("DELETE /api/v1/order", {}).values())
    wanted = sum(strategy.sent for strategy in strategies)
    canceled = len(stack.exchange.orders("Canceled"))
    say(f"At the exchange: {canceled} of {wanted} orders canceled with {deletes} DELETEs, "
        f"at most {counters['max_deletes_per_order']} per order; {counters['refused_429']} answered 429.")
    say(f"Most DELETEs it counted in 1 s: {counters['peak']['1s']} (limit 10); in 60 s: {counters['peak']['60s']} (limit 300).")
    if counters["guesses"]:
        say("It did otherwise than by default: " + ", ".join(f"{name} {count} times" for name, count in counters["guesses"].items()))
    wrong = []
    if canceled != wanted:
        wrong.append(f"{wanted - canceled} orders are not canceled")
    if counters["refused_429"] != 0:
        wrong.append(f"{counters['refused_429']} requests were refused with 429")
    if counters["peak"]["1s"] > 10 or counters["peak"]["60s"] > 300:
        wrong.append(f"{counters['peak']['1s']} DELETEs in 1 s, {counters['peak']['60s']} in 60 s")
    if deletes != wanted or counters["max_deletes_per_order"] != 1:
        wrong.append(f"{deletes} DELETEs for {wanted} orders, up to {counters['max_deletes_per_order']} for one")
    for strategy in strategies:
        if len(strategy.acks) != strategy.sent or len(strategy.finals) != strategy.sent:
            wrong.append(f"{strategy.name} got {len(strategy.acks)} acks and {len(strategy.finals)} finals for {strategy.sent}")
        if stack.processes[strategy.name].exit_code != 0:
            wrong.append(f"{strategy.name} ended with exit code {stack.processes[strategy.name].exit_code}")
    return wrong


def write_environment(stack, name, key, sender=None):
    """A file for a shell: with it every client of ours talks to this stack as the holder of the key."""
    file = stack.folder / name
    variables = stack.environment_of(key) | ({"CANCELBUS_SENDER": sender} if sender else {})
    file.write_text("".join(f"export {name}={value}\n" for name, value in variables.items())
                    + f"export PATH={stack.bin_dir}:$PATH\n"
                    + "export no_proxy=127.0.0.1,localhost${no_proxy:+,$no_proxy}\n")
    return file


def try_faults():
    """Lines that have the local exchange misbehave, each with what comes of it."""
    curl = "curl --cacert $EXCHANGE_CA_FILE $EXCHANGE_URL/sim/faults -d"
    faults = (('{"no_452":{}}', "the stream is mute: finals come by ORDER_QUERY"),
              ('{"proxy_page":{"count":3}}', "503 pages of a proxy, the cancel done: IN_DOUBT, then proven"),
              ('{"stall":{"count":3}}', "no answer at all: IN_DOUBT after 10 s"),
              ('{"answer":{"payload":"cancel_429_ip","retry_after_s":20,"count":1}}', "429: nothing is sent for 20 s"),
              ('{"other_program":{"per_second":5}}', "another program spends the budget: the limit is lowered"),
              ('{"no_452":null,"proxy_page":null,"stall":null,"answer":null,"other_program":null}', "all is well again"))
    return "\n".join(f"  {curl} '{fault}'    {meaning}" for fault, meaning in faults)


def keep(stack):
    """Stays until a signal comes. What dies is started again."""
    ids = stack.exchange.place_orders(10)
    stack.grant("strategy", DESK, prefixes=DESK_PREFIX)
    cancelctl = stack.bin_dir / "cancelctl"
    environment = write_environment(stack, "env", "operator")
    of_strategy = write_environment(stack, "env-strategy", DESK, sender=DESK)
    say(f"""
Everything still runs, until Ctrl-C here. Ten more orders are on the book: {' '.join(map(str, ids))}
To try in another terminal, as the operator, whose key may use every name:
  . {environment}
  {cancelctl} watch                        what every strategy is told, as it happens
  {cancelctl} cancel {ids[0]}
  {cancelctl} cancel {ids[1]} {ids[2]} --urgent --wait=final
  {cancelctl} status                       budget, queue, workers, stream
  {cancelctl} top                          the same and the last finals, as they change
  {stack.bin_dir / "cancel-load"} --count=50           50 orders placed and canceled, and how long it took
  /usr/bin/python3 {ROOT}/clients/python/examples/quoter.py --rounds=3
  curl --cacert $EXCHANGE_CA_FILE $EXCHANGE_URL/sim/orders -d '{{"count":10}}'     places ten more
  curl --cacert $EXCHANGE_CA_FILE $EXCHANGE_URL/sim/orders -d '{{"count":5,"newOrderClientId":"{DESK_PREFIX}x"}}'     five of {DESK}'s
  {cancelctl} kill --owner {DESK} --reason drill        cancels these and each one that appears; deploy/RISK.md
As the strategy {DESK}, whose key may use no other name and cancel under it alone:
  . {of_strategy}
Faults to try: set one, cancel, and look at watch and status (tests/exchange/README.md has all of them):
{try_faults()}
Deaths to try (kill -9 PID); what has died is started again: {pids(stack)}
In a browser, what the bus does: {stack.processes["bus"].endpoints["monitor"]}/
The local exchange: REST {stack.rest_url}, private stream {stack.stream_url}
Logs and keys are in {stack.folder} until then.
To rehearse deploy/DAY_ONE.md, in each terminal: D={stack.folder} R={stack.rest_url} S={stack.stream_url}""")
    while True:
        name = wait_until(lambda: next(dead(stack), None), "something dies", math.inf, interval=0.2)
        start_again(stack, name)


def pids(stack):
    return ", ".join(f"{name} {process.pid}" for name, process in stack.processes.items() if process.running)


def dead(stack):
    return (name for name, process in stack.processes.items() if name not in STRATEGIES and not process.running)


def start_again(stack, name):
    """Until it runs: it may need several attempts, as the port of one that was killed."""
    process = stack.processes[name]
    how = f"was killed by signal {-process.exit_code}" if process.exit_code < 0 else f"ended with exit code {process.exit_code}"
    say(f"\n{name} {how}. Its log: {process.log_file}")
    start = {"exchange": stack.start_exchange, "bus": stack.start_bus, "subscriber": stack.start_subscriber}.get(
        name, lambda: stack.start_worker(name))

    def started():
        try:
            return start()
        except Failed as failure:
            say(f"{failure}\n{name} is tried again every {AGAIN_SECONDS:g} s")
            return None

    process = wait_until(started, f"{name} runs", math.inf, interval=AGAIN_SECONDS)
    book = "; its book is empty now" if name == "exchange" else ""
    say(f"{name} is started again, as {process.pid}{book}")


def converse(stack):
    """An order management system on FIX cancels FIX_ORDERS orders, the first half by OrderID, the others by OrigClOrdID, and
    then all that are left by a mass cancel. Prints the conversation; returns what went wrong."""
    stack.grant("strategy", DESK, prefixes=DESK_PREFIX)
    stack.start(workers=2)
    say(f"Starting cancel-fix; {DESK} logs on as {DESK.upper()}")
    stack.start_fix((DESK,))
    ids = stack.exchange.place_orders(FIX_ORDERS, newOrderClientId=f"{DESK_PREFIX}fix")
    stack.wait_until(lambda: len(stack.cancelctl("orders", "--json").json_lines) > FIX_ORDERS, "the bus knows the orders")
    desk = FixClient(stack.fix_port(), DESK.upper(), said=lambda direction, frame: say(f"{direction} {shown(frame)}"))
    desk.log_on()
    one_by_one = FIX_ORDERS - FIX_ORDERS // 5
    for number, order_id in enumerate(ids[:one_by_one], 1):
        by = (37, order_id) if number <= one_by_one // 2 else (41, f"{DESK_PREFIX}fix-{number}")
        desk.send([(35, "F"), (11, f"cancel-{number}"), by])
    gone = set()
    while len(gone) < one_by_one:
        message = desk.expect("8", "9")
        if message.type == "9":
            return [f"a cancel was rejected: {message}"]
        if message.get(150) == "4":
            gone.add(int(message.get(37)))
    desk.send([(35, "q"), (11, "mass-1"), (530, "7")])
    message = desk.expect("r", "8")
    while message.get(533) is None:
        message = desk.expect("r", "8")
        if message.get(150) == "4":
            gone.add(int(message.get(37)))
    desk.log_out()
    canceled = {order["id"] for order in stack.exchange.orders("Canceled")}
    say(f"\nAt the exchange {len(canceled)} of {FIX_ORDERS} orders are canceled; by FIX {len(gone)} are reported so.")
    return [] if gone == set(ids) == canceled else [f"reported {sorted(gone)}, canceled {sorted(canceled)}, placed {ids}"]


def run(stack, stay, guess):
    """The demo, at an exchange that does what is guessed so. Returns what went wrong, nothing if all is well."""
    say("Starting the exchange, the bus, two workers and the subscriber")
    for name in STRATEGIES:
        stack.grant("strategy", name)
    stack.exchange_flags = {"guess": guess}
    stack.start(workers=2)
    say(f"The local exchange listens at {stack.rest_url} and, with its private stream, at {stack.stream_url}")
    total = len(STRATEGIES) * ORDERS_EACH
    say(f"Placing {total} orders; {', '.join(STRATEGIES)} cancel {ORDERS_EACH} each")
    strategies = cancel_all(stack, stack.exchange.place_orders(total))
    say(f"\n{report.table(strategies)}\n\n{report.EXPLANATION}\n")
    wrong = verdict(stack, strategies)
    if stay and not wrong:
        try:
            keep(stack)
        except Ended as ended:
            say(f"\n{ended}: stopping")
    return wrong


def main():
    parser = argparse.ArgumentParser(prog="deploy/demo", allow_abbrev=False, add_help=False)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("--standby", action="store_true")
    parser.add_argument("--guess")
    parser.add_argument("--build_dir", type=Path)
    options = parser.parse_args()
    end_on(*SIGNALS)

    folder, stack, exit_code = None, None, 1
    try:
        build_dir = built(options.build_dir) if options.build_dir else build()
        folder = Path(tempfile.mkdtemp(prefix="cancelbus-demo-"))
        stack = Stack(build_dir, folder)
        if options.fix:
            wrong = converse(stack)
        elif options.standby:
            wrong = failover.run(stack, say)
        else:
            wrong = run(stack, options.keep, options.guess)
        exit_code = 1 if wrong else 0
        for sentence in wrong:
            say(f"WRONG: {sentence}")
        if wrong:
            say(stack.tails())
    except Failed as failure:
        say(f"\nFAILED: {failure}")
    except Ended as ended:
        exit_code = ended.exit_code
        say(f"\n{ended}: stopping")
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # The ending is not to be interrupted.
        if stack is not None:
            stack.stop()
        if folder is not None:
            if exit_code == 1:
                say(f"Logs are kept in {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
