"""The fault proxy does what it is asked, and nothing else: without that the tests that use it would prove little."""

import socket
import time

import fault_proxy
import pytest
from fault_proxy import FaultProxy
from process import PATIENCE_SECONDS

QUICK = 0.1  # what has not come within this is held back


@pytest.fixture
def proxy():
    with FaultProxy() as proxy:
        yield proxy


class Ends:
    """Both ends of one forwarded connection."""

    def __init__(self, proxy):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.link = proxy.link("127.0.0.1:{}".format(self.listener.getsockname()[1]))
        self.client, self.server = self.connect()
        assert passes(self.client, self.server)  # so that the proxy knows the connection, too

    def connect(self):
        client = socket.create_connection(self.link.address.split(":"), timeout=PATIENCE_SECONDS)
        server = self.listener.accept()[0]
        server.settimeout(PATIENCE_SECONDS)
        return client, server

    def ways(self):
        return {"up": (self.client, self.server), "down": (self.server, self.client)}


@pytest.fixture
def ends(proxy):
    return Ends(proxy)


def passes(sender, receiver, text=b"word"):
    sender.sendall(text)
    return receiver.recv(100) == text


def holds_back(sender, receiver, text=b"word"):
    sender.sendall(text)
    receiver.settimeout(QUICK)
    with pytest.raises(TimeoutError):
        receiver.recv(100)
    receiver.settimeout(PATIENCE_SECONDS)
    return True


def is_reset(end):
    with pytest.raises(ConnectionResetError):
        end.recv(100)
    return True


def refuses_connections(link):
    with pytest.raises(ConnectionResetError):
        socket.create_connection(link.address.split(":"), timeout=PATIENCE_SECONDS).recv(100)
    return True


def test_forwards_both_ways_and_says_when_one_has_ended(ends):
    assert passes(*ends.ways()["up"]) and passes(*ends.ways()["down"])
    ends.client.shutdown(socket.SHUT_WR)
    assert ends.server.recv(100) == b""
    assert passes(ends.server, ends.client)


@pytest.mark.parametrize("way, other", [("up", "down"), ("down", "up")])
def test_stalled_one_way_it_holds_back_until_restored(ends, way, other):
    ends.link.stall(way)
    assert holds_back(*ends.ways()[way])
    assert passes(*ends.ways()[other])
    ends.link.restore()
    assert ends.ways()[way][1].recv(100) == b"word"


def test_stalled_it_still_takes_connections(ends):
    ends.link.stall()
    client, server = ends.connect()
    assert holds_back(client, server) and holds_back(server, client)
    ends.link.restore()
    assert (server.recv(100), client.recv(100)) == (b"word", b"word")


@pytest.mark.parametrize("way, other", [("up", "down"), ("down", "up")])
def test_half_closed_one_way_the_other_goes_on(ends, way, other):
    ends.link.half_close(way)
    assert ends.ways()[way][1].recv(100) == b""
    assert passes(*ends.ways()[other])
    assert all(passes(*pair) for pair in (ends.connect(), reversed(ends.connect())))


def test_reset_both_ends_know_and_new_connections_are_served(ends):
    ends.link.reset()
    assert is_reset(ends.client) and is_reset(ends.server)
    assert passes(*ends.connect())


def test_cut_new_connections_are_reset_until_it_is_restored(ends):
    ends.link.cut()
    assert is_reset(ends.client) and is_reset(ends.server)
    assert refuses_connections(ends.link)
    ends.link.restore()
    assert passes(*ends.connect())


def test_delayed_it_brings_everything_later(ends):
    ends.link.delay(2 * QUICK)
    sent = time.monotonic()
    assert passes(*ends.ways()["up"])
    assert time.monotonic() - sent >= 2 * QUICK


def test_a_reset_of_one_end_reaches_the_other(ends):
    ends.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    ends.server.close()
    assert is_reset(ends.client)


def test_where_nothing_listens_connections_are_reset(ends):
    ends.listener.close()
    assert refuses_connections(ends.link)


def test_it_remembers_when_it_delivered_nothing_up_but_handshakes(ends, monkeypatch):
    monkeypatch.setattr(fault_proxy, "NOTED_SECONDS", 0.0)
    for _ in range(fault_proxy.HANDSHAKE_BYTES // 100 - 1):
        assert passes(*ends.ways()["up"], b"x" * 100)
    assert passes(*ends.ways()["down"])
    assert len(ends.link.silences()) == 1  # from the beginning, until now
    assert passes(*ends.ways()["up"], b"x" * 100)
    assert passes(*ends.ways()["up"], b"x")
    (began, ended), *later, (last, now) = ends.link.silences()
    assert began < ended <= last <= now
    assert len(later) in (0, 1)  # the last of the handshake's bytes may be a word's as well


def test_it_remembers_what_it_held_up_on_its_way_down(ends, monkeypatch):
    assert passes(*ends.ways()["down"]) and ends.link.holds() == []
    monkeypatch.setattr(fault_proxy, "NOTED_SECONDS", QUICK / 2)
    ends.link.stall("down")
    assert holds_back(*ends.ways()["down"])
    ends.link.restore()
    assert ends.client.recv(100) == b"word"
    [(began, ended)] = ends.link.holds()
    assert ended - began >= QUICK / 2
