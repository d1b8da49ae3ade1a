"""What a Client can be told, from arguments or from CANCELBUS_* environment variables, checked before any socket opens."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Optional, Sequence

import zmq

from .errors import OptionError

KEY_CHARACTERS = 40
MOST_BUSES = 8
MOST_TOPICS = 64
MOST_TOPIC_CHARACTERS = 40  # of client.<sender_comp_id>.
MOST_KEY_FILE_BYTES = 4096
OPEN_TO_OTHERS = 0o037  # The group may read: so Kubernetes mounts secrets for a pod's own group.


@dataclass(frozen=True)
class Curve:
    """Z85 keys, as libzmq takes them."""
    public: bytes
    secret: bytes
    servers: tuple[bytes, ...]  # of the bus: two while it is given another key, in the order in which they are tried
    server_file: str


@dataclass(frozen=True)
class Options:
    sender_comp_id: str
    session_endpoints: tuple[str, ...]  # one for each bus that may lead
    event_endpoints: tuple[str, ...]  # likewise, in the same order
    topics: tuple[str, ...]
    open_commands: bool
    curve: Optional[Curve]  # None: plain sockets on this machine


def _given(name: str, value: Optional[str], otherwise: str = "") -> str:
    """The argument, else the environment variable of its name."""
    return value if value is not None else os.environ.get(f"CANCELBUS_{name.upper()}", otherwise)


def _named(name: str) -> str:
    return f"{name} (or CANCELBUS_{name.upper()})"


def _endpoints(name: str, value: Optional[str], otherwise: str) -> tuple[str, ...]:
    """Of several buses their endpoints, separated by commas."""
    endpoints = tuple(_given(name, value, otherwise).split(","))
    for endpoint in endpoints:
        if not re.fullmatch(r"tcp://[^,]+:\d+|ipc://.+", endpoint):
            raise OptionError(f"{_named(name)}: {endpoint!r} is not an endpoint such as {otherwise}")
        if endpoint.startswith("tcp://"):
            _check_host(name, endpoint)
    if len(endpoints) > MOST_BUSES or len(set(endpoints)) < len(endpoints):
        raise OptionError(f"{_named(name)}: expected at most {MOST_BUSES} endpoints, none of them twice")
    return endpoints


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _check_host(name: str, endpoint: str) -> None:
    """Without brackets it is not clear where an IPv6 address ends and the port begins; libzmq would only never connect."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if ":" not in host:
        return
    address = host.removeprefix("[").removesuffix("]")
    right = f"tcp://[{address}]:{port}"
    if not _is_ipv6(address):
        raise OptionError(f"{_named(name)}: {endpoint!r}: {host!r} is neither a name nor an address: expected an IPv6 address in "
                          f"brackets, as in tcp://[::1]:{port}")
    if endpoint != right:
        raise OptionError(f"{_named(name)}: {endpoint!r}: an IPv6 address needs brackets: write {right}")


def _is_local(endpoint: str) -> bool:
    if endpoint.startswith("ipc://"):
        return True
    host = endpoint.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_key(name: str, path: str, secret: bool = False) -> bytes:
    return _read_keys(name, path, 1, secret)[0]


def read_server_keys(path: str) -> tuple[bytes, ...]:
    """One key or two, a line each."""
    return _read_keys("curve_server_key_file", path, 2)


def _read_keys(name: str, path: str, most: int, secret: bool = False) -> tuple[bytes, ...]:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o7777
            text = file.read(MOST_KEY_FILE_BYTES).removesuffix(b"\n")
    except OSError as error:
        raise OptionError(f"{_named(name)}: {path}: {error.strerror}") from None
    if secret and mode & OPEN_TO_OTHERS and os.name != "nt":  # Windows has no such modes
        raise OptionError(f"{_named(name)}: {path}: holds a secret and is open to others than its owner (mode {mode:04o}): "
                          f"chmod 600 {path}")
    keys = tuple(text.split(b"\n"))
    if len(keys) > most or not all(re.fullmatch(rb"[!-~]{%d}" % KEY_CHARACTERS, key) for key in keys):
        raise OptionError(f"{_named(name)}: {path}: expected one line of {KEY_CHARACTERS} characters (Z85); "
                          "cancelctl keygen writes such files")
    return keys


def _read_curve(key_file: str, server_key_file: str) -> Curve:
    secret = _read_key("curve_key_file", key_file, secret=True)
    servers = read_server_keys(server_key_file)
    try:
        public = zmq.curve_public(secret)
    except zmq.ZMQError:
        raise OptionError(f"{_named('curve_key_file')}: {key_file}: is not a Z85 key") from None
    if public in servers:
        raise OptionError(f"{_named('curve_server_key_file')}: {server_key_file}: is your own public key: give the file with "
                          "the bus's")
    return Curve(public, secret, servers, server_key_file)


