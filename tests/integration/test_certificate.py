"""A certificate that does not prove the exchange: nothing is sent to its server, and every process says why."""

import pytest
from scene import place_orders, run_check, statuses

from cancelbus.v1 import cancel_pb2
from throwaway import Authority, self_signed


def start_exchange(stack, certificate):
    good, stack.certificate = stack.certificate, certificate
    stack.start_exchange()
    stack.certificate = good
    # Whatever it shows to others, these tests must be able to ask it.
    stack.exchange.trust_anything()


def refusals(process):
    return [line for line in process.log().splitlines() if "the certificate was refused" in line]


def assert_nothing_was_sent(stack):
    counters = stack.exchange.counters()
    assert counters["requests"] == {}
    assert (counters["stream"].get("connects", 0), counters["stream"].get("logins", 0)) == (0, 0)
    assert stack.exchange.arrivals() == []


def test_of_another_host_it_is_refused_until_the_right_one_is_there(stack, connect):
    # For another name than the one by which the exchange is called, 127.0.0.1.
    start_exchange(stack, stack.authority.issue("impostor", hosts=("DNS:localhost",)))
    stack.start_bus()
    worker, subscriber = stack.start_worker("worker-1", connections=2), stack.start_subscriber()
    for process in (worker, subscriber):
        [line] = stack.wait_until(lambda process=process: refusals(process)[:1], f"{process.name} refuses it")
        assert "IP address mismatch" in line
    strategy = connect(stack, topics=["venue."])
    [order_id] = stack.exchange.place_orders()
    command = strategy.cancel(order_id)
    strategy.wait_receipt(command)
    assert_nothing_was_sent(stack)
    assert worker.running and subscriber.running

    # A new process on the same addresses knows none of the orders, but it can prove who it is.
    stack.processes["exchange"].stop()
    stack.start_exchange()
    stack.wait_connected(workers=1)
    ack = strategy.wait_ack(command)
    assert (ack.status, ack.cxl_rej_reason) == (
        cancel_pb2.CANCEL_ACK_STATUS_REJECTED, cancel_pb2.CXL_REJ_REASON_UNKNOWN_ORDER)
    [known] = place_orders(stack, strategy)
    assert strategy.wait_final(strategy.cancel(known)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(stack, "DELETE", known) == [200]


def unknown_authority(stack):
    """Good for this address, but of an authority that the clients were not told to trust."""
    return Authority(stack.folder, "unknown").issue()


# What the exchange shows, and what is said of it.
BAD_CERTIFICATES = {
    "of another host": (lambda stack: stack.authority.issue("other", hosts=("DNS:localhost", "IP:127.0.0.2")),
                        "IP address mismatch"),
    "expired": (lambda stack: stack.authority.issue("old", days=-1), "certificate has expired"),
    "self-signed": (lambda stack: self_signed(stack.folder), "self-signed certificate"),
    "of an unknown authority": (unknown_authority, "unable to get local issuer certificate"),
}


@pytest.fixture(params=BAD_CERTIFICATES)
def refused(stack, request):
    """The exchange shows a certificate that is no good; and why it is none."""
    issue, why = BAD_CERTIFICATES[request.param]
    start_exchange(stack, issue(stack))
    return stack, why


def test_nothing_is_sent_and_the_log_says_why(refused):
    stack, why = refused
    stack.start_bus()
    for process in (stack.start_worker(connections=2), stack.start_subscriber()):
        [line] = stack.wait_until(lambda process=process: refusals(process)[:1], f"{process.name} refuses it")
        assert why in line
        assert process.running
    assert_nothing_was_sent(stack)


@pytest.mark.parametrize("program", ["worker", "subscriber"])
def test_check_says_why(refused, program):
    stack, why = refused
    exit_code, said = run_check(getattr(stack, f"start_{program}"))
    assert exit_code == 1
    assert "FAILED" in said and f"the certificate was refused: {why}" in said
    assert_nothing_was_sent(stack)


@pytest.mark.parametrize("program, flag, plain", [("worker", "rest_url", "http"), ("subscriber", "stream_url", "ws")])
def test_without_tls_they_do_not_even_start(stack, program, flag, plain):
    process = getattr(stack, f"start_{program}")(
        check="true", backend_endpoint=None, **{flag: f"{plain}://127.0.0.1:1"})
    assert process.wait_exit() == 2
    assert f"--{flag}={plain}://127.0.0.1:1: expected {'https' if plain == 'http' else 'wss'}://" in process.log()
