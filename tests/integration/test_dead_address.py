"""The exchange's name has two addresses, and the first one is dead: worker and subscriber connect to the other one."""

import json
import select
import socket
from contextlib import ExitStack, contextmanager

import pytest
from names import resolving

NAME = "exchange.test"


@contextmanager
def dropping(address, port):
    """Drops each SYN that comes there: its queue of connections that are never accepted is full."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        connected = True
        while connected:
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((address, port))
            connected = bool(select.select([], [filler], [], 0.2)[1])
        yield


@contextmanager
def refusing(address, port):
    """Bound, and not listened on."""
    with socket.socket() as taken:
        taken.bind((address, port))
        yield


def addresses_in_vain(process):
    lines = [json.loads(line) for line in process.log().splitlines() if '"event":"address_in_vain"' in line]
    return {line["address"]: line["why"] for line in lines}


@pytest.mark.parametrize("dead, why", [(dropping, "no answer yet"), (refusing, "Connection refused")])
def test_a_cancel_is_done_through_the_other_address_and_the_dead_one_is_logged(stack, build_dir, dead, why):
    stack.certificate = stack.authority.issue(hosts=("IP:127.0.0.1", f"DNS:{NAME}"))
    stack.start_exchange()
    stack.start_bus()
    environment = resolving(build_dir, exchange_test=["127.0.0.2", "127.0.0.1"])
    for name in ("worker-1", "subscriber"):
        stack.wrappers[name] = ["/usr/bin/env", *(f"{key}={value}" for key, value in environment.items())]
    rest, stream = (int(url.rpartition(":")[2]) for url in (stack.rest_url, stack.stream_url))
    with dead("127.0.0.2", rest), dead("127.0.0.2", stream):
        worker = stack.start_worker(rest_url=f"https://{NAME}:{rest}")
        subscriber = stack.start_subscriber(stream_url=f"wss://{NAME}:{stream}")
        stack.wait_connected(workers=1)
        order, = stack.exchange.place_orders(1)
        done = stack.cancelctl("cancel", str(order), "--wait=final")
        assert done.exit_code == 0, done
        assert "CANCELED (CHANNEL_452)" in done.out
        for process, port in ((worker, rest), (subscriber, stream)):
            stack.wait_until(lambda: addresses_in_vain(process) == {f"127.0.0.2:{port}": why},
                             f"{process.name} logs the address that is dead")
