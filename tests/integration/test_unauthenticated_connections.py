"""Every connection that ends without a handshake is counted once and logged with its address: whatever it speaks, at each
of the bus's three ports. And a client with a key is not, however short it stays."""

import random
import socket
import ssl
import struct

import pytest
import zmq
from scene import bus_metric, count, curve_keys, encrypt, refusals

REASONS = ("handshake", "unknown_key", "role", "connections", "descriptors")
PORTS = ("session", "event", "backend")
SIGNATURE = b"\xff" + bytes(8) + b"\x7f"


def greeting(mechanism):
    """Of ZMTP 3.0, as a client."""
    return SIGNATURE + b"\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


def command(name, body):
    return bytes([4, 1 + len(name) + len(body), len(name)]) + name + body


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="bus.example").do_handshake()
    return outgoing.read()


def until_closed(connection):
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        pass
    connection.close()


def until_greeted(connection):
    """The bus has accepted it."""
    assert connection.recv(1)
    connection.close()


def reset(connection):
    """Gone with a RST, perhaps before the bus has accepted it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# What it sends, and how it leaves.
RAW = {
    "http": (b"GET / HTTP/1.1\r\nHost: bus\r\n\r\n", until_closed),
    "tls": (client_hello(), until_closed),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", until_closed),
    "zmtp 1": (b"\x01\x00", until_closed),
    "zmtp 1, versioned": (SIGNATURE + b"\x00\x05\x00\x00", until_closed),
    "zmtp 2": (SIGNATURE + b"\x01\x05\x00\x00", until_closed),
    "zmtp 3, NULL": (greeting(b"NULL") + command(b"\x05READY", b""), until_closed),
    "zmtp 3, PLAIN": (greeting(b"PLAIN") + command(b"\x05HELLO", b"\x04user\x08password"), until_closed),
    "zmtp 3, CURVE, rubbish after it": (greeting(b"CURVE") + random.Random(1).randbytes(300), until_closed),
    "zmtp 3, CURVE, then it leaves": (greeting(b"CURVE"), until_greeted),
    "half a greeting, then it leaves": (greeting(b"CURVE")[:11], until_greeted),
    "random bytes": (random.Random(2).randbytes(1000), until_closed),
    "random bytes that begin as ZMTP": (b"\xff" + random.Random(3).randbytes(1000), until_closed),
    "connects and leaves": (b"", socket.socket.close),
    "connects and resets": (b"", reset),
    "sends and resets": (b"GET / HTTP/1.0\r\n\r\n", reset),
    "silence until the bus ends it": (b"", until_closed),
}


def raw(stack, port, source, kind):
    data, leave = RAW[kind]
    host, number = stack.processes["bus"].endpoints[port].removeprefix("tcp://").split(":")
    connection = socket.create_connection((host, int(number)), timeout=30, source_address=(source, 0))
    own_port = connection.getsockname()[1]
    connection.sendall(data)
    leave(connection)
    return own_port


KINDS = {"session": zmq.DEALER, "event": zmq.SUB, "backend": zmq.DEALER}


def keyed(stack, port, source, keys):
    """Connects with these keys, and leaves once its handshake has ended. Returns how it ended."""
    context = zmq.Context()
    try:
        client = encrypt(context.socket(KINDS[port]), keys)
        client.linger = 0
        monitor = client.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                            zmq.EVENT_HANDSHAKE_SUCCEEDED)
        client.connect(stack.processes["bus"].endpoints[port].replace("tcp://", f"tcp://{source}:0;"))
        assert monitor.poll(30_000), "no answer to a handshake"
        event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
        client.disable_monitor()
        return event
    finally:
        context.destroy(linger=0)


def total(stack):
    return sum(count(stack, reason) for reason in REASONS)


class Source:
    """An address of this machine for each of them, so that its lines are its own, and none is spared."""
    number = 0

    @classmethod
    def another(cls):
        cls.number += 1
        return f"127.0.{1 + cls.number // 200}.{1 + cls.number % 200}"


def wait_refused(stack, reason, source, total_before):
    """One more is counted, and one line tells it."""
    stack.wait_until(lambda: refusals(stack, reason, source), f"{source} is logged for {reason}", timeout=20)
    stack.wait_until(lambda: total(stack) > total_before, f"{source} is counted")
    [line] = refusals(stack, reason, source)
    return line


def assert_counted_once(stack, port, total_before):
    """The bus hears of connections in order, so whatever was said twice has been heard before another one is."""
    fence = Source.another()
    raw(stack, port, fence, "zmtp 3, NULL")
    wait_refused(stack, "handshake", fence, total_before)
    stack.wait_until(lambda: total(stack) >= total_before + 2, "both are counted")
    assert total(stack) == total_before + 2


@pytest.mark.parametrize("kind", RAW)
@pytest.mark.parametrize("port", PORTS)
def test_without_a_key(shared, port, kind):
    before, source = total(shared), Source.another()
    own_port = raw(shared, port, source, kind)
    line = wait_refused(shared, "handshake", source, before)
    assert line["detail"].startswith(f"{port}: ") and line["detail"].endswith(f"(from port {own_port})")
    assert_counted_once(shared, port, before)


@pytest.mark.parametrize("port", PORTS)
def test_with_an_unknown_key(shared, port):
    before, source = total(shared), Source.another()
    keys = (*zmq.curve_keypair(), shared.access.bus.public.encode())
    assert keyed(shared, port, source, keys) == zmq.EVENT_HANDSHAKE_FAILED_AUTH
    wait_refused(shared, "unknown_key", source, before)
    assert_counted_once(shared, port, before)


@pytest.mark.parametrize("port", PORTS)
def test_for_another_bus(shared, port):
    before, source = total(shared), Source.another()
    assert keyed(shared, port, source, (*zmq.curve_keypair(), zmq.curve_keypair()[0])) != zmq.EVENT_HANDSHAKE_SUCCEEDED
    line = wait_refused(shared, "handshake", source, before)
    assert "curve_server_key_file" in line["detail"]
    assert_counted_once(shared, port, before)


@pytest.mark.parametrize("port", PORTS)
def test_a_client_that_leaves_after_its_handshake_is_no_stranger(shared, port):
    shared.grant("worker" if port == "backend" else "strategy", f"short-{port}")
    before = total(shared)
    for _ in range(20):
        source = Source.another()
        keys = curve_keys(shared, f"short-{port}")
        assert keyed(shared, port, source, keys) == zmq.EVENT_HANDSHAKE_SUCCEEDED
    fence = Source.another()
    raw(shared, port, fence, "zmtp 3, NULL")
    wait_refused(shared, "handshake", fence, before)
    assert total(shared) == before + 1