def _loopback_in_environment() -> bool:
    word = _given("insecure_loopback", None, "false")
    if word not in ("true", "false"):
        raise OptionError(f"CANCELBUS_INSECURE_LOOPBACK: {word!r} is neither true nor false")
    return word == "true"


def _contradiction(key_option: str, plain_option: str) -> OptionError:
    return OptionError(f"{plain_option}: contradicts {key_option}: give key files for a bus with keys, or {plain_option} for one "
                       "without")


def _curve(key_file: Optional[str], server_key_file: Optional[str], insecure: Optional[bool],
           endpoints: Sequence[str]) -> Optional[Curve]:
    """An argument counts more than the environment, which may hold what another program needs."""
    given = bool(key_file or server_key_file)
    plain = insecure if insecure is not None else _loopback_in_environment()
    if given or not insecure:
        own, server = _given("curve_key_file", key_file), _given("curve_server_key_file", server_key_file)
        if own and server:
            curve = _read_curve(own, server)
            if insecure or (plain and not given):
                raise _contradiction("curve_key_file", "insecure_loopback") if given else \
                    _contradiction("CANCELBUS_CURVE_KEY_FILE", "CANCELBUS_INSECURE_LOOPBACK")
            return curve
        if own or server:
            missing = "curve_server_key_file" if own else "curve_key_file"
            raise OptionError(f"{_named(missing)}: is missing; a key of your own and the bus's public key go together")
    if not plain:
        raise OptionError(f"{_named('curve_key_file')} and {_named('curve_server_key_file')}: are missing; for a bus on "
                          "this machine without keys say insecure_loopback=True")
    for endpoint in endpoints:
        if not _is_local(endpoint):
            raise OptionError(f"insecure_loopback: {endpoint} is not on this machine; use keys")
    return None


def check_timeout(name: str, timeout: Any) -> None:
    """None, or seconds from 0."""
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout >= 0 or math.isinf(timeout):
        raise OptionError(f"{name}: {timeout!r} is not a number of seconds from 0; None waits without end")


def _check_topics(topics: Sequence[str]) -> None:
    if isinstance(topics, str) or len(topics) > MOST_TOPICS:
        raise OptionError(f"topics: expected a list of at most {MOST_TOPICS} topic prefixes, as [\"venue.\"]")
    for number, topic in enumerate(topics):
        if not isinstance(topic, str) or not re.fullmatch(r"[!-~]{1,%d}" % MOST_TOPIC_CHARACTERS, topic):
            raise OptionError(f"topics[{number}]: {topic!r} is no topic: these are venue., bus., client.<sender_comp_id>. and, "
                              "for observers and operators, client.")


def check_text(name: str, text: Any, most: int) -> None:
    if not isinstance(text, str) or not re.fullmatch(r"[ -~]{0,%d}" % most, text):
        raise OptionError(f"{name}: {text!r} is not at most {most} printable ASCII characters")


def is_sender(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{1,32}", text) is not None


def resolve(sender_comp_id: Optional[str], session_endpoint: Optional[str], event_endpoint: Optional[str],
            topics: Sequence[str], open_commands: bool, curve_key_file: Optional[str],
            curve_server_key_file: Optional[str], insecure_loopback: Optional[bool]) -> Options:
    sender = _given("sender", sender_comp_id)
    if not is_sender(sender):
        raise OptionError(f"sender_comp_id (or CANCELBUS_SENDER): {sender!r} is not 1 to 32 letters, digits, _ and -")
    _check_topics(topics)
    sessions = _endpoints("session_endpoint", session_endpoint, "tcp://127.0.0.1:5550")
    events = _endpoints("event_endpoint", event_endpoint, "tcp://127.0.0.1:5551")
    if len(sessions) != len(events):
        raise OptionError(f"{_named('session_endpoint')} and {_named('event_endpoint')}: name {len(sessions)} and {len(events)} "
                          "endpoints; each bus has one of both, in the same order")
    for session, event in zip(sessions, events):
        if session == event:
            raise OptionError(f"{_named('session_endpoint')} and {_named('event_endpoint')}: are both {session}; a bus has one "
                              "for each")
    curve = _curve(curve_key_file, curve_server_key_file, insecure_loopback, (*sessions, *events))
    return Options(sender, sessions, events, tuple(topics), open_commands, curve)
