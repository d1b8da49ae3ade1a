"""Options of the Python client: each mistake is named, with what to do, before anything is sent or at the first handshake."""

import asyncio
import inspect
import time
from datetime import timedelta

import cancelbus
import pytest
import zmq
from cancelbus import blocking, command, handles
from process import PATIENCE_SECONDS
from zmq.auth.thread import ThreadAuthenticator


class Door:
    """Sockets where a bus's would be, that let in only the keys which `let_in` holds."""

    def __init__(self):
        self.public, secret = zmq.curve_keypair()
        self.let_in = set()
        self.context = zmq.Context()
        self.zap = ThreadAuthenticator(self.context)
        self.zap.start()
        self.zap.configure_curve_callback("*", self)
        self.sockets, self.endpoints = [], []
        for kind in (zmq.ROUTER, zmq.XPUB):
            socket = self.context.socket(kind)
            self.sockets.append(socket)
            socket.zap_domain = b"door"
            socket.curve_server, socket.curve_secretkey, socket.curve_publickey = True, secret, self.public
            self.endpoints.append(f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}")

    def callback(self, _domain, key):
        return key in self.let_in or zmq.utils.z85.encode(key) in self.let_in

    def close(self):
        self.zap.stop()
        self.context.destroy(linger=0)


@pytest.fixture
def door():
    door = Door()
    yield door
    door.close()


@pytest.fixture
def keys(tmp_path, door):
    """Options of a client with a key of its own."""
    public, secret = zmq.curve_keypair()
    for name, key in (("own.key", secret), ("bus.pub", door.public)):
        (tmp_path / name).write_bytes(key + b"\n")
        (tmp_path / name).chmod(0o600)
    return {"curve_key_file": str(tmp_path / "own.key"), "curve_server_key_file": str(tmp_path / "bus.pub"),
            "session_endpoint": door.endpoints[0], "event_endpoint": door.endpoints[1]}, public.decode()


def refusal_of(options):
    started = time.monotonic()
    with pytest.raises(cancelbus.CancelbusError) as caught:
        with blocking.Client("desk-a", connect_timeout=PATIENCE_SECONDS, **options):
            pass
    assert time.monotonic() - started < PATIENCE_SECONDS, "a refusal is not waited out"
    return caught.value


def test_a_key_that_the_bus_does_not_know(keys):
    options, public = keys
    error = refusal_of(options)
    assert isinstance(error, cancelbus.KeyRefused)
    assert "curve_key_file" in str(error) and "policy file" in str(error) and public in str(error)


def test_what_the_bus_s_policy_does_not_allow(stack, keys):
    stack.start_bus()
    endpoints = {"session_endpoint": stack.session_endpoint, "event_endpoint": stack.event_endpoint}
    stack.grant("strategy", "desk-b")
    with pytest.raises(cancelbus.KeyRefused, match="hello.sender_comp_id: .*may not use this name"):
        with blocking.Client("desk-a", **endpoints, **stack.access.flags("desk-b")):
            pass
    stranger = keys[0] | endpoints | {"curve_server_key_file": stack.access.flags("operator")["curve_server_key_file"]}
    error = refusal_of(stranger)
    assert isinstance(error, cancelbus.KeyRefused) and keys[1] in str(error)


def test_a_key_file_that_is_open_to_others(keys, tmp_path):
    (tmp_path / "own.key").chmod(0o604)
    error = refusal_of(keys[0])
    assert isinstance(error, cancelbus.OptionError) and "open to others than its owner (mode 0604)" in str(error)


def test_a_bus_with_another_key_than_expected(keys, tmp_path):
    options, _ = keys
    (tmp_path / "bus.pub").write_bytes(zmq.curve_keypair()[0])
    error = refusal_of(options)
    assert isinstance(error, cancelbus.KeyRefused) and "curve_server_key_file" in str(error)


def test_no_key_for_a_bus_that_wants_one(door):
    error = refusal_of({"insecure_loopback": True, "session_endpoint": door.endpoints[0], "event_endpoint": door.endpoints[1]})
    assert isinstance(error, cancelbus.KeyRefused) and "give curve_key_file" in str(error)


def test_a_key_for_a_bus_that_wants_none(stack, keys):
    stack.start_bus(curve_key_file=None, policy_file=None, insecure_loopback="true")
    error = refusal_of(keys[0] | {"session_endpoint": stack.session_endpoint, "event_endpoint": stack.event_endpoint})
    assert isinstance(error, cancelbus.KeyRefused) and "uses no keys" in str(error)


@pytest.mark.parametrize("options, named", [
    ({"sender_comp_id": "desk a"}, "sender_comp_id"), ({"session_endpoint": "nowhere"}, "CANCELBUS_SESSION_ENDPOINT"),
    ({"topics": ["venue.", "v\u00e4nue."]}, r"topics\[1\]"), ({"topics": ["venue.", ""]}, r"topics\[1\]"),
    ({"topics": ["client." + 40 * "x"]}, r"topics\[0\]"), ({"topics": [7]}, r"topics\[0\]"),
    ({"session_endpoint": "tcp://127.0.0.1:5551"}, "session_endpoint .*event_endpoint .*both tcp://127.0.0.1:5551"),
    ({"session_endpoint": "tcp://::1:5550"}, r"session_endpoint .*IPv6 address needs brackets: write tcp://\[::1\]:5550$"),
    ({"event_endpoint": "tcp://fe80::1:5551"}, r"event_endpoint .*IPv6 address needs brackets: write tcp://\[fe80::1\]:5551$"),
    ({"event_endpoint": "tcp://[::1:5551"}, r"event_endpoint .*IPv6 address needs brackets: write tcp://\[::1\]:5551$"),
    ({"session_endpoint": "tcp://127.0.0.1:5550:1"}, r"session_endpoint .*'127\.0\.0\.1:5550' is neither a name nor an address"),
    ({"session_endpoint": "tcp://[::g]:5550"}, r"session_endpoint .*'\[::g\]' is neither a name nor an address"),
    ({"connect_timeout": -1}, "connect_timeout"), ({"connect_timeout": float("nan")}, "connect_timeout"),
    ({"insecure_loopback": False}, "insecure_loopback=True"), ({"session_endpoint": "tcp://10.0.0.1:5550"}, "use keys"),
    ({"curve_key_file": "own.key"}, "curve_server_key_file"), ({"topics": "venue."}, "topics"),
    ({"curve_key_file": "/nowhere", "curve_server_key_file": "/nowhere"}, "/nowhere: No such file")])
