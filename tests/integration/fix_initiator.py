"""A counterparty as an order management system is one: it reconnects, resends what the gateway has missed, and asks for
what it has missed itself. Used by test_fix_crashes.py."""

import time

from fix import FixClient, now

from process import Failed

ADMIN = ("0", "1", "2", "3", "4", "5", "A")


class Initiator:
    """`messages` has each application message once, by its sequence number; `repeated` the repetitions, which are marked."""

    def __init__(self, port, sender):
        self.client = FixClient(port, sender)
        self.sent = {}       # application messages by sequence number: fields
        self.messages = {}
        self.repeated = []
        self.unmarked = []   # what came twice and does not say so
        self.logons = 0
        self._leaving = False
        self._next = 1       # of the gateway
        self._ahead = {}
        self._asked_to = 0

    def send(self, fields):
        """Kept, and sent if there is a connection."""
        seq = self.client.next_out
        frame = self.client.build(fields)
        self.sent[seq] = fields
        self._put(frame)

    def stay_connected(self):
        """Logs on unless it is logged on already; False if the gateway is not there."""
        if self.client.connected:
            return True
        try:
            self.client.connect()
            self.client.send([(35, "A"), (98, 0), (108, 5)])
        except OSError:
            self.client.close()
            return False
        self.logons += 1
        self._ahead = {}
        self._asked_to = 0
        return True

    def work(self, seconds=0.0):
        """Reads what comes within this time, and answers it."""
        deadline = time.monotonic() + seconds
        while self.client.connected:
            try:
                message = self.client.receive(max(0.0, deadline - time.monotonic()))
            except OSError:
                self.client.close()
                return
            if message is None:
                return
            self._take(message)

    def log_out(self):
        self._leaving = True
        self.client.send([(35, "5")])
        while self.client.connected:
            self.work(1)

    def _put(self, frame):
        try:
            if self.client.connected:
                self.client.send_frame(frame)
        except OSError:
            self.client.close()

    def _take(self, message):
        if message.type == "5" and not self._leaving:
            raise Failed(f"logged out: {message}")
        if message.get(43) == "Y" and message.type != "4":
            self.repeated.append(message)
        if message.type == "2":
            self._resend(int(message.get(7)))
        if message.seq > self._next:
            self._ahead[message.seq] = message
            if self._asked_to < self._next:
                self._asked_to = message.seq
                self._admin([(35, "2"), (7, self._next), (16, 0)])
            return
        if message.seq < self._next:
            if message.get(43) != "Y":
                self.unmarked.append(message)
            return
        self._count(message)
        while self._next in self._ahead:
            self._count(self._ahead.pop(self._next))

    def _count(self, message):
        if message.type == "4":
            self._next = int(message.get(36))
            return
        if message.type not in ADMIN:
            self.messages[message.seq] = message
        self._next += 1

    def _admin(self, fields):
        self._put(self.client.build(fields))

    def _resend(self, begin):
        end = self.client.next_out
        seq = begin
        while seq < end:
            if seq in self.sent:
                self._put(self.client.build([*self.sent[seq], (34, seq), (43, "Y"), (122, now())]))
                seq += 1
                continue
            after = min((kept for kept in self.sent if kept > seq), default=end)
            fill = self.client.build([(35, "4"), (34, seq), (43, "Y"), (122, now()), (123, "Y"), (36, after)])
            self._put(fill)
            seq = after
        self.client.next_out = end
