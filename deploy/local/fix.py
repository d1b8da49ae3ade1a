"""A counterparty of cancel-fix on a raw socket: one FIX 4.4 session, message by message. Used by demo.py and by the tests.

It does by itself only what a session must do: it numbers messages, answers test requests, and acknowledges a logout.
Everything else, resend requests too, is the caller's.
"""

import datetime
import select
import socket
import ssl
import time

from process import PATIENCE_SECONDS, Failed

SOH = "\x01"
BEGIN = "FIX.4.4"
# The order in which the standard header's fields are written.
HEADER = (35, 34, 49, 56, 43, 97, 52, 122)


def now(shift_seconds=0.0):
    """As FIX writes a time."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift_seconds)
    return moment.strftime("%Y%m%d-%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def parse(text):
    """Pairs of tag and value, of `35=F|11=a` or of a frame."""
    return [(int(tag), value) for tag, value in (field.split("=", 1) for field in text.replace(SOH, "|").strip("|").split("|"))]


def shown(frame):
    """The frame as people write it down."""
    return frame.replace(SOH, "|")


def frame_of(fields, begin=BEGIN):
    """With BeginString, BodyLength and CheckSum."""
    body = "".join(f"{tag}={value}{SOH}" for tag, value in fields)
    head = f"8={begin}{SOH}9={len(body.encode('latin-1'))}{SOH}"
    total = sum((head + body).encode("latin-1")) % 256
    return f"{head}{body}10={total:03d}{SOH}"


class Message:
    """One that was received; `get(11)` is the value of a tag, or None."""

    def __init__(self, frame):
        self.frame = frame
        self.fields = parse(frame)

    def get(self, tag):
        return next((value for each, value in self.fields if each == tag), None)

    @property
    def type(self):
        return self.get(35)

    @property
    def seq(self):
        return int(self.get(34))

    def __repr__(self):
        return shown(self.frame)


class FixClient:
    """`said` is called with ("->" or "<-", frame) for each frame. `next_out` and `next_in` outlive a connection."""

    def __init__(self, port, sender, target="CANCELBUS", host="127.0.0.1", tls=None, said=None):
        self.address = (host, port)
        self.sender = sender
        self.target = target
        self.tls = tls
        self.said = said or (lambda direction, frame: None)
        self.next_out = 1
        self.next_in = 1
        self.heartbeats = True  # answers test requests
        self.received = []      # every application and session message, heartbeats too
        self.cut_off = False    # it ended in an error; of TLS also without close_notify
        self._socket = None
        self._bytes = b""

    def connect(self):
        self.close()
        connection = socket.create_connection(self.address, timeout=PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_hostname=self.address[0], suppress_ragged_eofs=False)
        self._socket = connection
        self.cut_off = False
        self._bytes = b""
        return self

    def close(self):
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    @property
    def connected(self):
        return self._socket is not None

    def log_on(self, **options):
        """Connects, logs on, and returns the answer."""
        self.connect()
        self.send([(35, "A"), (98, 0), (108, options.pop("heart_beat", 30)), *options.pop("fields", ())])
        return self.expect("A")

    def log_out(self):
        self.send([(35, "5")])
        self.expect("5")
        self.wait_closed()

    def build(self, fields):
        """The frame of these fields; those of the header that are not given are filled in, and count."""
        given = dict(fields)
        header = {35: given[35], 34: self.next_out, 49: self.sender, 56: self.target, 52: now()}
        header |= {tag: value for tag, value in given.items() if tag in HEADER}
        if given.get(43) != "Y":
            self.next_out = int(header[34] or 0) + 1
        if given[35] == "4":
            self.next_out = int(given[36])
        # A value of None leaves a field of the header out.
        head = [(tag, header[tag]) for tag in HEADER if header.get(tag) is not None]
        body = [(tag, value) for tag, value in fields if tag not in (*HEADER, 8)]
        return frame_of(head + body, str(given.get(8, BEGIN)))

    def send(self, fields):
        frame = self.build(fields)
        self.send_frame(frame)
        return frame

    def send_frame(self, frame):
        self.said("->", frame)
        self.send_bytes(frame.encode("latin-1"))

    def send_bytes(self, data):
        self._socket.sendall(data)

    def receive(self, timeout=PATIENCE_SECONDS):
        """The next message; None if none came in time, or the connection has ended."""
        deadline = time.monotonic() + timeout
        while True:
            frame = self._take_frame()
            if frame is not None:
                return self._note(Message(frame))
            if self._socket is None or not self._wait(deadline - time.monotonic()):
                return None
            try:
                data = self._socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                self.cut_off = True
                data = b""
            if not data:
                self.close()
                return None
            self._bytes += data

    def expect(self, *types, timeout=PATIENCE_SECONDS):
        """The next message of one of these types; heartbeats and test requests before it are passed over."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive(max(0.0, deadline - time.monotonic()))
            if message is None:
                raise Failed(f"{self.sender}: no message of type {' or '.join(types)} came"
                             + ("" if self.connected else ": the connection has ended"))
            if message.type in types:
                return message
            if message.type not in ("0", "1"):
                raise Failed(f"{self.sender}: expected a message of type {' or '.join(types)}, and got {message}")

    def wait_closed(self, timeout=PATIENCE_SECONDS):
        """Until the other side has closed; returns what came before."""
        messages = []
        while self.connected:
            message = self.receive(timeout)
            if message is None and self.connected:
                raise Failed(f"{self.sender}: the connection was not closed")
            if message is not None:
                messages.append(message)
        return messages

    def _wait(self, seconds):
        if self.tls is not None and self._socket.pending():
            return True
        return bool(select.select([self._socket], [], [], max(0.0, seconds))[0])

    def _take_frame(self):
        # The frames of a peer that is trusted to write them properly.
        begin = self._bytes.find(b"\x0110=")
        end = self._bytes.find(b"\x01", begin + 1) if begin >= 0 else -1
        if end < 0:
            return None
        frame, self._bytes = self._bytes[:end + 1], self._bytes[end + 1:]
        return frame.decode("latin-1")

    def _note(self, message):
        self.said("<-", message.frame)
        self.received.append(message)
        if message.type == "4":
            self.next_in = int(message.get(36))
        elif message.get(43) != "Y":
            self.next_in = message.seq + 1
        if message.type == "1" and self.heartbeats:
            self.send([(35, "0"), (112, message.get(112))])
        return message
