"""The bus is gone and one order must go: deploy/break-glass, which needs no more than bash, curl and openssl."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ROOT, orderly_stack
from names import needs_ipv6, resolving
from scene import requests

from process import PATIENCE_SECONDS, clean_environment
from throwaway import ApiKey, make_api_key, write_secret

VECTOR = json.loads((ROOT / "tests" / "contract" / "vectors.json").read_text())["rest"][0]


@pytest.fixture(scope="module")
def shared():
    """The exchange alone."""
    with orderly_stack() as stack:
        stack.certificate = stack.authority.issue(hosts=("IP:127.0.0.1", "DNS:exchange.test"))
        stack.start_exchange(most_unauthorized=0, cancel_limits="off")
        yield stack


def break_glass(order_id, *flags, typed=None, environment=None):
    """Types the order id when asked, or what is given instead."""
    return subprocess.run([ROOT / "deploy" / "break-glass", *flags, str(order_id)],
                          input=f"{order_id if typed is None else typed}\n", capture_output=True, text=True, timeout=PATIENCE_SECONDS,
                          env=clean_environment() | (environment or {}), check=False)


def flags_for(stack, **others):
    flags = {"rest_url": stack.rest_url, "ca_file": stack.authority.cert_file, **stack.api_key.flags} | others
    return [f"--{name}={value}" for name, value in flags.items()]


def said(run):
    return run.stdout + run.stderr


class OnIpv6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def recording_exchange(stack, stamp_ms, listen=("127.0.0.1", 0)):
    """Its clock stands still, so that a signature can be known beforehand; yields its URL and what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            asked.append((self.command, self.path, dict(self.headers)))
            body = b'{"success":true,"message":"SUCCESS","code":0}'
            if self.path == "/api/v2/server/time":
                body = json.dumps({"serverTime": stamp_ms, "serverTime2": "later"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_DELETE = answer

        def log_message(self, *_):
            pass

    server = (OnIpv6 if ":" in listen[0] else ThreadingHTTPServer)(listen, Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stack.certificate.cert_file, stack.certificate.key_file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"https://{'[::1]' if ':' in listen[0] else listen[0]}:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_cancels_one_order(shared):
    order, other = shared.exchange.place_orders(2)
    run = break_glass(order, *flags_for(shared))
    assert run.returncode == 0, said(run)
    assert "HTTP 200" in run.stdout and '"message":"SUCCESS"' in run.stdout
    assert "rate limiter cannot see" in run.stderr
    shared.wait_until(lambda: shared.exchange.order(order)["status"] == "Canceled", "the order is canceled")
    assert shared.exchange.order(other)["status"] == "Untouched"


def test_flags_may_come_from_the_environment_as_the_workers_do(shared):
    order, = shared.exchange.place_orders(1)
    environment = {"CANCELBUS_REST_URL": shared.rest_url + "/", "CANCELBUS_CA_FILE": str(shared.authority.cert_file),
                   "CANCELBUS_API_KEY_FILE": str(shared.api_key.key_file),
                   "CANCELBUS_API_SECRET_FILE": str(shared.api_key.secret_file)}
    run = break_glass(order, environment=environment)
    assert run.returncode == 0, said(run)
    assert len(requests(shared, "DELETE", order)) == 1


@pytest.mark.parametrize("typed", ["", "y", "yes", "61508265"])
def test_sends_nothing_unless_the_order_id_is_typed_again(shared, typed):
    order, = shared.exchange.place_orders(1)
    run = break_glass(order, *flags_for(shared), typed=typed)
    assert run.returncode == 2
    assert "nothing was sent" in run.stderr
    assert requests(shared, "DELETE", order) == []


def test_an_order_that_is_not_there(shared):
    run = break_glass(987654321987, *flags_for(shared))
    assert run.returncode == 1, said(run)
    assert "HTTP 400" in run.stdout and "NO_ORDER_MATCHES_YOUR_REQUEST" in run.stdout


def test_a_wrong_key(shared):
    order, = shared.exchange.place_orders(1)
    run = break_glass(order, *flags_for(shared, **make_api_key(shared.folder, "other").flags))
    assert run.returncode == 1, said(run)
    assert "HTTP 401" in run.stdout
    assert shared.exchange.order(order)["status"] == "Untouched"


@pytest.mark.parametrize("fault", [{"proxy_page": {}}, {"reset_before": {}}, {"reset_after": {}}])
def test_doubt_is_said_as_doubt(shared, faults, fault):
    order, = shared.exchange.place_orders(1)
    faults(**fault)
    run = break_glass(order, *flags_for(shared))
    assert run.returncode == 3, said(run)
    assert "may have been processed" in run.stdout
    assert len(requests(shared, "DELETE", order)) == 1


def test_the_stamp_follows_the_exchanges_clock(shared, faults):
    order, = shared.exchange.place_orders(1)
    faults(clock_off={"seconds": 60})
    run = break_glass(order, *flags_for(shared))
    assert run.returncode == 0, said(run)


def test_goes_by_its_own_clock_when_the_exchanges_cannot_be_read(shared, faults):
    order, = shared.exchange.place_orders(1)
    faults(answer={"endpoint": "GET /api/v2/server/time", "status": 503, "body": "<html>busy</html>"})
    run = break_glass(order, *flags_for(shared))
    assert run.returncode == 0, said(run)
    assert "clock cannot be read" in run.stderr


def test_nothing_was_sent_when_nothing_listens_or_the_certificate_is_wrong(shared):
    order, = shared.exchange.place_orders(1)
    run = break_glass(order, *flags_for(shared, rest_url="https://127.0.0.1:1"))
    assert run.returncode == 2 and "nothing was sent" in run.stderr, said(run)
    system = [flag for flag in flags_for(shared) if not flag.startswith("--ca_file")]
    run = break_glass(order, *system)
    assert run.returncode == 2 and "nothing was sent" in run.stderr, said(run)
    assert requests(shared, "DELETE", order) == []


def key_of(folder, name, key, secret_base64):
    return ApiKey(write_secret(folder / f"{name}.key", key), write_secret(folder / f"{name}.secret", secret_base64))


def test_the_published_signature(shared):
    key = key_of(shared.folder, "vector", VECTOR["public_key"], VECTOR["secret_base64"])
    with recording_exchange(shared, VECTOR["stamp_ms"]) as (url, asked):
        run = break_glass(61508264, *flags_for(shared, rest_url=url, **key.flags))
    assert run.returncode == 0, said(run)
    method, path, headers = asked[-1]
    assert (method, path) == ("DELETE", "/api/v1/order?id=61508264")
    assert headers["X-PCK"] == VECTOR["public_key"]
    assert headers["X-Stamp"] == str(VECTOR["stamp_ms"])
    assert headers["X-Signature"] == VECTOR["signature"]


@contextmanager
def exchange_at_both(stack):
    """At ::1 and 127.0.0.1, on one port; yields the URL by a name that has both, and what each address was asked."""
    with recording_exchange(stack, VECTOR["stamp_ms"]) as (url, over_ipv4):
        port = int(url.rpartition(":")[2])
        with recording_exchange(stack, VECTOR["stamp_ms"], ("::1", port)) as (_, over_ipv6):
            yield f"https://exchange.test:{port}", {"4": over_ipv4, "6": over_ipv6}


@needs_ipv6
@pytest.mark.parametrize("flags, environment, family", [
    ([], {}, "4"),
    (["--exchange_ip_family=4"], {}, "4"),
    (["--exchange_ip_family=6"], {}, "6"),
    (["--exchange_ip_family=any"], {}, "6"),  # the first that the name has
    ([], {"CANCELBUS_EXCHANGE_IP_FAMILY": "6"}, "6"),
    (["--exchange_ip_family=4"], {"CANCELBUS_EXCHANGE_IP_FAMILY": "6"}, "4"),
])
def test_only_addresses_of_the_family_are_used_and_ipv4_by_default(shared, build_dir, flags, environment, family):
    """Keys are bound to IPv4 addresses: a request that leaves over IPv6 is refused."""
    names = resolving(build_dir, exchange_test=["::1", "127.0.0.1"])
    with exchange_at_both(shared) as (url, asked):
        run = break_glass(61508264, *flags_for(shared, rest_url=url), *flags, environment=names | environment)
    assert run.returncode == 0, said(run)
    assert [method for method, *_ in asked[family]] == ["GET", "DELETE"]
    assert asked["6" if family == "4" else "4"] == []


def test_an_exchange_without_an_address_of_the_family(shared, build_dir):
    run = break_glass(1, *flags_for(shared, rest_url="https://exchange.test:1"),
                      environment=resolving(build_dir, exchange_test=["::1"]))
    assert run.returncode == 2, said(run)
    assert "nothing was sent" in run.stderr and "--exchange_ip_family=4" in run.stderr


@pytest.mark.parametrize("size", [1, 63, 64, 65, 200])
def test_signatures_with_secrets_of_any_length(shared, size):
    secret = bytes((7 * i) % 256 for i in range(size))
    key = key_of(shared.folder, f"size-{size}", "some-public-key", base64.b64encode(secret).decode())
    with recording_exchange(shared, VECTOR["stamp_ms"]) as (url, asked):
        run = break_glass(1, *flags_for(shared, rest_url=url, **key.flags))
    assert run.returncode == 0, said(run)
    digest = hmac.new(secret, f"some-public-key{VECTOR['stamp_ms']}".encode(), hashlib.sha256).digest()
    assert asked[-1][2]["X-Signature"] == base64.b64encode(digest).decode()


def test_no_command_line_and_no_environment_tells_a_secret(shared, tmp_path):
    """Every tool it calls is replaced by one that first writes down how it was called."""
    record = tmp_path / "record"
    for tool in ("curl", "openssl", "od", "tr", "date"):
        shim = tmp_path / tool
        shim.write_text(f'#!/bin/sh\n{{ echo "{tool} $*"; env; }} >>{record}\nexec {shutil.which(tool)} "$@"\n')
        shim.chmod(0o755)
    with recording_exchange(shared, VECTOR["stamp_ms"]) as (url, asked):
        run = break_glass(61508264, *flags_for(shared, rest_url=url),
                          environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert run.returncode == 0, said(run)
    told = record.read_text() + said(run)
    assert "curl -q" in told and "openssl dgst" in told
    secret = shared.api_key.secret_file.read_text().strip()
    raw = base64.b64decode(secret)
    padded = bytes(byte ^ 0x36 for byte in raw)
    headers = asked[-1][2]
    for what in (secret, raw.hex(), padded.hex(), headers["X-Signature"], headers["X-PCK"]):
        assert what not in told


@pytest.mark.parametrize("arguments, named", [
    ([], "ORDER_ID"),
    (["0"], "ORDER_ID"),
    (["-1"], "-1"),
    (["12a"], "ORDER_ID"),
    (["9223372036854775808"], "ORDER_ID"),
    (["1", "2"], "one order at a time"),
    (["--order=1"], "--order"),
    (["--rest_url=http://127.0.0.1", "1"], "--rest_url"),
    (["--rest_url=https://127.0.0.1/path", "1"], "--rest_url"),
    (["--exchange_ip_family=5", "1"], "--exchange_ip_family=5: expected 4, 6 or any"),
    (["--ca_file=/nowhere", "1"], "--ca_file"),
    (["--api_key_file=/nowhere", "1"], "--api_key_file"),
    (["--api_secret_file=", "1"], "--api_secret_file"),
])
def test_bad_arguments_are_named(shared, arguments, named):
    given = {argument.split("=")[0] for argument in arguments}
    usual = [flag for flag in flags_for(shared) if flag.split("=")[0] not in given]
    run = subprocess.run([ROOT / "deploy" / "break-glass", *usual, *arguments], input="1\n", capture_output=True,
                         text=True, timeout=PATIENCE_SECONDS, env=clean_environment(), check=False)
    assert run.returncode == 2
    assert named in run.stderr


@pytest.mark.parametrize("secret", ["not base64!", "c2VjcmV0*", "YQ"])
def test_a_secret_that_is_not_base64_is_refused_and_not_shown(shared, secret):
    key = key_of(shared.folder, "bad", "key", secret)
    run = break_glass(1, *flags_for(shared, **key.flags))
    assert run.returncode == 2
    assert "--api_secret_file" in run.stderr and secret not in said(run)
