"""Many connection attempts by those who have no key, or an unknown one, or think that they talk to another bus.

    strangers.py HOST PORT COUNT BUS_PUBLIC_KEY    # says how many it has made without a key and with one, and ends

Used by test_strangers.py, as a process of its own. Most come without a key, over plain TCP sockets, because that is
quick: every other one as a ZeroMQ client, the rest with HTTP. Every 20th shakes hands with a fresh key.
"""

import socket
import sys
import threading

import zmq
from process import PATIENCE_SECONDS

THREADS = 8
WITH_A_KEY = 20  # One in so many.
# ZMTP 3.0, mechanism NULL, as a client.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
HTTP = b"GET / HTTP/1.1\r\n\r\n"


def without_a_key(address, count):
    for number in range(count):
        with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(HTTP if number % 2 else GREETING)
            try:
                while connection.recv(1024):
                    pass
            except ConnectionError:
                pass


def with_an_unknown_key(endpoint, count, server_key):
    context = zmq.Context()
    for number in range(count):
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
        # Every other one believes that the bus has another key.
        dealer.curve_serverkey = server_key if number % 2 else zmq.curve_keypair()[0]
        monitor = dealer.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                            zmq.EVENT_HANDSHAKE_SUCCEEDED)
        dealer.connect(endpoint)
        assert monitor.poll(PATIENCE_SECONDS * 1000), "no answer to a handshake"
        assert int.from_bytes(monitor.recv_multipart()[0][:2], sys.byteorder) != zmq.EVENT_HANDSHAKE_SUCCEEDED
        dealer.disable_monitor()
        dealer.close()
    context.destroy(linger=0)


def main(host, port, count, server_key):
    address, count = (host, int(port)), int(count)
    keyed = count // WITH_A_KEY
    each = -(-(count - keyed) // THREADS)
    threads = [threading.Thread(target=without_a_key, args=(address, each)) for _ in range(THREADS)]
    threads.append(threading.Thread(target=with_an_unknown_key, args=(f"tcp://{host}:{port}", keyed, server_key.encode())))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(each * THREADS, keyed)


if __name__ == "__main__":
    main(*sys.argv[1:])
