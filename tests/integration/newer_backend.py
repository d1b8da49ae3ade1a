"""Between a bus and its workers and its subscriber: whatever passes, either way, is said as a newer version would say it.

So each side is the older one, in a rolling upgrade. Every message gets an unknown field in all its parts, and now and then
comes one of an unknown kind. Used by test_newer_backend.py; a thread of its own, over real sockets.
"""

import sys
import threading
from pathlib import Path

import zmq
from conftest import ROOT
from strategy_client import read_curve

sys.path.append(str(ROOT / "tests" / "contract"))

from newer import NUMBER, newer, said_later  # noqa: E402

STRANGE_EVERY = 5  # frames


class NewerBackend:
    def __init__(self, stack):
        self.strange_orders = set()  # what the stream says of these is of an unknown type
        self.passed = {"BackendRequest": 0, "BackendReply": 0}
        self.failure = None
        self._stack = stack
        self._backend = stack.processes["bus"].endpoints["backend"]
        self._context = zmq.Context()
        self._front = self._context.socket(zmq.ROUTER)
        public, self._front.curve_secretkey = zmq.curve_keypair()
        self._front.curve_server = True
        self.endpoint = f"tcp://127.0.0.1:{self._front.bind_to_random_port('tcp://127.0.0.1')}"
        self._public_file = Path(stack.folder) / "newer_backend.pub"
        self._public_file.write_bytes(public + b"\n")
        self._links = {}  # routing id of a worker or subscriber: our socket to the bus in its name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def flags(self):
        """Of a worker or subscriber that shall go through here."""
        return {"backend_endpoint": self.endpoint, "curve_server_key_file": self._public_file}

    def close(self):
        self._ended.set()
        self._thread.join()
        self._context.destroy(linger=0)
        assert self.failure is None, self.failure

    def _run(self):
        try:
            while not self._ended.is_set():
                self._turn()
        except Exception as failure:  # a thread's last words
            self.failure = failure

    def _turn(self):
        poller = zmq.Poller()
        for socket in (self._front, *self._links.values()):
            poller.register(socket, zmq.POLLIN)
        ready = dict(poller.poll(50))
        if self._front in ready:
            peer, frame = self._front.recv_multipart()
            for said in self._said("BackendRequest", "later_request", frame):
                self._link(peer, frame).send(said)
        for peer, link in self._links.items():
            if link in ready:
                for said in self._said("BackendReply", "later_reply", link.recv()):
                    self._front.send_multipart([peer, said])

    def _said(self, name, oneof, frame):
        self.passed[name] += 1
        if self.passed[name] % STRANGE_EVERY == 0:
            yield newer(name)(**{oneof: "later"}).SerializeToString()
        message = newer(name).FromString(said_later(name, frame))
        if name == "BackendRequest" and message.order_fact.order_id in self.strange_orders:
            message.order_fact.type = NUMBER
        yield message.SerializeToString()

    def _link(self, peer, frame):
        if peer not in self._links:
            link = self._links[peer] = self._context.socket(zmq.DEALER)
            role = "worker" if newer("BackendRequest").FromString(frame).HasField("ready") else "subscriber"
            files = self._stack.access.flags(role).values()
            link.curve_publickey, link.curve_secretkey, link.curve_serverkey = read_curve(*files)
            link.connect(self._backend)
        return self._links[peer]