def test_a_wrong_option_is_named(options, named):
    with pytest.raises(cancelbus.OptionError, match=named):
        cancelbus.Client(**{"sender_comp_id": "desk-a", "insecure_loopback": True} | options)


def test_options_come_from_the_environment(stack, monkeypatch):
    stack.start_bus()
    for name, value in (stack.client_environment | {"CANCELBUS_SENDER": "desk-env"}).items():
        monkeypatch.setenv(name, value)
    with blocking.Client() as bus:
        assert bus.status(timeout=PATIENCE_SECONDS).commands_undecided == 0


def test_keys_and_no_keys_contradict_each_other(keys, monkeypatch):
    options, _ = keys
    with pytest.raises(cancelbus.OptionError, match="^insecure_loopback: contradicts curve_key_file"):
        cancelbus.Client("desk-a", insecure_loopback=True, **options)
    for name in ("curve_key_file", "curve_server_key_file"):
        monkeypatch.setenv(f"CANCELBUS_{name.upper()}", options[name])
    # An argument counts more than the environment.
    assert cancelbus.Client("desk-a", insecure_loopback=True)._options.curve is None
    monkeypatch.setenv("CANCELBUS_INSECURE_LOOPBACK", "true")
    assert cancelbus.Client("desk-a", **options)._options.curve is not None
    with pytest.raises(cancelbus.OptionError, match="^CANCELBUS_INSECURE_LOOPBACK: contradicts CANCELBUS_CURVE_KEY_FILE"):
        cancelbus.Client("desk-a")


def test_the_own_key_in_place_of_the_bus_s(keys, tmp_path):
    options, public = keys
    (tmp_path / "bus.pub").write_text(public)
    with pytest.raises(cancelbus.OptionError, match="curve_server_key_file .*is your own public key"):
        cancelbus.Client("desk-a", **options)


@pytest.mark.parametrize("given, seconds", [
    ("2s", 2), ("500ms", 0.5), ("1m30s", 90), ("1.5s", 1.5), ("24h", 86_400), (2, 2), (0.001, 0.001),
    (timedelta(seconds=2), 2)])
def test_a_time_to_live_in_words(given, seconds):
    assert command.span(given) == timedelta(seconds=seconds)


@pytest.mark.parametrize("given", ["", "2", "2 s", "s", "2s!", "-2s", "25h", "0ms", 0, -1, True, float("nan"), float("inf"), [2],
                                   timedelta(0), timedelta(days=2), "9" * 400 + "s"])
def test_a_wrong_time_to_live(given):
    with pytest.raises(cancelbus.OptionError, match='^time_to_live: .*such as "2s"'):
        command.span(given)


def swapped(stack, **options):
    return {"session_endpoint": stack.event_endpoint, "event_endpoint": stack.session_endpoint} | options


SUSPICION = r"session_endpoint \(tcp://.*\) and event_endpoint \(tcp://.*\) are swapped"


def test_swapped_endpoints_of_a_bus_with_keys(stack):
    stack.start_bus()
    error = refusal_of(swapped(stack, **stack.access.flags("operator")))
    assert isinstance(error, cancelbus.KeyRefused)
    with pytest.raises(cancelbus.KeyRefused, match=SUSPICION):
        raise error


def test_swapped_endpoints_of_a_bus_without_keys(stack):
    stack.start_bus(curve_key_file=None, policy_file=None, insecure_loopback="true")
    # Where both hang up, libzmq does not always tell whether that is about keys.
    with pytest.raises((cancelbus.BusUnreachable, cancelbus.KeyRefused), match=SUSPICION):
        with blocking.Client("desk-a", connect_timeout=3, **swapped(stack, insecure_loopback=True)):
            pass


def test_an_event_loop_that_cannot_watch_sockets():
    class Proactor(asyncio.SelectorEventLoop):
        """As Windows's."""
        def add_reader(self, fd, callback, *args):
            raise NotImplementedError

    async def run():
        async with cancelbus.Client("desk-a", insecure_loopback=True):
            pass

    loop = Proactor()
    try:
        with pytest.raises(cancelbus.OptionError, match="Proactor cannot watch sockets: .*SelectorEventLoop"):
            loop.run_until_complete(run())
    finally:
        loop.close()


def parameters(function):
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize("name", ["__init__", "cancel", "submit", "cancel_many", "mass_cancel", "preview_mass_cancel",
                                  "engage_kill_switch", "release_kill_switch", "goodbye", "status", "open_orders", "commands",
                                  "history", "retry", "resolve", "events", "close"])
def test_the_blocking_client_takes_what_the_other_takes(name):
    assert parameters(getattr(blocking.Client, name)) == parameters(getattr(cancelbus.Client, name))


def test_the_blocking_client_has_what_the_other_has():
    def public(kind):
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(cancelbus.Client) - {"connect"} == public(blocking.Client)
    ours = public(handles.Cancel) | {"cl_ord_id", "order_id", "stage"}
    assert ours == public(blocking.Cancel)
