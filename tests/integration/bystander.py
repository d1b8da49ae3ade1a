"""A strategy that works while an attacker does its worst, as a process of its own: what does it notice?

    bystander.py SESSION_ENDPOINT EVENT_ENDPOINT NAME KEY_FILE SERVER_KEY_FILE

Used by test_abuse.py. A line of order ids on standard input starts a watch: it cancels them one after the other, each
once the last is done, and on a second session sends heartbeats all the while; it says `watching` when the first cancel
is sent. After an empty line, and with all of them done, it prints what it saw as a line of JSON.
"""

import json
import select
import sys
import time

import zmq
from cancelbus.v1.session_pb2 import SessionRequest
from process import PATIENCE_SECONDS
from scene import encrypt
from strategy_client import StrategyClient, read_curve


class Pulse:
    """A session that says nothing but heartbeats."""

    def __init__(self, endpoint, name, keys):
        self._session = encrypt(zmq.Context.instance().socket(zmq.DEALER), keys)
        self._session.linger = 0
        self._session.connect(endpoint)
        self.ask(hello={"sender_comp_id": name})

    def ask(self, **request):
        """How many milliseconds the answer took."""
        started = time.perf_counter()
        self._session.send(SessionRequest(**request).SerializeToString())
        assert self._session.poll(PATIENCE_SECONDS * 1000), "no answer"
        self._session.recv()
        return (time.perf_counter() - started) * 1000


def done(strategy, command):
    """Both: of an event socket that was opened anew the ack may be lost, and come again after the final."""
    return strategy.acks(command) and strategy.finals(command)


def watch(strategy, pulse, order_ids):
    times, commands, ended = [], [], False
    while not ended or order_ids or not done(strategy, commands[-1]):
        if order_ids and (not commands or done(strategy, commands[-1])):
            commands.append(strategy.cancel(order_ids.pop(0)))
            if len(commands) == 1:
                print("watching", flush=True)
        times.append(pulse.ask(heartbeat={}))
        strategy.live(0.005)
        if not ended and select.select([sys.stdin], [], [], 0)[0]:
            ended = sys.stdin.readline() == "\n"
    return {"times": times, "finals": [[final.ord_status for final in strategy.finals(c)] for c in commands],
            "receipts": [[receipt.status for receipt in strategy.receipts[c]] for c in commands],
            "acks": [[ack.status for ack in strategy.acks(c)] for c in commands]}


def main(session_endpoint, event_endpoint, name, *key_files):
    keys = read_curve(*key_files)
    pulse = Pulse(session_endpoint, name, keys)
    with StrategyClient(session_endpoint, event_endpoint, name, curve=keys) as strategy:
        strategy.hello()
        print("ready", flush=True)
        while True:
            if not select.select([sys.stdin], [], [], 0.5)[0]:
                strategy.live(0)
                continue
            order_ids = sys.stdin.readline().split()
            if not order_ids:
                return
            print(json.dumps(watch(strategy, pulse, list(map(int, order_ids)))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
