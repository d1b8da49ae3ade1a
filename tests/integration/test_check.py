"""`--check`: says what it finds at the exchange, step by step, exits with 0 or 1, needs no bus and cancels nothing."""

import re
import socket
from contextlib import contextmanager

import pytest
from conftest import orderly_stack
from names import needs_ipv6, resolving
from scene import requests, run_check

from throwaway import make_api_key, write_secret


@pytest.fixture(scope="module")
def shared():
    """The exchange alone."""
    with orderly_stack() as stack:
        stack.start_exchange(connect_limits="off", most_unauthorized=0)
        yield stack
        assert requests(stack, "DELETE") == []


@pytest.fixture
def unserved():
    """An address where connections are refused: bound, and not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def steps(said):
    """{"TLS": "ok"}, in order."""
    return {words[0]: words[1] for line in said.splitlines() if len(words := line.split()) > 2}


def test_worker_good(shared):
    exit_code, said = run_check(shared.start_worker)
    assert exit_code == 0, said
    assert steps(said) == {"TLS": "ok", "clock": "ok", "key": "ok", "orders": "ok"}
    assert "TLSv1.3" in said and "valid until" in said and "round trip" in said
    assert f"{shared.rest_url.removeprefix('https://')} from 127.0.0.1:" in said, "both addresses"
    assert "may read orders" in said and "permission Trade" in said
    assert shared.api_key.secret_file.read_text().strip() not in said


def test_worker_asks_once_for_each_thing(shared):
    """Requests of a check count against the limits too: a few readings of the clock, one query, one list."""
    shared.exchange.forget_counters()
    shared.exchange.place_orders(3)
    exit_code, said = run_check(shared.start_worker)
    assert exit_code == 0, said
    assert "lists the account's open orders: " in said
    asked = shared.exchange.counters()["requests"]
    assert asked["GET /api/v1/openOrders"] == {"200": 1} and asked["GET /api/v1/order/{id}"] == {"400": 1}, asked
    assert 1 <= asked["GET /api/v2/server/time"]["200"] <= 5, asked
    assert shared.exchange.counters()["repeated_stamps"] == 0


@pytest.mark.parametrize("answer, why", [
    ({"status": 400, "body": {"success": False, "message": "pairSymbol is missing", "code": 1}}, "--pairs"),
    ({"status": 401, "body": ""}, "HTTP 401"),
    ({"status": 503, "body": "<html>busy</html>"}, "HTTP 503"),
])
def test_worker_that_may_not_list_orders_may_still_cancel(shared, faults, answer, why):
    """The check runs before each worker in Kubernetes: a list that fails must not keep workers from canceling."""
    faults(answer={"endpoint": "GET /api/v1/openOrders"} | answer)
    exit_code, said = run_check(shared.start_worker)
    assert exit_code == 0, said
    assert steps(said) == {"TLS": "ok", "clock": "ok", "key": "ok", "orders": "FAILED"}
    [line] = [line for line in said.splitlines() if line.startswith("orders")]
    assert why in line and "cancels do not need it; mass cancels and kill switches do" in line


@pytest.mark.parametrize("seconds, direction", [(3, "ahead of"), (-3, "behind")])
def test_worker_names_a_clock_that_is_off(shared, faults, seconds, direction):
    faults(clock_off={"seconds": seconds})
    exit_code, said = run_check(shared.start_worker)
    # Stamps follow the exchange's clock, so that this does no harm.
    assert exit_code == 0, said
    assert f"{direction} this machine's" in said and "is this machine's clock synchronised?" in said


def test_worker_refuses_a_time_that_is_not_in_milliseconds(shared, faults):
    faults(answer={"endpoint": "GET /api/v2/server/time", "status": 200, "body": {"serverTime": 1_795_341_679}})
    exit_code, said = run_check(shared.start_worker)
    assert exit_code == 1
    assert steps(said) == {"TLS": "ok", "clock": "FAILED"}
    assert "serverTime is 1795341679" in said and "it looks like seconds" in said


def other_secret(stack):
    return {"api_secret_file": make_api_key(stack.folder, "other").secret_file}


def other_key(stack):
    return {"api_key_file": write_secret(stack.folder / "unknown.key", "0" * 32)}


CAUSES = ("the usual causes, the likeliest first: the key is bound to other IP addresses than the one this machine is seen from; "
          "it lacks the permission {permission}; key and secret are not one pair; it was deleted or has expired")


def causes_in(said):
    [line] = [line for line in said.splitlines() if "usual causes" in line]
    return line[line.index("the usual causes"):]


@pytest.mark.parametrize("wrong", [other_secret, other_key])
def test_worker_with_a_wrong_key(shared, wrong):
    exit_code, said = run_check(shared.start_worker, **wrong(shared))
    assert exit_code == 1
    assert steps(said) == {"TLS": "ok", "clock": "ok", "key": "FAILED"}
    assert "HTTP 401" in said
    assert causes_in(said) == CAUSES.format(permission="Trade")


def test_worker_where_nothing_listens(shared, unserved):
    exit_code, said = run_check(shared.start_worker, rest_url=f"https://{unserved}")
    assert exit_code == 1
    assert steps(said) == {"TLS": "FAILED"}
    assert unserved in said and "refused" in said


def test_which_addresses_of_a_name_are_used(shared, unserved):
    port = unserved.rpartition(":")[2]
    for family, address in (("4", f"127.0.0.1:{port}"), ("6", f"[::1]:{port}"), ("any", f"127.0.0.1:{port}")):
        for start, url in ((shared.start_worker, {"rest_url": f"https://localhost:{port}"}),
                           (shared.start_subscriber, {"stream_url": f"wss://localhost:{port}"})):
            exit_code, said = run_check(start, exchange_ip_family=family, **url)
            assert exit_code == 1
            assert f"TCP connect: {address}: " in said, said


@contextmanager
def check_resolving(stack, build_dir, **names):
    """For checks these names have these addresses."""
    stack.wrappers["check"] = ["/usr/bin/env", *(f"{key}={value}" for key, value in resolving(build_dir, **names).items())]
    try:
        yield
    finally:
        del stack.wrappers["check"]


@needs_ipv6
@pytest.mark.parametrize("family, tried", [
    (None, ["127.0.0.1:{}"]), ("4", ["127.0.0.1:{}"]), ("6", ["[::1]:{}"]), ("any", ["[::1]:{}", "127.0.0.1:{}"])])
def test_which_addresses_of_a_name_with_both_kinds_are_used(shared, build_dir, unserved, family, tried):
    port = unserved.rpartition(":")[2]
    refusals = "; ".join(f"{address.format(port)}: Connection refused" for address in tried)
    with check_resolving(shared, build_dir, exchange_test=["::1", "127.0.0.1"]):
        for start, url in ((shared.start_worker, {"rest_url": f"https://exchange.test:{port}"}),
                           (shared.start_subscriber, {"stream_url": f"wss://exchange.test:{port}"})):
            exit_code, said = run_check(start, exchange_ip_family=family, **url)
            assert exit_code == 1
            assert f"TCP connect: {refusals}\n" in said, said


def test_worker_where_something_else_than_tls_answers(shared, unserved):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        exit_code, said = run_check(shared.start_worker, request_timeout="300ms",
                                    rest_url=f"https://127.0.0.1:{mute.getsockname()[1]}")
    assert exit_code == 1
    assert steps(said) == {"TLS": "FAILED"}


@pytest.mark.parametrize("fault, step", [
    ({"stall": {"endpoint": "any"}}, "clock"),
    ({"answer": {"endpoint": "any", "status": 503, "body": "<html>busy</html>"}}, "clock"),
    ({"stall": {"endpoint": "GET /api/v1/order/{id}"}}, "key"),
    ({"reset_before": {"endpoint": "GET /api/v1/order/{id}"}}, "key"),
    ({"answer": {"endpoint": "GET /api/v1/order/{id}", "payload": "cancel_429_ip"}}, "key"),
    ({"answer": {"endpoint": "GET /api/v1/order/{id}", "status": 403, "body": "<html>no</html>"}}, "key"),
])
def test_worker_names_the_step_that_came_to_nothing(shared, faults, fault, step):
    faults(**fault)
    exit_code, said = run_check(shared.start_worker, request_timeout="3s")
    assert exit_code == 1
    assert [name for name, result in steps(said).items() if result != "ok"] == [step], said


def test_subscriber_good(shared):
    exit_code, said = run_check(shared.start_subscriber)
    assert exit_code == 0, said
    assert steps(said) == {"stream": "ok", "TLS": "ok", "banner": "ok", "login": "ok"}
    assert "its clock and this machine's differ by less than 2 s" in said
    assert f" at {shared.stream_url.removeprefix('wss://')} from 127.0.0.1:" in said, "both addresses"
    assert shared.api_key.secret_file.read_text().strip() not in said


@pytest.mark.parametrize("seconds, direction", [(20, "ahead of"), (-20, "behind")])
def test_subscriber_names_a_clock_that_is_off_as_the_likeliest_cause(shared, faults, seconds, direction):
    faults(clock_off={"seconds": seconds})
    exit_code, said = run_check(shared.start_subscriber)
    assert exit_code == 1
    assert re.search(rf"its clock is (19|2[01]) s {direction} this machine's, whose time the login carries", said), said
    assert "likeliest first: this machine's clock is wrong: synchronise it; the key is bound" in said


@pytest.mark.parametrize("wrong", [other_secret, other_key])
def test_subscriber_with_a_wrong_key(shared, wrong):
    exit_code, said = run_check(shared.start_subscriber, **wrong(shared))
    assert exit_code == 1
    assert steps(said)["login"] == "FAILED"
    assert causes_in(said) == CAUSES.format(permission="WebSocket")


def test_subscriber_whose_login_is_refused_tells_why(shared, faults):
    faults(refuse_login={"message": "no WebSocket permission"})
    exit_code, said = run_check(shared.start_subscriber)
    assert exit_code == 1
    assert steps(said)["login"] == "FAILED"
    assert "no WebSocket permission" in said


def test_subscriber_that_is_told_to_wait(shared, faults):
    faults(refuse_handshake={"retry_after_s": 17})
    exit_code, said = run_check(shared.start_subscriber)
    assert exit_code == 1
    assert steps(said) == {"stream": "FAILED"}
    assert "429" in said and "17 s" in said


def test_subscriber_where_nothing_listens(shared, unserved):
    exit_code, said = run_check(shared.start_subscriber, stream_url=f"wss://{unserved}")
    assert exit_code == 1
    assert steps(said) == {"stream": "FAILED"}
    assert unserved in said and "refused" in said
