"""A counterparty whose engine is not ours: QuickFIX's initiator as a process (quickfix_initiator.cpp). It checks what it
gets by our data dictionary. Used by test_fix_initiator.py in place of a FixClient."""

import os
import select
import subprocess
import time

from conftest import BUILD, ROOT
from fix import FixClient, Message, parse

from process import PATIENCE_SECONDS, Failed, clean_environment

REJECTS = ("3", "j")


class Engine(FixClient):
    """`folder` keeps its sequence numbers and messages. `sent`: the frames that it has sent, by itself too."""

    def __init__(self, folder, sender, said=None):
        super().__init__(0, sender, said=said)
        self.folder = folder
        self.sent = []
        self._popen = None
        self._rejects = 0  # that we had it send

    def start(self, port, reset=False):
        self.close()
        self.folder.mkdir(exist_ok=True)
        command = [BUILD / "bin" / "quickfix-initiator", str(port), self.sender, self.folder, ROOT / "clients" / "fix" / "FIX44.xml"]
        self._popen = subprocess.Popen(command + ["reset"] * reset, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, env=clean_environment())
        self._bytes = b""

    @property
    def connected(self):
        return self._popen is not None

    def send(self, fields):
        self._rejects += dict(fields)[35] in REJECTS
        self._popen.stdin.write(("|".join(f"{tag}={value}" for tag, value in fields) + "\n").encode())
        self._popen.stdin.flush()

    def receive(self, timeout=PATIENCE_SECONDS):
        deadline = time.monotonic() + timeout
        while self.connected:
            line = self._take_line()
            if line is not None:
                message = self._take(line)
                if message is not None:
                    return message
                continue
            out = self._popen.stdout
            if not select.select([out], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            data = os.read(out.fileno(), 65536)
            if not data:
                self._ended()
            self._bytes += data
        return None

    def log_out(self):
        """It must have found no fault with what it got."""
        self._popen.stdin.close()
        self.wait_closed()
        rejects = [frame for frame in self.sent if dict(parse(frame))[35] in REJECTS]
        if len(rejects) != self._rejects:
            raise Failed(f"{self.sender}: QuickFIX objects: {rejects}")

    def close(self):
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()
            self._popen.stdout.close()
            self._popen.stdin.close()
        self._popen = None

    def _ended(self):
        exit_code = self._popen.wait()
        self.close()
        if exit_code != 0:
            raise Failed(f"quickfix-initiator ended with {exit_code}")

    def _take_line(self):
        line, end, rest = self._bytes.partition(b"\n")
        if not end:
            return None
        self._bytes = rest
        return line.decode("latin-1")

    def _take(self, line):
        direction, _, frame = line.partition(" ")
        if not frame.startswith("8=FIX"):
            return None  # QuickFIX's own account
        self.said(direction, frame)
        if direction == "->":
            self.sent.append(frame)
            return None
        message = Message(frame)
        self.received.append(message)
        return message
