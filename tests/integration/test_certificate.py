"""A certificate that does not prove the exchange: nothing is sent to whoever shows it, and everybody says why."""

import pytest
from scene import place_orders, run_check, statuses

from cancelbus.v1 import cancel_pb2
from exchange import Exchange
from throwaway import Authority


@pytest.fixture
def impostor(stack):
    """Starts the exchange with a certificate for another name than the one it is called by, 127.0.0.1."""
    return start_exchange(stack, stack.authority.issue("impostor", hosts=("DNS:localhost",)))


def start_exchange(stack, certificate):
    good, stack.certificate = stack.certificate, certificate
    stack.start_exchange()
    stack.certificate = good
    # Whatever it shows to others, these tests must be able to ask it.
    stack.exchange = Exchange(stack.rest_url, stack.authority.cert_file, by_any_name=True)
    return stack


def refusals(process):
    return [line for line in process.log().splitlines() if "the certificate was refused" in line]


def assert_nothing_was_sent(stack):
    counters = stack.exchange.counters()
    assert counters["requests"] == {}
    assert (counters["stream"].get("connects", 0), counters["stream"].get("logins", 0)) == (0, 0)
    assert stack.exchange.arrivals() == []


def test_of_another_host_it_is_refused_until_the_right_one_is_there(impostor, connect):
    stack = impostor
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
    stack.wait_connected(workers=1, timeout=30)
    ack = strategy.wait_ack(command)
    assert (ack.status, ack.cxl_rej_reason) == (
        cancel_pb2.CANCEL_ACK_STATUS_REJECTED, cancel_pb2.CXL_REJ_REASON_UNKNOWN_ORDER)
    [known] = place_orders(stack, strategy)
    assert strategy.wait_final(strategy.cancel(known)).ord_status == cancel_pb2.ORD_STATUS_CANCELED
    assert statuses(stack, "DELETE", known) == [200]


@pytest.mark.parametrize("program", ["worker", "subscriber"])
def test_check_says_that_it_is_of_another_host(impostor, program):
    exit_code, said = run_check(getattr(impostor, f"start_{program}"))
    assert exit_code == 1
    assert "FAILED" in said and "the certificate was refused: IP address mismatch" in said
    assert_nothing_was_sent(impostor)


@pytest.mark.parametrize("program", ["worker", "subscriber"])
def test_check_says_that_nobody_vouches_for_it(stack, program):
    # Good for this address, but of an authority that the clients were not told to trust.
    start_exchange(stack, stack.authority.issue())
    unknown = Authority(stack.folder, "unknown")
    exit_code, said = run_check(getattr(stack, f"start_{program}"), ca_file=unknown.cert_file)
    assert exit_code == 1
    assert "FAILED" in said and "the certificate was refused: unable to get local issuer certificate" in said
    assert_nothing_was_sent(stack)
